"""Which cells are full enough to be compared: a rule of the baseline and of n alone, so that the test stays honest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Merged", "merge"]

BASELINE_ROWS = 20
"""Rows of the baseline that a cell needs."""
EXPECTED_ROWS = 10
"""Rows that a window of n must be expected to have in it: with ten, the chi-squared law holds to 1.5 x down to 1e-4."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Merged:
    """Counts of the same full cells on both sides."""

    baseline: Counts
    current: Counts
    rare: tuple[int, int] | None
    """Cells that are not merged with neighbours: rows of the baseline and of the window in all the cells that were too thin to stand alone and are
    no cell of their own above; None where there are none. They are tested exactly."""


def merge(baseline: Counts, current: Counts, *, ordered: bool, dispersion: float = 1.0) -> Merged:
    """Merge cells that are too thin for a window of this size.

    Thin is less than 20 rows of the baseline, or less than 10 expected of the window's n (so many times more as rows are
    over-dispersed: each then says so much less). Ordered cells are merged with
    their right neighbours (the last with its left). Unordered ones become one cell `rare`, which joins the smallest full
    cell when it is thin itself; so do ordered ones of which a single cell is full, as those around the usual value of a column
    that hardly ever has another. What is merged depends on the window through n only.
    """
    n, m = int(current.sum()), int(baseline.sum())
    enough = dispersion * max(BASELINE_ROWS, EXPECTED_ROWS * m / n if n else np.inf)
    starts = _starts(baseline, enough) if ordered else []
    if len(starts) > 1:
        return Merged(np.add.reduceat(baseline, starts), np.add.reduceat(current, starts), None)
    full = baseline >= enough
    rare = (int(baseline[~full].sum()), int(current[~full].sum()))
    b, c = baseline[full], current[full]
    if full.all():
        return Merged(b, c, None)
    if rare[0] >= enough or not full.any():
        return Merged(np.append(b, rare[0]), np.append(c, rare[1]), None)
    smallest = int(np.argmin(b))
    b[smallest] += rare[0]
    c[smallest] += rare[1]
    return Merged(b, c, rare)


def _starts(baseline: Counts, enough: float) -> list[int]:
    starts, filled = [0], 0
    for cell, rows in enumerate(baseline.tolist()):
        if filled >= enough:
            starts.append(cell)
            filled = 0
        filled += rows
    if filled < enough and len(starts) > 1:
        starts.pop()
    return starts
