"""What metrics say of rows: labels, packs, derived and drift metrics, slices and bytes."""

import math

import numpy as np
import pytest

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.drift.profile import MalformedProfile, Partial
from driftline.drift.sqlmetrics import (
    PACKS,
    NoValue,
    Type,
    columns_of,
    compile_metrics,
    null_vector,
    numbers,
    pack,
    texts,
    vector_of,
)
from driftline.errors import ConfigurationError
from driftline.events import ColumnKind, MetricType, MonitorColumn, MonitorMetric, OutputType, Task
from driftline.events.columns import TABLE
from tests.builders import monitor_of

BUSINESS = pack("business").metrics
TELECOM = {
    "monthly_charges": Type.NUMBER,
    "tenure": Type.NUMBER,
    "internet_service": Type.TEXT,
    ":prediction": Type.TEXT,
    ":label": Type.TEXT,
    ":score": Type.NUMBER,
}
ROWS = {
    "monthly_charges": numbers([100.0, 90.0, 50.0, 70.0, 85.0]),
    "tenure": numbers([10.0, 2.0, 5.0, 1.0, 4.0]),
    "internet_service": texts(["Fiber optic", "DSL", "Fiber optic", "No", "Fiber optic"]),
    ":prediction": texts(["Yes", "No", "Yes", "No", "Yes"]),
    ":label": texts(["Yes", "Yes", "No", "No", "Yes"]),
    ":score": numbers([0.9, 0.4, 0.6, 0.1, 0.7]),
}


def _finish(metrics, columns=TELECOM, rows=ROWS, n=5, labelled=None):
    """Values by name; `labelled`: indices of the rows that have a label in time."""
    program = compile_metrics(metrics, columns)
    code = np.zeros(n, np.int32) if labelled is None else np.where(np.isin(np.arange(n), labelled), 0, -1).astype(np.int32)
    pairs = program.pairs.partials(rows, code, n, 1)[0]
    return {name: value for (name, _), value in program.finish(program.inputs.partial(rows, n), pairs).items()}


def test_the_usual_metrics_say_what_their_sql_says():
    found = {name: value.value for name, value in _finish(BUSINESS).items()}
    assert found == {
        "expected_loss": -90 / 5,  # one churner missed, who paid 90
        "revenue_at_risk": 12 * (100 + 50 + 85),
        "false_positive_cost": 500.0,
        "high_value_accuracy": 2 / 3,
    }


def test_packs_say_what_their_sql_says():
    telecom = {name: value.value for name, value in _finish(pack("telecom").metrics).items()}
    assert telecom["clv_impact"] == pytest.approx((100 * 10 * 0.8 - 90 * 2 + 85 * 4 * 0.8) / 5)
    assert telecom["fiber_customer_accuracy"] == pytest.approx(2 / 3)
    adaptive = {name: value.value for name, value in _finish(pack("adaptive").metrics).items()}
    assert adaptive == {"prediction_confidence": 2 / 5, "model_uncertainty": 2 / 5}  # .4 and .6 are uncertain
    retail = {
        ":prediction": texts(["high_value", "low_value", "high_value"]),
        "actual_purchase_amount": numbers([1000.5, 99.0, 1000.0]),
    }
    columns = {":prediction": Type.TEXT, "actual_purchase_amount": Type.NUMBER}
    assert _finish(pack("retail").metrics, columns, retail, 3)["purchase_impact"].value == pytest.approx(2 / 3)
    finance = {
        ":prediction": texts(["good", "bad"]),
        ":label": texts(["good", "good"]),
        "credit_limit": numbers([300.0, 100.0]),
    }
    columns = {":prediction": Type.TEXT, ":label": Type.TEXT, "credit_limit": Type.NUMBER}
    assert _finish(pack("finance").metrics, columns, finance, 2)["risk_assessment_accuracy"].value == 0.75
    patients = {
        ":prediction": texts(["Yes", "No", "Yes", "No", "No"]),
        ":label": texts(["Yes", "Yes", "No", "No", "Yes"]),
        "age": numbers([70.0, 71.0, 30.0, 40.0, 50.0]),
    }
    columns = {":prediction": Type.TEXT, ":label": Type.TEXT, "age": Type.NUMBER}
    found = {name: value.value for name, value in _finish(pack("Healthcare").metrics, columns, patients).items()}
    assert found == {
        "missed_case_rate": pytest.approx(2 / 3),
        "false_alarm_rate": 0.5,
        "senior_missed_case_rate": 0.5,
        "alerts_per_case": 2.0,
    }


