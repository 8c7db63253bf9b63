"""Jensen-Shannon: (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, as a divergence (jsd) or as its square root (js).

Symmetric. To base 2 it lies between 0 and 1; to base e the distance ends at sqrt(ln 2) = 0.8326 instead. An empty cell needs no
filling, since x log x goes to 0.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import rel_entr

from driftline.drift.measures import bins
from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats, one, shares

__all__ = ["evidently", "frouros", "js", "js_rows", "nannyml", "of_histograms", "quantile10", "spread", "tfdv"]

Histogram = tuple[Floats, Floats]
"""Edges, and the rows between them."""

TFDV_BUCKETS = 10
FROUROS_POINTS = 10


def js(baseline: Counts, current: Counts) -> float | None:
    """Return js:quantile10 of counts of the same cells: the distance to base 2, 0 to 1; None when either side has no rows.

    Equals `scipy.spatial.distance.jensenshannon(p, q, base=2)`.
    """
    return one(js_rows, baseline, current)


def js_rows(baseline: Counts, current: Counts) -> Floats:
    """Return js:quantile10 of each row of counts, NaN for none. Exact: it is defined on the baseline's own bins."""
    return np.sqrt(_divergence(shares(baseline), shares(current)) / math.log(2))


def quantile10(reference: Sample, current: Sample) -> float | None:
    """Return js:quantile10 of raw values: what the stream finds for the same rows and baseline."""
    pair = bins.deciles(reference, current)
    return None if pair is None else js(*pair)


def nannyml(reference: Sample, current: Sample) -> float | None:
    """Return js:nannyml (0.13): distance to base 2 on Doane's widths of the reference (or its values) and one cell for the rest."""
    pair = bins.doane(reference, current)
    return None if pair is None else js(*pair)


def evidently(reference: Sample, current: Sample) -> float | None:
    """Return js:evidently (0.7): distance to base e, 0 to 0.8326, on Sturges' widths over both samples (or values)."""
    pair = bins.sturges(reference, current)
    return None if pair is None else float(np.sqrt(_divergence(*map(shares, pair))))


def frouros(reference: Sample, current: Sample) -> float | None:
    """Return js:frouros (0.9): distance to base e of smoothed histograms (`spread`)."""
    pair = spread(reference, current)
    if pair is None:
        return None
    p, q = (side / side.sum() for side in pair)
    return float(np.sqrt(_divergence(p, q)))


def tfdv(reference: Sample, current: Sample) -> float | None:
    """Return jsd:tfdv (TensorFlow Data Validation, `anomalies/metrics.cc`): the divergence to base 2, 0 to 1, no root.

    Numbers: ten equal widths over each side's own range, cut again at the edges of both as if rows lay evenly within.
    TFDV cuts its ten buckets from a sketch of the quantiles, so that its histograms are themselves approximate; on the
    same histograms the divergence is the same. Texts: by value, exactly.
    """
    if not reference.numeric:
        pair = bins.distinct(reference, current)
        return None if pair is None else float(_divergence(*map(shares, pair)) / math.log(2))
    edges = [bins.edges_by(TFDV_BUCKETS, side.known) for side in (reference, current)]
    if edges[0] is None or edges[1] is None:
        return None
    return of_histograms((edges[0], _histogram(edges[0], reference)), (edges[1], _histogram(edges[1], current)))


def of_histograms(reference: Histogram, current: Histogram) -> float:
    """Return the divergence to base 2 of two histograms with edges of their own, as TFDV compares the numbers of two data sets."""
    points = np.unique(np.concatenate((reference[0], current[0])))
    p, q = (np.diff(_smooth(side, points)) for side in (reference, current))
    return min(float(_divergence(p, q)) / math.log(2), 1.0)


def spread(reference: Sample, current: Sample) -> tuple[Floats, Floats] | None:
    """Return shares as frouros 0.9 takes them for JS and KL: nine cells over both samples, each side's own histogram even in it.

    Each side has a histogram of its own (numpy's rule "auto"); rows lie evenly within its cells. None where numbers lie
    so far apart that the rule asks for more than a million cells.
    """
    if not reference.numeric or not len(reference.known) or not len(current.known):
        return None
    edges = [bins.edges_by("auto", side.known) for side in (reference, current)]
    if edges[0] is None or edges[1] is None:
        return None
    both = np.concatenate((reference.known, current.known))
    points = np.linspace(both.min(), both.max(), FROUROS_POINTS)
    own = ((edges[0], _histogram(edges[0], reference)), (edges[1], _histogram(edges[1], current)))
    p, q = (np.diff(_smooth(side, points)) for side in own)
    return (p, q) if p.sum() > 0 and q.sum() > 0 else None


def _histogram(edges: Floats, side: Sample) -> Floats:
    return np.histogram(side.known, edges)[0].astype(np.float64)


def _smooth(side: Histogram, points: Floats) -> Floats:
    """Distribution function of a histogram at points, rows lying evenly within its cells."""
    edges, counts = side
    return np.interp(points, edges, np.concatenate(([0.0], np.cumsum(counts) / counts.sum())))


def _divergence(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2
    nats: Floats = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1) / 2
    return np.maximum(nats, 0.0)
