"""Individual fairness: are similar rows treated alike? From counts, so that it adds.

Zemel's consistency (2013) compares each prediction with those of its k nearest neighbours, which no sum over batches can give.
Here the neighbours of a row are all other rows of the window in its *cell*: the same slice of a cut by two columns that ought
to decide, no protected one among them. A cell of n rows, p of them selected, holds 2 p (n - p) / (n - 1) of
sum |y - mean of its neighbours|, so that

    consistency = 1 - (1 / N) sum over cells of 2 p (n - p) / (n - 1)         N = rows in cells of two and more

which is also the probability that two rows of a cell, one of them any row, get the same answer. A row alone in its cell has no
neighbour and counts nowhere; `company` says how many rows have one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.fairness.counts import Slices, selected
from driftline.drift.profile import Cut, Layout

__all__ = ["Consistency", "SimilarityCounts", "consistency", "similar_rows"]

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SimilarityCounts:
    """Rows, and selected rows, of each cell."""

    rows: Integers
    selected: Integers


@dataclass(frozen=True, slots=True)
class Consistency:
    """How alike similar rows are treated, 0 to 1."""

    value: float | None
    """None where fewer than `minimum_n` rows have a neighbour."""
    company: int
    """Rows with a neighbour."""
    rows: int


def similar_rows(layout: Layout, cut: Cut, slices: Slices, favourable: str) -> SimilarityCounts:
    """The cells of a cut; its slice of all other rows is none."""
    inputs = [slices[name][0] for name in cut.names[:-1]]
    return SimilarityCounts(
        np.array([profile.rows for profile in inputs], np.int64),
        np.array([selected(layout, profile, favourable) for profile in inputs], np.int64),
    )


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