def test_an_industry_without_a_pack_is_an_error_that_names_those_with_one():
    assert set(PACKS) == {"telecom", "retail", "finance", "healthcare", "business", "adaptive"}
    with pytest.raises(ConfigurationError, match="telecom, retail, finance, healthcare"):
        pack("mining")


def test_rows_without_a_label_are_neither_right_nor_wrong():
    """A plain average counts them as 0: at half coverage an accuracy of .85 would read .42."""
    random = np.random.default_rng(3)
    n = 20_000
    charges = random.uniform(20, 120, n)
    actual = random.random(n) < 0.3
    right = random.random(n) < 0.85
    label = np.where(actual, "Yes", "No").tolist()
    prediction = np.where(actual == right, "Yes", "No").tolist()
    rows = {"monthly_charges": charges, ":prediction": texts(prediction), ":label": texts(label)}
    whole = _finish(BUSINESS, rows=rows, n=n)
    labelled = np.flatnonzero(random.random(n) < 0.5)
    half = _finish(BUSINESS, rows=rows, n=n, labelled=labelled)
    for name in ("high_value_accuracy", "expected_loss"):
        assert half[name].value == pytest.approx(whole[name].value, rel=0.05)
        assert half[name].n == len(labelled)
        assert half[name].coverage == len(labelled) / n
        assert half[name].requires_label
    assert half["revenue_at_risk"] == whole["revenue_at_risk"]
    assert half["revenue_at_risk"].coverage is None


def test_metrics_with_labels_wait_for_label_close():
    program = compile_metrics(BUSINESS, TELECOM)
    assert [name for name, _ in program.finish(program.inputs.partial(ROWS, 5))] == ["revenue_at_risk"]
    assert program.requires_label
    assert set(program.inputs.columns) == {":prediction", "monthly_charges"}
    assert set(program.pairs.columns) == {":prediction", ":label", "monthly_charges"}


def test_no_rows_and_nothing_below_the_line_are_no_values():
    empty = {name: null_vector(kind, 0) for name, kind in TELECOM.items()}
    metrics = [MonitorMetric(name="n", definition="count(*)"), *BUSINESS]
    found = _finish(metrics, rows=empty, n=0)
    assert found.pop("n").value == 0
    assert {value.reason for value in found.values()} == {NoValue.NO_ROWS}
    cheap = {**ROWS, "monthly_charges": numbers([1.0] * 5)}
    value = _finish(BUSINESS, rows=cheap)["high_value_accuracy"]
    assert (value.value, value.reason, value.n) == (None, NoValue.NULL, 5)


def test_too_large_a_sum_is_no_value():
    big = {**ROWS, "monthly_charges": numbers([1e308] * 5)}
    value = _finish([MonitorMetric(name="m", definition="sum(monthly_charges)")], rows=big)["m"]
    assert (value.value, value.reason) == (None, NoValue.NOT_FINITE)


def test_a_column_that_no_row_has_is_null_everywhere():
    rows = {**ROWS, "monthly_charges": null_vector(Type.NUMBER, 5), "internet_service": null_vector(Type.TEXT, 5)}
    metrics = [
        MonitorMetric(name="n", definition="count(monthly_charges)"),
        MonitorMetric(name="fiber", definition="count_if(internet_service = 'Fiber optic')"),
        MonitorMetric(name="nulls", definition="count_if(internet_service IS NULL)"),
        MonitorMetric(name="mean", definition="avg(monthly_charges)"),
    ]
    assert {name: value.value for name, value in _finish(metrics, rows=rows).items()} == {
        "n": 0, "fiber": 0, "nulls": 5, "mean": None,
    }  # fmt: skip


