"""A straight line through a metric over calendar time, and how sure one may be of its slope.

Windows of one model are not independent: a bad day is followed by a bad day. Taken as independent they make noise look like
a trend (residuals that correlate by 0.5 from window to window: one "significant" slope in four at the 5 % level). So the
number of windows is replaced by the number of independent ones that would tell as much, n (1 - r) / (1 + r), with r the
correlation of neighbouring residuals, corrected for its bias (Bayley and Hammersley 1946; Kendall 1954).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from driftline.drift.trends.metrics import Better

__all__ = ["LEVEL", "Course", "Line", "Method", "Trend", "fitted", "trend"]

Floats = NDArray[np.float64]

DAY_US = 86_400_000_000
LEVEL = 0.95
_LEAST = 3.0
"""Independent windows below which no slope is significant and no forecast has an interval."""


class Course(StrEnum):
    """Where a metric is going."""

    IMPROVING = "improving"
    STABLE = "stable"
    DEGRADING = "degrading"


class Method(StrEnum):
    """How the line is found."""

    OLS = "ols"
    """Least squares."""
    THEIL_SEN = "theil-sen"
    """Median of the slopes of all pairs (Theil 1950, Sen 1968): up to 29 % of the windows may be anything at all."""


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted line, x in days since its origin."""

    method: Method
    origin: int
    """Microseconds: the time of the first value."""
    last: int
    """Of the last one."""
    n: int
    effective_n: float
    """Independent values that would tell as much."""
    slope: float
    intercept: float
    middle: float
    """Mean x,"""
    spread: float
    """and sum of squares of x about it."""
    deviation: float
    """Standard deviation of values about the line."""

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the deviation; none where it is not positive."""
        return self.effective_n - 2

    def days(self, time: int) -> float:
        """The x of a time."""
        return (time - self.origin) / DAY_US

    def at(self, time: int) -> float:
        """The line's value."""
        return self.intercept + self.slope * self.days(time)

    def slope_error(self) -> float:
        """Standard error of the slope."""
        return self.deviation / math.sqrt(self.spread * self.effective_n / self.n)


@dataclass(frozen=True, slots=True)
class Trend:
    """What is known of the course of one metric."""

    slope: float
    """Per day."""
    slope_low: float | None
    slope_high: float | None
    """Its interval; None with too few independent windows."""
    direction: Course
    correlation: float
    """r of the value and time (Kendall's tau for THEIL_SEN)."""
    significance: float
    """p of "the slope is 0"."""
    current_value: float
    trend_strength: float
    """Size of the correlation."""
    n: int
    effective_n: float


def fitted(times: NDArray[np.int64], values: Floats, method: Method = Method.OLS) -> Line | None:
    """The line through (microseconds, value), ascending; None below two different times. Values are finite."""
    if len(values) < 2 or times[0] == times[-1]:
        return None
    x = (times - times[0]) / DAY_US
    middle, spread = float(x.mean()), float(((x - x.mean()) ** 2).sum())
    if method is Method.OLS:
        slope = float(((x - middle) * (values - values.mean())).sum()) / spread
        intercept = float(values.mean()) - slope * middle
    else:
        slope = float(np.median(_pair_slopes(x, values)))
        intercept = float(np.median(values - slope * x))
    residuals = values - intercept - slope * x
    effective = _effective(x, residuals)
    deviation = _deviation(residuals, effective, method)
    return Line(method, int(times[0]), int(times[-1]), len(values), effective, slope, intercept, middle, spread, deviation)


