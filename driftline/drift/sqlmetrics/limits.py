"""When the value of a metric is a violation: a fixed limit, or one that follows the metric's own history."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftline.drift.sqlmetrics.program import MetricValue

__all__ = ["Adaptive", "Band", "Limit", "Method", "Side", "Verdict", "judge"]

NORMAL = 1.4826
"""MAD times this estimates the standard deviation of normal values: 1 / the 0.75 quantile of the standard normal."""


class Side(StrEnum):
    """Which side of a limit is bad."""

    ABOVE = "ABOVE"
    BELOW = "BELOW"
    ABS_ABOVE = "ABS_ABOVE"
    """The size of a cost counts, whatever its sign: abs(value) > limit."""


class Verdict(StrEnum):
    """What a value is against its limit. Only VIOLATED is a breach."""

    PASSED = "passed"
    VIOLATED = "violated"
    NO_VALUE = "no_value"
    """The metric has none in this window."""
    TOO_FEW_ROWS = "too_few_rows"
    TOO_FEW_LABELS = "too_few_labels"
    """Label coverage below the floor: the rows with labels may be unlike the others."""
    NO_HISTORY = "no_history"
    """An adaptive limit that has not seen enough windows yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A fixed limit. Strict: a value on it passes.

    A sum grows with the length of the window, so that its limit names the `granularity` that it is meant for, or is given
    `per_rows` (per 1,000 predictions, say), where the value is divided by n / per_rows first.
    """

    value: float
    side: Side
    granularity: str | None = None
    """Only for windows of this granularity; None = for all."""
    per_rows: int | None = None
    minimum_coverage: float = 0.5

    def band(self) -> Band:
        """What passes."""
        if self.side is Side.BELOW:
            return Band(self.value, math.inf)
        return Band(-self.value if self.side is Side.ABS_ABOVE else -math.inf, self.value)


@dataclass(frozen=True, slots=True)
class Band:
    """Values from `low` to `high`, both included, pass."""

    low: float
    high: float


class Method(StrEnum):
    """How an adaptive limit comes from the past."""

    MAD = "MAD"
    """median +- k * 1.4826 * median absolute deviation: half of the past can be nonsense without moving it far."""
    QUANTILE = "QUANTILE"
    """From the q to the 1 - q quantile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """A limit that follows the last windows of the same metric, granularity, slice and model version.

    The past given to `band` should leave out windows that violated it, or a slow decline teaches the limit to follow.
    A metric that never moved has a MAD of 0; then any rounding would be a breach, so that the band is at least
    `least_width` of the median's size wide on each side.
    """

    method: Method = Method.MAD
    k: float = 4.0
    q: float = 0.01
    windows: int = 28
    """How many of the last windows are looked at."""
    minimum_windows: int = 8
    """Fewer decide nothing."""
    side: Side | None = None
    """Only this side is bad; None = both."""
    least_width: float = 0.01
    minimum_coverage: float = 0.5

    def band(self, past: Sequence[float | None]) -> Band | None:
        """What passes after these windows (oldest first; None = no value); None where there are too few."""
        known = [value for value in past if value is not None and math.isfinite(value)][-self.windows :]
        if len(known) < self.minimum_windows:
            return None
        middle = statistics.median(known)
        if self.method is Method.MAD:
            spread = self.k * NORMAL * statistics.median(abs(value - middle) for value in known)
            low, high = middle - spread, middle + spread
        else:
            low, high = _quantile(known, self.q), _quantile(known, 1 - self.q)
        least = self.least_width * abs(middle)
        band = Band(min(low, middle - least), max(high, middle + least))
        if self.side is None:
            return band
        return Band(band.low, math.inf) if self.side is Side.BELOW else Band(-math.inf, band.high)


def judge(value: MetricValue, limit: Limit | Adaptive, *, past: Sequence[float | None] = (), minimum_n: int = 0) -> Verdict:
    """A value against its limit. A value that is missing, or rests on too little, is no violation and no pass either.

    `past` is for an adaptive limit: values of the windows before, oldest first.
    """
    if value.value is None:
        return Verdict.NO_VALUE
    if value.n < minimum_n:
        return Verdict.TOO_FEW_ROWS
    if value.coverage is not None and value.coverage < limit.minimum_coverage:
        return Verdict.TOO_FEW_LABELS
    number = value.value
    if isinstance(limit, Adaptive):
        band = limit.band(past)
    else:
        band = limit.band()
        number = number if limit.per_rows is None else number * limit.per_rows / max(value.n, 1)
    if band is None:
        return Verdict.NO_HISTORY
    return Verdict.PASSED if band.low <= number <= band.high else Verdict.VIOLATED


def _quantile(values: Sequence[float], q: float) -> float:
    """Linear between order statistics (numpy's default, Hyndman and Fan's type 7)."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
