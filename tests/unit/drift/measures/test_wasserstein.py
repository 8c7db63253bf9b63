"""The Wasserstein distance on fine cells, within its bound of the exact one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftline.drift.measures import measure
from driftline.drift.measures.wasserstein import bound_rows, wasserstein_rows
from tests.unit.drift.measures.cells import counts, of

VALUES = st.lists(st.floats(-50, 50) | st.integers(-3, 3).map(float), min_size=1, max_size=60)


def binned(edges, *sides):
    both = np.concatenate(sides)
    borders = np.array([both.min(), *np.clip(edges, both.min(), both.max()), both.max()])
    return [np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1) for side in sides], borders


@given(VALUES, VALUES, st.lists(st.floats(-50, 50), unique=True, max_size=12), st.booleans())
def test_the_distance_on_cells_keeps_its_bound(baseline, current, edges, with_means):
    sides, borders = binned(np.sort(edges), baseline, current)
    shift = np.mean(current) - np.mean(baseline) if with_means else 0.0
    exact = stats.wasserstein_distance(baseline, current)
    found = float(of(wasserstein_rows, *sides, borders, shift))
    assert abs(found - exact) <= float(of(bound_rows, *sides, borders)) + 1e-9
    assert found == pytest.approx(float(of(wasserstein_rows, *sides[::-1], borders, shift)), abs=1e-12)


def test_a_shift_in_one_direction_is_exact_by_the_means():
    baseline = np.arange(100.0)
    sides, borders = binned(np.array([25.0, 50.0]), baseline, baseline + 7)
    assert float(of(wasserstein_rows, *sides, borders)) != pytest.approx(7, abs=1e-9)
    assert float(of(wasserstein_rows, *sides, borders, 7.0)) == 7


def test_cells_of_no_width_hold_one_value():
    # half of the rows move from 0 to 1, both of which are cells of their own
    borders = np.array([0.0, 0.0, 1.0, 1.0])
    assert float(wasserstein_rows(counts(10, 0, 0), counts(5, 0, 5), borders)) == 0.5


def test_a_side_without_rows_has_no_distance():
    assert np.isnan(wasserstein_rows(counts(0, 0), counts(1, 1), np.arange(3.0), 4.0))


def test_a_reference_that_does_not_vary_is_normed_by_a_thousandth():
    assert measure("wasserstein:normed", [1.0] * 9, [1.5] * 9).value == pytest.approx(500)