def test_nan_is_null_and_infinity_is_not():
    rows = {**ROWS, "monthly_charges": np.array([math.nan, 1.0, 2.0, math.nan, 3.0])}
    metrics = [
        MonitorMetric(name="n", definition="count(monthly_charges)"),
        MonitorMetric(name="s", definition="sum(monthly_charges)"),
    ]
    assert {name: value.value for name, value in _finish(metrics, rows=rows).items()} == {"n": 3, "s": 6}


def test_one_definition_serves_several_columns_and_derived_ones_follow_them():
    both = ("monthly_charges", "tenure")
    metrics = [
        MonitorMetric(name="cv", definition="sd / mean", type=MetricType.DERIVED, input_columns=both),
        MonitorMetric(name="per_row", definition="mean / rows", type=MetricType.DERIVED, input_columns=both),
        MonitorMetric(name="mean", definition="avg(`{{input_column}}`)", input_columns=both),
        MonitorMetric(name="sd", definition="stddev({{ input_column }})", input_columns=both),
        MonitorMetric(name="rows", definition="count(*)"),
    ]
    program = compile_metrics(metrics, TELECOM)
    found = program.finish(program.inputs.partial(ROWS, 5))
    for column in both:
        values = np.asarray(ROWS[column])
        assert found["cv", column].value == pytest.approx(values.std(ddof=1) / values.mean())
        assert found["per_row", column].value == pytest.approx(values.mean() / 5)
    assert found["rows", TABLE].value == 5


def test_a_derived_metric_of_one_with_labels_needs_labels():
    metrics = [*BUSINESS, MonitorMetric(name="share", definition="expected_loss / revenue_at_risk", type=MetricType.DERIVED)]
    found = _finish(metrics, labelled=[0, 1])
    assert found["share"].requires_label
    assert (found["share"].n, found["share"].coverage) == (2, 0.4)


def test_drift_metrics_compare_two_windows():
    metrics = [
        MonitorMetric(name="mean", definition="avg(monthly_charges)"),
        MonitorMetric(name="moved", definition="{{current_df}}.mean - {{base_df}}.mean", type=MetricType.DRIFT),
    ]
    program = compile_metrics(metrics, TELECOM)
    now = program.finish(program.inputs.partial(ROWS, 5))
    before = program.finish(program.inputs.partial({**ROWS, "monthly_charges": numbers([10.0] * 5)}, 3))
    moved = program.compare(now, before)["moved", TABLE]
    assert moved.value == pytest.approx(79 - 10)
    assert moved.n == 3
    assert program.compare(now, None)["moved", TABLE].reason is NoValue.NO_BASE
    assert ("moved", TABLE) not in now


def test_drift_of_what_needs_labels_waits_for_them():
    metrics = [*BUSINESS, MonitorMetric(name="d", definition="{{current_df}}.expected_loss / 2", type=MetricType.DRIFT)]
    program = compile_metrics(metrics, TELECOM)
    inputs, pairs = program.inputs.partial(ROWS, 5), program.pairs.partial(ROWS, 5)
    assert program.compare(program.finish(inputs), None) == {}
    assert program.compare(program.finish(inputs, pairs), None)["d", TABLE].value == -9.0


def test_arize_style_definitions_are_understood():
    metrics = [
        MonitorMetric(
            name="a", definition="SELECT sum(monthly_charges) FILTER (WHERE tenure > 3) FROM model WHERE prediction = 'Yes'"
        ),
        MonitorMetric(name="b", definition="select count(*) from MODEL where tenure > 3"),
    ]
    assert {name: value.value for name, value in _finish(metrics).items()} == {"a": 235, "b": 3}


def test_columns_are_found_by_their_other_names_and_whatever_their_case():
    metrics = [
        MonitorMetric(name="a", definition="avg(Monthly_Charges)"),
        MonitorMetric(name="b", definition="avg(score)"),
        MonitorMetric(name="c", definition="avg(`:score`)"),
        MonitorMetric(name="d", definition="count_if({{prediction_col}} = label)"),
    ]
    found = {name: value.value for name, value in _finish(metrics).items()}
    assert found == {"a": 79, "b": pytest.approx(0.54), "c": pytest.approx(0.54), "d": 3}


