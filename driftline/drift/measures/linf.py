"""L-infinity distance: max(|p - q|), the most that any one cell has gained or lost. Symmetric, 0 to 1."""

from __future__ import annotations

import numpy as np

from driftline.drift.measures import bins
from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats, one, shares

__all__ = ["by_value", "linf", "linf_rows", "quantile10"]


def linf(baseline: Counts, current: Counts) -> float | None:
    """Return linf:quantile10 of counts of the same cells; None when either side has no rows."""
    return one(linf_rows, baseline, current)


def linf_rows(baseline: Counts, current: Counts) -> Floats:
    """Return linf:quantile10 of each row of counts, NaN for none. Exact: it is defined on the baseline's own bins."""
    result: Floats = np.abs(shares(current) - shares(baseline)).max(axis=-1, initial=0.0)
    return result


def quantile10(reference: Sample, current: Sample) -> float | None:
    """Return linf:quantile10 of raw values: what the stream finds for the same rows and baseline."""
    pair = bins.deciles(reference, current)
    return None if pair is None else linf(*pair)


def by_value(reference: Sample, current: Sample) -> float | None:
    """Return linf over distinct values, as nannyml 0.13 and TensorFlow Data Validation have it for categories."""
    pair = bins.distinct(reference, current)
    return None if pair is None else linf(*pair)
