"""When the value of a metric is a violation: a fixed limit, or one that follows the metric's own history."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftline.drift.sqlmetrics.program import MetricValue
from driftline.events import Direction, Threshold

__all__ = ["MINIMUM_COVERAGE", "MINIMUM_WINDOWS", "Band", "Verdict", "band_of", "judge", "judged_number"]

NORMAL = 1.4826
"""MAD times this estimates the standard deviation of normal values: 1 / the 0.75 quantile of the standard normal."""
MINIMUM_COVERAGE = 0.5
"""Share of the rows that need labels for a violation: those that have them may be unlike the others."""
MINIMUM_WINDOWS = 8
"""A past of fewer decides nothing."""
LEAST_WIDTH = 0.01
"""A metric that never moved has a MAD of 0, and any rounding would break it: its band is this share of the median wide."""


class Verdict(StrEnum):
    """What a value is against its limit. Only VIOLATED is a breach."""

    PASSED = "passed"
    VIOLATED = "violated"
    NO_VALUE = "no_value"
    """The metric has none in this window."""
    TOO_FEW_ROWS = "too_few_rows"
    TOO_FEW_LABELS = "too_few_labels"
    NO_HISTORY = "no_history"
    """A limit that follows the past and has not seen enough of it yet."""


@dataclass(frozen=True, slots=True)
class Band:
    """Values from `low` to `high`, both included, pass."""

    low: float
    high: float

    def limit(self, number: float) -> float:
        """The end that a value breaks, else the finite one, else the one that is closer."""
        ends = [end for end in (self.low, self.high) if math.isfinite(end)]
        broken = self.low if number < self.low else self.high if number > self.high else None
        return broken if broken is not None else min(ends, key=lambda end: abs(end - number))


def band_of(threshold: Threshold, past: Sequence[float] = ()) -> Band | None:
    """What passes; `past` has the numbers of earlier windows, oldest first. None where the limit follows too short a past.

    median +- limit x 1.4826 x MAD, the median absolute deviation: half of the past can be nonsense without moving it far. The
    past should leave out windows that violated it, or a slow decline teaches the limit to follow.
    """
    low = high = threshold.limit
    if threshold.windows:
        known = list(past)[-threshold.windows :]
        if len(known) < MINIMUM_WINDOWS:
            return None
        middle = statistics.median(known)
        spread = threshold.limit * NORMAL * statistics.median(abs(value - middle) for value in known)
        width = max(spread, LEAST_WIDTH * abs(middle))
        low, high = middle - width, middle + width
    elif threshold.direction is Direction.MAGNITUDE:
        low = -high
    if threshold.direction is Direction.ABOVE:
        return Band(-math.inf, high)
    return Band(low, math.inf) if threshold.direction is Direction.BELOW else Band(low, high)


def judged_number(value: MetricValue, threshold: Threshold) -> float | None:
    """The number that is held against a limit: the value, or what it comes to for `per_rows` rows."""
    if value.value is None or threshold.per_rows is None:
        return value.value
    return value.value * threshold.per_rows / max(value.n, 1)


def judge(value: MetricValue, threshold: Threshold, band: Band | None, *, minimum_n: int = 0) -> Verdict:
    """A value against its limit. A value that is missing, or rests on too little, is no violation and no pass either."""
    number = judged_number(value, threshold)
    if number is None:
        return Verdict.NO_VALUE
    if value.n < minimum_n:
        return Verdict.TOO_FEW_ROWS
    if value.coverage is not None and value.coverage < MINIMUM_COVERAGE:
        return Verdict.TOO_FEW_LABELS
    if band is None:
        return Verdict.NO_HISTORY
    return Verdict.PASSED if band.low <= number <= band.high else Verdict.VIOLATED
