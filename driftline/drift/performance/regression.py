"""Measures of a regression from sums of its errors, and quantiles of its residuals from their histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.performance.intervals import LEVEL, Estimate, mean_interval
from driftline.drift.profile.pairs import residual_edges

__all__ = ["ErrorSums", "measures", "residual_quantile"]


@dataclass(frozen=True, slots=True)
class ErrorSums:
    """Sums over the pairs with a number on both sides; e = predicted - actual, y = actual. None = not kept."""

    n: float
    error: float
    absolute: float
    squared: float
    actual: float
    spread: float
    """Sum of (y - mean y)^2: computed from exact sums where they are exact."""
    fourth: float | None = None
    """Sum of e^4: gives rmse an interval."""
    relative: float | None = None
    """Sum of |e / y| where y is not 0,"""
    relative_n: float = 0.0
    """and how many those are."""


def measures(sums: ErrorSums, level: float = LEVEL) -> dict[str, Estimate]:
    """mae, mse, rmse, bias (mean error, > 0 = predicts too much), r2, mape.

    r2 is unknown where all outcomes are equal. mape is the mean of |e / y| over the outcomes that are not 0 (as a share, not
    in per cent), unknown where there is none; scikit-learn divides by 2.2e-16 instead and says 1e15. Intervals are normal
    ones of means; that of rmse is the root of mse's.
    """
    s = sums
    mse = Estimate(None) if s.n <= 0 else Estimate(s.squared / s.n)
    if s.fourth is not None:
        mse = mean_interval(s.n, s.squared, s.fourth, level)
    mape = s.relative / s.relative_n if s.relative is not None and s.relative_n > 0 else None
    return {
        "mae": mean_interval(s.n, s.absolute, s.squared, level),
        "mse": mse,
        "rmse": Estimate(_root(mse.value), _root(mse.low), _root(mse.high)),
        "bias": mean_interval(s.n, s.error, s.squared, level),
        "r2": Estimate(1 - s.squared / s.spread if s.n > 1 and s.spread > 0 else None),
        "mape": Estimate(mape),
    }


def residual_quantile(counts: NDArray[np.int64], q: float, scale: float) -> float | None:
    """The q-quantile of the errors from counts by cell of e / scale, within the width of the cell it falls into.

    None without errors. A quantile in the first or last cell is said to be at that cell's edge.
    """
    total = int(counts.sum())
    if total <= 0:
        return None
    edges = residual_edges()
    reached = np.cumsum(counts)
    cell = int(np.searchsorted(reached, q * total, side="left"))
    cell = min(max(cell, int(np.flatnonzero(counts > 0)[0])), len(counts) - 1)
    if cell in (0, len(counts) - 1):
        return float(edges[0 if cell == 0 else -1]) * scale
    share = (q * total - (reached[cell] - counts[cell])) / counts[cell]
    low, high = edges[cell - 1], edges[cell]
    return float(low + min(max(share, 0.0), 1.0) * (high - low)) * scale


def _root(value: float | None) -> float | None:
    return None if value is None else math.sqrt(max(value, 0.0))
