"""What is good about a metric: which way, between which bounds, and from which value on it is not good enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["METRICS", "Better", "Metric"]


class Better(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Metric:
    """How to read a metric."""

    better: Better
    low: float = -math.inf
    high: float = math.inf
    """Values that it can have: forecasts stay within."""
    limit: float | None = None
    """The last acceptable value, None = none is set."""
    tolerance: float = 0.0
    """Changes over the time looked at that are too small to be called one."""
    by_size: bool = False
    """Of it the size counts, whatever its sign: an expected loss of -41 is more than one of -40."""

    def read(self, value: float | None) -> float | None:
        """A value as a trend has it."""
        return abs(value) if self.by_size and value is not None else value

    def clipped(self, value: float) -> float:
        """The nearest value that it can have."""
        return min(max(value, self.low), self.high)

    def breaks(self, value: float) -> bool:
        """Whether a value is worse than the limit."""
        if self.limit is None:
            return False
        return value < self.limit if self.better is Better.HIGHER else value > self.limit


def _share(limit: float | None = None) -> Metric:
    return Metric(Better.HIGHER, 0.0, 1.0, limit)


def _cost(limit: float | None = None) -> Metric:
    return Metric(Better.LOWER, 0.0, limit=limit, by_size=True)


_LOSS = Metric(Better.LOWER, 0.0)

METRICS: dict[str, Metric] = {
    "f1": _share(0.65),
    "precision": _share(0.60),
    "recall": _share(0.60),
    "accuracy": _share(0.70),
    "specificity": _share(),
    "balanced_accuracy": _share(),
    "auc": _share(),
    "mcc": Metric(Better.HIGHER, -1.0, 1.0),
    "high_value_accuracy": _share(),
    "brier": Metric(Better.LOWER, 0.0, 1.0),
    "ece": Metric(Better.LOWER, 0.0, 1.0),
    "log_loss": _LOSS,
    "mae": _LOSS,
    "mse": _LOSS,
    "rmse": _LOSS,
    "mape": _LOSS,
    "r2": Metric(Better.HIGHER, high=1.0),
    "expected_loss": _cost(40.0),
    "revenue_at_risk": _cost(100_000.0),
    "false_positive_cost": _cost(),
    "latency_p95": _LOSS,
    "throughput": Metric(Better.HIGHER, 0.0),
}
"""Metrics whose trend is told, with the limits in force where a monitor names no others. One that is not here is not judged."""
