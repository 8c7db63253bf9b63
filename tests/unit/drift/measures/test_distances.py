"""psi, js, tv, ks, chi2 on counts: hand sums, scipy, and the golden samples of RandomState(20261120)."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftline.drift.measures.chi2 import chi2
from driftline.drift.measures.js import js
from driftline.drift.measures.ks import ks
from driftline.drift.measures.rates import rate
from driftline.drift.measures.psi import psi
from driftline.drift.measures.tv import tv


def of(measure: Any, pair: Any) -> Any:
    """A measure of (baseline, current) that is known to have a value."""
    return measure(*pair)


def counts(*values):
    return np.array(values, np.int64)


def golden():
    """The samples that the values of nannyml 0.13.1 and frouros 0.9.0 below were computed on."""
    r = np.random.RandomState(20261120)
    names: dict[str, Any] = {}
    names["num"] = r.normal(0, 1, 2000), r.normal(0.2, 1.1, 1500)
    names["exp"] = r.exponential(1, 2000), r.exponential(1.3, 1500)
    cat = r.choice(list("abcd"), 2000, p=[0.5, 0.3, 0.15, 0.05]), r.choice(list("abce"), 1500, p=[0.45, 0.33, 0.17, 0.05])
    names["cat"] = cat
    names["disc"] = r.poisson(3, 2000), r.poisson(3.3, 1500)
    return names


def categorical(baseline, current):
    values = sorted({*baseline, *current})
    return tuple(counts(*(int((side == value).sum()) for value in values)) for side in (baseline, current))


def binned(baseline, current, cells=64):
    edges = np.quantile(baseline, np.linspace(0, 1, cells + 1)[1:-1])
    return tuple(np.bincount(np.searchsorted(edges, side, side="right"), minlength=cells) for side in (baseline, current))


def test_psi_is_the_hand_sum():
    # (.2 - .5) ln(.2/.5) + (.8 - .5) ln(.8/.5) = .3 ln 2.5 + .3 ln 1.6 = .3 ln 4
    assert psi(counts(50, 50), counts(20, 80)) == pytest.approx(0.3 * math.log(4), abs=1e-15)


def test_psi_counts_an_empty_cell_as_half_a_row():
    # current shares .5/10.5 and 10/10.5 against a half each
    p, q = (0.5 / 10.5, 10 / 10.5), (0.5, 0.5)
    by_hand = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert psi(counts(5, 5), counts(0, 10)) == pytest.approx(by_hand, abs=1e-15)


def test_psi_leaves_out_cells_that_are_empty_on_both_sides():
    assert psi(counts(50, 0, 50), counts(20, 0, 80)) == psi(counts(50, 50), counts(20, 80))


def test_psi_of_the_golden_normal_lies_between_the_other_tools():
    # 10 quantile bins of the baseline; evidently gives .0508 and frouros .0464 on bins of both samples
    assert of(psi, binned(golden()["num"][0], golden()["num"][1], 10)) == pytest.approx(0.0485, abs=0.01)


def test_js_is_scipys_distance_to_base_2():
    p, q = counts(0, 10, 30), counts(10, 10, 5)
    assert js(p, q) == pytest.approx(jensenshannon(p / 40, q / 25, base=2), abs=1e-15)


def test_js_of_golden_categories_is_nannymls():
    assert of(js, categorical(*golden()["cat"])) == pytest.approx(0.23057711330250014, abs=1e-12)


def test_tv_is_half_the_absolute_difference():
    assert tv(counts(50, 50), counts(20, 80)) == pytest.approx(0.3)


def test_chi2_of_golden_categories_is_nannymls_and_frouros():
    statistic, p_value = of(chi2, categorical(*golden()["cat"]))
    assert statistic == pytest.approx(188.85144142449414, rel=1e-12)
    assert p_value == pytest.approx(9.35612452967624e-40, rel=1e-9)


def test_ks_of_golden_integers_is_exact_when_each_value_has_its_cell():
    baseline, current = golden()["disc"]
    values = np.arange(max(baseline.max(), current.max()) + 1)
    cells = [np.bincount(side, minlength=len(values)) for side in (baseline, current)]
    assert of(ks, cells)[0] == pytest.approx(0.0775, abs=1e-12)  # nannyml


@pytest.mark.parametrize(("name", "exact"), [("num", 0.08316666666666667), ("exp", 0.11733333333333333)])
def test_binned_ks_misses_the_golden_statistic_by_at_most_its_largest_cell(name, exact):
    baseline, current = golden()[name]
    cells = binned(baseline, current)
    distance, p_value = of(ks, cells)
    assert distance <= exact + 1e-12
    assert exact - distance <= max(cells[0].max() / len(baseline), cells[1].max() / len(current))
    assert distance == pytest.approx(exact, abs=0.004)
    assert p_value < 1e-4


@pytest.mark.parametrize(("share", "tolerance"), [(1.0, 1e-4), (0.1, 6e-4), (0.03, 6e-4)])
def test_ks_p_value_is_scipys_asymptotic_one(share, tolerance):
    baseline, current = (side[: int(share * len(side))] for side in golden()["disc"])
    cells = [np.bincount(side, minlength=20) for side in (baseline, current)]
    expected = stats.ks_2samp(baseline, current, method="asymp").pvalue
    assert of(ks, cells)[1] == pytest.approx(expected, abs=tolerance)


def test_ks_p_value_of_equal_samples_is_one_at_every_size():
    for rows in (1, 10, 1000, 10**9):
        assert of(ks, (counts(rows, rows), counts(rows, rows))) == (0, 1)


@pytest.mark.parametrize("measure", [psi, js, tv, ks, chi2])
@pytest.mark.parametrize("pair", [((0, 0), (1, 2)), ((1, 2), (0, 0)), ((0, 0), (0, 0)), ((), ())])
def test_a_side_without_rows_has_no_value(measure, pair):
    assert measure(counts(*pair[0]), counts(*pair[1])) is None


def test_a_constant_column_has_not_moved():
    one, other = counts(0, 7, 0), counts(0, 90, 0)
    assert psi(one, other) == js(one, other) == tv(one, other) == 0
    assert ks(one, other) == (0, 1)
    assert chi2(one, other) is None


def test_a_rate_without_rows_has_no_value():
    assert rate(0, 0) is None
    assert rate(1, 4) == 0.25


CELLS = st.integers(2, 12).flatmap(
    lambda k: st.tuples(*[st.lists(st.integers(0, 50), min_size=k, max_size=k).map(lambda c: counts(*c))] * 2)
)


@given(CELLS)
def test_distances_are_symmetric_and_within_their_range(pair):
    one, other = pair
    if not one.sum() or not other.sum():
        return
    for measure, top in ((psi, math.inf), (js, 1 + 1e-12), (tv, 1 + 1e-12)):
        value = of(measure, pair)
        assert 0 <= value <= top
        assert value == pytest.approx(of(measure, (other, one)), abs=1e-12)
        assert of(measure, (one, one)) == pytest.approx(0, abs=1e-12)
        assert of(measure, (one, one * 3)) == pytest.approx(0, abs=0.5)  # an empty-on-one-side cell cannot occur here


@given(CELLS)
def test_chi2_is_scipys_without_correction(pair):
    one, other = pair
    seen = (one + other) > 0
    if not one.sum() or not other.sum() or seen.sum() < 2:
        return
    expected = stats.chi2_contingency(np.stack((one, other))[:, seen], correction=False)
    statistic, p_value = of(chi2, pair)
    assert statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60), st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_binned_ks_stays_within_its_bound_of_the_exact_one(baseline, current):
    edges = np.array([-2.0, 0.0, 1.0])
    cells = [np.bincount(np.searchsorted(edges, side, side="right"), minlength=4) for side in (baseline, current)]
    values = np.sort([*baseline, *current])
    steps = [np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (baseline, current)]
    exact = np.abs(steps[0] - steps[1]).max()
    distance, p_value = of(ks, cells)
    assert distance <= exact + 1e-12
    assert exact - distance <= max(cells[0].max() / len(baseline), cells[1].max() / len(current)) + 1e-12
    assert 0 <= p_value <= 1
