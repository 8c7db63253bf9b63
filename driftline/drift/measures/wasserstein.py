"""First Wasserstein (earth mover's) distance: the area between the two distribution functions, in units of the column.

Symmetric, 0 and above. Normed, it is counted in standard deviations of the reference; then it is not symmetric.
"""

from __future__ import annotations

import math

import numpy as np

from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats, shares

__all__ = ["bound_rows", "deepchecks", "exact", "norm", "normed", "wasserstein_rows"]

LEAST_NORM = 0.001
"""Of a reference that hardly varies (evidently 0.7)."""
TRIMMED = 0.025
"""Share that deepchecks takes off at both ends."""


def wasserstein_rows(baseline: Counts, current: Counts, borders: Floats, mean_shift: Floats | float = 0.0) -> Floats:
    """Return wasserstein:fine64 of each row of ordered counts, NaN for none.

    `borders` has one more column than the counts: the ends of each cell, ascending (equal ends = a cell of one value). Rows
    are taken to lie evenly within their cell. `mean_shift` is the exact difference of the means where it is known: no
    distance is less, so that a shift in one direction comes out exactly.

    It misses the distance of the raw values by at most `bound_rows`: half the width of each cell, weighted by the shares
    that both sides hold there (no row of either side is moved further on average than half its cell).
    """
    after = np.cumsum(shares(current) - shares(baseline), axis=-1)
    before = np.concatenate((np.zeros((*after.shape[:-1], 1)), after[..., :-1]), axis=-1)
    a, b = np.abs(before), np.abs(after)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        crossed = (a * a + b * b) / (a + b)
        height = np.where(before * after < 0, crossed, a + b) / 2
        area = (height * np.diff(borders, axis=-1)).sum(axis=-1)
    found: Floats = np.where(np.isnan(area), np.nan, np.fmax(area, np.abs(mean_shift)))
    return found


def bound_rows(baseline: Counts, current: Counts, borders: Floats) -> Floats:
    """Return how far `wasserstein_rows` can be from the distance of the raw values, in units of the column."""
    with np.errstate(invalid="ignore", over="ignore"):
        result: Floats = ((shares(current) + shares(baseline)) * np.diff(borders, axis=-1)).sum(axis=-1) / 2
    return result


def norm(deviation: Floats) -> Floats:
    """Return what a normed distance is divided by: the standard deviation (divided by n), at least 0.001."""
    return np.maximum(deviation, LEAST_NORM)


def exact(reference: Sample, current: Sample) -> float | None:
    """Return the distance of raw numbers: `scipy.stats.wasserstein_distance`; None for texts or a side without values."""
    if not reference.numeric or not len(reference.known) or not len(current.known):
        return None
    return _finite(_distance(reference.known, current.known))


def normed(reference: Sample, current: Sample) -> float | None:
    """Return wasserstein:normed (evidently 0.7): divided by the standard deviation of the reference, at least 0.001.

    evidently calls `numpy.std`, which divides by n.
    """
    distance = exact(reference, current)
    if distance is None:
        return None
    with np.errstate(over="ignore"):
        return _finite(distance / float(norm(np.std(reference.known))))


def deepchecks(reference: Sample, current: Sample) -> float | None:
    """Return wasserstein:deepchecks (0.19): both trimmed to their middle 95 %, both scaled by their common range: 0 to 1."""
    if not reference.numeric or not len(reference.known) or not len(current.known):
        return None
    middle = []
    for side in (reference, current):
        low, high = np.quantile(side.known, (TRIMMED, 1 - TRIMMED))
        middle.append(side.known[(side.known >= low) & (side.known <= high)])
    if not len(middle[0]) or not len(middle[1]):
        return None
    low, high = (end(end(side) for side in middle) for end in (min, max))
    if low == high:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
        return _finite(_distance(*((side - low) / width for side in middle)))


def _distance(one: Floats, other: Floats) -> float:
    both = np.sort(np.concatenate((one, other)))
    shares_below = (np.searchsorted(np.sort(side), both[:-1], side="right") / len(side) for side in (one, other))
    p, q = shares_below
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sum(np.abs(p - q) * np.diff(both)))


def _finite(value: float) -> float | None:
    """None for a distance that no double holds."""
    return value if math.isfinite(value) else None
