"""Two-sample Kolmogorov-Smirnov test on binned counts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov

__all__ = ["VARIANT", "ks"]

VARIANT = "ks:fine64"


def ks(baseline: NDArray[np.int64], current: NDArray[np.int64]) -> tuple[float, float] | None:
    """Return (D, p): the largest difference of the two distribution functions at the cell edges, and its p-value.

    Takes counts of the same *ordered* cells. D never exceeds the exact statistic of the raw values and misses it by
    at most the largest share that one cell holds on either side. p is P(D_N >= D) of the one-sample law with
    N = round(n m / (n + m)), as `scipy.stats.ks_2samp(method="asymp")` has it, by Kolmogorov's limit with the correction
    of Vrbik (2018): in constant time, within 6e-4 for N >= 20 and 1e-4 for N >= 200. Because D is a lower bound and ties
    make the test conservative, p errs towards no drift. None when either side has no rows.
    """
    n, m = int(baseline.sum()), int(current.sum())
    if not n or not m:
        return None
    distance = float(np.abs(np.cumsum(current) / m - np.cumsum(baseline) / n).max())
    size = max(round(n * m / (n + m)), 1)
    return distance, _p_value(distance, size)


def _p_value(distance: float, size: int) -> float:
    scaled = math.sqrt(size) * distance
    return float(kolmogorov(scaled + 1 / (6 * math.sqrt(size)) + (scaled - 1) / (4 * size)))
