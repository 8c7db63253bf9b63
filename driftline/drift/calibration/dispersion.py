"""How much more windows vary than independent rows would: rows of one hour resemble each other, tests assume they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.calibration.size_aware import compare

__all__ = ["Calm", "factor", "held_back", "observe"]

LEAST, MOST = 8, 64
"""Comparisons from which the correction speaks, and at which it stops to learn: later drift must not excuse itself."""
CELLS = 64
"""Cells that are remembered of a column; those beyond are one cell."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calm:
    """State of one column: what its calm windows add up to, and how far each was from those before it.

    Windows are compared with each other, not with the baseline: a lasting difference from that is drift, not noise.
    """

    counts: tuple[int, ...] = ()
    compared: int = 0
    ratios: float = 0.0
    """Sum of D / (B - 1), each 1 on average for independent rows."""


def observe(calm: Calm, counts: Counts, *, ordered: bool) -> Calm:
    """Take in a window without an alarm; nothing changes once enough was learned."""
    if calm.compared >= MOST:
        return calm
    folded = _folded(counts)
    if not calm.counts:
        return Calm(tuple(folded.tolist()))
    before = np.asarray(calm.counts, np.int64)
    found = compare(before, folded, ordered=ordered)
    pooled = tuple((before + folded).tolist())
    if found is None or not found.freedom:
        return Calm(pooled, calm.compared, calm.ratios)
    ratio = found.psi / found.scale / found.freedom
    return Calm(pooled, calm.compared + 1, round(calm.ratios + ratio, 9))


def factor(calm: Calm) -> float:
    """Return the over-dispersion c >= 1 that scales the noise; 1 until enough windows were compared."""
    return max(1.0, calm.ratios / calm.compared) if calm.compared >= LEAST else 1.0


def held_back(windows: Sequence[Counts], *, ordered: bool) -> float:
    """Return c from windows of the reference, each held back and compared with the rest: max(1, mean of D / (B - 1)).

    Windows that cannot be compared count nothing; without any, c is 1.
    """
    total = np.sum(np.asarray(windows, np.int64), axis=0) if len(windows) else np.zeros(0, np.int64)
    found = [compare(total - window, window, ordered=ordered) for window in windows]
    ratios = [one.psi / one.scale / one.freedom for one in found if one is not None and one.freedom]
    return max(1.0, float(np.mean(ratios))) if ratios else 1.0


def _folded(counts: Counts) -> Counts:
    return counts if len(counts) <= CELLS else np.append(counts[: CELLS - 1], counts[CELLS - 1 :].sum())
