"""The Kolmogorov-Smirnov test on fine cells, beside the exact one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftline.drift.measures import measure
from driftline.drift.measures.ks import ks
from tests.unit.drift.measures.cells import counts, of
from tests.unit.drift.measures.samples_of_golden import golden_samples

VALUES = st.lists(st.floats(-5, 5) | st.integers(-3, 3).map(float), min_size=1, max_size=60)


def binned(edges, *sides):
    return [np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1) for side in sides]


def test_d_is_exact_when_each_value_has_its_cell():
    baseline, current = golden_samples()["disc"]
    assert of(ks, *binned(np.arange(1, 20), baseline, current))[0] == pytest.approx(0.0775, abs=1e-12)  # nannyml 0.13.1


@given(VALUES, VALUES, st.lists(st.floats(-5, 5), unique=True, max_size=8))
def test_d_is_below_the_exact_one_by_at_most_the_largest_cell(baseline, current, edges):
    cells = binned(np.sort(edges), baseline, current)
    exact = of(measure, "ks", baseline, current).value
    distance, p_value = of(ks, *cells)
    assert distance <= exact + 1e-12
    assert exact - distance <= max(cells[0].max() / len(baseline), cells[1].max() / len(current)) + 1e-12
    assert 0 <= p_value <= 1


@pytest.mark.parametrize(("share", "tolerance"), [(1.0, 1e-4), (0.1, 6e-4), (0.03, 6e-4)])
def test_p_is_scipys_asymptotic_one(share, tolerance):
    baseline, current = (side[: int(share * len(side))] for side in golden_samples()["disc"])
    expected = stats.ks_2samp(baseline, current, method="asymp").pvalue
    assert of(ks, *binned(np.arange(1, 20), baseline, current))[1] == pytest.approx(expected, abs=tolerance)


def test_p_of_equal_samples_is_1_at_every_size():
    for rows in (1, 10, 1000, 10**9, 10**12):
        assert ks(counts(rows, rows), counts(rows, rows)) == (0, 1)


def test_texts_have_no_order():
    assert measure("ks", ["a"], ["b"]).value is None
