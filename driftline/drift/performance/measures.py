"""How good the predictions of a window were, from the counts of its label pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from driftline.drift.measures.columns import compare
from driftline.drift.performance import multiclass
from driftline.drift.performance.figures import OF_SCORES, figures
from driftline.drift.performance.intervals import Estimate, proportion
from driftline.drift.profile.layout import Layout
from driftline.drift.profile.pairs import PairLayout
from driftline.drift.profile.profile import Profile
from driftline.drift.thresholds import check
from driftline.events import Baseline, Measure, Monitor, Task
from driftline.events.columns import LABEL

__all__ = ["CLASSES_SHOWN", "labels", "outcome_counts"]

CLASSES_SHOWN = 20
"""Classes whose own measures a window tells."""
Integers = NDArray[np.int64]


def labels(
    layout: Layout,
    monitor: Monitor,
    profile: Profile,
    *,
    rows: int | None = None,
    baseline: Baseline | None = None,
) -> tuple[Measure, ...]:
    """Return the measures of label pairs (the in-time ones, to decide on), checked against the monitor's thresholds.

    Each says on how many pairs it stands (`n`; of the window's rows, that is its coverage) and the 95 % interval, where there
    is an honest one.
    BINARY: accuracy; precision, recall, f1, specificity, balanced_accuracy, mcc of the positive class; auc, brier, log_loss, ece.
    MULTICLASS: accuracy; precision, recall, f1 as plain means over the classes that occur (macro) and, as precision_weighted
    and so on, weighted by support; class_precision, class_recall, class_f1 of column ":label=<class>" for the 20 classes with most
    outcomes (names of their own, because a limit for precision means the model's and not each class's).
    REGRESSION: mae, mse, rmse, bias, r2, mape, error_p05, error_p50, error_p95. `rows` (predictions of the window) adds
    coverage; a baseline with a column `:label` adds the drift of the outcomes themselves (family label). A ratio with nothing
    below the line is None: no pair at all, no positive predicted, one class only.
    """
    pairs, vector = layout.pairs, profile.cells
    on = {name: _on(pairs, vector, name, profile.rows) for name in ("accuracy", "auc")}
    measures = [
        _performance(name, found, n=on["auc" if name in OF_SCORES else "accuracy"])
        for name, found in figures(pairs, vector).items()
    ]
    if pairs.classes and pairs.positive is None:
        measures += _classes(pairs, vector)
    if rows is not None:
        measures.append(_performance("coverage", proportion(profile.rows, rows), n=rows))
    if baseline is not None and layout.task is not Task.REGRESSION:
        measures += _outcomes(layout, baseline, profile)
    return check(measures, monitor.thresholds)


def _on(pairs: PairLayout, vector: Integers, name: str, rows: int) -> int:
    """On how many pairs a figure stands."""
    if pairs.task is Task.REGRESSION:
        return int(pairs.block(vector, "residuals").sum())
    if name in OF_SCORES and pairs.positive is not None:
        return int(pairs.block(vector, "negatives").sum() + pairs.block(vector, "positives").sum())
    return rows


def _classes(pairs: PairLayout, vector: Integers) -> Iterator[Measure]:
    found = multiclass.per_class(pairs.confusion(vector), pairs.classes)
    each = sorted(found, key=lambda c: (-c.support, c.name))[:CLASSES_SHOWN]
    for one in sorted(each, key=lambda c: c.name):
        for name, value in (("precision", one.precision), ("recall", one.recall), ("f1", Estimate(one.f1))):
            yield _performance(f"class_{name}", value, f"{LABEL}={one.name}", n=one.support)


def _outcomes(layout: Layout, baseline: Baseline, profile: Profile) -> tuple[Measure, ...]:
    found = outcome_counts(layout, baseline, profile)
    return () if found is None else tuple(replace(each, n=profile.rows) for each in compare("label", LABEL, *found))


def outcome_counts(layout: Layout, baseline: Baseline, profile: Profile) -> tuple[Integers, Integers] | None:
    """Return true outcomes by class, other last, of a classifier's baseline and of pairs; None where the baseline has none."""
    found = next((column for column in baseline.columns if column.name == LABEL), None)
    if found is None:
        return None
    current = layout.pairs.confusion(profile.cells).sum(axis=0)
    known = dict(zip(found.categories, found.counts[2:], strict=True))
    reference = [known.pop(name, 0) for name in layout.classes]
    other = found.counts[1] + sum(known.values())
    return np.array([*reference, other], np.int64), current


def _performance(name: str, found: Estimate, column: str | None = None, *, n: int) -> Measure:
    return Measure(family="performance", name=name, column=column, value=found.value, n=n, low=found.low, high=found.high)
