"""Intervals of measures, from counts alone: no resampling, so that the same counts always say the same."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["LEVEL", "Estimate", "area_interval", "mean_interval", "proportion", "quantile_of"]

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the interval that holds the true one with the stated confidence; None = unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None


UNKNOWN = Estimate(None)


def quantile_of(level: float) -> float:
    """The z with P(|N(0, 1)| <= z) = level."""
    return float(ndtri(0.5 + level / 2))


def proportion(part: float, whole: float, level: float = LEVEL) -> Estimate:
    """A share with Wilson's score interval (Wilson 1927); unknown where the whole is not positive.

    Holds for 0 and n successes too, where the interval of the normal approximation has no width.
    """
    if whole <= 0:
        return UNKNOWN
    z = quantile_of(level)
    p = part / whole
    centre = p + z * z / (2 * whole)
    half = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) if 0 <= p <= 1 else 0.0
    scale = 1 + z * z / whole
    low, high = (centre - half) / scale, (centre + half) / scale
    return Estimate(p, min(max(low, 0.0), p), max(min(high, 1.0), p))


def mean_interval(n: float, total: float, squares: float, level: float = LEVEL) -> Estimate:
    """A mean with its normal interval, from n, the sum and the sum of squares; no interval below 2 rows."""
    if n <= 0:
        return UNKNOWN
    mean = total / n
    if n < 2:
        return Estimate(mean)
    variance = max(squares - n * mean * mean, 0.0) / (n - 1)
    half = quantile_of(level) * math.sqrt(variance / n)
    return Estimate(mean, mean - half, mean + half)


def area_interval(
    negatives: NDArray[np.int64], positives: NDArray[np.int64], area: float, level: float = LEVEL
) -> tuple[float, float]:
    """Interval of an area under the curve from ascending cells of scores.

    The variance is DeLong's (1988), whose placements are the same for all scores of a cell; the interval lies on the logit
    scale, so it stays within (0, 1). Where that variance is 0 (separated scores, or one row a side) it is Newcombe's method
    5 (2006), a score interval with Hanley and McNeil's variance, which has a width even at an area of 1.
    """
    z = quantile_of(level)
    m, n = int(positives.sum()), int(negatives.sum())
    variance = _delong(negatives, positives, area) if min(m, n) > 1 else 0.0
    if variance <= 0 or not 0 < area < 1:
        return _newcombe(area, m, n, z)
    middle, half = math.log(area / (1 - area)), z * math.sqrt(variance) / (area * (1 - area))
    if half > 30:  # beyond it the logistic function is 0 or 1
        return 0.0, 1.0
    return 1 / (1 + math.exp(half - middle)), 1 / (1 + math.exp(-half - middle))


def _delong(negatives: NDArray[np.int64], positives: NDArray[np.int64], area: float) -> float:
    m, n = int(positives.sum()), int(negatives.sum())
    of_positive = (np.cumsum(negatives) - negatives / 2) / n
    of_negative = 1 - (np.cumsum(positives) - positives / 2) / m
    s10 = float((positives * (of_positive - area) ** 2).sum()) / (m - 1)
    s01 = float((negatives * (of_negative - area) ** 2).sum()) / (n - 1)
    return s10 / m + s01 / n


def _newcombe(area: float, m: int, n: int, z: float) -> tuple[float, float]:
    half_total = (m + n) / 2

    def outside(theta: float) -> bool:
        spread = 1 + (half_total - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return abs(area - theta) > z * math.sqrt(theta * (1 - theta) * spread / (m * n))

    def border(inside: float, end: float) -> float:
        if not outside(end):
            return end
        for _ in range(60):  # bisection, to the last bits of a float64
            middle = (inside + end) / 2
            inside, end = (inside, middle) if outside(middle) else (middle, end)
        return (inside + end) / 2

    return border(area, 0.0), border(area, 1.0)
