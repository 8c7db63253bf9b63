"""Every figure of performance that the exact counts of label pairs know, each with its interval where there is an honest one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftline.drift.performance import binary, multiclass, regression
from driftline.drift.performance.intervals import LEVEL, UNKNOWN, Estimate, mean_interval, proportion
from driftline.drift.profile.pairs import SCORE_UNIT, PairLayout
from driftline.events import Task

__all__ = ["OF_SCORES", "figures"]

Integers = NDArray[np.int64]

OF_SCORES = frozenset({"auc", "brier", "log_loss", "ece"})
"""Figures of the pairs that have a score."""
_QUANTILES = (0.05, 0.5, 0.95)


def figures(layout: PairLayout, vector: Integers, level: float = LEVEL) -> dict[str, Estimate]:
    """Every measure of the pairs by name.

    BINARY: those of `binary.decisions`, auc, brier, log_loss, ece. MULTICLASS: accuracy; precision, recall, f1 (macro);
    precision_weighted, recall_weighted, f1_weighted. REGRESSION: those of `regression.measures`, error_p05, error_p50,
    error_p95 (quantiles of e).
    """
    if layout.task is Task.REGRESSION:
        return _regression(layout, vector, level)
    matrix = layout.confusion(vector)
    if layout.positive is None:
        return _multiclass(layout, matrix, level)
    right = int(np.diag(matrix)[:-1].sum())  # other / other may be two different unknown classes
    table = binary.decisions(binary.Table2.of(matrix, layout.positive), level)
    return {**table, "accuracy": proportion(right, int(matrix.sum()), level), **_scores(layout, vector, level)}


def _scores(layout: PairLayout, vector: Integers, level: float) -> dict[str, Estimate]:
    negatives, positives = layout.block(vector, "negatives"), layout.block(vector, "positives")
    n = int(negatives.sum() + positives.sum())
    sums = layout.block(vector, "scores") / SCORE_UNIT
    losses = {
        name: mean_interval(n, layout.real(vector, name), layout.real(vector, name + "2"), level)
        for name in ("brier", "log_loss")
    }
    cells = binary.calibration_cells(negatives, positives, sums)
    return {
        "auc": binary.ranking(negatives, positives, level),
        **losses,
        "ece": Estimate(binary.calibration_error(cells)),
    }


def _multiclass(layout: PairLayout, matrix: Integers, level: float) -> dict[str, Estimate]:
    whole = multiclass.summary(matrix, layout.classes, level)
    found = {"accuracy": whole.accuracy}
    found |= {name: Estimate(value) for name, value in whole.macro.items()}
    return found | {f"{name}_weighted": Estimate(value) for name, value in whole.weighted.items()}


def _regression(layout: PairLayout, vector: Integers, level: float) -> dict[str, Estimate]:
    residuals = layout.block(vector, "residuals")
    n, scale = int(residuals.sum()), layout.scale
    if n <= 0:
        names = (*regression.measures(regression.ErrorSums(0, 0, 0, 0, 0, 0)), "error_p05", "error_p50", "error_p95")
        return dict.fromkeys(names, UNKNOWN)
    actual = layout.exact(vector, "actual")
    spread = layout.exact(vector, "actual2") - actual * actual / n  # exact: nothing cancels
    sums = regression.ErrorSums(
        n=n,
        error=layout.real(vector, "error") * scale,
        absolute=layout.real(vector, "absolute") * scale,
        squared=layout.real(vector, "squared") * scale**2,
        actual=float(actual) * scale + n * layout.origin,
        spread=float(spread) * scale**2,
        fourth=layout.real(vector, "fourth") * scale**4,
        relative=layout.real(vector, "relative"),
        relative_n=layout.real(vector, "relative_n"),
    )
    quantiles = {
        f"error_p{round(100 * q):02d}": Estimate(regression.residual_quantile(residuals, q, scale)) for q in _QUANTILES
    }
    return {**regression.measures(sums, level), **quantiles}
