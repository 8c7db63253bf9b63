"""Is a measure worse than its limit, or does it only look so?"""

from __future__ import annotations

from enum import StrEnum

from driftline.drift.performance.intervals import Estimate
from driftline.events import Direction

__all__ = ["Standing", "standing"]


class Standing(StrEnum):
    """How a measure stands to its limit."""

    MEETS = "meets"
    DOUBTFUL = "doubtful"
    """Its value is beyond the limit and its interval is not, or it has none: watch it, wake nobody."""
    BREAKS = "breaks"
    """Its whole interval is beyond the limit."""
    UNKNOWN = "unknown"
    """It has no value: no pair, no estimate. That is no success."""


def standing(estimate: Estimate, limit: float, direction: Direction) -> Standing:
    """How an estimate, realised or without labels, stands to a limit; `direction` is the side that is bad.

    With intervals of level 0.95, a measure that truly is at its limit BREAKS in at most one window in forty; the further
    beyond it is and the more pairs there are, the surer. A plain comparison of the value would be a coin's toss there.
    """
    if estimate.value is None:
        return Standing.UNKNOWN
    above = direction is Direction.ABOVE
    if (estimate.value <= limit) if above else (estimate.value >= limit):
        return Standing.MEETS
    end = estimate.low if above else estimate.high
    surely = end is not None and ((end > limit) if above else (end < limit))
    return Standing.BREAKS if surely else Standing.DOUBTFUL
