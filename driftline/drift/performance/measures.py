"""How good the predictions of a window were, from the counts of its label pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from driftline.drift.measures.columns import compare
from driftline.drift.performance import binary, multiclass, regression
from driftline.drift.profile.layout import Layout
from driftline.drift.profile.profile import Profile
from driftline.drift.thresholds import check
from driftline.events import Baseline, Measure, Monitor, Task
from driftline.events.columns import LABEL

__all__ = ["CLASSES_SHOWN", "labels", "outcome_counts"]

CLASSES_SHOWN = 20
"""Classes whose own measures a window tells."""


def labels(
    layout: Layout,
    monitor: Monitor,
    profile: Profile,
    *,
    rows: int | None = None,
    baseline: Baseline | None = None,
) -> tuple[Measure, ...]:
    """Return the measures of label pairs (the in-time ones, to decide on), checked against the monitor's thresholds.

    BINARY: accuracy; precision, recall, f1, specificity, balanced_accuracy, mcc of the positive class; auc, brier, ece.
    MULTICLASS: accuracy; precision, recall, f1 as plain means over the classes that occur (macro) and, as precision_weighted
    and so on, weighted by support; class_precision, class_recall, class_f1 of column ":label=<class>" for the 20 classes with most
    outcomes (names of their own, because a limit for precision means the model's and not each class's).
    REGRESSION: mae, mse, rmse, bias, r2. `rows` (predictions of the window) adds coverage; a baseline with a column `:label`
    adds the drift of the outcomes themselves (family label). A ratio with nothing below the line is None: no pair at all, no
    positive predicted, one class only.
    """
    measures: list[Measure] = []
    if layout.task is Task.REGRESSION:
        measures += _regression(layout, profile)
    else:
        measures += _classification(layout, profile)
    if rows is not None:
        measures.append(_performance("coverage", _ratio(profile.rows, rows)))
    if baseline is not None and layout.task is not Task.REGRESSION:
        measures += _outcomes(layout, baseline, profile)
    return check(measures, monitor.thresholds)


def _classification(layout: Layout, profile: Profile) -> Iterator[Measure]:
    size = len(layout.classes) + 1
    matrix = profile.cells[layout.confusion.cells].reshape(size, size)
    if layout.task is Task.MULTICLASS or layout.positive_class is None:
        yield from _multiclass(layout, matrix)
        return
    right = int(np.diag(matrix)[:-1].sum())  # other / other may be two different unknown classes
    yield _performance("accuracy", _ratio(right, int(matrix.sum())))
    table = binary.Table2.of(matrix, layout.classes.index(layout.positive_class))
    for name, found in binary.decisions(table).items():
        if name != "accuracy":
            yield _performance(name, found.value)
    yield from _scores(layout, profile)


def _scores(layout: Layout, profile: Profile) -> Iterator[Measure]:
    scores = profile.cells[layout.scores.cells]
    half = len(scores) // 2
    negatives, positives = scores[:half], scores[half:]
    yield _performance("auc", binary.auc(negatives, positives))
    sums = dict(zip(layout.label_sum_names, profile.sums.tolist(), strict=True))
    yield _performance("brier", _ratio(sums["squared_error"], sums["n"]))
    yield _performance("ece", binary.calibration_error(binary.calibration_cells(negatives, positives)))


def _multiclass(layout: Layout, matrix: NDArray[np.int64]) -> Iterator[Measure]:
    whole = multiclass.summary(matrix, layout.classes)
    yield _performance("accuracy", whole.accuracy.value)
    for name, value in whole.macro.items():
        yield _performance(name, value)
    for name, value in whole.weighted.items():
        yield _performance(f"{name}_weighted", value)
    each = sorted(multiclass.per_class(matrix, layout.classes), key=lambda c: (-c.support, c.name))[:CLASSES_SHOWN]
    for found in sorted(each, key=lambda c: c.name):
        for name, value in (("precision", found.precision.value), ("recall", found.recall.value), ("f1", found.f1)):
            yield _performance(f"class_{name}", value, f"{LABEL}={found.name}")


def _regression(layout: Layout, profile: Profile) -> Iterator[Measure]:
    sums = dict(zip(layout.label_sum_names, profile.sums.tolist(), strict=True))
    n, actual = sums["n"], sums["actual"]
    kept = regression.ErrorSums(
        n=n,
        error=sums["error"],
        absolute=sums["absolute_error"],
        squared=sums["squared_error"],
        actual=actual,
        spread=sums["squared_actual"] - actual * actual / n if n > 0 else 0.0,
    )
    for name, found in regression.measures(kept).items():
        if name != "mape":  # these sums do not hold it
            yield _performance(name, found.value)


def _outcomes(layout: Layout, baseline: Baseline, profile: Profile) -> tuple[Measure, ...]:
    found = outcome_counts(layout, baseline, profile)
    return () if found is None else compare("label", LABEL, *found)


def outcome_counts(layout: Layout, baseline: Baseline, profile: Profile) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return true outcomes by class, other last, of a classifier's baseline and of pairs; None where the baseline has none."""
    found = next((column for column in baseline.columns if column.name == LABEL), None)
    if found is None:
        return None
    size = len(layout.classes) + 1
    current = profile.cells[layout.confusion.cells].reshape(size, size).sum(axis=0)
    known = dict(zip(found.categories, found.counts[2:], strict=True))
    reference = [known.pop(name, 0) for name in layout.classes]
    other = found.counts[1] + sum(known.values())
    return np.array([*reference, other], np.int64), current


def _performance(name: str, value: float | None, column: str | None = None) -> Measure:
    return Measure(family="performance", name=name, column=column, value=value)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
