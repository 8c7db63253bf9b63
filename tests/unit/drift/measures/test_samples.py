"""Columns of raw values: what is missing, what becomes a number, what stays a text."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from driftline.drift.measures.samples import Kind, kind_of, sample, samples

MIDNIGHT = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
MIDNIGHT_US = 1_795_219_200_000_000


def test_nulls_and_nans_of_numbers_are_counted_apart():
    found = sample([1, None, float("nan"), float("inf"), 2.5, pd.NA])
    assert (found.kind, found.rows, found.nulls, found.nans) == (Kind.NUMERIC, 6, 2, 2)
    assert found.known.tolist() == [1, 2.5]


def test_what_is_masked_is_null():
    found = sample(np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False]))
    assert (found.nulls, found.known.tolist()) == (1, [1, 3])


def test_nan_in_texts_is_null():
    found = sample(pd.Series(["a", None, float("nan"), "b"], dtype=object))
    assert (found.kind, found.nulls, found.nans) == (Kind.CATEGORICAL, 2, 0)
    assert found.known.tolist() == ["a", "b"]


def test_booleans_are_the_categories_of_a_baseline():
    assert sample([True, None, False]).known.tolist() == ["true", "false"]
    assert sample(np.array([True, False])).known.tolist() == ["true", "false"]
    assert sample([True, False], Kind.NUMERIC).known.tolist() == [1, 0]


@pytest.mark.parametrize(
    "values",
    [
        np.array(["2026-11-21"], "datetime64[D]"),
        np.array(["2026-11-21"], "datetime64[ns]"),
        pd.Series(pd.to_datetime(["2026-11-21"])),
        pd.Series(pd.to_datetime(["2026-11-21T01:00:00+01:00"])),
        [MIDNIGHT],
        [MIDNIGHT.replace(tzinfo=None)],
        [dt.date(2026, 11, 21)],
    ],
)
def test_times_are_microseconds_utc(values):
    found = sample(values)
    assert found.kind is Kind.TIMESTAMP
    assert found.known.tolist() == [MIDNIGHT_US]


def test_texts_and_numbers_are_times_where_they_are_said_to_be():
    found = sample(["2026-11-21T00:00:00Z", MIDNIGHT_US, None], Kind.TIMESTAMP)
    assert (found.known.tolist(), found.nulls) == ([MIDNIGHT_US, MIDNIGHT_US], 1)
    assert sample(np.array(["NaT", "2026-11-21"], "datetime64[us]")).nulls == 1


def test_a_length_is_characters_not_bytes():
    assert sample(["", "Grüße", "🚲", None], Kind.TEXT_LENGTH).known.tolist() == [0, 5, 1]


@pytest.mark.parametrize(
    ("values", "kind"), [(["a", "b"], Kind.NUMERIC), ([1.5], Kind.TEXT_LENGTH), ([object()], Kind.TIMESTAMP)]
)
def test_a_value_that_the_kind_cannot_hold_is_named(values, kind):
    with pytest.raises(TypeError, match="give its kind"):
        sample(values, kind)


def test_the_kind_is_that_of_the_side_that_has_values():
    before, now = samples([None, None], ["a"])
    assert (before.kind, now.kind) == (Kind.CATEGORICAL, Kind.CATEGORICAL)
    assert kind_of(np.array([None], object)) is None
    assert samples([None], [None])[0].kind is Kind.NUMERIC


def test_numbers_in_a_column_of_categories_are_their_text():
    assert sample([1, 2, "x"], Kind.CATEGORICAL).known.tolist() == ["1", "2", "x"]
