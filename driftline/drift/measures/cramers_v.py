"""Cramér's V of the table (sample x value): chi-squared brought to 0 to 1, so that it does not grow with the rows."""

from __future__ import annotations

import math

import numpy as np

from driftline.drift.measures import bins
from driftline.drift.measures.chi2 import pearson
from driftline.drift.measures.samples import Sample

__all__ = ["deepchecks"]


def deepchecks(reference: Sample, current: Sample) -> float | None:
    """Return cramers_v:deepchecks (0.19): rare values merged, the larger sample scaled down to the smaller, bias corrected.

    V = sqrt(max(0, X2/n - (k-1)(r-1)/(n-1)) / min(k~ - 1, r~ - 1)) with k~ = k - (k-1)^2/(n-1) and r~ likewise (Bergsma 2013, "A
    bias-correction for Cramér's V and Tschuprow's T"); X2 with Yates' correction in a 2 x 2 table. 0 where only one value
    occurs; None when a side has no values or the scaled counts are too few to correct.
    """
    pair = bins.common_values(reference, current)
    if pair is None:
        return None
    if len(pair[0]) < 2:
        return 0.0
    least = min(side.sum() for side in pair)
    table = np.round(np.stack([side * (least / side.sum()) for side in pair]))
    table = table[:, table.any(axis=0)]
    n, (r, k) = table.sum(), table.shape
    if n <= 2 or k < 2 or not table.sum(axis=1).all():
        return None
    phi = max(0.0, pearson(table, yates=True) / n - (k - 1) * (r - 1) / (n - 1))
    freedom = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    return math.sqrt(phi / freedom) if freedom > 0 else None
