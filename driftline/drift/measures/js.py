"""Jensen-Shannon distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["VARIANT", "js"]

VARIANT = "js:quantile10:base2:sqrt"


def js(baseline: NDArray[np.int64], current: NDArray[np.int64]) -> float | None:
    """Return sqrt((KL(p || m) + KL(q || m)) / 2) with m = (p + q) / 2 and logarithms to base 2: 0 to 1.

    Takes counts of the same cells. It is the distance (the square root of the divergence); an empty cell needs no
    smoothing, since x log x goes to 0. None when either side has no rows. Equals
    `scipy.spatial.distance.jensenshannon(p, q, base=2)`.
    """
    n, m = baseline.sum(), current.sum()
    if not n or not m:
        return None
    p, q = current / m, baseline / n
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _relative_entropy(p: NDArray[np.float64], m: NDArray[np.float64]) -> float:
    seen = p > 0
    return float(np.sum(p[seen] * np.log2(p[seen] / m[seen])))
