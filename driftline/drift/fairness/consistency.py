"""Individual fairness: are similar rows treated alike? From counts, so that it adds.

Zemel's consistency (2013) compares each prediction with those of its k nearest neighbours, which no sum over batches can give.
Here the neighbours of a row are all other rows of the window in its *cell*: the same bin of each of a few columns that ought to
decide, the protected attributes not among them. A cell of n rows, p of them selected, holds 2 p (n - p) / (n - 1) of
sum |y - mean of its neighbours|, so that

    consistency = 1 - (1 / N) sum over cells of 2 p (n - p) / (n - 1)         N = rows in cells of two and more

which is also the probability that two rows of a cell, one of them any row, get the same answer. A row alone in its cell has no
neighbour and counts nowhere; `company` says how many rows have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.fairness.assess import Verdict

__all__ = ["MAXIMUM_CELLS", "Consistency", "SimilarityCounts", "consistency", "consistency_verdict", "similarity_cells"]

MAXIMUM_CELLS = 4096
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SimilarityCounts:
    """Rows, and selected rows, of each cell."""

    rows: Integers
    selected: Integers

    @staticmethod
    def of(cells: Integers, size: int, selected: NDArray[np.bool_]) -> SimilarityCounts:
        """Of predictions: the cell of each (-1 = none)."""
        known = cells >= 0
        return SimilarityCounts(np.bincount(cells[known], minlength=size), np.bincount(cells[known & selected], minlength=size))

    def __add__(self, other: SimilarityCounts) -> SimilarityCounts:
        return SimilarityCounts(self.rows + other.rows, self.selected + other.selected)


@dataclass(frozen=True, slots=True)
class Consistency:
    """How alike similar rows are treated, 0 to 1."""

    value: float | None
    """None where fewer than `minimum_n` rows have a neighbour."""
    company: int
    """Rows with a neighbour."""
    rows: int


def consistency_verdict(found: Consistency, limit: float = 0.9) -> Verdict:
    """What follows: PASS at the limit and above it."""
    if found.value is None:
        return Verdict.INSUFFICIENT_EVIDENCE
    return Verdict.PASS if found.value >= limit else Verdict.FAIL


def similarity_cells(bins: Sequence[NDArray[np.int32]], sizes: Sequence[int]) -> tuple[Integers, int]:
    """The cell of each row and how many cells there are, from its bin in each column (-1 = NULL: no cell).

    Raises ValueError where there would be more than MAXIMUM_CELLS.
    """
    total = int(np.prod(np.array(sizes, dtype=object)))
    if not bins or total > MAXIMUM_CELLS:
        message = (
            f"{total if bins else 0} cells: name one to four columns, with at most {MAXIMUM_CELLS} combinations of their bins"
        )
        raise ValueError(message)
    cells = np.zeros(len(bins[0]), np.int64)
    for column, size in zip(bins, sizes, strict=True):
        cells = np.where((cells < 0) | (column < 0), -1, cells * size + column)
    return cells, total


def consistency(counts: SimilarityCounts, minimum_n: int = 30) -> Consistency:
    """Consistency from the counts of the cells."""
    n, p = counts.rows.astype(np.float64), counts.selected.astype(np.float64)
    shared = counts.rows >= 2
    company = int(counts.rows[shared].sum())
    rows = int(counts.rows.sum())
    if company < max(minimum_n, 1):
        return Consistency(None, company, rows)
    apart = float((2 * p[shared] * (n[shared] - p[shared]) / (n[shared] - 1)).sum())
    return Consistency(1 - apart / company, company, rows)