def trend(
    times: NDArray[np.int64],
    values: Floats,
    *,
    better: Better = Better.HIGHER,
    method: Method = Method.OLS,
    tolerance: float = 0.0,
    level: float = LEVEL,
) -> Trend | None:
    """The trend of a metric; None below two values at different times.

    The course is stable unless the slope differs from 0 at the level and the line's change over the time looked at exceeds
    the tolerance. Two windows tell no trend: p is 1. OLS is scipy.stats.linregress on days, its p too where residuals do not follow
    each other.
    """
    line = fitted(times, values, method)
    if line is None:
        return None
    x = (times - times[0]) / DAY_US
    if method is Method.OLS:
        correlation, p_value = _correlation(x, values), _t_test(line)
    else:
        correlation, p_value = _kendall(x, values, line.n / line.effective_n)
    low, high = _slope_interval(line, x, values, level)
    change = abs(line.slope) * line.days(line.last)
    course = Course.STABLE
    if p_value < 1 - level and change > tolerance and line.slope:
        course = Course.IMPROVING if (line.slope > 0) is (better is Better.HIGHER) else Course.DEGRADING
    return Trend(
        slope=line.slope,
        slope_low=low,
        slope_high=high,
        direction=course,
        correlation=correlation,
        significance=p_value,
        current_value=float(values[-1]),
        trend_strength=abs(correlation),
        n=line.n,
        effective_n=line.effective_n,
    )


def _effective(x: Floats, residuals: Floats) -> float:
    n = len(residuals)
    steps = np.diff(x)
    near = steps <= 1.5 * float(np.median(steps))  # over a gap there is no neighbour
    power = float((residuals**2).mean())
    if n < 5 or not near.any() or power <= 1e-24 * (1.0 + float(np.abs(residuals).max())):
        return float(n)
    found = float((residuals[1:] * residuals[:-1])[near].mean()) / power
    # Residuals of a line correlate less than the noise: E r = rho - (2 + 4 rho) / n to first order.
    r = min(max((found + 2 / n) / (1 - 4 / n), 0.0), 0.95) if n > 4 else 0.0
    return n * (1 - r) / (1 + r)


def _deviation(residuals: Floats, effective: float, method: Method) -> float:
    if effective <= _LEAST - 1:
        return 0.0
    freedom = math.sqrt(effective / max(effective - 2, 1e-9))
    if method is Method.OLS:
        return math.sqrt(float((residuals**2).mean())) * freedom
    return 1.4826 * float(np.median(np.abs(residuals - np.median(residuals)))) * freedom


def _correlation(x: Floats, values: Floats) -> float:
    a, b = x - x.mean(), values - values.mean()
    below = math.sqrt(float((a**2).sum()) * float((b**2).sum()))
    return min(max(float((a * b).sum()) / below, -1.0), 1.0) if below > 0 else 0.0


def _t_test(line: Line) -> float:
    if line.effective_n < _LEAST or not line.slope:
        return 1.0
    error = line.slope_error()
    return float(2 * stdtr(line.freedom, -abs(line.slope) / error)) if error > 0 else 0.0


def _slope_interval(line: Line, x: Floats, values: Floats, level: float) -> tuple[float | None, float | None]:
    if line.effective_n < _LEAST:
        return None, None
    if line.method is Method.OLS:
        half = float(stdtrit(line.freedom, 0.5 + level / 2)) * line.slope_error()
        return line.slope - half, line.slope + half
    slopes = np.sort(_pair_slopes(x, values))
    reach = float(ndtri(0.5 + level / 2)) * math.sqrt(_kendall_variance(x, values) * line.n / line.effective_n)
    low = max(math.floor((len(slopes) - reach) / 2) - 1, 0)
    high = min(math.ceil((len(slopes) + reach) / 2), len(slopes) - 1)
    return float(slopes[low]), float(slopes[high])


def _pair_slopes(x: Floats, values: Floats) -> Floats:
    left, right = np.triu_indices(len(x), 1)
    run = x[right] - x[left]
    apart = run > 0
    found: Floats = (values[right] - values[left])[apart] / run[apart]
    return found


def _kendall(x: Floats, values: Floats, inflation: float) -> tuple[float, float]:
    left, right = np.triu_indices(len(x), 1)
    signs = np.sign(x[right] - x[left]) * np.sign(values[right] - values[left])
    score, pairs = float(signs.sum()), len(signs)
    variance = _kendall_variance(x, values) * inflation
    if variance <= 0 or len(x) / inflation < _LEAST or not score:
        return score / pairs, 1.0
    z = (abs(score) - 1) / math.sqrt(variance)
    return score / pairs, float(min(2 * ndtr(-max(z, 0.0)), 1.0))


def _kendall_variance(x: Floats, values: Floats) -> float:
    """Of Kendall's score, less what ties of values take (Mann-Kendall)."""
    n = len(x)
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    return (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
