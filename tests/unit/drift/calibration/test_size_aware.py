"""PSI with its noise: levels, limits, bounds, rare cells."""

import numpy as np
import pytest
from scipy import stats

from driftline.drift.calibration.size_aware import compare, furthest_share, smoothed

DECILES = np.full(10, 0.1)
EDGES = stats.norm.ppf(np.arange(1, 10) / 10)


def arr(*values):
    return np.array(values, np.int64)


def shifted(sigmas):
    """Shares of the deciles of N(0, 1) under N(sigmas, 1)."""
    return np.diff([0, *stats.norm.cdf(EDGES - sigmas), 1])


def test_the_same_shares_are_no_evidence():
    found = compare(np.full(10, 1000), np.full(10, 100), ordered=True)
    assert found.psi == pytest.approx(0, abs=1e-4)
    assert found.p_any > 0.999


def test_p_is_the_chi_squared_tail_of_psi_over_one_in_n_and_one_in_m():
    baseline, current = np.full(10, 1000), arr(130, 120, 110, 100, 100, 100, 100, 90, 80, 70)
    found = compare(baseline, current, ordered=True)
    statistic = smoothed(baseline, current) / (1 / 1000 + 1 / 10_000)
    assert found.p_any == pytest.approx(stats.chi2.sf(statistic, 9))
    assert found.p_beyond(0.02) == pytest.approx(stats.ncx2.sf(statistic, 9, 0.02 / 0.0011))


def test_psi_agrees_with_pearsons_statistic_to_second_order():
    baseline, current = np.full(10, 100_000), arr(10_200, 9_900, *[10_000] * 7, 9_900)
    pearson = stats.chi2_contingency(np.vstack([baseline, current]), correction=False).statistic
    found = compare(baseline, current, ordered=True)
    assert found.psi / found.scale == pytest.approx(pearson, rel=0.01)


def test_more_rows_make_the_same_shift_surer_and_the_tolerance_excuses_it():
    shares = shifted(0.3)  # a true PSI of 0.09
    p_values = {}
    for n in (200, 1000, 100_000):
        found = compare((DECILES * 1_000_000).astype(int), (shares * n).round().astype(int), ordered=True)
        p_values[n] = found.p_any
        assert found.p_beyond(0.1) > 0.5
    assert p_values[200] > p_values[1000] > p_values[100_000]
    assert p_values[1000] < 1e-6


def test_the_limit_is_where_p_crosses_the_level():
    found = compare(np.full(10, 1000), arr(150, 120, 110, 100, 100, 100, 90, 90, 80, 60), ordered=True)
    p_value = found.p_beyond(0.02)
    assert found.limit(0.02, p_value) == pytest.approx(found.psi, rel=1e-6)
    assert found.limit(0.02, p_value / 2) > found.psi


def test_over_dispersion_is_fewer_rows():
    baseline, current = np.full(10, 1000), arr(150, 120, 110, 100, 100, 100, 90, 90, 80, 60)
    halved = compare(baseline // 2, current // 2, ordered=True)
    doubled = compare(baseline, current, ordered=True, dispersion=2.0)
    assert doubled.p_any == pytest.approx(halved.p_any)
    assert doubled.p_beyond(0.02) == pytest.approx(halved.p_beyond(0.02))


@pytest.mark.parametrize(
    ("baseline", "current"),
    [((0, 0), (5, 5)), ((500, 500), (0, 0)), ((1000,), (1000,)), ((10, 5), (500, 500)), ((500, 500), (2, 3))],
)
def test_what_cannot_differ_or_is_too_small_is_not_compared(baseline, current):
    assert compare(arr(*baseline), arr(*current), ordered=True) is None


def test_a_new_category_is_found_however_large_the_others_are():
    baseline = arr(0, 60_000, 40_000)  # unseen, then two known ones
    current = arr(100, 580, 320)
    assert compare(baseline, current, ordered=False).p_beyond(0.1) < 1e-6
    usual = compare(baseline, arr(0, 600, 400), ordered=False)
    assert usual.p_beyond(0.0) > 0.5


def test_one_row_of_a_rare_category_is_nothing():
    baseline = arr(0, 5, 60_000, 40_000)
    assert compare(baseline, arr(0, 1, 600, 399), ordered=False).p_any > 0.5


def test_a_number_that_hardly_ever_was_another_is_tested_on_the_others():
    usual = np.array([4, 99_950, 46])
    found = compare(usual, np.array([0, 5, 331]), ordered=True)
    assert found.freedom == 0
    assert found.p_beyond(0.1) < 1e-7
    assert compare(usual, np.array([0, 336, 0]), ordered=True).p_beyond(0.1) == 1.0


def test_a_column_with_one_category_and_news_is_tested_on_the_news_alone():
    found = compare(arr(0, 10_000), arr(200, 800), ordered=False)
    assert found.freedom == 0
    assert found.p_beyond(0.1) < 1e-6
    assert found.limit(0.1, 0.05) == float("inf")


@pytest.mark.parametrize("share", [1e-4, 0.01, 0.3, 0.9])
def test_the_furthest_share_is_as_far_as_tolerated(share):
    p = furthest_share(share, 0.1)
    assert p > share
    psi = (p - share) * np.log(p / share) + (share - p) * np.log((1 - p) / (1 - share))
    assert psi == pytest.approx(0.1, rel=1e-6)


def test_without_tolerance_or_room_the_furthest_share_is_the_share():
    assert furthest_share(0.2, 0.0) == 0.2
    assert furthest_share(0.0, 0.1) == 0.0
    assert furthest_share(1.0, 0.1) == 1.0