def test_equal_expressions_are_computed_once():
    program = compile_metrics(BUSINESS, TELECOM)
    steps = [(step.operation, step.arguments, step.constants) for step in program.pairs.steps]
    assert len(steps) == len(set(steps))
    twice = [*BUSINESS, MonitorMetric(name="again", definition=BUSINESS[0].definition)]
    assert compile_metrics(twice, TELECOM).digest == program.digest


def test_deviations_do_not_drown_in_a_large_mean():
    values = 1e9 + np.random.default_rng(0).normal(size=1000)
    metrics = [MonitorMetric(name="sd", definition="stddev(tenure)")]
    program = compile_metrics(metrics, TELECOM, typical={"tenure": 1e9})
    halves = [program.inputs.partial({"tenure": part}, len(part)) for part in (values[:300], values[300:])]
    found = program.finish(Partial.total(program.inputs.room, halves))["sd", TABLE].value
    assert found == pytest.approx(values.std(ddof=1), rel=1e-9)


def test_a_changed_label_is_taken_back():
    program = compile_metrics(BUSINESS, TELECOM)
    before, after = program.pairs.partial(ROWS, 5), program.pairs.partial({**ROWS, ":label": texts(["No"] * 5)}, 5)
    one = {name: column[:1] if isinstance(column, np.ndarray) else column.rows(slice(0, 1)) for name, column in ROWS.items()}
    changed = {**one, ":label": texts(["No"])}
    moved = before - program.pairs.partial(one, 1) + program.pairs.partial(changed, 1)
    assert moved.rows == 5
    assert program.finish(None, moved)["false_positive_cost", TABLE].value == 1000
    assert program.finish(None, after)["false_positive_cost", TABLE].value == 1500


def test_a_minimum_is_never_taken_back():
    program = compile_metrics([MonitorMetric(name="low", definition="min(tenure) + max(tenure)")], TELECOM)
    part = program.inputs.partial(ROWS, 5)
    assert program.finish(part + part)["low", TABLE].value == 11
    with pytest.raises(ValueError, match="cannot be taken back"):
        part - part


def test_partials_of_other_metrics_are_refused():
    one, other = (
        compile_metrics([MonitorMetric(name="m", definition=text)], TELECOM) for text in ("sum(tenure)", "sum(score)")
    )
    data = one.inputs.partial(ROWS, 5).encode()
    assert Partial.decode(one.inputs.room, data).sums.tolist() == [22.0]
    assert one.digest != other.digest
    with pytest.raises(MalformedProfile, match="of metrics"):
        Partial.decode(other.inputs.room, data)
    with pytest.raises(MalformedProfile, match="bytes"):
        Partial.decode(one.inputs.room, data[:-1])
    with pytest.raises(ValueError, match="different metrics"):
        one.inputs.partial(ROWS, 5) + other.inputs.partial(ROWS, 5)


def test_the_order_of_arrival_does_not_change_a_sum():
    program = compile_metrics([MonitorMetric(name="m", definition="sum(tenure)")], TELECOM)
    parts = [program.inputs.partial({"tenure": numbers([value])}, 1) for value in (1e16, 1.0, -1e16, 0.1)]
    totals = {Partial.total(program.inputs.room, order).encode() for order in (parts, parts[::-1], parts[1:] + parts[:1])}
    assert len(totals) == 1


