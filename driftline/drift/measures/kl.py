"""Kullback-Leibler divergence, in nats. Not symmetric: the registry says which side is which."""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr

from driftline.drift.measures import bins
from driftline.drift.measures.js import spread
from driftline.drift.measures.psi import evidently_filled
from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats, filled, one

__all__ = ["evidently", "frouros", "kl", "kl_rows", "quantile10"]


def kl(baseline: Counts, current: Counts) -> float | None:
    """Return kl:quantile10 of counts of the same cells: sum(p ln(p / q)), p = current, q = baseline; 0 and above.

    What is lost in nats per row by taking the window for the baseline. Empty cells count as half a row, as in psi, so
    that psi = kl(a, b) + kl(b, a). None when either side has no rows.
    """
    return one(kl_rows, baseline, current)


def kl_rows(baseline: Counts, current: Counts) -> Floats:
    """Return kl:quantile10 of each row of counts, NaN for none. Exact: it is defined on the baseline's own bins."""
    q, p = filled(baseline, current)
    result: Floats = np.maximum(rel_entr(p, q).sum(axis=-1), 0.0)
    return result


def quantile10(reference: Sample, current: Sample) -> float | None:
    """Return kl:quantile10 of raw values: what the stream finds for the same rows and baseline."""
    pair = bins.deciles(reference, current)
    return None if pair is None else kl(*pair)


def evidently(reference: Sample, current: Sample) -> float | None:
    """Return kl:evidently (0.7): KL(reference || current) on its cells, filled and then brought to a sum of 1."""
    pair = bins.sturges(reference, current)
    if pair is None:
        return None
    p, q = (side / side.sum() for side in map(evidently_filled, pair))
    return float(rel_entr(p, q).sum())


def frouros(reference: Sample, current: Sample) -> float | None:
    """Return kl:frouros (0.9): KL(current || reference) of smoothed histograms; infinite where only one side has mass."""
    pair = spread(reference, current)
    return None if pair is None else float(rel_entr(pair[1], pair[0]).sum())
