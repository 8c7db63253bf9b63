"""How much more windows vary than independent rows would: rows of one hour resemble each other, tests assume they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.calibration.size_aware import compare

__all__ = ["Calm", "factors", "held_back", "observe"]

LEAST, MOST = 8, 64
"""Comparisons, over all columns, from which the correction speaks; of one column, at which it stops to learn: later drift
must not excuse itself."""
SHARED = 4
"""Comparisons that the average of all columns is worth for each of them: what makes rows alike makes them so in every column."""
LEAP = 4.0
"""A window that differs from the one before by more than this many times the usual is a change, not noise, and counts as so
much."""
CELLS = 64
"""Cells that are remembered of a column; those beyond are one cell."""
STEP = 0.05
"""Of the factor: finer than it can be known, and columns then share their limits."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calm:
    """State of one column: how far each window was from the one before.

    Windows are compared with each other, not with the baseline: a lasting difference from that is drift, not noise.
    """

    counts: tuple[int, ...] = ()
    """Of the last window; empty once enough was learned."""
    compared: int = 0
    ratios: float = 0.0
    """Sum of D / (B - 1), each 1 on average for independent rows."""

    @property
    def usual(self) -> float:
        """The mean ratio so far, at least 1."""
        return max(1.0, self.ratios / self.compared) if self.compared else 1.0


def observe(calm: Calm, counts: Counts, *, ordered: bool) -> Calm:
    """Take in the next window; nothing changes once enough was learned."""
    if calm.compared >= MOST:
        return calm
    folded = _folded(counts)
    kept = tuple(folded.tolist())
    found = compare(np.asarray(calm.counts, np.int64), folded, ordered=ordered) if calm.counts else None
    if found is None or not found.freedom:
        return Calm(kept, calm.compared, calm.ratios)
    ratio = min(found.psi / found.scale / found.freedom, LEAP * calm.usual)
    compared = calm.compared + 1
    return Calm(kept if compared < MOST else (), compared, round(calm.ratios + ratio, 9))


def factors(columns: Mapping[str, Calm]) -> dict[str, float]:
    """Return the over-dispersion c that scales the noise of each column, in steps, where it is more than 1.

    Each column's own mean, drawn towards that of all columns by as much as 4 comparisons would.
    """
    known = {name: calm for name, calm in sorted(columns.items()) if calm.compared}
    if sum(calm.compared for calm in known.values()) < LEAST:
        return {}
    shared = sum(calm.ratios / calm.compared for calm in known.values()) / len(known)
    found = {name: (calm.ratios + SHARED * shared) / (calm.compared + SHARED) for name, calm in known.items()}
    return {name: round(c / STEP) * STEP for name, c in found.items() if c >= 1 + STEP / 2}


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
