"""Cramer's V."""

import pytest

from driftline.drift.measures import measure


def test_what_has_nothing_in_common_is_about_1_apart():
    assert measure("cramers_v:deepchecks", ["a"] * 500, ["b"] * 500).value == pytest.approx(1, abs=0.01)


def test_one_value_on_both_sides_is_no_distance():
    assert measure("cramers_v:deepchecks", ["a"] * 500, ["a"] * 20).value == 0


def test_a_few_rows_say_nothing_after_the_bias_is_taken_off():
    assert measure("cramers_v:deepchecks", ["a", "b"] * 3, ["a"] * 4 + ["b"] * 2).value == 0
