"""driftline.batches: rows to columns and back."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline import batches
from driftline.errors import InvalidRecord, Reason
from driftline.events import Prediction

ROWS = st.lists(
    st.builds(
        Prediction,
        model_id=st.just("m"),
        model_version=st.just("1"),
        prediction_id=st.text(min_size=1, max_size=8),
        event_time=st.integers(-(2**62), 2**62),
        prediction=st.none() | st.sampled_from(["late", "on_time"]),
        score=st.none() | st.floats(0, 1),
        features=st.fixed_dictionaries(
            {"x": st.none() | st.floats(allow_nan=False), "c": st.none() | st.sampled_from(["", "a", "ü"])}
        ),
    ),
    min_size=1,
    max_size=20,
)


def row_of(decoded, i, name):
    column = decoded.columns.get(name)
    if column is None or not column.valid[i]:
        return None
    return column.dictionary[column.values[i]] if column.dictionary else column.values[i]


def assert_same(decoded, rows):
    assert decoded.prediction_ids == [row.prediction_id.encode() for row in rows]
    assert decoded.event_times.tolist() == [row.event_time for row in rows]
    for i, row in enumerate(rows):
        assert row_of(decoded, i, "x") == row.features["x"]
        assert row_of(decoded, i, "c") == row.features["c"]
        assert row_of(decoded, i, ":score") == row.score
        assert row_of(decoded, i, ":prediction") == row.prediction


@given(ROWS)
def test_columns_hold_what_the_rows_held(rows):
    assert_same(batches.to_columns(batches.from_rows(rows)), rows)


@given(ROWS, st.data())
def test_take_keeps_just_the_rows_asked_for(rows, data):
    index = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1))
    assert_same(batches.to_columns(batches.take(batches.from_rows(rows), index)), [rows[i] for i in index])


BATCH = batches.from_rows(
    [Prediction(model_id="m", model_version="1", prediction_id="p", event_time=1, features={"x": 1.0, "c": "a"})] * 3
)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 0},
        {"rows": -1},
        {"rows": 4},
        {"rows": 2**31 - 1},
        {"event_times": b"\0" * 23},
        {"prediction_ids": b"pppp"},
        {"prediction_id_ends": b"\3\0\0\0\2\0\0\0\3\0\0\0"},
        {"columns": (dataclasses.replace(BATCH.columns[0], values=b""),)},
        {"columns": (dataclasses.replace(BATCH.columns[0], validity=b"\7\7"),)},
        {"columns": (dataclasses.replace(BATCH.columns[1], dictionary=()),)},
    ],
)
def test_lengths_that_do_not_fit_the_row_count_are_refused(change):
    with pytest.raises(InvalidRecord) as refused:
        batches.to_columns(dataclasses.replace(BATCH, **change))
    assert refused.value.reason is Reason.ROW_COUNT_MISMATCH


def test_a_batch_costs_few_bytes_a_row():
    """156 bytes an event were measured for 14 numeric and 6 categorical columns in batches of 100."""
    features = {f"n{i}": float(i) for i in range(14)} | {f"c{i}": "value" for i in range(6)}
    rows = [
        Prediction(model_id="m", model_version="1", prediction_id=f"{i:020}", event_time=i, features=features)
        for i in range(100)
    ]
    batch = batches.from_rows(rows)
    assert sum(len(column.values) for column in batch.columns) == 100 * (14 * 8 + 6 * 4)
