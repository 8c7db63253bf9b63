"""Nothing changes: how often is something told? Seeded, and each of these can fail. Larger ones: bench_calibration."""

import numpy as np
import pytest
from scipy import stats

from driftline.drift.calibration.multiplicity import Wealth, level, lord_plus_plus, spent
from driftline.drift.calibration.size_aware import compare
from tests.unit.drift.calibration.weeks import DECILES, calibrated, shifted, week

SKEWED = np.array([0.5, 0.25, 0.12, 0.07, 0.06])


def p_values(random, shares, n, m, repeats, *, tau=0.0, true=None, ordered=True):
    baseline, current = random.multinomial(m, shares, repeats), random.multinomial(n, shares if true is None else true, repeats)
    found = [compare(b, c, ordered=ordered) for b, c in zip(baseline, current, strict=True)]
    return np.array([one.p_beyond(tau) for one in found])


@pytest.mark.parametrize("n", [200, 500, 2000])
@pytest.mark.parametrize(("shares", "ordered"), [(DECILES, True), (SKEWED, False)], ids=["deciles", "categories"])
def test_the_test_against_no_change_at_all_keeps_its_level_within_a_half_to_one_and_a_half(n, shares, ordered):
    found = p_values(np.random.default_rng(11), shares, n, 10_000, 6000, ordered=ordered)
    assert 0.5 * 0.05 <= np.mean(found <= 0.05) <= 1.5 * 0.05
    assert 0.5 * 0.01 <= np.mean(found <= 0.01) <= 1.5 * 0.01


@pytest.mark.parametrize("n", [60, 100])
def test_small_windows_keep_it_too_with_fewer_cells(n):
    found = p_values(np.random.default_rng(12), DECILES, n, 10_000, 4000)
    assert 0.5 * 0.05 <= np.mean(found <= 0.05) <= 1.5 * 0.05


def test_a_small_baseline_is_no_excuse():
    found = p_values(np.random.default_rng(13), DECILES, 1000, 400, 4000)
    assert 0.5 * 0.05 <= np.mean(found <= 0.05) <= 1.5 * 0.05


@pytest.mark.parametrize("tau", [0.02, 0.1])
def test_a_shift_of_exactly_what_is_tolerated_alarms_at_the_level_and_none_never(tau):
    sigmas = tau**0.5 / 1.0  # PSI of a shift of s standard deviations is s^2 for raw values; of deciles a little less
    true = shifted(sigmas)
    psi = float(np.sum((true - DECILES) * np.log(true / DECILES)))
    random = np.random.default_rng(14)
    at_the_border = p_values(random, DECILES, 1000, 10_000, 4000, tau=psi, true=true)
    assert 0.5 * 0.05 <= np.mean(at_the_border <= 0.05) <= 1.5 * 0.05
    unchanged = p_values(random, DECILES, 1000, 10_000, 4000, tau=tau)
    assert stats.binom.sf(int(np.sum(unchanged <= 0.05)) - 1, 4000, 0.05) > 0.01  # at most the level, one-sided 99 %


def test_a_null_week_of_twenty_columns_raises_no_more_than_stated():
    # at most 30 false pages in 30 days, any change at all counts: 7 windows a week may alarm by chance
    policy = calibrated(psi=0.0, pages=30)
    alarming = [sum(map(bool, week(np.random.default_rng(seed), policy))) for seed in (1, 2, 3)]
    assert stats.poisson.sf(sum(alarming) - 1, 3 * 7) > 0.01
    assert sum(alarming) > 0  # a test that never fires would pass as well


def test_a_baseline_no_larger_than_a_window_raises_no_more_than_stated():
    # the cells in which such a baseline has few by chance have more in every window
    policy = calibrated(psi=0.0, pages=30)
    alarming = [sum(map(bool, week(np.random.default_rng(seed), policy, m=1000))) for seed in (1, 2, 3)]
    assert stats.poisson.sf(sum(alarming) - 1, 3 * 7) > 0.01


def test_the_default_tolerance_tells_nothing_in_a_null_week():
    assert not any(week(np.random.default_rng(4), calibrated()))


def cells_told(random, spending_of, *, drifted):
    """(true, false) cells of a week of 20 columns under one sequence over all cells, in the order of hours and columns."""
    baseline, shares, wealth, true, false = random.multinomial(10_000, DECILES, 20), shifted(0.174), Wealth(), 0, 0
    for hour in range(168):
        current = random.multinomial(1000, DECILES, 20)
        if hour >= 100:
            current[:drifted] = random.multinomial(1000, shares, drifted)
        for column in range(20):
            p_value = compare(baseline[column], current[column], ordered=True).p_any
            rejected = p_value <= spending_of(wealth)
            wealth = spent(wealth, rejected=rejected)
            real = hour >= 100 and column < drifted
            true, false = true + (rejected and real), false + (rejected and not real)
    return true, false


def test_lord_plus_plus_finds_two_drifted_columns_of_twenty_with_few_false_ones():
    # the reference has 90 true of 136 and 1.6 false (raw p <= .05: 132 and 172); always-fire 136 and 3224, never-fire 0 and 0
    spending = lord_plus_plus(0.05)
    found = [cells_told(np.random.default_rng(seed), lambda wealth: level(spending, wealth), drifted=2) for seed in (1, 2, 3)]
    raw = cells_told(np.random.default_rng(1), lambda _: 0.05, drifted=2)
    true, false = np.mean(found, axis=0)
    assert 75 <= true <= 105
    assert false <= 5
    assert raw[0] >= 120
    assert raw[1] >= 120


def test_lord_plus_plus_is_silent_in_a_null_week():
    spending = lord_plus_plus(0.05)
    assert cells_told(np.random.default_rng(9), lambda wealth: level(spending, wealth), drifted=0) == (0, 0)


def test_the_policy_finds_what_is_beyond_the_tolerance_and_little_else():
    told = week(np.random.default_rng(6), calibrated(psi=0.02), drifted=2, sigmas=0.4)  # a true PSI of 0.15
    assert sum(len(found & {"x00", "x01"}) for found in told) >= 130  # of 136
    assert sum(len(found - {"x00", "x01"}) for found in told) <= 2
    assert not any(told[:100])