def test_decoded_columns_are_vectors():
    words = Column(b"", np.array([Kind.TEXT, Kind.NULL, Kind.BOOLEAN, Kind.ABSENT], np.int8), None, np.array([0, 0, 1, 0]), None, None,
                   np.array([hash_texts(["x"])[0], 0, 0, 0], np.uint64))  # fmt: skip
    values = Column(b"", np.array([Kind.REAL, Kind.NULL, Kind.INTEGER, Kind.ABSENT], np.int8), np.array([1.5, 0, 2, 0]))
    rows = {"t": vector_of(words, Type.TEXT), "a": vector_of(values, Type.NUMBER)}
    metrics = [
        MonitorMetric(name="x", definition="count_if(t = 'x')"),
        MonitorMetric(name="true", definition="count_if(t = 'true')"),
        MonitorMetric(name="known", definition="count(t)"),
        MonitorMetric(name="sum", definition="sum(a)"),
        MonitorMetric(name="n", definition="count(a)"),
    ]
    found = _finish(metrics, {"t": Type.TEXT, "a": Type.NUMBER}, rows, 4)
    assert {name: value.value for name, value in found.items()} == {"x": 1, "true": 1, "known": 2, "sum": 3.5, "n": 2}


def test_rows_outside_every_group_count_nowhere():
    program = compile_metrics(
        [MonitorMetric(name="m", definition="min(tenure) + count(*) * 100 + stddev_pop(tenure)")], TELECOM
    )
    first, second, nobody = program.inputs.partials(ROWS, np.array([0, -1, 1, 0, -1], np.int32), 5, 3)
    assert program.finish(first)["m", TABLE].value == pytest.approx(1 + 200 + 4.5)
    assert program.finish(second)["m", TABLE].value == pytest.approx(5 + 100 + 0)
    assert nobody.rows == 0


def test_a_long_is_cut_towards_zero():
    found = _finish([MonitorMetric(name="m", definition="-avg(tenure) / 3", output_type=OutputType.LONG)])
    assert found["m"].value == -1


@pytest.mark.parametrize(
    ("pattern", "word", "fits"),
    [
        ("%", "", True), ("_", "", False), ("a%b%c", "axxbyyc", True), ("a%b%c", "axxbyyd", False), ("%ab", "aab", True),
        ("a\\\\%", "a%", True), ("a\\\\%", "ab", False), ("%" * 100 + "b", "a" * 5000, False), ("%a" * 60 + "b", "a" * 5000, False),
    ],
)  # fmt: skip
def test_patterns_take_no_more_time_than_text_times_pattern(pattern, word, fits):
    found = _finish(
        [MonitorMetric(name="m", definition=f"count_if(t LIKE '{pattern}')")], {"t": Type.TEXT}, {"t": texts([word])}, 1
    )
    assert found["m"].value == int(fits)


def test_a_plan_says_whose_texts_it_must_read():
    """Equality needs the hash of a text alone, which is all that a join remembers of a row."""
    columns = {**TELECOM, "t": Type.TEXT, "u": Type.TEXT}
    same = [*BUSINESS, MonitorMetric(name="m", definition="count_if(coalesce(t, 'x') = u AND t IN ('a', 'b') AND t <> u)")]
    assert compile_metrics(same, columns).inputs.spelled == frozenset()
    for definition in ("count_if(t LIKE 'x%')", "count_if(lower(nullif(t, 'x')) = u)", "sum(length(t))", "count_if(t < 'x')"):
        assert compile_metrics([MonitorMetric(name="m", definition=definition)], columns).inputs.spelled == {"t"}


def test_the_columns_of_a_monitor_are_those_it_watches_and_what_every_prediction_has():
    def monitor(task, *, labels):
        return monitor_of(
            task=task,
            labels=labels,
            columns=(
                MonitorColumn(name="age", kind=ColumnKind.NUMERIC),
                MonitorColumn(name="sex", kind=ColumnKind.CATEGORICAL),
            ),
            idle_timeout_us=1,
            max_wait_us=1,
            label_ttl_us=1,
            actor="a",
        )

    base = {"age": Type.NUMBER, "sex": Type.TEXT, ":latency_ms": Type.NUMBER}
    assert columns_of(monitor(Task.BINARY, labels=True)) == {
        **base, ":prediction": Type.TEXT, ":label": Type.TEXT, ":score": Type.NUMBER,
    }  # fmt: skip
    assert columns_of(monitor(Task.REGRESSION, labels=False)) == {**base, ":prediction": Type.NUMBER}
