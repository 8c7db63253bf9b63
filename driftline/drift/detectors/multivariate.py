"""Is a sample of a window's rows like one of the baseline's, all features together?"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from driftline.drift.baseline import sample_of
from driftline.drift.detectors.design import design
from driftline.drift.detectors.domain_classifier import domain_classifier
from driftline.drift.detectors.mmd import mmd
from driftline.drift.detectors.moments import Moments
from driftline.drift.profile import BlockKind, Layout, Reservoir
from driftline.events import Baseline, Measure

__all__ = ["ALPHA", "FAMILY", "MOMENTS", "TESTS", "moments_of", "tested"]

FAMILY = "multivariate"
TESTS = ("domain_classifier", "mmd")
MOMENTS = "moments"
"""Compares with the windows before, not with the baseline."""
_REACH = 4.0
ALPHA = 0.001
"""Chance of a false alarm at one window: with hours, one in six weeks; with days, one in three years."""


def tested(name: str, layout: Layout, baseline: Baseline, window: Reservoir, *, seed: int) -> Measure:
    """Test the features of a window's sample by domain_classifier or mmd; without a value where there are too few rows.

    The value is the area under the classifier's curve, or MMD^2, and the limit the one that ALPHA allows.
    """
    places = {column.name: at for at, column in enumerate(baseline.columns)}
    blocks = [(at, block) for at, block in enumerate(layout.blocks) if not block.column.startswith(":")]
    before = sample_of(baseline)[:, [places[block.column] for _, block in blocks]]
    now = window.values[:, [at for at, _ in blocks]]
    categorical = tuple(at for at, (_, block) in enumerate(blocks) if block.kind is BlockKind.CATEGORICAL)
    value, p_value, limit = _found(name, *design(before.astype(np.float64), now.astype(np.float64), categorical), seed)
    violated = p_value is not None and p_value <= ALPHA
    return Measure(family=FAMILY, name=name, value=value, p_value=p_value, limit=limit, violated=violated)


def moments_of(layout: Layout, baseline: Baseline, window: Reservoir) -> Moments:
    """Return the moments of the numeric features of a sample, each in units of the baseline's deviation, cut at 4 of them."""
    known = {column.name: column for column in baseline.columns}
    rows = [np.zeros((len(window), 0))]
    for at, block in enumerate(layout.blocks):
        if block.kind is BlockKind.NUMERIC and not block.column.startswith(":"):
            n, total, squares, *_ = known[block.column].sums or (0.0, 0.0, 0.0)
            mean = total / n if n else 0.0
            deviation = math.sqrt(max(squares / n - mean * mean, 0.0)) if n else 0.0
            rows.append((window.values[:, [at]].astype(np.float64) - mean) / (deviation or 1.0))
    return Moments.of(np.concatenate(rows, axis=1), _REACH)


def _found(
    name: str, before: NDArray[np.float64], now: NDArray[np.float64], seed: int
) -> tuple[float | None, float | None, float | None]:
    if name == "mmd":
        kernel = mmd(before, now, seed=seed)
        return (None, None, None) if kernel is None else (kernel.value, kernel.p_value, kernel.largest)
    classified = domain_classifier(before, now)
    if classified is None:
        return None, None, None
    return classified.auc, classified.p_value, classified.limit(ALPHA)
