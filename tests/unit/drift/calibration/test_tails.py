"""Tails against scipy.stats, which is too heavy to start with."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.drift.calibration.tails import (
    binomial_tail,
    noncentral_limit,
    noncentral_shift,
    noncentral_tail,
    upper_share,
)


@settings(max_examples=200)
@given(st.integers(1, 60), st.floats(0, 30_000), st.floats(-3, 20))
def test_the_noncentral_tail_is_scipys_to_ten_digits(freedom, shift, sigmas):
    value = max(0.01, freedom + shift + sigmas * (2 * (freedom + 2 * shift)) ** 0.5)
    expected = stats.ncx2.sf(value, freedom, shift) if shift else stats.chi2.sf(value, freedom)
    assert noncentral_tail(value, freedom, shift) == pytest.approx(expected, rel=1e-9, abs=1e-100)


def test_a_hopeless_value_costs_nothing_and_gives_zero():
    assert noncentral_tail(1.5e6, 9, 50_000.0) == 0.0


@pytest.mark.parametrize("alpha", [0.3, 0.05, 1e-5, 1e-9])
@pytest.mark.parametrize(("freedom", "shift"), [(1, 0.0), (9, 0.0), (9, 91.0), (40, 3000.0)])
def test_a_limit_is_reached_with_its_level(alpha, freedom, shift):
    assert noncentral_tail(noncentral_limit(alpha, freedom, shift), freedom, shift) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("probability", [1e-6, 0.05, 0.8])
def test_a_shift_reaches_the_value_with_its_probability(probability):
    assert noncentral_tail(200.0, 9, noncentral_shift(200.0, 9, probability)) == pytest.approx(probability, rel=1e-6)


def test_a_value_that_chance_explains_speaks_against_no_shift():
    assert noncentral_shift(9.0, 9, 0.05) == 0.0


def test_binomial_tail_and_upper_share_are_scipys():
    assert binomial_tail(7, 100, 0.03) == pytest.approx(stats.binom.sf(6, 100, 0.03), rel=1e-12)
    assert binomial_tail(0, 100, 0.03) == 1.0
    assert binomial_tail(101, 100, 0.03) == 0.0
    exact = stats.binomtest(3, 50).proportion_ci(0.98, method="exact").high
    assert upper_share(3, 50, 0.99) == pytest.approx(exact, rel=1e-9)
    assert upper_share(50, 50, 0.99) == 1.0
