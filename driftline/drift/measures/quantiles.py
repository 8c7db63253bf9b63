"""Quantiles of a column: from its fine cells, or exactly."""

from __future__ import annotations

import numpy as np

from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats

__all__ = ["LEVELS", "exact", "quantile_rows"]

LEVELS = {"p05": 0.05, "p50": 0.50, "p95": 0.95}
"""The quantiles that a window reports."""


def quantile_rows(counts: Counts, borders: Floats, levels: Floats) -> Floats:
    """Return quantiles, shape (..., levels), of rows of ordered counts (..., cells); NaN where a row is empty.

    `borders` (..., cells + 1) are the ends of each cell. The q-quantile is the least x with a share of at least q at or below
    it (numpy's "inverted_cdf"); rows are taken to lie evenly within their cell. The cell is the right one, so that the
    value misses the exact one by at most the width of that cell.
    """
    below = np.cumsum(counts, axis=-1)
    rows = below[..., -1:]
    wanted = levels * rows
    at = np.minimum((below[..., None, :] < wanted[..., None]).sum(axis=-1), counts.shape[-1] - 1)
    held = np.take_along_axis(counts, at, axis=-1)
    before = np.take_along_axis(below, at, axis=-1) - held
    low, high = np.take_along_axis(borders, at, axis=-1), np.take_along_axis(borders, at + 1, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        part = np.divide(wanted - before, held, out=np.zeros(wanted.shape), where=held > 0)
        found: Floats = np.where(rows > 0, low * (1 - part) + high * part, np.nan)
    return found


def exact(side: Sample, level: float) -> float | None:
    """Return the least value with a share of at least `level` at or below it; None for texts or no values."""
    if not side.numeric or not len(side.known):
        return None
    return float(np.quantile(side.known, level, method="inverted_cdf"))
