"""What times and texts are counted as, and that every road counts the same."""

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.avro import Kind
from driftline.avro.odd_rows import column_of
from driftline.drift.ages import ages, instant
from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import Layout, Tally, profile_rows, read_columns
from driftline.events import ColumnKind
from tests.unit.services.drift.building import monitored

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
KINDS = {"booked": ColumnKind.TIMESTAMP, "remark": ColumnKind.TEXT_LENGTH}
NOON = 1_772_366_400_000_000
"""2026-03-01T12:00:00Z."""
DAY = 86_400_000_000


def read(values: list[Any], *, name="booked", times=None, chosen=None):
    rows = np.arange(len(values)) if chosen is None else np.array(chosen)
    times = np.full(len(values), NOON) if times is None else np.array(times)
    column = read_columns(KINDS, {name: column_of(dict(enumerate(values)), len(values))}, times, rows)[name]
    return [column.value(row) for row in range(len(values))]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00",
        "2026-03-01 12:00:00.000000+00:00",
        "2026-03-01T21:00:00+09:00",
        "20260301T120000Z",
        "1772366400000000",
        "1772366400000000.0",
    ],
)
def test_a_time_is_read_in_every_notation_and_without_a_zone_as_utc(text):
    assert instant(text) == NOON


@pytest.mark.parametrize(
    "text", ["", "soon", "null", "2026-13-01", "12:00", "9" * 400, "2026-03-01T12:00:00Z " * 50, "\x00", "१२३४५६७८९०"]
)
def test_a_text_that_is_no_time_is_not_a_number(text):
    assert math.isnan(instant(text))


def test_a_time_counts_as_its_age_at_the_event_in_seconds():
    assert read([NOON - DAY, float(NOON), "2026-03-02T12:00:00Z", None]) == [86_400.0, 0.0, -86_400.0, None]
    assert read(["2026-03-01"] * 2, times=[NOON, NOON + 1]) == [43_200.0, 43_200.000001]


def test_what_is_no_time_is_counted_apart_and_absurd_times_are_finite():
    nothing, word, least, most = read([math.nan, "soon", -(2**63), 2**63 - 1])
    assert math.isnan(nothing)
    assert math.isnan(word)
    assert [math.isfinite(least), math.isfinite(most), least > 0 > most] == [True, True, True]


def test_a_text_counts_as_its_characters():
    assert read(["", "Grüße", "🚲", "日本", None, "x" * 100_000], name="remark") == [0.0, 5.0, 1.0, 2.0, None, 100_000.0]
    assert read([""], name="remark") == [0.0]
    assert read([1.5, True, b"ab"], name="remark") == [None, None, None]


def test_rows_that_were_not_chosen_are_null_and_other_columns_stay():
    assert read(["a", "bb", "ccc"], name="remark", chosen=[1]) == [None, 2.0, None]
    columns = {"age": column_of({0: 1.0}, 1)}
    assert read_columns(KINDS | {"age": ColumnKind.NUMERIC}, columns, np.zeros(1, np.int64), np.zeros(1, np.int64)) is columns


MOMENTS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_infinity=False),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=-14))])).map(dt.datetime.isoformat),
    st.dates().map(dt.date.isoformat),
    st.text(max_size=40),
)


def oracle_age(value: Any, event_time: int) -> float | None:
    """One value at a time, with whole numbers and Python's own datetime."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            return math.nan
        aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        value = (aware - EPOCH) // dt.timedelta(microseconds=1)
    return (event_time - float(value)) / 1e6


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(MOMENTS, st.one_of(st.none(), st.text(max_size=300)), st.integers(-(2**55), 2**55)), min_size=1, max_size=30
    )
)
def test_profiles_of_any_values_are_those_of_a_count_one_by_one(rows):
    moments, texts, times = ([row[place] for row in rows] for place in range(3))
    data = {
        "booked": ages(DAY * np.arange(100.0) + NOON - 50 * DAY, np.full(100, NOON)),
        "remark": np.arange(100.0),
    }
    layout = Layout.of(*monitored(KINDS, data))
    columns = {name: column_of(dict(enumerate(values)), len(rows)) for name, values in (("booked", moments), ("remark", texts))}
    event_time, everyone = np.array(times), np.arange(len(rows))
    tally = Tally(layout)
    tally.add(
        np.zeros(len(rows), np.uint64),
        np.zeros(len(rows), np.int64),
        read_columns(KINDS, columns, event_time, everyone),
        everyone,
    )
    (profile,) = tally.profiles().values()
    expected = {
        "booked": [oracle_age(moment, time) for moment, time in zip(moments, times, strict=True)],
        "remark": [None if text is None else float(len(text)) for text in texts],
    }
    for name, values in expected.items():
        block = layout.by_column[name]
        assert profile.cells[block.cells].tolist() == counted(block, values)
        finite = [value for value in values if value is not None and not math.isnan(value)]
        assert profile.sums[layout.moments(name).start] == len(finite)


def counted(block, values):
    cells = [0] * block.size
    for value in values:
        if value is None:
            cells[0] += 1
        elif math.isnan(value):
            cells[1] += 1
        elif value < block.minimum:
            cells[2] += 1
        elif value > block.maximum:
            cells[-1] += 1
        else:
            cells[3 + sum(edge <= value for edge in block.edges)] += 1
    return cells


@pytest.mark.parametrize("values", [[], [None] * 50, [7.0] * 50, [math.nan] * 50])
@pytest.mark.parametrize("kind", KINDS.values())
def test_a_baseline_of_nothing_one_value_or_none_can_be_counted_against(kind, values):
    monitor, baseline = monitored({"it": kind}, {"it": values})
    layout = Layout.of(monitor, baseline)
    column = column_of({0: "2026-03-01", 1: None, 2: "x"}, 3)
    everyone = np.arange(3)
    read = read_columns({"it": kind}, {"it": column}, np.full(3, NOON), everyone)
    (profile,) = profile_rows(layout, np.zeros(3, np.int64), read).values()
    assert (profile.rows, int(profile.cells[layout.by_column["it"].cells].sum())) == (3, 3)
    assert baseline.columns[0].kind is kind


def test_a_baseline_has_the_ages_that_production_counts():
    booked = [NOON - days * DAY for days in range(100)]
    column = read_columns(KINDS, {"booked": column_of(dict(enumerate(booked)), 100)}, np.full(100, NOON), np.arange(100))[
        "booked"
    ]
    assert column.kind.tolist() == [Kind.REAL] * 100
    (fitted,) = fit_baseline("m", {"booked": column.numbers()}, {"booked": ColumnKind.TIMESTAMP}).columns
    assert (fitted.sums[3], fitted.sums[4]) == (0.0, 99 * 86_400.0)
