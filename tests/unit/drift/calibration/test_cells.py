"""Thin cells are merged by a rule that the window's counts cannot influence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.calibration.cells import merge
from driftline.drift.measures.psi import psi


def arr(*values):
    return np.array(values, np.int64)


def test_full_cells_stay_as_they_are():
    found = merge(np.full(10, 1000), np.full(10, 20), ordered=True)
    assert found.baseline.tolist() == [1000] * 10
    assert found.current.tolist() == [20] * 10
    assert found.rare is None


def test_a_small_window_gets_fewer_cells_of_neighbours():
    found = merge(np.full(10, 1000), np.full(10, 5), ordered=True)  # n = 50: two deciles are expected to hold ten
    assert found.baseline.tolist() == [2000] * 5
    assert found.current.tolist() == [10] * 5


def test_the_last_thin_cell_joins_its_left_neighbour():
    assert merge(arr(500, 500, 3), arr(50, 50, 1), ordered=True).baseline.tolist() == [500, 503]


def test_values_that_the_baseline_hardly_knows_join_its_smallest_category_and_are_tested_alone():
    found = merge(arr(0, 5, 600, 400), arr(30, 2, 500, 468), ordered=False)
    assert found.baseline.tolist() == [600, 405]
    assert found.current.tolist() == [500, 500]
    assert found.rare == (5, 32)


def test_thin_categories_that_fill_a_cell_together_are_one():
    found = merge(arr(0, *[15] * 10, 850), arr(0, *[15] * 10, 850), ordered=False)
    assert found.baseline.tolist() == [850, 150]
    assert found.rare is None


def test_nothing_full_is_one_cell():
    assert len(merge(arr(5, 5, 5), arr(1, 1, 1), ordered=False).baseline) == 1
    assert len(merge(arr(5, 5, 5), arr(1, 1, 1), ordered=True).baseline) == 1


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 300)), min_size=1, max_size=30), st.booleans(), st.randoms())
def test_no_row_is_lost_and_the_windows_counts_do_not_matter(cells, ordered, random):
    baseline, current = arr(*(b for b, _ in cells)), arr(*(c for _, c in cells))
    found = merge(baseline, current, ordered=ordered)
    assert found.baseline.sum() == baseline.sum()
    assert found.current.sum() == current.sum()
    shuffled = arr(*random.sample(current.tolist(), len(cells)))
    assert merge(baseline, shuffled, ordered=ordered).baseline.tolist() == found.baseline.tolist()


@pytest.mark.parametrize("ordered", [True, False])
def test_merging_never_raises_psi(ordered):
    random = np.random.default_rng(4)
    for _ in range(50):
        baseline, current = random.integers(25, 2000, 8), random.integers(1, 60, 8)
        merged = merge(baseline, current, ordered=ordered)
        before, after = psi(baseline, current), psi(merged.baseline, merged.current)
        assert before is not None
        assert after is not None
        assert after <= before + 1e-12
