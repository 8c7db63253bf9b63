"""Shares of rows that are missing, zero, repeated, out of range or new."""

import pytest

from driftline.drift.measures import measure
from driftline.drift.measures.rates import rate

NUMBERS = [0.0, 0.0, 1.0, 4.0, None, None, None, float("nan")], [0.0, -2.0, 9.0, 8.0, None]
TEXTS = ["a", "a", "b", None], ["a", "c", "c", "d", None]


def test_a_rate_without_rows_has_no_value():
    assert rate(0, 0) is None
    assert rate(1, 4) == 0.25


@pytest.mark.parametrize(
    ("name", "columns", "value"),
    [
        ("null_rate", NUMBERS, 1 / 5),
        ("null_rate_delta", NUMBERS, 1 / 5 - 3 / 8),
        ("nan_rate", NUMBERS, 0),
        ("nan_rate_delta", NUMBERS, -1 / 8),
        ("zero_rate", NUMBERS, 1 / 5),
        ("zero_rate_delta", NUMBERS, 1 / 5 - 2 / 8),
        ("distinct_rate", NUMBERS, 1),
        ("distinct_rate_delta", NUMBERS, 1 - 3 / 4),
        ("below_rate", NUMBERS, 1 / 5),
        ("above_rate", NUMBERS, 2 / 5),
        ("out_of_range_rate", NUMBERS, 3 / 5),
        ("mean", NUMBERS, 15 / 4),
        ("mean_delta", NUMBERS, 15 / 4 - 5 / 4),
        ("p50", NUMBERS, 0),
        ("null_rate", TEXTS, 1 / 5),
        ("distinct_rate_delta", TEXTS, 3 / 4 - 2 / 3),
        ("new_category_rate", TEXTS, 3 / 5),
        ("zero_rate", TEXTS, None),
        ("mean", TEXTS, None),
        ("out_of_range_rate", TEXTS, None),
        ("new_category_rate", NUMBERS, None),
        ("out_of_range_rate", ([None], [1.0]), None),
    ],
)
def test_a_rate_is_the_share_by_hand(name, columns, value):
    assert measure(name, *columns).value == (None if value is None else pytest.approx(value))
