"""Population stability index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["VARIANT", "psi"]

VARIANT = "psi:quantile10"
EMPTY_CELL = 0.5  # rows that an empty cell stands for: the middle between "none seen" and "one seen"


def psi(baseline: NDArray[np.int64], current: NDArray[np.int64]) -> float | None:
    """Return sum((p - q) ln(p / q)) over cells, in nats; 0 for equal shares, symmetric, no upper end.

    Takes counts of the same cells, any totals. A cell that is empty on one side counts as half a row there
    (shares are then taken of the new total), so the index stays finite and shrinks as rows grow; a cell empty on
    both sides is left out. None when either side has no rows at all. With the baseline's deciles as cells this is
    the classic index of credit scoring, with its customary bands of 0.1 and 0.25.
    """
    if not baseline.sum() or not current.sum():
        return None
    seen = (baseline > 0) | (current > 0)
    p = np.maximum(current[seen], EMPTY_CELL)
    q = np.maximum(baseline[seen], EMPTY_CELL)
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))
