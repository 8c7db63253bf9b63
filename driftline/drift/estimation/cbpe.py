"""Confidence-based performance estimation: what the scores themselves say about how often they are right.

NannyML's CBPE on counts: scores are calibrated on the reference, then a prediction of the positive class with chance p is
right p times out of 1. It holds as long as a score means what it meant in the reference: drift of the inputs moves rows
between scores and is followed; a change of what the inputs mean (concept drift) is invisible to it, and so are rows of a
kind that the reference did not have. `CAVEAT` says so wherever an estimate is shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.estimation.calibration import Calibration
from driftline.drift.performance.intervals import LEVEL, UNKNOWN, Estimate, quantile_of

__all__ = ["CAVEAT", "Estimation", "estimate", "estimate_accuracy"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

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


def estimate(calibration: Calibration, counts: Integers | Floats, level: float = LEVEL) -> Estimation:
    """Estimate accuracy, precision, recall, f1, specificity, balanced_accuracy and auc of a binary classifier.

    `counts` are those of the window, (2, cells) by predicted class, of the score of the positive one; expected ones will do. The interval is the delta method's: outcomes that are drawn with the
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


def estimate_accuracy(calibration: Calibration, counts: Integers | Floats, level: float = LEVEL) -> Estimation:
    """Estimate how often a classifier of many classes is right.

    `calibration` is of "the prediction is right" by the score of the predicted class; `counts` (cells,) those of the window. Figures
    of single classes would need the scores of all of them.
    """
    n = float(counts.sum())
    if n <= 0:
        return Estimation({"accuracy": UNKNOWN}, 0, 0.0)
    rows, ones = counts.astype(np.float64), np.ones(len(counts))
    variance = _Noise(calibration, rows, np.zeros_like(rows)).variance(ones, ones)
    found = _around(float((rows * calibration.chance).sum()) / n, variance / n**2, level)
    return Estimation({"accuracy": found}, round(n), _foreign(calibration.rows, counts))


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


def _foreign(reference: Integers, counts: NDArray[np.generic]) -> float:
    total = float(counts.sum())
    return float(counts[reference < _KNOWN].sum()) / total if total > 0 else 0.0
