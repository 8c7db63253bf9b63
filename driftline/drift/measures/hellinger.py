"""Hellinger distance: |sqrt(p) - sqrt(q)| / sqrt(2) = sqrt(1 - sum(sqrt(p q))). Symmetric, 0 to 1; no cell needs filling."""

from __future__ import annotations

import math

import numpy as np

from driftline.drift.measures import bins
from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats, one, shares

__all__ = ["evidently", "frouros", "hellinger", "hellinger_rows", "nannyml", "quantile10"]


def hellinger(baseline: Counts, current: Counts) -> float | None:
    """Return hellinger:quantile10 of counts of the same cells; None when either side has no rows."""
    return one(hellinger_rows, baseline, current)


def hellinger_rows(baseline: Counts, current: Counts) -> Floats:
    """Return hellinger:quantile10 of each row of counts, NaN for none. Exact: it is defined on the baseline's own bins."""
    apart = np.sqrt(shares(current)) - np.sqrt(shares(baseline))
    result: Floats = np.sqrt(np.sum(apart * apart, axis=-1) / 2)
    return result


def quantile10(reference: Sample, current: Sample) -> float | None:
    """Return hellinger:quantile10 of raw values: what the stream finds for the same rows and baseline."""
    pair = bins.deciles(reference, current)
    return None if pair is None else hellinger(*pair)


def nannyml(reference: Sample, current: Sample) -> float | None:
    """Return hellinger:nannyml (0.13): on Doane's widths of the reference (or its values) and one cell for the rest."""
    pair = bins.doane(reference, current)
    return None if pair is None else hellinger(*pair)


def evidently(reference: Sample, current: Sample) -> float | None:
    """Return hellinger:evidently (0.7): texts by value; numbers on Sturges' widths over the *distinct* values of both samples."""
    pair = bins.distinct(reference, current)
    if pair is not None and reference.numeric:
        edges = bins.edges_by("sturges", np.unique(np.concatenate((reference.known, current.known))))
        if edges is None:
            return None
        pair = np.histogram(reference.known, edges)[0], np.histogram(current.known, edges)[0]
    if pair is None:
        return None
    overlap = float(np.sqrt(shares(pair[0]) * shares(pair[1])).sum())
    return math.sqrt(1 - min(overlap, 1.0))


def frouros(reference: Sample, current: Sample) -> float | None:
    """Return hellinger:frouros (0.9): on ten equal widths over both samples."""
    pair = bins.equal_width(reference, current)
    return None if pair is None else hellinger(*pair)
