"""Intervals against scipy, published numbers and what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.drift.fairness import Rate, difference, ratio, wilson
from driftline.drift.fairness.intervals import quantile

Z = quantile(0.95)


@pytest.mark.parametrize(("part", "whole"), [(0, 30), (1, 30), (15, 29), (30, 30), (81, 263), (999, 1000)])
def test_wilson_is_that_of_scipy(part, whole):
    oracle = stats.binomtest(part, whole).proportion_ci(0.95, method="wilson")
    found = wilson(Rate(part, whole), Z)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_differences_are_those_that_newcombe_printed():
    """Newcombe 1998, table II, method 10: 56/70 - 48/80 is 0.0524 to 0.3339; 9/10 - 3/10 is 0.1705 to 0.8090; 10/10 - 0/10."""
    for (a, b), expected in {
        ((56, 70), (48, 80)): (0.0524, 0.3339),
        ((9, 10), (3, 10)): (0.1705, 0.8090),
        ((10, 10), (0, 10)): (0.6075, 1.0),
    }.items():
        found = difference(Rate(*a), Rate(*b), Z)
        assert (found.low, found.high) == pytest.approx(expected, abs=5e-5)


def test_a_comparison_of_many_pairs_is_wider():
    assert quantile(0.95, 6) == pytest.approx(stats.norm.ppf(1 - 0.05 / 12))
    assert quantile(0.95, 6) > quantile(0.95)


def test_equal_zeros_are_equal_and_say_nothing_more():
    found = ratio(Rate(0, 50), Rate(0, 60), Z)
    assert (found.value, found.low, found.high) == (1.0, 0.0, math.inf)


counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=200, deadline=None)
@given(counts, counts)
def test_intervals_hold_their_value(a, b):
    low, high = sorted((Rate(*a), Rate(*b)), key=lambda rate: rate.value)
    for found in (difference(high, low, Z), ratio(low, high, Z), wilson(low, Z)):
        assert found.low <= found.value + 1e-12
        assert found.value <= found.high + 1e-12


def test_intervals_cover_the_truth_as_often_as_they_say():
    random = np.random.default_rng(11)
    p, q, n, m, rounds = 0.3, 0.4, 120, 80, 2000
    parts = zip(random.binomial(n, p, rounds).tolist(), random.binomial(m, q, rounds).tolist(), strict=True)
    hits = [0, 0]
    for a, b in parts:
        low, high = Rate(a, n), Rate(b, m)
        apart, share = difference(high, low, Z), ratio(low, high, Z)
        hits[0] += apart.low <= q - p <= apart.high
        hits[1] += share.low <= p / q <= share.high
    for hit in hits:
        assert 0.93 <= hit / rounds <= 0.97
