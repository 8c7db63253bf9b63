"""Total variation distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["VARIANT", "tv"]

VARIANT = "tv:quantile10"


def tv(baseline: NDArray[np.int64], current: NDArray[np.int64]) -> float | None:
    """Return sum(|p - q|) / 2: the share of rows that would have to move for the two to agree, 0 to 1.

    Takes counts of the same cells. None when either side has no rows.
    """
    n, m = baseline.sum(), current.sum()
    if not n or not m:
        return None
    return float(np.abs(current / m - baseline / n).sum() / 2)
