"""What is kept of label pairs: one vector of int64 that adds and subtracts exactly.

Blocks by name, in this order:

    confusion    (classes + other)^2, row = predicted, column = actual    BINARY, MULTICLASS
    negatives    64 cells of score for every other outcome                BINARY
    positives    64 cells of score for the positive class                 BINARY
    scores       sums of scores by cell                                   BINARY
    residuals    128 cells of e / scale                                   REGRESSION
    beyond       pairs too far out to be summed, left out                 REGRESSION
    <sum>        one `FixedPoint` sum each, see `_SUMS`                   BINARY, REGRESSION

e = predicted - actual. A pair that is taken back adds the negative of what it added: the vector is then as if it had never come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftline.drift.profile.exact import FixedPoint
from driftline.events import Task

__all__ = [
    "SCORE_CELLS",
    "SCORE_UNIT",
    "Adds",
    "PairLayout",
    "counted",
    "numbers_add",
    "residual_edges",
    "score_cells",
    "scored_add",
]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

SCORE_CELLS = 64
SCORE_UNIT = 2.0**31
"""Scores are summed by cell in one int64: off by at most 2.3e-10 each."""
_RESIDUAL_CELLS = 128
_REACH = 12.0
"""asinh of the largest error in units of the scale: e**12 / 2, some 81,000 scales."""
_SHARES = FixedPoint(limbs=2, fraction=40)
"""Of losses of scores: up to 8e6, off by at most 4.6e-13 each."""
_ERRORS = FixedPoint(limbs=5, fraction=48)
"""Of errors in units of the scale: up to 2e33 (a fourth power of 2e8 scales), off by at most 1.8e-15 each."""
_SMALLEST = float(np.finfo(np.float64).eps)
"""Scores are clipped to it for the log loss, as scikit-learn does: the largest loss is 36.04."""
_SUMS = {
    Task.BINARY: (_SHARES, ("brier", "brier2", "log_loss", "log_loss2")),
    Task.MULTICLASS: (_SHARES, ()),
    Task.REGRESSION: (
        _ERRORS,
        ("error", "absolute", "squared", "fourth", "actual", "actual2", "relative", "relative_n"),
    ),
}


def score_cells(scores: Floats) -> Integers:
    """Cell of each score, 0 to 63: floor(score * 64), a score of 1 in the last. Scores lie in [0, 1]."""
    cells: Integers = np.minimum((scores * SCORE_CELLS).astype(np.int64), SCORE_CELLS - 1)
    return cells


def residual_edges() -> Floats:
    """The 127 inner edges of the 128 cells of e / scale: equal steps of asinh, fine around 0, 20 % of the value far out."""
    return np.sinh(np.linspace(-_REACH, _REACH, _RESIDUAL_CELLS - 1))


class _Place(NamedTuple):
    start: int
    size: int


@dataclass(frozen=True)
class PairLayout:
    """What each number of the vector means. Vectors of equal layouts add; others never do.

    `scale` and `origin` (REGRESSION) are a usual error and a usual outcome of the reference: they set the resolution. Any
    will do for errors; r2 of outcomes far from 0 in units of the scale wants an origin near them.
    """

    task: Task
    classes: tuple[str, ...] = ()
    positive: int | None = None
    """BINARY: which class is the positive one."""
    scale: float = 1.0
    origin: float = 0.0

    @cached_property
    def _places(self) -> dict[str, _Place]:
        sizes: dict[str, int] = {}
        if self.task is not Task.REGRESSION:
            sizes["confusion"] = (len(self.classes) + 1) ** 2
        if self.task is Task.BINARY:
            sizes |= dict.fromkeys(("negatives", "positives", "scores"), SCORE_CELLS)
        elif self.task is Task.REGRESSION:
            sizes |= {"residuals": _RESIDUAL_CELLS, "beyond": 1}
        form, names = _SUMS[self.task]
        sizes |= dict.fromkeys(names, form.limbs)
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

    def start(self, name: str) -> int:
        """Where a block begins."""
        return self._places[name].start

    def block(self, vector: Integers, name: str) -> Integers:
        """A named block of the vector: a view. Raises KeyError for one that the task does not have."""
        place = self._places[name]
        return vector[place.start : place.start + place.size]

    def confusion(self, vector: Integers) -> Integers:
        """The confusion matrix, row = predicted, column = actual, `other` last: a view. Raises KeyError for REGRESSION."""
        size = len(self.classes) + 1
        return self.block(vector, "confusion").reshape(size, size)

    def exact(self, vector: Integers, name: str) -> Fraction:
        """A sum, exactly."""
        form, _ = _SUMS[self.task]
        return Fraction(form.whole(self.block(vector, name)), 1 << form.fraction)

    def real(self, vector: Integers, name: str) -> float:
        """A sum, rounded once."""
        return float(self.exact(vector, name))


class Adds(NamedTuple):
    """What some pairs add to the vector: each of `pairs` (indices) the amount at the place."""

    pairs: Integers
    places: Integers | int
    amounts: Integers | int


def scored_add(layout: PairLayout, predicted: Integers, actual: Integers, scores: Floats) -> Iterator[Adds]:
    """What pairs of a classifier add.

    `predicted` and `actual` are places in `classes`, len(classes) for any other value. `scores` are of the positive class, in
    [0, 1]; NaN = no score. Only a BINARY model's are counted.
    """
    everyone = np.arange(len(predicted))
    yield Adds(everyone, layout.start("confusion") + predicted * (len(layout.classes) + 1) + actual, 1)
    if layout.positive is None:
        return
    known = np.flatnonzero(~np.isnan(scores))
    score, positive = scores[known], actual[known] == layout.positive
    cells = score_cells(score)
    yield Adds(known, np.where(positive, layout.start("positives"), layout.start("negatives")) + cells, 1)
    yield Adds(known, layout.start("scores") + cells, np.round(score * SCORE_UNIT).astype(np.int64))
    brier = (score - positive) ** 2
    loss = -np.log(np.clip(np.where(positive, score, 1 - score), _SMALLEST, 1 - _SMALLEST))
    yield from _summed(layout, known, {"brier": brier, "brier2": brier**2, "log_loss": loss, "log_loss2": loss**2})


def numbers_add(layout: PairLayout, predicted: Floats, actual: Floats) -> Iterator[Adds]:
    """What pairs of a regression add. Pairs that are not finite on both sides add nothing."""
    finite = np.flatnonzero(np.isfinite(predicted) & np.isfinite(actual))
    predicted, actual = predicted[finite], actual[finite]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        error, outcome = (predicted - actual) / layout.scale, (actual - layout.origin) / layout.scale
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
    fits = np.logical_and.reduce([_ERRORS.fits(values) for values in terms.values()])
    cells = np.searchsorted(residual_edges(), error[fits], side="right").astype(np.int64)
    yield Adds(finite[fits], layout.start("residuals") + cells, 1)
    yield Adds(finite[~fits], layout.start("beyond"), 1)
    yield from _summed(layout, finite[fits], {name: values[fits] for name, values in terms.items()})


def counted(layout: PairLayout, adds: tuple[Adds, ...], group: Integers, groups: int) -> Integers:
    """The vector of each group of pairs, (groups, size)."""
    found = np.zeros(groups * layout.size, np.int64)
    for pairs, places, amounts in adds:
        np.add.at(found, group[pairs] * layout.size + places, amounts)
    return found.reshape(groups, layout.size)


def _summed(layout: PairLayout, pairs: Integers, terms: dict[str, Floats]) -> Iterator[Adds]:
    form, _ = _SUMS[layout.task]
    for name, values in terms.items():
        limbs = form.split(values)
        for limb in range(form.limbs):
            yield Adds(pairs, layout.start(name) + limb, np.ascontiguousarray(limbs[:, limb]))
