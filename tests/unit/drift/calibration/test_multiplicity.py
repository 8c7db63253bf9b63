"""Many tests: BH, e-BH, LORD++ and its state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.drift.calibration.multiplicity import (
    REMEMBERED,
    Spending,
    Wealth,
    bh_level,
    e_bh_level,
    level,
    lord_plus_plus,
    simes,
    spent,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def run(spending, p_values):
    wealth, levels = Wealth(), []
    for p_value in p_values:
        levels.append(level(spending, wealth))
        wealth = spent(wealth, rejected=p_value <= levels[-1])
    return levels, wealth


def test_lord_plus_plus_gives_the_levels_of_onlinefdr():
    # p-values of the package's documentation; levels as LORD(pval, version = "++") prints them, alpha 0.05, w0 alpha / 10
    p_values = [2.90e-08, 0.06743, 0.01514, 0.08174, 0.00171, 3.60e-05, 0.79149, 0.27201, 0.28295, 7.59e-08]
    p_values += [0.69274, 0.30443, 0.00136, 0.72342, 0.54757]
    levels, wealth = run(lord_plus_plus(0.05), p_values)
    expected = [2.6758e-4, 2.46645e-3, 5.7328e-4, 4.8728e-4, 4.0591e-4, 3.4473e-4, 2.9745e-3]
    assert levels[:7] == pytest.approx(expected, rel=2e-5)
    assert wealth == Wealth(tests=15, rejections=(1, 6, 10))


@settings(max_examples=100)
@given(P_VALUES, st.floats(0.001, 0.3))
def test_bh_is_scipys(p_values, alpha):
    ours = [p <= bh_level(p_values, alpha) for p in p_values]
    adjusted = stats.false_discovery_control(p_values)
    close = np.isclose(adjusted, alpha, rtol=1e-9)
    assert all(a == b for a, b, c in zip(ours, adjusted <= alpha, close, strict=True) if not c)


@settings(max_examples=100)
@given(P_VALUES, st.floats(0.001, 0.3))
def test_the_window_rejects_exactly_when_bh_names_a_column(p_values, alpha):
    if abs(simes(p_values) / alpha - 1) > 1e-9:
        assert (simes(p_values) <= alpha) == (min(p_values) <= bh_level(p_values, alpha))


def test_without_tests_nothing_rejects():
    assert simes([]) == 1.0
    assert bh_level([], 0.05) == 0.0
    assert e_bh_level([], 0.05) == np.inf
    assert e_bh_level([5.0], 0.0) == np.inf


@pytest.mark.parametrize(
    ("e_values", "expected"),
    [
        ([99.0, 0.0], 100.0),  # d / alpha = 2 / .02
        ([100.0, 0.0], 100.0),
        ([60.0, 55.0], 50.0),  # two at half of it
        ([1e9, 49.0], 100.0),
    ],
)
def test_e_bh_needs_less_of_each_when_more_agree(e_values, expected):
    assert e_bh_level(e_values, 0.02) == pytest.approx(expected)


def test_an_even_budget_never_exceeds_itself_and_never_goes_blind():
    spending = Spending(initial=0.5, first=0.0, each=0.0, horizon=30)
    levels, _ = run(spending, [1.0] * 3000)
    assert levels[:30] == pytest.approx([0.5 / 60] * 30)
    assert sum(levels) < 0.5
    assert min(levels) > 0


@settings(max_examples=50)
@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_levels_spend_no_more_than_the_budget_and_what_rejections_earn(rejections):
    spending, wealth, total = Spending(0.3, 0.05, 0.05, 20), Wealth(), 0.0
    for rejected in rejections:
        total += level(spending, wealth)
        wealth = spent(wealth, rejected=rejected)
    assert total <= 0.3 + 0.05 * sum(rejections)


def test_a_forgotten_rejection_only_lowers_the_levels():
    spending = lord_plus_plus(0.05)
    wealth, whole = Wealth(), Wealth()
    for _ in range(REMEMBERED + 50):
        wealth = spent(wealth, rejected=True)
        whole = Wealth(whole.tests + 1, (*whole.rejections, whole.tests + 1))
    assert len(wealth.rejections) == REMEMBERED
    assert wealth.forgotten == 50
    assert level(spending, wealth) <= level(spending, whole)
