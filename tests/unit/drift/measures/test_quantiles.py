"""Quantiles from fine cells, within their bound of the exact ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.measures.quantiles import exact, quantile_rows
from driftline.drift.measures.samples import sample
from tests.unit.drift.measures.cells import of

LEVELS = np.array([0.05, 0.5, 0.95])
VALUES = st.lists(st.floats(-50, 50) | st.integers(-3, 3).map(float), min_size=1, max_size=60)


@given(VALUES, st.lists(st.floats(-49, 49), unique=True, max_size=12))
def test_a_quantile_is_off_by_no_more_than_the_width_of_its_cell(values, edges):
    inner = np.sort(edges)
    borders = np.array([-50.0, *inner, 50.0])
    counts = np.bincount(np.searchsorted(inner, values, side="right"), minlength=len(inner) + 1)
    for level, found in zip(LEVELS, quantile_rows(counts, borders, LEVELS), strict=True):
        true = of(exact, sample(values), level)
        cell = np.searchsorted(inner, true, side="right")
        assert borders[cell] <= found <= borders[cell + 1]
        assert abs(found - true) <= borders[cell + 1] - borders[cell]


def test_many_columns_are_one_by_one():
    counts = np.array([[0, 4, 0, 4], [0, 0, 0, 0], [1, 0, 0, 0]])
    borders = np.tile(np.arange(5.0), (3, 1))
    found = quantile_rows(counts, borders, LEVELS)
    assert found[0].tolist() == [1.1, 2.0, 3.9]
    assert np.isnan(found[1]).all()
    assert (found[2] <= 1).all()


def test_the_exact_quantile_is_a_value_of_the_sample():
    assert exact(sample([3.0, 1.0, 2.0, 10.0]), 0.5) == 2
    assert exact(sample(["a"]), 0.5) is None
