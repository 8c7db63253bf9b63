"""Counts of cells as shares, for many columns at once, and what stands for "no value" in them.

Measures of counts have two fronts. `psi_rows(baseline, current)` takes counts of shape (..., cells), one pair of columns in
each row, and returns an array of shape (...) in which NaN stands for no value; rows of unequal length are padded with cells
that are empty on both sides, which no measure here sees. `psi(baseline, current)` takes one pair and returns a number or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counts", "Floats", "filled", "number", "one", "one_tested", "shares"]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

EMPTY_CELL = 0.5  # rows that an empty cell stands for: the middle between "none seen" and "one seen"


def shares(counts: Counts | Floats) -> Floats:
    """Return the share of its row that each cell holds; NaN in a row that holds nothing."""
    total = counts.sum(axis=-1, keepdims=True)
    result: Floats = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    return result


def filled(baseline: Counts, current: Counts) -> tuple[Floats, Floats]:
    """Return the shares of baseline and current where a cell that is empty on one side counts as half a row there.

    Shares are of the new totals, so that logarithms of their ratio are finite and the effect shrinks as rows grow. A
    cell that is empty on both sides has the share 0 on both; a row that is empty on either side is NaN.
    """
    seen = (baseline > 0) | (current > 0)
    known = (baseline.sum(axis=-1, keepdims=True) > 0) & (current.sum(axis=-1, keepdims=True) > 0)
    sides = []
    for counts in (baseline, current):
        rows = np.where(seen, np.maximum(counts, EMPTY_CELL), 0.0)
        total = rows.sum(axis=-1, keepdims=True)
        sides.append(np.divide(rows, total, out=np.full(rows.shape, np.nan), where=known))
    return sides[0], sides[1]


def number(value: float) -> float | None:
    """Return a value as people know it: None for NaN."""
    return None if math.isnan(value) else value


def one(rows: Callable[[Counts, Counts], Floats], baseline: Counts, current: Counts) -> float | None:
    """Return a measure of one pair of columns; None where it has no value."""
    return number(float(rows(baseline, current))) if baseline.size else None


def one_tested(
    rows: Callable[[Counts, Counts], tuple[Floats, Floats]], baseline: Counts, current: Counts
) -> tuple[float, float] | None:
    """Return statistic and p-value of one pair of columns; None where there are none."""
    if not baseline.size:
        return None
    statistic, p_value = map(float, rows(baseline, current))
    return None if math.isnan(statistic) else (statistic, p_value)
