"""What follows from counts, and what does not follow from too few of them."""

import numpy as np
import pytest

from driftline.drift.fairness import (
    Cell,
    Consistency,
    GroupCounts,
    SimilarityCounts,
    Terms,
    Verdict,
    assess,
    consistency,
    verdict,
)
from driftline.events import Measure

PARITY = Terms(measures=("demographic_parity",))


def _counts(*cells, names=("female", "male", "x"), unknown=0):
    found = np.zeros((len(cells) + 1, len(Cell)), np.int64)
    for i, each in enumerate(cells):
        found[i, : len(each)] = each
    found[-1, Cell.ROWS] = unknown
    return GroupCounts(names[: len(cells)], found)


def _named(found, name):
    return next(each for each in found.measures if each.name == name)


def _value(counts, name="demographic_parity_ratio", terms=PARITY):
    return _named(assess(counts, terms), name).value


def test_no_data_is_no_value():
    found = assess(_counts((), ()))
    assert {each.value for each in found.measures} == {None}


def test_one_group_has_nobody_to_be_compared_with():
    found = assess(_counts((1000, 400), (0, 0)), PARITY)
    assert _named(found, "demographic_parity_ratio").value is None
    assert _named(found, "demographic_parity_ratio").left_out == ("male",)


def test_four_fifths_is_exactly_that():
    assert _value(_counts((1000, 400), (1000, 500))) == 0.8
    assert _value(_counts((1000, 399), (1000, 500))) == pytest.approx(0.798)


def test_ratio_and_difference_are_two_measures():
    found = assess(_counts((1000, 30), (1000, 60)), PARITY)
    ratio = _named(found, "demographic_parity_ratio")
    assert ratio.value == 0.5
    assert _named(found, "demographic_parity_difference").value == pytest.approx(0.03)
    assert (ratio.least, ratio.most, ratio.n) == ("female", "male", 2000)


def test_more_rows_make_the_interval_narrow():
    small = _named(assess(_counts((50, 20), (50, 28)), PARITY), "demographic_parity_ratio")
    large = _named(assess(_counts((50_000, 20_000), (50_000, 28_000)), PARITY), "demographic_parity_ratio")
    assert small.value == large.value
    assert small.low < large.low < large.value < large.high < 0.8 < small.high


def test_a_group_below_the_minimum_is_left_out_of_the_rate_it_is_small_for():
    found = assess(_counts((1000, 300, 5, 290, 5, 700), (1000, 300, 150, 150, 100, 600)))
    assert _named(found, "equal_opportunity_difference").value is None
    assert _named(found, "equal_opportunity_difference").left_out == ("female",)
    assert _named(found, "demographic_parity_difference").value == 0.0


def test_a_share_below_the_minimum_is_left_out():
    counts = _counts((5000, 2500), (5000, 2500), (100, 1))
    assert _value(counts) == pytest.approx(0.02)
    without = assess(counts, Terms(measures=("demographic_parity",), minimum_share=0.02))
    assert _named(without, "demographic_parity_ratio").value == 1.0
    assert _named(without, "demographic_parity_ratio").left_out == ("x",)


def test_an_attribute_that_few_rows_have_says_nothing():
    found = assess(_counts((500, 250), (500, 250), unknown=100), PARITY)
    assert found.coverage == pytest.approx(1000 / 1100)
    assert _named(found, "demographic_parity_ratio").value is None


def test_a_perfect_model_has_equal_odds():
    found = assess(_counts((200, 100, 100, 0, 0, 100), (200, 100, 100, 0, 0, 100)))
    assert _named(found, "equalized_odds_ratio").value == 1.0
    assert _named(found, "equalized_odds_difference").value == 0.0


def test_each_group_has_its_total_positive_rate_and_accuracy():
    found = assess(_counts((100, 40, 20, 10, 10, 40), (50, 10, 0, 0, 0, 0)))
    female, male = found.groups
    assert (female.rows, female.below["accuracy"], female.rates["selection_rate"].value) == (100, 80, 0.4)
    assert female.rates["accuracy"].value == 0.75
    assert female.rates["accuracy"].low < 0.75 < female.rates["accuracy"].high
    assert male.rates["accuracy"] is None


@pytest.mark.parametrize(
    ("value", "limit", "violated", "expected"),
    [
        (0.9, 0.8, False, Verdict.PASS),
        (0.7, 0.8, True, Verdict.FAIL),
        (None, None, False, Verdict.INSUFFICIENT_EVIDENCE),
        (0.9, None, False, Verdict.INSUFFICIENT_EVIDENCE),
    ],
)
def test_what_nobody_knows_or_checks_is_no_pass(value, limit, violated, expected):
    measure = Measure(family="fairness", name="demographic_parity_ratio", value=value, limit=limit, violated=violated)
    assert verdict(measure) is expected


def test_rows_alone_in_their_cell_are_no_evidence():
    alone = SimilarityCounts(np.ones(100, np.int64), np.ones(100, np.int64))
    assert consistency(alone) == Consistency(None, 0, 100)


def test_an_unknown_measure_is_refused_by_name():
    with pytest.raises(ValueError, match="demografic"):
        Terms(measures=("demografic",))
