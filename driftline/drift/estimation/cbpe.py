"""Confidence-based performance estimation: what the scores themselves say about how often they are right.

NannyML's CBPE on counts: scores are calibrated on the reference, then a prediction of the positive class with chance p is
right p times out of 1. It holds as long as a score means what it meant in the reference: drift of the inputs moves rows
between scores and is followed; a change of what the inputs mean (concept drift) is invisible to it, and so are rows of a
kind that the reference did not have. `CAVEAT` says so wherever an estimate is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.estimation.calibration import Calibration
from driftline.drift.performance.intervals import LEVEL, UNKNOWN, Estimate, quantile_of

__all__ = ["CAVEAT", "CELLS", "Estimation", "count_scores", "estimate", "estimate_classes"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

CELLS = 128
"""Cells of score, of equal width over [0, 1]."""
CAVEAT = "estimated from scores; valid only while a score means what it meant in the reference (no concept drift)"
_KNOWN = 10
"""Rows of the reference that a cell needs for its chance to be its own."""


@dataclass(frozen=True, slots=True)
class Estimation:
    """What is estimated, each with the interval in which the realised value lies, sampling and calibration considered."""

    values: dict[str, Estimate]
    n: int
    foreign: float
    """Share of rows with scores that the reference hardly had (fewer than 10 rows in the cell)."""
    caveat: str = CAVEAT


def count_scores(predicted: Integers, scores: Floats, classes: int = 2, *, cells: int = CELLS, sign: int = 1) -> Integers:
    """Counts (classes, cells) of scores by predicted class; they add and subtract. NaN = no score, left out.

    For `estimate`, predicted is 1 for the positive class and the score is that of the positive class, whatever was
    predicted; for `estimate_classes` the score is that of the predicted class.
    """
    known = np.flatnonzero(~np.isnan(scores))
    cell = np.minimum((scores[known] * cells).astype(np.int64), cells - 1)
    counts = np.bincount(predicted[known] * cells + cell, minlength=classes * cells)
    return sign * counts.reshape(classes, cells).astype(np.int64)


def estimate(calibration: Calibration, counts: Integers | Floats, level: float = LEVEL) -> Estimation:
    """Estimate accuracy, precision, recall, f1, specificity, balanced_accuracy and auc of a binary classifier.

    `counts` are those of the window, (2, cells); expected ones will do. The interval is the delta method's: outcomes that are drawn with the
    calibrated chances, and the doubt about these. A measure with nothing below the line is unknown.
    """
    n = round(float(counts.sum()))
    foreign = _foreign(calibration.rows, counts.sum(axis=0))
    if n <= 0:
        return Estimation(dict.fromkeys((*_DECISIONS, "auc"), UNKNOWN), 0, 0.0)
    negative, positive = counts.astype(np.float64)
    hits, missed = positive * calibration.chance, negative * calibration.chance
    tp, fn = float(hits.sum()), float(missed.sum())
    p, q = float(positive.sum()), float(negative.sum())
    noise = _Noise(calibration, positive, negative)
    values = {name: _decision(name, (tp, fn, p, q), noise, level) for name in _DECISIONS}
    values["auc"] = _ranking(hits + missed, positive + negative, noise, level)
    return Estimation(values, n, foreign)


def estimate_classes(
    calibrations: Sequence[Calibration], counts: Integers, names: Sequence[str], level: float = LEVEL
) -> Estimation:
    """Estimate the accuracy of a classifier of many classes, and the precision of each, `precision:<class>`.

    `calibrations` are of "the prediction is right" by the score of the predicted class, one a class; `counts` (classes,
    cells) those of the window. Recall and f1 would need the scores of all classes and are not estimated.
    """
    n = int(counts.sum())
    values: dict[str, Estimate] = {"accuracy": UNKNOWN}
    right = variance = foreign = 0.0
    for name, calibration, row in zip(names, calibrations, counts.astype(np.float64), strict=True):
        of_class = float(row.sum())
        hits = float((row * calibration.chance).sum())
        spread = _Noise(calibration, row, np.zeros_like(row)).variance(np.ones_like(row), np.zeros_like(row))
        values[f"precision:{name}"] = _within(hits, spread, of_class, level)
        right, variance = right + hits, variance + spread
        foreign += _foreign(calibration.rows, row) * of_class
    values["accuracy"] = _within(right, variance, float(n), level)
    return Estimation(values, n, foreign / n if n else 0.0)


@dataclass(frozen=True, slots=True)
class _Noise:
    """Where the realised value may differ: by the luck of the outcomes, and by the doubt about the chances."""

    calibration: Calibration
    positive: Floats
    negative: Floats

    def variance(self, of_positive: Floats, of_negative: Floats) -> float:
        """Of sums of outcomes, weighted by cell for predicted positives and negatives."""
        chance = self.calibration.chance
        luck = chance * (1 - chance) * (self.positive * of_positive**2 + self.negative * of_negative**2)
        moved = (self.positive * of_positive + self.negative * of_negative) @ self.calibration.doubt
        return float(luck.sum() + (moved**2).sum())


def _accuracy(tp: float, fn: float, p: float, q: float) -> float:
    return (tp + q - fn) / (p + q)


def _precision(tp: float, _fn: float, p: float, _q: float) -> float:
    return tp / p


def _recall(tp: float, fn: float, _p: float, _q: float) -> float:
    return tp / (tp + fn)


def _f1(tp: float, fn: float, p: float, _q: float) -> float:
    return 2 * tp / (p + tp + fn)


def _specificity(tp: float, fn: float, p: float, q: float) -> float:
    return (q - fn) / (q - fn + p - tp)


def _balanced(tp: float, fn: float, p: float, q: float) -> float:
    return (_recall(tp, fn, p, q) + _specificity(tp, fn, p, q)) / 2


_DECISIONS = {
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "specificity": _specificity,
    "balanced_accuracy": _balanced,
}


def _decision(name: str, table: tuple[float, float, float, float], noise: _Noise, level: float) -> Estimate:
    measure = _DECISIONS[name]
    tp, fn, p, q = table
    step = 1e-4 * (p + q)
    try:
        value = measure(tp, fn, p, q)
        by_tp = (measure(tp + step, fn, p, q) - measure(tp - step, fn, p, q)) / (2 * step)
        by_fn = (measure(tp, fn + step, p, q) - measure(tp, fn - step, p, q)) / (2 * step)
    except ZeroDivisionError:
        return UNKNOWN
    cells = np.ones_like(noise.positive)
    return _around(value, noise.variance(by_tp * cells, by_fn * cells), level)


def _ranking(hits: Floats, n: Floats, noise: _Noise, level: float) -> Estimate:
    """The area under the curve of expected outcomes, and its gradient by the hits of each cell."""
    misses = n - hits
    total, rest = float(hits.sum()), float(misses.sum())
    if total <= 0 or rest <= 0:
        return UNKNOWN
    below = np.cumsum(misses) - misses / 2
    above = total - np.cumsum(hits) + hits / 2
    area = float((hits * below).sum()) / (total * rest)
    gradient = (below - above) / (total * rest) - area / total + area / rest
    return _around(area, noise.variance(gradient, gradient), level)


def _around(value: float, variance: float, level: float) -> Estimate:
    half = quantile_of(level) * math.sqrt(max(variance, 0.0))
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0))


def _within(right: float, variance: float, n: float, level: float) -> Estimate:
    return _around(right / n, variance / n**2, level) if n > 0 else UNKNOWN


def _foreign(reference: Integers, counts: NDArray[np.generic]) -> float:
    total = float(counts.sum())
    return float(counts[reference < _KNOWN].sum()) / total if total > 0 else 0.0
