"""Drift that hurts and drift that does not: how good the model is where a column has values that the reference never had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.drift.performance.binary import auc
from driftline.drift.performance.intervals import Estimate, area_interval, mean_interval, proportion
from driftline.drift.profile.layout import Block, BlockKind, Layout
from driftline.events import Monitor, Task
from driftline.events.columns import PREDICTION, SCORE

__all__ = ["MINIMUM_ROWS", "Beyond", "Harm", "Outcomes", "Verdict"]

MINIMUM_ROWS = 200
"""Labelled rows beyond the reference, below which nothing is said."""
LEVEL = 0.99
"""Of both intervals: two that do not meet are apart at far less than 1 in 100."""
MUCH = 0.05
"""Of auc and accuracy, and as a part of mae: what less is no harm."""
_CELLS = 64


class Verdict(StrEnum):
    """What the rows beyond the reference say of the model."""

    HURTS = "hurts"
    """It is worse there: the intervals do not meet."""
    HARMLESS = "harmless"
    """It is surely not much worse there."""
    UNSURE = "unsure"
    """Too few rows to tell."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Harm:
    """One column."""

    column: str
    rows: int
    """Labelled rows whose value the reference never had."""
    share: float
    """Of the labelled rows that have a value."""
    measure: str
    """auc (binary with scores), accuracy or mae."""
    beyond: Figure
    within: Figure
    """Of the rows whose value lies within the reference."""

    @property
    def verdict(self) -> Verdict:
        """Whether the model is worse beyond the reference than within it."""
        one, other = self.beyond, self.within
        if self.measure == "mae":
            apart, close = one.low > other.high, one.high <= other.value * (1 + MUCH)
        else:
            apart, close = one.high < other.low, one.low >= other.value - MUCH
        return Verdict.HURTS if apart else Verdict.HARMLESS if close else Verdict.UNSURE


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Labelled rows; every array has n of them."""

    rows: NDArray[np.int64]
    """Where they are in the columns of their batch."""
    right: NDArray[np.bool_]
    """Whether the predicted class was the true one."""
    positive: NDArray[np.bool_]
    """Whether the true class is the positive one."""
    score: NDArray[np.float64]
    """Probability of the positive class (NaN = none)."""
    error: NDArray[np.float64]
    """Predicted minus true number."""


class Beyond:
    """Counts outcomes by column, beyond the reference and without a value; what is left lies within."""

    def __init__(self, layout: Layout, monitor: Monitor) -> None:
        self._task = monitor.task
        self._blocks = {block.column: block for block in layout.blocks if block.column not in {PREDICTION, SCORE}}
        self._known = {
            name: hash_texts([category.encode() for category in block.categories])
            for name, block in self._blocks.items()
            if block.kind is BlockKind.CATEGORICAL
        }
        self._all = self._nothing()
        self._beyond = {name: self._nothing() for name in self._blocks}
        self._missing = {name: self._nothing() for name in self._blocks}

    def add(self, columns: Mapping[str, Column], found: Outcomes) -> None:
        """Count the outcomes of a batch."""
        self._all += self._count(found, slice(None))
        for name, block in self._blocks.items():
            if name in columns:
                beyond, missing = self._masks(columns[name], block, found.rows)
                self._beyond[name] += self._count(found, np.flatnonzero(beyond))
                self._missing[name] += self._count(found, np.flatnonzero(missing))

    def harms(self) -> tuple[Harm, ...]:
        """Columns with enough rows beyond the reference, the most first."""
        made = (self._harm(name) for name in self._blocks)
        return tuple(sorted((harm for harm in made if harm is not None), key=lambda harm: -harm.rows))

    def _masks(self, column: Column, block: Block, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        null = column.kind[rows] == Kind.NULL
        if column.hash is not None:
            return ~null & ~np.isin(column.hash[rows], self._known[block.column]), null
        assert column.reals is not None
        values = column.reals[rows]
        null |= np.isnan(values)
        return ~null & ((values < block.minimum) | (values > block.maximum)), null

    def _nothing(self) -> NDArray[np.float64]:
        return np.zeros(3 if self._task is Task.REGRESSION else 2 * _CELLS + 2)

    def _count(self, found: Outcomes, chosen: NDArray[np.int64] | slice) -> NDArray[np.float64]:
        """n, sum |error| and sum error^2; else wrong, right, and scores by true class and cell."""
        if self._task is Task.REGRESSION:
            error = np.abs(found.error[chosen])
            return np.array([len(error), error.sum(), (error * error).sum()])
        right = int(found.right[chosen].sum())
        score, positive = found.score[chosen], found.positive[chosen]
        known = ~np.isnan(score)
        cell = np.minimum((score[known] * _CELLS).astype(np.int64), _CELLS - 1)
        counts = np.bincount(cell + _CELLS * positive[known], minlength=2 * _CELLS)
        return np.concatenate(([len(score) - right, right], counts)).astype(np.float64)

    def _harm(self, name: str) -> Harm | None:
        beyond, missing = self._beyond[name], self._missing[name]
        within = self._all - beyond - missing
        rows, others = int(self._rows(beyond)), int(self._rows(within))
        if min(rows, others) < MINIMUM_ROWS:
            return None
        (measure, one), (other_measure, other) = self._estimate(beyond), self._estimate(within)
        if measure != other_measure or one is None or other is None:
            return None
        return Harm(name, rows, rows / (rows + others), measure, one, other)

    def _rows(self, counts: NDArray[np.float64]) -> float:
        return float(counts[0] if self._task is Task.REGRESSION else counts[:2].sum())

    def _estimate(self, counts: NDArray[np.float64]) -> tuple[str, Figure | None]:
        if self._task is Task.REGRESSION:
            n, total, squares = counts.tolist()
            return "mae", _figure(mean_interval(n, total, squares, LEVEL))
        negatives, positives = np.split(counts[2:].astype(np.int64), 2)
        area = auc(negatives, positives)
        if area is None:
            return "accuracy", _figure(proportion(counts[1], counts[:2].sum(), LEVEL))
        return "auc", Figure(area, *area_interval(negatives, positives, area, LEVEL))


def _figure(found: Estimate) -> Figure | None:
    if found.value is None or found.low is None or found.high is None:
        return None
    return Figure(found.value, found.low, found.high)
