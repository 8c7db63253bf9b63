"""Cells of many columns as rows of matrices."""

import dataclasses

import numpy as np

from driftline.drift.measures.matrices import Cut
from driftline.drift.profile.layout import Block, BlockKind

# null nan below | 4 fine cells | above; two bins, split at the second edge; the values of the baseline end at 0 and 9
NUMBER = Block(
    "x", BlockKind.NUMERIC, 0, 8, edges=(1.0, 2.0, 3.0), psi_edges=(1,), minimum=0.0, maximum=9.0, origin=2.0, numeric=0
)
# null unseen | a b c
TEXT = Block("t", BlockKind.CATEGORICAL, 8, 5, categories=("a", "b", "c"))
CELLS = np.array([1, 2, 3, 10, 20, 30, 40, 4, 5, 6, 7, 8, 9])
SUMS = np.array([4.0, 8.0, 52.0, 1.0, -5.0, 12.0])  # n, sum and sum of squares about 2, zeros, minimum, maximum


def test_a_row_is_a_column_and_unequal_lengths_are_filled_with_empty_cells():
    side = Cut.of((NUMBER, TEXT)).side(CELLS, SUMS, 100)
    assert side.bins.tolist() == [[33, 74, 0, 0], [6, 7, 8, 9]]
    assert side.fine.tolist() == [[3, 10, 20, 30, 40, 4]]
    assert side.rates[0].tolist() == [0.01, 0.02, 0.03, 0.04, 0.01]
    assert side.rates[1, :2].tolist() == [0.05, 0.06]
    assert np.isnan(side.rates[1, 2:]).all()


def test_the_outer_cells_end_where_the_values_of_the_window_did():
    side = Cut.of((NUMBER, TEXT)).side(CELLS, SUMS, 100)
    assert side.borders.tolist() == [[-5, 0, 1, 2, 3, 9, 12]]
    assert (side.means.tolist(), side.deviations.tolist()) == ([2], [3])  # 52/4 - (8/4)^2 = 9


def test_no_rows_know_no_rate_and_no_mean():
    side = Cut.of((NUMBER, TEXT)).side(np.zeros(13, np.int64), np.array([0.0, 0.0, 0.0, 0.0, np.inf, -np.inf]), 0)
    assert np.isnan(side.rates).all()
    assert np.isnan(side.means).all()
    assert np.isnan(side.quantiles).all()
    assert side.borders.tolist() == [[0, 0, 1, 2, 3, 9, 9]]


def test_values_are_told_apart_where_each_cell_is_one():
    many = dataclasses.replace(NUMBER, discrete=False)
    side = Cut.of((NUMBER, TEXT)).side(CELLS, SUMS, 100)
    assert side.distinct.tolist() == [6, 4]
    assert side.shares_distinct.tolist() == [6 / 107, 4 / 30]
    assert np.isnan(Cut.of((many, TEXT)).side(CELLS, SUMS, 100).distinct).tolist() == [True, False]


def test_columns_of_one_kind_alone_are_measured_too():
    text = Block("t", BlockKind.CATEGORICAL, 0, 5, categories=("a", "b", "c"))
    side = Cut.of((text,)).side(np.array([5, 6, 7, 8, 9]), np.empty(0), 35)
    assert side.bins.tolist() == [[6, 7, 8, 9]]
    assert side.fine.shape[0] == side.quantiles.shape[0] == 0
