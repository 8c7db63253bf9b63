"""Rows against a monitor, judged as columns and, in the oracle, one value at a time."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.avro.odd_rows import column_of
from driftline.batches import from_rows
from driftline.errors import InvalidRecord, Reason
from driftline.events import ColumnKind, MonitorColumn, Prediction, Task
from driftline.validation import Rows, batch_rows, fit_id, partitions_of, validate_rows
from tests.builders import monitor_of

MONITOR = monitor_of(
    task=Task.BINARY,
    positive_class="yes",
    columns=(
        MonitorColumn(name="age", kind=ColumnKind.NUMERIC),
        MonitorColumn(name="origin", kind=ColumnKind.CATEGORICAL),
        MonitorColumn(name="height", kind=ColumnKind.NUMERIC, required=True),
        MonitorColumn(name="city", kind=ColumnKind.CATEGORICAL, required=True),
    ),
    labels=True,
    future_skew_us=10,
)
GOOD = {
    "prediction_id": "p1",
    "event_time": 100,
    "age": 1.5,
    "origin": "JFK",
    "height": 2.0,
    "city": "Rome",
    ":prediction": "yes",
    ":score": 0.5,
}
ABSENT = object()


def column(rows, name):
    return column_of({i: row[name] for i, row in enumerate(rows) if row.get(name, ABSENT) is not ABSENT}, len(rows))


def judge(*rows, chosen=None, monitor=MONITOR, append_time=100):
    columns = {name: column(rows, name) for row in rows for name in row if name not in ("prediction_id", "event_time")}
    found = Rows(
        prediction_id=column(rows, "prediction_id"),
        event_time=column(rows, "event_time"),
        append_time=np.full(len(rows), append_time, np.int64),
        columns=columns,
    )
    return validate_rows(monitor, found, None if chosen is None else np.array(chosen, np.int64))


def verdict(changes, **kwargs):
    row = {name: value for name, value in (GOOD | changes).items() if value is not ABSENT}
    found = judge(GOOD, row, GOOD, **kwargs)
    assert found.accepted[[0, 2]].all()
    return found.reason(1), found.field(1)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"age": math.nan},
        {"age": None},
        {"age": ABSENT},
        {"age": True},
        {"age": 3},
        {"origin": None},
        {"origin": True},
        {"origin": ""},
        {":score": 0.0},
        {":score": 1},
        {":score": None},
        {":prediction": None},
        {"prediction_id": "x" * 128},
        {"event_time": 110},
        {"event_time": -1},
        {"height": math.nan},
        {"unwatched": math.inf},
    ],
)
def test_rows_that_count(changes):
    assert verdict(changes) == (None, None)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"prediction_id": ABSENT}, Reason.MISSING_FIELD, "prediction_id"),
        ({"prediction_id": None}, Reason.MISSING_FIELD, "prediction_id"),
        ({"prediction_id": ""}, Reason.INVALID_ID, "prediction_id"),
        ({"prediction_id": "x" * 129}, Reason.INVALID_ID, "prediction_id"),
        ({"prediction_id": "ä" * 65}, Reason.INVALID_ID, "prediction_id"),
        ({"prediction_id": 7}, Reason.WRONG_TYPE, "prediction_id"),
        ({"event_time": None}, Reason.MISSING_FIELD, "event_time"),
        ({"event_time": 1.5}, Reason.WRONG_TYPE, "event_time"),
        ({"event_time": "now"}, Reason.WRONG_TYPE, "event_time"),
        ({"event_time": 111}, Reason.FUTURE_EVENT_TIME, "event_time"),
        ({"event_time": -(2**63)}, Reason.OUT_OF_RANGE, "event_time"),
        ({"age": math.inf}, Reason.NON_FINITE, "age"),
        ({"age": -math.inf}, Reason.NON_FINITE, "age"),
        ({"age": "12"}, Reason.WRONG_TYPE, "age"),
        ({"age": b"12"}, Reason.WRONG_TYPE, "age"),
        ({"origin": 12}, Reason.WRONG_TYPE, "origin"),
        ({"origin": 1.5}, Reason.WRONG_TYPE, "origin"),
        ({"origin": b"JFK"}, Reason.WRONG_TYPE, "origin"),
        ({"height": None}, Reason.MISSING_FIELD, "height"),
        ({"height": ABSENT}, Reason.MISSING_FIELD, "height"),
        ({"city": None}, Reason.MISSING_FIELD, "city"),
        ({":score": 1.0000001}, Reason.OUT_OF_RANGE, ":score"),
        ({":score": -0.1}, Reason.OUT_OF_RANGE, ":score"),
        ({":score": math.nan}, Reason.OUT_OF_RANGE, ":score"),
        ({":score": math.inf}, Reason.NON_FINITE, ":score"),
        ({":score": "high"}, Reason.WRONG_TYPE, ":score"),
        ({":prediction": 1.0}, Reason.WRONG_TYPE, ":prediction"),
        ({"prediction_id": "", "age": math.inf}, Reason.INVALID_ID, "prediction_id"),
        ({"age": math.inf, "city": None}, Reason.NON_FINITE, "age"),
    ],
)
def test_rows_that_are_refused_and_why(changes, reason, field):
    assert verdict(changes) == (reason, field)


def test_a_regression_predicts_numbers():
    monitor = dataclasses.replace(MONITOR, task=Task.REGRESSION)
    found = judge({**GOOD, ":prediction": 1.5}, {**GOOD, ":prediction": "yes"}, monitor=monitor)
    assert [found.reason(0), found.reason(1)] == [None, Reason.WRONG_TYPE]


def test_a_required_column_that_nobody_sent_refuses_every_chosen_row():
    row = {name: value for name, value in GOOD.items() if name != "city"}
    found = judge(row, row, chosen=[1])
    assert [found.reason(0), found.reason(1)] == [None, Reason.MISSING_FIELD]


def test_rows_that_are_not_chosen_are_not_looked_at():
    found = judge({**GOOD, "age": math.inf, "prediction_id": ""}, {**GOOD, "age": "x"}, chosen=[])
    assert found.accepted.all()


def test_the_version_of_the_model_is_an_id_too():
    rows = [GOOD, GOOD]
    names = {name: column(rows, name) for name in GOOD}
    version = column_of({0: "v1", 1: ""}, 2)
    found = validate_rows(
        MONITOR, Rows(names["prediction_id"], names["event_time"], np.array([100, 100]), names, model_version=version)
    )
    assert (found.reason(0), found.reason(1), found.field(1)) == (None, Reason.INVALID_ID, "model_version")


value = st.one_of(
    st.just(ABSENT), st.none(), st.floats(), st.integers(-2, 2), st.booleans(), st.sampled_from(["", "JFK"]), st.just(b"x")
)


def plain_reason(name, value, *, categorical=False, required=False):
    """The oracle for one column."""
    if value is ABSENT or value is None:
        return Reason.MISSING_FIELD if required else None
    if isinstance(value, bytes) or (isinstance(value, str) != categorical and not isinstance(value, bool)):
        return Reason.WRONG_TYPE
    if categorical:
        return None
    if math.isinf(value):
        return Reason.NON_FINITE
    return Reason.OUT_OF_RANGE if name == ":score" and not 0 <= value <= 1 else None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({name: value for name in GOOD if name not in ("prediction_id", "event_time")}), max_size=8)
)
def test_columns_are_judged_as_values_one_by_one(rows):
    full = [GOOD | row for row in rows]
    found = judge(*[{k: v for k, v in row.items() if v is not ABSENT} for row in full])
    rules = [(c.name, c.kind is ColumnKind.CATEGORICAL, c.required) for c in MONITOR.columns]
    for i, row in enumerate(full):
        expected = None
        for name, categorical, required in [*rules, (":prediction", True, False), (":score", False, False)]:
            reason = plain_reason(name, row[name], categorical=categorical, required=required)
            if reason:
                expected = (reason, name)
                break
        assert (found.reason(i), found.field(i)) == (expected or (None, None))


@pytest.mark.parametrize(
    ("key", "murmur2"),
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_ids_are_split_as_kafkas_own_client_does(key, murmur2):
    rows = column_of({0: "pad", 1: key}, 2)
    found = partitions_of(rows, np.array([1]), 1000)
    assert found.tolist() == [-1, (murmur2 & 0x7FFFFFFF) % 1000]


def test_ids_have_1_to_128_bytes():
    assert fit_id("x")
    assert fit_id("ä" * 64)
    assert not fit_id("")
    assert not fit_id("ä" * 65)


def prediction(i, **features):
    return Prediction(
        model_id="m", model_version="1", prediction_id=f"p{i}", event_time=i, prediction="yes", score=0.5, features=features
    )


def test_a_batch_has_the_same_cells_as_its_rows():
    rows = [prediction(0, age=1.0, city="Rome"), prediction(1, age=None, city=None), prediction(2, age=math.nan, city="Oslo")]
    found = batch_rows(from_rows(rows))
    assert [found.prediction_id.text(i) for i in range(3)] == ["p0", "p1", "p2"]
    assert [found.event_time.value(i) for i in range(3)] == [0, 1, 2]
    assert [found.columns["city"].value(i) for i in range(3)] == ["Rome", None, "Oslo"]
    age: list[Any] = [found.columns["age"].value(i) for i in range(3)]
    assert age[:2] == [1.0, None]
    assert math.isnan(age[2])
    assert found.columns["city"].distinct() == column_of({0: "Rome", 1: "Oslo"}, 2).distinct()


def test_an_id_that_is_no_text_is_refused_as_a_row():
    batch = dataclasses.replace(from_rows([prediction(0), prediction(1)]), prediction_ids=b"\xff1ab")
    found = batch_rows(batch)
    verdict = validate_rows(
        dataclasses.replace(MONITOR, columns=()),
        Rows(found.prediction_id, found.event_time, np.array([9, 9]), found.columns),
    )
    assert [verdict.reason(0), verdict.reason(1)] == [Reason.INVALID_ID, None]


def test_a_batch_whose_lengths_disagree_is_refused_before_anything_is_allocated():
    batch = dataclasses.replace(from_rows([prediction(0)]), rows=2**31 - 1)
    with pytest.raises(InvalidRecord, match="row_count_mismatch"):
        batch_rows(batch)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (ColumnKind.TIMESTAMP, 5, None),
        (ColumnKind.TIMESTAMP, 5.5, None),
        (ColumnKind.TIMESTAMP, math.nan, None),
        (ColumnKind.TIMESTAMP, "2026-03-01", None),
        (ColumnKind.TIMESTAMP, "no time", None),
        (ColumnKind.TIMESTAMP, None, None),
        (ColumnKind.TIMESTAMP, -math.inf, Reason.NON_FINITE),
        (ColumnKind.TIMESTAMP, True, Reason.WRONG_TYPE),
        (ColumnKind.TIMESTAMP, b"raw", Reason.WRONG_TYPE),
        (ColumnKind.TEXT_LENGTH, "", None),
        (ColumnKind.TEXT_LENGTH, None, None),
        (ColumnKind.TEXT_LENGTH, 5, Reason.WRONG_TYPE),
        (ColumnKind.TEXT_LENGTH, False, Reason.WRONG_TYPE),
    ],
)
def test_times_and_texts_are_held_to_what_can_be_read(kind, value, reason):
    monitor = dataclasses.replace(MONITOR, columns=(MonitorColumn(name="it", kind=kind),))
    verdict = judge(GOOD | {"it": value}, GOOD | {"it": None}, monitor=monitor)
    assert (verdict.reason(0), verdict.field(0)) == (reason, "it" if reason else None)
    assert verdict.reason(1) is None


@pytest.mark.parametrize("kind", [ColumnKind.TIMESTAMP, ColumnKind.TEXT_LENGTH])
def test_a_time_or_text_that_is_required_must_be_there(kind):
    monitor = dataclasses.replace(MONITOR, columns=(MonitorColumn(name="it", kind=kind, required=True),))
    verdict = judge(GOOD | {"it": None}, GOOD, GOOD | {"it": "2026-03-01"}, monitor=monitor, chosen=np.array([0, 2]))
    assert [verdict.reason(row) for row in range(3)] == [Reason.MISSING_FIELD, None, None]
