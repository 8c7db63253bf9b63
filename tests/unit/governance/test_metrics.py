"""Business metrics of a definition: their own and those of packs, and their limits."""

import json

import pytest

from driftline.drift.dialect import Dialect
from driftline.events import ColumnKind, Direction, MetricType, Monitor, MonitorMetric, OutputType, Threshold
from driftline.governance.definition import BaselineFacts, parse_definition
from driftline.governance.errors import DefinitionRefused

NUMERIC, CATEGORICAL = ColumnKind.NUMERIC, ColumnKind.CATEGORICAL
FACTS = BaselineFacts(
    {"monthly_charges": NUMERIC, "tenure": NUMERIC, "internet_service": CATEGORICAL, ":prediction": CATEGORICAL}, ("No", "Yes")
)
LEAST = "baseline: abc\npositive_class: Yes\npolicy: limits\n".replace("Yes", "'Yes'")


def monitor(more: str = "", facts=FACTS) -> Monitor:
    return parse_definition(LEAST + more, model_id="m", actor="ann", baseline=facts, dialect=Dialect()).monitor


def problems(more: str):
    with pytest.raises(DefinitionRefused) as caught:
        monitor(more)
    return caught.value.problems


def names(found: Monitor) -> list[str]:
    return [metric.name for metric in found.metrics]


def business(found: Monitor) -> dict[str, Threshold]:
    return {threshold.measure: threshold for threshold in found.thresholds if threshold.family == "business"}


def test_a_model_of_customers_who_may_leave_has_the_usual_metrics_and_limits_unless_it_says_otherwise():
    usual = monitor()
    assert names(usual) == ["expected_loss", "revenue_at_risk", "false_positive_cost", "high_value_accuracy"]
    limits = {name: (found.limit, found.direction) for name, found in business(usual).items()}
    assert limits == {"expected_loss": (40.0, Direction.MAGNITUDE), "revenue_at_risk": (100_000.0, Direction.MAGNITUDE)}
    assert monitor("metrics: []\n").metrics == ()
    assert monitor("labels: false\n").metrics == ()
    other = BaselineFacts({"temp": NUMERIC, ":prediction": CATEGORICAL}, ("No", "Yes"))
    assert monitor(facts=other).metrics == ()


def test_such_a_model_is_cut_by_the_customers_who_leave_most_unless_it_says_otherwise():
    cut = ("senior_citizen", "contract", "payment_method", "internet_service")
    telecom = BaselineFacts({**FACTS.columns, **dict.fromkeys(cut, CATEGORICAL)}, FACTS.classes)
    assert [each.where for each in monitor(facts=telecom).slices] == [
        "senior_citizen = 'Yes'",
        "contract = 'Month-to-month'",
        "payment_method = 'Electronic check'",
        "internet_service = 'Fiber optic'",
    ]
    assert [each.where for each in monitor().slices] == ["internet_service = 'Fiber optic'"]
    assert monitor("slices: []\n", facts=telecom).slices == ()
    assert monitor("slices: []\nmetrics: []\nlabels: false\n", facts=telecom).slices == ()


def test_packs_and_own_metrics_stand_side_by_side():
    found = monitor("metrics: [{pack: telecom}, {name: mine, definition: avg(tenure)}]\n")
    assert names(found) == ["clv_impact", "fiber_customer_accuracy", "mine"]
    adaptive = monitor("metrics: [{pack: adaptive}]\n")
    assert {name: (t.limit, t.direction, t.windows) for name, t in business(adaptive).items()} == {
        "model_uncertainty": (4.0, Direction.ABOVE, 28),
        "prediction_confidence": (4.0, Direction.BELOW, 28),
    }


def test_a_pack_of_another_industry_is_refused_by_the_column_that_is_missing():
    (found,) = problems("metrics: [{pack: finance}]\n")
    assert "no column credit_limit" in found.detail


def test_definitions_are_read_as_databricks_writes_them():
    written = {
        "type": "CUSTOM_METRIC_TYPE_AGGREGATE",
        "name": "m",
        "input_columns": [":table"],
        "definition": "avg(tenure)",
        "output_data_type": json.dumps({"name": "output", "type": "double", "nullable": True, "metadata": {}}),
    }
    assert monitor(f"metrics: {json.dumps([written])}\n").metrics == (MonitorMetric(name="m", definition="avg(tenure)"),)
    derived = {**written, "name": "d", "type": "derived", "definition": "m * 2", "output_data_type": "bigint"}
    _, found = monitor(f"metrics: {json.dumps([written, derived])}\n").metrics
    assert (found.type, found.output_type) == (MetricType.DERIVED, OutputType.LONG)


@pytest.mark.parametrize("written", ["string", "{", "StructType"])
def test_an_output_that_is_no_number_is_refused(written):
    metric = {"name": "m", "definition": "avg(tenure)", "output_data_type": written}
    (found,) = problems(f"metrics: {json.dumps([metric])}\n")
    assert (found.field, "double or long" in found.detail) == ("metrics[0].output_data_type", True)


MINE = "metrics: [{name: mine, definition: avg(tenure)}, {pack: business}]\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{above: 3}", {"limit": 3.0, "direction": Direction.ABOVE}),
        ("{below: -3}", {"limit": -3.0, "direction": Direction.BELOW}),
        ("{magnitude: 3, granularity: 1 day}", {"limit": 3.0, "direction": Direction.MAGNITUDE, "granularity": "1 day"}),
        ("{above: 3, per_rows: 1000}", {"limit": 3.0, "direction": Direction.ABOVE, "per_rows": 1000}),
        ("{adaptive: 5}", {"limit": 5.0, "direction": Direction.OUTSIDE, "windows": 28}),
        ("{adaptive: 5, windows: 10, side: below}", {"limit": 5.0, "direction": Direction.BELOW, "windows": 10}),
    ],
)
def test_limits_of_metrics_say_which_side_is_bad(written, expected):
    found = business(monitor(f"{MINE}thresholds: {{business: {{mine: {written}}}}}\n"))["mine"]
    assert found == Threshold(family="business", measure="mine", **expected)


def test_a_limit_of_a_pack_can_be_changed_and_taken_away():
    found = business(monitor(f"{MINE}thresholds: {{business: {{expected_loss: 35, revenue_at_risk: null}}}}\n"))
    assert {name: (t.limit, t.direction) for name, t in found.items()} == {"expected_loss": (35.0, Direction.MAGNITUDE)}


@pytest.mark.parametrize(
    ("written", "field", "words"),
    [
        ("{mien: 3}", "thresholds.business.mien", "did you mean 'mine'"),
        ("{mine: 3}", "thresholds.business.mine", "which side is bad"),
        ("{mine: {above: 3, below: 1}}", "thresholds.business.mine", "which side is bad"),
        ("{mine: {above: 3, windows: 9}}", "thresholds.business.mine", "belong to adaptive"),
        ("{mine: {adaptive: 3, side: left}}", "thresholds.business.mine.side", "above or below"),
        ("{mine: {over: 3}}", "thresholds.business.mine.over", "unknown key"),
    ],
)
def test_what_is_wrong_with_a_limit_is_told_at_its_field(written, field, words):
    found = {problem.field: problem.detail for problem in problems(f"{MINE}thresholds: {{business: {written}}}\n")}
    assert words in found[field]
