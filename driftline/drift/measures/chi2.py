"""Chi-squared tests: do two samples hold the same shares of each value?

Two-sample (homogeneity): both sides are samples, so that a value the baseline never saw is evidence and not infinity.
One-sample (goodness of fit): the baseline is taken for the truth, as evidently does.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from driftline.drift.measures import bins
from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats, one_tested

__all__ = ["chi2", "chi2_rows", "evidently", "nannyml", "pearson", "quantile10"]


def chi2(baseline: Counts, current: Counts) -> tuple[float, float] | None:
    """Return (X2, p) of Pearson's test on the 2 x k table of counts; k - 1 degrees of freedom, no continuity correction.

    A cell empty on both sides is left out. None when either side has no rows or fewer than two cells are left: nothing
    can differ. Equals `scipy.stats.chi2_contingency(table, correction=False)`.
    """
    return one_tested(chi2_rows, baseline, current)


def chi2_rows(baseline: Counts, current: Counts) -> tuple[Floats, Floats]:
    """Return X2 and p of each row of counts, NaN for none. Exact: it is defined on the baseline's own bins or values."""
    n, m = baseline.sum(axis=-1, keepdims=True), current.sum(axis=-1, keepdims=True)
    pooled = baseline + current
    freedom = (pooled > 0).sum(axis=-1) - 1
    known = (freedom > 0) & (n[..., 0] > 0) & (m[..., 0] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = current / m - baseline / n
        parts = np.divide(apart * apart, pooled, out=np.zeros(apart.shape), where=pooled > 0)
        statistic = np.where(known, (n * (1.0 * m))[..., 0] * parts.sum(axis=-1), np.nan)
    p_value = np.where(known, chdtrc(np.maximum(freedom, 1), statistic), np.nan)
    return statistic, p_value


def quantile10(reference: Sample, current: Sample) -> tuple[float, float] | None:
    """Return chi2:quantile10 of raw values: what the stream finds for the same rows and baseline."""
    pair = bins.deciles(reference, current)
    return None if pair is None else chi2(*pair)


def nannyml(reference: Sample, current: Sample) -> tuple[float, float] | None:
    """Return chi2:nannyml (0.13): two-sample by distinct value, with Yates' correction where there are but two values."""
    pair = bins.distinct(reference, current)
    if pair is None or len(pair[0]) != 2:
        return None if pair is None else chi2(*pair)
    statistic = pearson(np.stack(pair).astype(np.float64), yates=True)
    return statistic, float(chdtrc(1, statistic))


def evidently(reference: Sample, current: Sample) -> tuple[float, float] | None:
    """Return chi2:evidently (0.7): `scipy.stats.chisquare(current, reference * n / m)`, one-sample.

    A value that the reference never saw makes it infinite, p = 0.
    """
    pair = bins.distinct(reference, current)
    if pair is None or len(pair[0]) < 2:
        return None
    expected = pair[0] * (pair[1].sum() / pair[0].sum())
    apart = (pair[1] - expected) ** 2
    statistic = float(np.divide(apart, expected, out=np.full(expected.shape, np.inf), where=expected > 0).sum())
    return statistic, float(chdtrc(len(expected) - 1, statistic))


def pearson(table: Floats, *, yates: bool) -> float:
    """Return Pearson's X2 of a table without empty rows or columns; Yates' correction only where it is 2 x 2."""
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    apart = np.abs(table - expected)
    if yates and table.shape == (2, 2):
        apart -= np.minimum(apart, 0.5)
    return float((apart * apart / expected).sum())
