"""Measures of a binary classifier from its four counts and from the histogram of its scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.performance.intervals import LEVEL, UNKNOWN, Estimate, area_interval, proportion

__all__ = ["CalibrationCell", "Table2", "auc", "calibration_cells", "calibration_error", "decisions", "ranking"]

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Table2:
    """The four counts of decisions about the positive class."""

    tp: int
    fp: int
    fn: int
    tn: int

    @staticmethod
    def of(matrix: Integers, positive: int) -> Table2:
        """Collapse a confusion matrix (rows predicted, columns actual) to one class against all others."""
        hit, predicted, actual = (
            int(matrix[positive, positive]),
            int(matrix[positive].sum()),
            int(matrix[:, positive].sum()),
        )
        return Table2(hit, predicted - hit, actual - hit, int(matrix.sum()) - predicted - actual + hit)

    @property
    def n(self) -> int:
        """Pairs."""
        return self.tp + self.fp + self.fn + self.tn


def decisions(table: Table2, level: float = LEVEL) -> dict[str, Estimate]:
    """accuracy, precision, recall, specificity, f1, balanced_accuracy and mcc; unknown where nothing is below the line.

    Shares have Wilson's interval; that of f1 is Wilson's of tp / (tp + fp + fn), carried over by f1 = 2j / (1 + j). Of
    balanced accuracy: the two Wilson intervals combined as Newcombe's squares-and-add (1998). mcc has none: it equals
    scikit-learn's, but is unknown (not 0) where a row or column of the table is empty.
    """
    t = table
    recall, specificity = proportion(t.tp, t.tp + t.fn, level), proportion(t.tn, t.tn + t.fp, level)
    return {
        "accuracy": proportion(t.tp + t.tn, t.n, level),
        "precision": proportion(t.tp, t.tp + t.fp, level),
        "recall": recall,
        "f1": _f1(t, level),
        "specificity": specificity,
        "balanced_accuracy": _mean_of_two(recall, specificity),
        "mcc": Estimate(_mcc(t)),
    }


def auc(negatives: Integers, positives: Integers) -> float | None:
    """Return the area under the ROC curve from histograms of scores, ascending cells.

    P(positive's score > negative's) + P(same cell) / 2: it misses the area of the raw scores by at most half the share
    of pairs that meet in one cell. None unless both classes occur.
    """
    pairs = int(negatives.sum()) * int(positives.sum())
    if pairs <= 0:
        return None
    below = np.cumsum(negatives) - negatives
    wins = 2 * int((positives * below).sum()) + int((positives * negatives).sum())
    return wins / (2 * pairs)


def ranking(negatives: Integers, positives: Integers, level: float = LEVEL) -> Estimate:
    """Area under the ROC curve with its interval."""
    area = auc(negatives, positives)
    if area is None:
        return UNKNOWN
    return Estimate(area, *area_interval(negatives, positives, area, level))


@dataclass(frozen=True, slots=True)
class CalibrationCell:
    """One point of the reliability curve: scores of a cell against how often the positive class came."""

    n: int
    score: float
    """Mean score."""
    outcome: Estimate
    """Share of positives."""


def calibration_cells(
    negatives: Integers, positives: Integers, scores: NDArray[np.float64] | None = None, *, bins: int = 10
) -> tuple[CalibrationCell, ...]:
    """The reliability curve in `bins` groups of neighbouring cells, empty ones left out.

    `scores` are the sums of scores by cell; without them a score counts as the middle of its cell, which moves a point by at
    most half a cell. Cells go to the bin of their middle: with 64 cells and 10 bins a border is off by at most 1/128.
    """
    size = len(positives)
    middles = (np.arange(size) + 0.5) / size
    counts = negatives + positives
    sums = counts * middles if scores is None else scores
    group = np.minimum((middles * bins).astype(np.int64), bins - 1)
    n, total, hits = (np.bincount(group, weights=values, minlength=bins) for values in (counts, sums, positives))
    return tuple(
        CalibrationCell(int(n[i]), float(total[i] / n[i]), proportion(float(hits[i]), float(n[i])))
        for i in np.flatnonzero(n > 0).tolist()
    )


def calibration_error(cells: tuple[CalibrationCell, ...]) -> float | None:
    """Expected calibration error: the mean distance of score and outcome, weighted by rows (Naeini et al. 2015)."""
    n = sum(cell.n for cell in cells)
    if not n:
        return None
    return math.fsum(cell.n * abs(cell.score - (cell.outcome.value or 0.0)) for cell in cells) / n


def _f1(t: Table2, level: float) -> Estimate:
    shared = proportion(t.tp, t.tp + t.fp + t.fn, level)
    if shared.value is None or shared.low is None or shared.high is None:
        return UNKNOWN
    value = 2 * t.tp / (2 * t.tp + t.fp + t.fn)
    return Estimate(value, 2 * shared.low / (1 + shared.low), 2 * shared.high / (1 + shared.high))


def _mean_of_two(a: Estimate, b: Estimate) -> Estimate:
    if a.value is None or b.value is None or a.low is None or b.low is None or a.high is None or b.high is None:
        return UNKNOWN
    value = (a.value + b.value) / 2
    below = math.hypot(a.value - a.low, b.value - b.low) / 2
    above = math.hypot(a.high - a.value, b.high - b.value) / 2
    return Estimate(value, value - below, value + above)


def _mcc(t: Table2) -> float | None:
    below = (t.tp + t.fp) * (t.tp + t.fn) * (t.tn + t.fp) * (t.tn + t.fn)
    return (t.tp * t.tn - t.fp * t.fn) / math.sqrt(below) if below > 0 else None
