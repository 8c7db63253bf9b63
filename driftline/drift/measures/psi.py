"""Population stability index: sum((p - q) ln(p / q)) over cells, in nats; p = shares of the current rows, q = of the baseline.

Symmetric; 0 for equal shares, no upper end. The variants differ in where they cut and in what stands for an empty cell.
"""

from __future__ import annotations

import sys

import numpy as np

from driftline.drift.measures import bins
from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats, filled, one, shares

__all__ = ["deepchecks", "evidently", "frouros", "psi", "psi_rows", "quantile10"]

DEEPCHECKS_FLOOR = 0.01
EVIDENTLY_SMALL = 1e-4


def psi(baseline: Counts, current: Counts) -> float | None:
    """Return psi:quantile10 of counts of the same cells, any totals; None when either side has no rows.

    With the baseline's deciles as cells this is the classic index of credit scoring, with its customary bands of 0.1 and
    0.25. A cell that is empty on one side counts as half a row there (`shares.filled`).
    """
    return one(psi_rows, baseline, current)


def psi_rows(baseline: Counts, current: Counts) -> Floats:
    """Return psi:quantile10 of each row of counts, NaN for none. Exact: it is defined on the baseline's own bins."""
    return _index(*filled(baseline, current))


def quantile10(reference: Sample, current: Sample) -> float | None:
    """Return psi:quantile10 of raw values: to the last bit what the stream finds for the same rows and baseline."""
    pair = bins.deciles(reference, current)
    return None if pair is None else psi(*pair)


def evidently(reference: Sample, current: Sample) -> float | None:
    """Return psi:evidently (0.7): Sturges' widths over both samples, or values; empty cells by `evidently_filled`.

    The cells depend on both samples, so it cannot be had on a stream.
    """
    pair = bins.sturges(reference, current)
    return None if pair is None else float(_index(*map(evidently_filled, pair)))


def frouros(reference: Sample, current: Sample) -> float | None:
    """Return psi:frouros (0.9): ten equal widths over both samples, an empty cell is the smallest double: it explodes."""
    pair = bins.equal_width(reference, current)
    if pair is None:
        return None
    p, q = (np.where(side == 0, sys.float_info.min, side) for side in map(shares, pair))
    return float(_index(p, q))


def deepchecks(reference: Sample, current: Sample) -> float | None:
    """Return psi:deepchecks (0.19): values with less than 1 % of the reference merged, no share below 0.01 on either side."""
    pair = bins.common_values(reference, current)
    if pair is None:
        return None
    p, q = (np.maximum(side, DEEPCHECKS_FLOOR) for side in map(shares, pair))
    return float(_index(p, q))


def evidently_filled(counts: Counts) -> Floats:
    """Return shares as evidently 0.7 fills them: 0 becomes 1e-4, or a millionth of the smallest share if that is not above 1e-4.

    They are not brought back to a sum of 1.
    """
    part = shares(counts)
    least = part[part > 0].min()
    return np.where(part > 0, part, least / 1e6 if least <= EVIDENTLY_SMALL else EVIDENTLY_SMALL)


def _index(q: Floats, p: Floats) -> Floats:
    ratio = np.divide(p, q, out=np.ones_like(p), where=(p != 0) | (q != 0))
    result: Floats = np.sum((p - q) * np.log(ratio), axis=-1)
    return result
