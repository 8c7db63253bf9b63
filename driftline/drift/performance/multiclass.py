"""Measures of a classifier of many classes from its confusion matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.performance.binary import Table2
from driftline.drift.performance.intervals import LEVEL, Estimate, proportion

__all__ = ["ClassMeasures", "Summary", "per_class", "summary"]

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassMeasures:
    """One class against all others."""

    name: str
    support: int
    """Pairs whose outcome it is."""
    precision: Estimate
    recall: Estimate
    f1: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """All classes together. Means leave out classes for which the ratio has nothing below the line."""

    accuracy: Estimate
    macro: dict[str, float | None]
    """precision, recall, f1: plain means over the classes that occur."""
    weighted: dict[str, float | None]
    """The same weighted by support."""


def per_class(matrix: Integers, classes: tuple[str, ...], level: float = LEVEL) -> tuple[ClassMeasures, ...]:
    """Measures of each known class that occurs on either side.

    `matrix` has rows predicted, columns actual, in the order of the classes and then one for all other values, which are
    errors for whatever class they meet and have no measures of their own. Equals scikit-learn with zero_division=nan.
    """
    found = []
    for which, name in enumerate(classes):
        t = Table2.of(matrix, which)
        if t.tp + t.fp + t.fn:
            f1 = 2 * t.tp / (2 * t.tp + t.fp + t.fn)
            precision, recall = proportion(t.tp, t.tp + t.fp, level), proportion(t.tp, t.tp + t.fn, level)
            found.append(ClassMeasures(name, t.tp + t.fn, precision, recall, f1))
    return tuple(found)


def summary(matrix: Integers, classes: tuple[str, ...], level: float = LEVEL) -> Summary:
    """Accuracy (other / other is no hit: it may be two different unknown values), macro and weighted means."""
    known = len(classes)
    right = int(np.diag(matrix)[:known].sum())
    each = per_class(matrix, classes, level)
    columns = {
        "precision": [(c.precision.value, c.support) for c in each],
        "recall": [(c.recall.value, c.support) for c in each],
        "f1": [(c.f1, c.support) for c in each],
    }
    return Summary(
        accuracy=proportion(right, int(matrix.sum()), level),
        macro={name: _mean([(value, 1) for value, _ in values]) for name, values in columns.items()},
        weighted={name: _mean(values) for name, values in columns.items()},
    )


def _mean(values: list[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None]
    total = sum(weight for _, weight in known)
    return math.fsum(value * weight for value, weight in known) / total if total else None
