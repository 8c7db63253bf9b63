"""All that is kept of label pairs: one vector of int64 that adds and subtracts exactly.

Blocks by name, in this order:

    confusion    (classes + other)^2, row = predicted, column = actual                            BINARY, MULTICLASS
    negatives    64 cells of score for every other outcome    BINARY; MULTICLASS with scores per class: one row a class
    positives    64 cells of score for that outcome           the same
    scores       sums of scores by cell                       BINARY
    residuals    128 cells of e / scale                       REGRESSION
    beyond       pairs too far out to be summed, left out     REGRESSION
    <sum>        one `FixedPoint` sum each, see `_SUMS`

A pair that is taken back is counted with sign -1: the vector is then as if it had never come.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftline.drift.performance import binary, multiclass, regression
from driftline.drift.performance.exact import FixedPoint
from driftline.drift.performance.intervals import LEVEL, UNKNOWN, Estimate, mean_interval, proportion
from driftline.drift.profile.layout import SCORE_CELLS, score_cells
from driftline.events import Task

__all__ = ["PairLayout", "count_regression", "count_scored", "figures"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_SHARES = FixedPoint(limbs=2, fraction=40)
"""Of losses of scores: up to 8e6, off by at most 4.6e-13 each."""
_ERRORS = FixedPoint(limbs=5, fraction=48)
"""Of errors in units of the scale: up to 2e33 (a fourth power of 2e8 scales), off by at most 1.8e-15 each."""
_SCORE_UNIT = 2.0**31
"""Scores are summed by cell in one int64: off by at most 2.3e-10 each."""
_SMALLEST = float(np.finfo(np.float64).eps)
"""Scores are clipped to it for the log loss, as scikit-learn does: the largest loss is 36.04."""
_SUMS = {
    Task.BINARY: (_SHARES, ("brier", "brier2", "log_loss", "log_loss2")),
    Task.MULTICLASS: (_SHARES, ("scored", "log_loss", "log_loss2")),
    Task.REGRESSION: (
        _ERRORS,
        ("error", "absolute", "squared", "fourth", "actual", "actual2", "relative", "relative_n"),
    ),
}


class _Place(NamedTuple):
    start: int
    size: int


@dataclass(frozen=True)
class PairLayout:
    """What each number of the vector means. Vectors of equal layouts add; others never do.

    `scale` and `origin` (REGRESSION) are a usual error and a usual outcome of the reference: they set the resolution. Any
    will do for errors; r2 of outcomes far from 0 in units of the scale wants an origin near them. `class_scores` says that each prediction has a score for every class, in the order of `classes`.
    """

    task: Task
    classes: tuple[str, ...] = ()
    positive: int | None = None
    """BINARY: which class is the positive one."""
    class_scores: bool = False
    scale: float = 1.0
    origin: float = 0.0

    @cached_property
    def _places(self) -> dict[str, _Place]:
        known = len(self.classes)
        sizes: dict[str, int] = {}
        if self.task is not Task.REGRESSION:
            sizes["confusion"] = (known + 1) ** 2
        if self.task is Task.BINARY:
            sizes |= dict.fromkeys(("negatives", "positives", "scores"), SCORE_CELLS)
        elif self.task is Task.MULTICLASS and self.class_scores:
            sizes |= dict.fromkeys(("negatives", "positives"), known * SCORE_CELLS)
        elif self.task is Task.REGRESSION:
            sizes |= {"residuals": len(regression.residual_edges()) + 1, "beyond": 1}
        form, names = _SUMS[self.task]
        sizes |= dict.fromkeys(names if self.task is not Task.MULTICLASS or self.class_scores else (), form.limbs)
        places, start = {}, 0
        for name, size in sizes.items():
            places[name] = _Place(start, size)
            start += size
        return places

    @cached_property
    def size(self) -> int:
        """Length of the vector."""
        last = list(self._places.values())[-1]
        return last.start + last.size

    def block(self, vector: Integers, name: str) -> Integers:
        """A named block of the vector: a view."""
        place = self._places[name]
        return vector[place.start : place.start + place.size]

    def has(self, name: str) -> bool:
        """Whether there is such a block."""
        return name in self._places

    def exact(self, vector: Integers, name: str) -> Fraction:
        """A sum, exactly."""
        form, _ = _SUMS[self.task]
        return Fraction(form.whole(self.block(vector, name)), 1 << form.fraction)

    def real(self, vector: Integers, name: str) -> float:
        """A sum, rounded once."""
        return float(self.exact(vector, name))


def count_scored(
    layout: PairLayout, predicted: Integers, actual: Integers, scores: Floats | None = None, *, sign: int = 1
) -> Integers:
    """The vector of some pairs of a classifier; `sign` -1 takes them back.

    `predicted` and `actual` are places in `classes`, len(classes) for any other value. `scores` is (n,) of the positive
    class for BINARY, (n, classes) for MULTICLASS; NaN = no score. Scores lie in [0, 1].
    """
    vector = np.zeros(layout.size, np.int64)
    size = len(layout.classes) + 1
    layout.block(vector, "confusion")[:] = np.bincount(predicted * size + actual, minlength=size * size)
    if scores is None or not layout.has("negatives"):
        return sign * vector
    if layout.task is Task.BINARY:
        _binary_scores(layout, vector, actual, scores)
    else:
        _class_scores(layout, vector, actual, scores)
    return sign * vector


def count_regression(layout: PairLayout, predicted: Floats, actual: Floats, *, sign: int = 1) -> Integers:
    """The vector of some pairs of a regression; `sign` -1 takes them back. Pairs that are not finite are left out."""
    vector = np.zeros(layout.size, np.int64)
    error, outcome = (predicted - actual) / layout.scale, (actual - layout.origin) / layout.scale
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        terms = {
            "error": error,
            "absolute": np.abs(error),
            "squared": error**2,
            "fourth": error**4,
            "actual": outcome,
            "actual2": outcome**2,
            "relative": np.where(actual == 0, 0.0, np.abs((predicted - actual) / actual)),
            "relative_n": (actual != 0).astype(np.float64),
        }
    finite = np.isfinite(predicted) & np.isfinite(actual)
    fits = finite & np.logical_and.reduce([_ERRORS.fits(values) for values in terms.values()])
    for name, values in terms.items():
        layout.block(vector, name)[:] = _ERRORS.split(values[fits]).sum(axis=0)
    cells = regression.residual_cells(predicted[fits] - actual[fits], layout.scale)
    layout.block(vector, "residuals")[:] = np.bincount(cells, minlength=layout.block(vector, "residuals").size)
    layout.block(vector, "beyond")[:] = int(np.count_nonzero(finite & ~fits))
    return sign * vector


def figures(layout: PairLayout, vector: Integers, level: float = LEVEL) -> dict[str, Estimate]:
    """Every measure of the pairs by name, with its interval where there is an honest one.

    BINARY: those of `binary.decisions`, auc, brier, log_loss, ece. MULTICLASS: accuracy; precision, recall, f1 (macro);
    precision_weighted, recall_weighted, f1_weighted; auc (macro, one against the rest) and log_loss where there are scores
    per class. REGRESSION: those of `regression.measures`, error_p05, error_p50, error_p95 (quantiles of e).
    """
    if layout.task is Task.REGRESSION:
        return _regression(layout, vector, level)
    size = len(layout.classes) + 1
    matrix = layout.block(vector, "confusion").reshape(size, size)
    if layout.task is Task.BINARY and layout.positive is not None:
        table = binary.decisions(binary.Table2.of(matrix, layout.positive), level)
        right = int(np.diag(matrix)[:-1].sum())
        table["accuracy"] = proportion(right, int(matrix.sum()), level)
        return {**table, **_scores(layout, vector, level)}
    return _multiclass(layout, vector, matrix, level)


def _scores(layout: PairLayout, vector: Integers, level: float) -> dict[str, Estimate]:
    negatives, positives = layout.block(vector, "negatives"), layout.block(vector, "positives")
    n = int(negatives.sum() + positives.sum())
    sums = layout.block(vector, "scores") / _SCORE_UNIT
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


def _multiclass(layout: PairLayout, vector: Integers, matrix: Integers, level: float) -> dict[str, Estimate]:
    whole = multiclass.summary(matrix, layout.classes, level)
    found = {"accuracy": whole.accuracy}
    found |= {name: Estimate(value) for name, value in whole.macro.items()}
    found |= {f"{name}_weighted": Estimate(value) for name, value in whole.weighted.items()}
    if layout.has("negatives"):
        shape = (len(layout.classes), SCORE_CELLS)
        sides = (layout.block(vector, name).reshape(shape) for name in ("negatives", "positives"))
        n, total, squares = (layout.real(vector, name) for name in ("scored", "log_loss", "log_loss2"))
        found["auc"] = Estimate(multiclass.area_one_vs_rest(*sides))
        found["log_loss"] = mean_interval(n, total, squares, level)
    return found


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


_QUANTILES = (0.05, 0.5, 0.95)


def _binary_scores(layout: PairLayout, vector: Integers, actual: Integers, scores: Floats) -> None:
    known = ~np.isnan(scores)
    score, positive = scores[known], actual[known] == layout.positive
    cells = score_cells(score)
    for name, chosen in (("negatives", ~positive), ("positives", positive)):
        layout.block(vector, name)[:] = np.bincount(cells[chosen], minlength=SCORE_CELLS)
    np.add.at(layout.block(vector, "scores"), cells, np.round(score * _SCORE_UNIT).astype(np.int64))
    brier = (score - positive) ** 2
    loss = -np.log(np.clip(np.where(positive, score, 1 - score), _SMALLEST, 1 - _SMALLEST))
    _add(layout, vector, {"brier": brier, "brier2": brier**2, "log_loss": loss, "log_loss2": loss**2})


def _class_scores(layout: PairLayout, vector: Integers, actual: Integers, scores: Floats) -> None:
    known = ~np.isnan(scores).any(axis=1) & (actual < len(layout.classes))
    score, outcome = scores[known], actual[known]
    for which in range(len(layout.classes)):
        cells = score_cells(score[:, which])
        for name, chosen in (("negatives", outcome != which), ("positives", outcome == which)):
            row = layout.block(vector, name)[which * SCORE_CELLS : (which + 1) * SCORE_CELLS]
            row[:] = np.bincount(cells[chosen], minlength=SCORE_CELLS)
    of_outcome: Floats = score[np.arange(len(outcome)), outcome]
    loss = -np.log(np.clip(of_outcome, _SMALLEST, 1 - _SMALLEST))
    _add(layout, vector, {"scored": np.ones(len(loss)), "log_loss": loss, "log_loss2": loss**2})


def _add(layout: PairLayout, vector: Integers, terms: dict[str, Floats]) -> None:
    form, _ = _SUMS[layout.task]
    for name, values in terms.items():
        layout.block(vector, name)[:] = form.split(values).sum(axis=0)
