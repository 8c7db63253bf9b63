"""Two-sample chi-squared test of homogeneity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

__all__ = ["VARIANT", "chi2"]

VARIANT = "chi2:two-sample"


def chi2(baseline: NDArray[np.int64], current: NDArray[np.int64]) -> tuple[float, float] | None:
    """Return (X2, p) of Pearson's test on the 2 x k table of counts; k - 1 degrees of freedom, no continuity correction.

    Both sides are samples, so a category that the baseline never saw is evidence and not infinity. A cell empty on
    both sides is left out. None when either side has no rows or fewer than two cells are left: nothing can differ.
    Equals `scipy.stats.chi2_contingency(table, correction=False)`.
    """
    n, m = int(baseline.sum()), int(current.sum())
    seen = (baseline > 0) | (current > 0)
    freedom = int(seen.sum()) - 1
    if not n or not m or freedom < 1:
        return None
    p, q = current[seen] / m, baseline[seen] / n
    pooled = (current[seen] + baseline[seen]) / (n + m)
    statistic = float(n * m / (n + m) * np.sum((p - q) ** 2 / pooled))
    return statistic, float(chdtrc(freedom, statistic))
