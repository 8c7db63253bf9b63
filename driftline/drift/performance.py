"""How good the predictions of a window were, from the counts of its label pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from driftline.drift.measures.columns import compare
from driftline.drift.profile.layout import REGRESSION_SUMS, Layout
from driftline.drift.profile.profile import Profile
from driftline.drift.thresholds import check
from driftline.events import Baseline, Measure, Monitor, Task

__all__ = ["LABEL", "auc", "labels"]

LABEL = ":label"
"""Column of a baseline that holds the true outcomes, where it was fitted with them."""


def labels(
    layout: Layout,
    monitor: Monitor,
    profile: Profile,
    *,
    rows: int | None = None,
    baseline: Baseline | None = None,
) -> tuple[Measure, ...]:
    """Return the measures of label pairs (the in-time ones, to decide on), checked against the monitor's thresholds.

    BINARY: accuracy, precision, recall, f1 of the positive class, auc. MULTICLASS: accuracy, and precision, recall, f1 as
    plain means over the classes that occur. REGRESSION: mae, rmse. `rows` (predictions of the window) adds coverage;
    a baseline with a column `:label` adds the drift of the outcomes themselves (family label). A ratio with nothing
    below the line is None: no pair at all, no positive predicted, one class only.
    """
    measures: list[Measure] = []
    if layout.task is Task.REGRESSION:
        measures += _regression(profile)
    else:
        measures += _classification(layout, profile)
    if rows is not None:
        measures.append(_performance("coverage", _ratio(profile.rows, rows)))
    if baseline is not None and layout.task is not Task.REGRESSION:
        measures += _outcomes(layout, baseline, profile)
    return check(measures, monitor.thresholds)


def auc(negatives: NDArray[np.int64], positives: NDArray[np.int64]) -> float | None:
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


def _classification(layout: Layout, profile: Profile) -> Iterator[Measure]:
    size = len(layout.classes) + 1
    matrix = profile.cells[layout.confusion.cells].reshape(size, size)
    right = np.diag(matrix)[:-1]  # other / other may be two different unknown classes
    yield _performance("accuracy", _ratio(int(right.sum()), int(matrix.sum())))
    if layout.task is Task.BINARY and layout.positive_class is not None:
        which = layout.classes.index(layout.positive_class)
        scores = profile.cells[layout.scores.cells]
        half = len(scores) // 2
        ratios = _ratios(matrix, which)
        area = auc(scores[:half], scores[half:])
    else:
        occurring = np.flatnonzero((matrix.sum(axis=0) + matrix.sum(axis=1))[:-1])
        each = [_ratios(matrix, which) for which in occurring.tolist()]
        ratios = (_mean([r[0] for r in each]), _mean([r[1] for r in each]), _mean([r[2] for r in each]))
        area = None
    for name, value in zip(("precision", "recall", "f1"), ratios, strict=True):
        yield _performance(name, value)
    if layout.task is Task.BINARY:
        yield _performance("auc", area)


def _ratios(matrix: NDArray[np.int64], which: int) -> tuple[float | None, float | None, float | None]:
    hit = int(matrix[which, which])
    predicted, actual = int(matrix[which].sum()), int(matrix[:, which].sum())
    return _ratio(hit, predicted), _ratio(hit, actual), _ratio(2 * hit, predicted + actual)


def _regression(profile: Profile) -> Iterator[Measure]:
    n, absolute, squared = (
        float(profile.sums[REGRESSION_SUMS.index(name)]) for name in ("n", "absolute_error", "squared_error")
    )
    yield _performance("mae", _ratio(absolute, n))
    mean_square = _ratio(squared, n)
    yield _performance("rmse", None if mean_square is None else math.sqrt(max(mean_square, 0.0)))


def _outcomes(layout: Layout, baseline: Baseline, profile: Profile) -> tuple[Measure, ...]:
    found = next((column for column in baseline.columns if column.name == LABEL), None)
    if found is None:
        return ()
    size = len(layout.classes) + 1
    current = profile.cells[layout.confusion.cells].reshape(size, size).sum(axis=0)
    known = dict(zip(found.categories, found.counts[2:], strict=True))
    reference = [known.pop(name, 0) for name in layout.classes]
    other = found.counts[1] + sum(known.values())
    return compare("label", LABEL, np.array([*reference, other], np.int64), current)


def _performance(name: str, value: float | None) -> Measure:
    return Measure(family="performance", name=name, value=value)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
