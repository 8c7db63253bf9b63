"""Chi-squared tests on counts and raw values."""

import pytest
from hypothesis import given
from scipy import stats

from driftline.drift.measures import measure
from driftline.drift.measures.chi2 import chi2
from tests.unit.drift.measures.cells import CELLS, counts, of
from tests.unit.drift.measures.samples_of_golden import golden_samples


@given(CELLS)
def test_chi2_is_scipys_without_correction(pair):
    one, other = pair
    seen = (one + other) > 0
    if not one.sum() or not other.sum() or seen.sum() < 2:
        return
    expected = stats.chi2_contingency([one[seen], other[seen]], correction=False)
    statistic, p_value = of(chi2, one, other)
    assert statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)


def test_counts_beyond_the_square_root_of_int64_do_not_overflow():
    n, m = 9 * 10**9, 10 * 10**9
    statistic, _ = of(chi2, counts(4 * 10**9, 5 * 10**9), counts(5 * 10**9, 5 * 10**9))
    pooled = 9 / 19
    by_hand = (5 / 10 - 4 / 9) ** 2 / (pooled * (1 - pooled) * (1 / n + 1 / m))
    assert statistic == pytest.approx(by_hand, rel=1e-9)


def test_yates_correction_is_for_two_values_only():
    two, more = golden_samples()["cat_two"], golden_samples()["cat"]
    assert of(measure, "chi2:nannyml", *two).value < of(measure, "chi2", *two).value
    assert measure("chi2:nannyml", *more).value == pytest.approx(measure("chi2", *more).value)
