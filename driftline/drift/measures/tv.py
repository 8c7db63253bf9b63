"""Total variation distance: sum(|p - q|) / 2, the share of rows that would have to move for the two to agree. Symmetric, 0 to 1."""

from __future__ import annotations

import numpy as np

from driftline.drift.measures import bins
from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats, one, shares

__all__ = ["by_value", "quantile10", "tv", "tv_rows"]


def tv(baseline: Counts, current: Counts) -> float | None:
    """Return tv:quantile10 of counts of the same cells; None when either side has no rows."""
    return one(tv_rows, baseline, current)


def tv_rows(baseline: Counts, current: Counts) -> Floats:
    """Return tv:quantile10 of each row of counts, NaN for none.

    Exact on the baseline's own bins; never more than the distance on any finer cells, raw values included.
    """
    result: Floats = np.abs(shares(current) - shares(baseline)).sum(axis=-1) / 2
    return result


def quantile10(reference: Sample, current: Sample) -> float | None:
    """Return tv:quantile10 of raw values: what the stream finds for the same rows and baseline."""
    pair = bins.deciles(reference, current)
    return None if pair is None else tv(*pair)


def by_value(reference: Sample, current: Sample) -> float | None:
    """Return tv over distinct values: the statistic of evidently's TVD test. Numbers without repeats are 1 apart."""
    pair = bins.distinct(reference, current)
    return None if pair is None else tv(*pair)
