"""Which numbers of a decided window detectors watch, and how what they say is told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.detectors.protocol import Verdict
from driftline.drift.detectors.sequential import Kind, Sequential, Span, Watch
from driftline.drift.profile.layout import CATEGORICAL_SPECIALS, BlockKind, Layout
from driftline.drift.profile.profile import Profile
from driftline.drift.profile.reservoir import Reservoir
from driftline.events import Baseline, BaselineColumn, Measure
from driftline.events.columns import PREDICTION, SCORE

__all__ = ["INPUT_CHANGES", "LABEL_CHANGES", "Watched", "change_of", "error_of", "inputs_of", "labels_of", "samples_of", "told"]

INPUT_CHANGES = frozenset({"feature_change", "prediction_change", "multivariate"})
LABEL_CHANGES = frozenset({"performance_change"})
"""Families of what detectors tell, at data close and at label close: kinds of episodes of their own, since a change is news of
another sort than a distance from the baseline."""


def change_of(family: str) -> str:
    """Return the family of what a detector tells of a number of `family`."""
    return f"{family}_change"


@dataclass(frozen=True, slots=True)
class Watched:
    """One number of a window, of a series that has a detector of its own."""

    family: str
    """What it is a number of: feature, prediction or performance."""
    name: str
    """mean, rate or error."""
    column: str | None
    value: float
    span: Span
    """For a new detector of the series; one that exists keeps its own."""
    watch: Watch

    def begin(self, kind: Kind) -> Sequential:
        """A new detector for the series."""
        return Sequential(kind, self.span, Watch.RISE if kind is Kind.DDM else self.watch)


def inputs_of(layout: Layout, baseline: Baseline, profile: Profile) -> Iterator[Watched]:
    """The mean of each numeric column and of the score, and the share of the positive class, on both sides, at data close.

    The span is one deviation of the baseline to either side of its mean (a score's and a share's is 0 to 1). A column without
    a finite value in the window, or in the baseline, has no number: its detector waits.
    """
    known = {column.name: column for column in baseline.columns}
    for block in layout.blocks:
        family = "prediction" if block.column.startswith(":") else "feature"
        if block.kind is BlockKind.NUMERIC:
            n, total, *_ = profile.sums[layout.moments(block.column)].tolist()
            span = Span() if block.column == SCORE else _span(known[block.column])
            value = block.origin + total / n if n > 0 else math.nan
            if span is not None and math.isfinite(value):
                yield Watched(family, "mean", block.column, value, span, Watch.BOTH)
        elif block.column == PREDICTION and layout.positive_class in block.categories and profile.rows > 0:
            positive = block.offset + CATEGORICAL_SPECIALS + block.categories.index(layout.positive_class)
            yield Watched(family, "rate", PREDICTION, int(profile.cells[positive]) / profile.rows, Span(), Watch.BOTH)


def labels_of(measures: Iterable[Measure], reference: float | None = None) -> Iterator[Watched]:
    """The error of the window's label measures, at label close: 1 - accuracy, else mae. Only a rise is told.

    A rate has the span 0 to 1; an mae has 0 to twice the `reference` one, without which it is not watched.
    """
    kept = list(measures)
    value = error_of(kept)
    if value is None or not math.isfinite(value):
        return
    share = any(measure.name == "accuracy" and measure.value is not None for measure in kept)
    if share or (reference is not None and reference > 0):
        span = Span() if share or reference is None else Span(0.0, 2 * reference)
        yield Watched("performance", "error", None, value, span, Watch.RISE)


def error_of(measures: Iterable[Measure]) -> float | None:
    """Return the error that label measures speak of: 1 - accuracy, else mae; None when neither is known."""
    found = {measure.name: measure.value for measure in measures if measure.family == "performance" and measure.column is None}
    accuracy = found.get("accuracy")
    return found.get("mae") if accuracy is None else 1.0 - accuracy


def samples_of(layout: Layout, sample: Reservoir) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """Family, column and sampled values of each numeric column and of the score, in an order that has nothing to do with them."""
    for at, block in enumerate(layout.blocks):
        if block.kind is BlockKind.NUMERIC:
            family = "prediction" if block.column.startswith(":") else "feature"
            yield family, block.column, sample.values[:, at].astype(np.float64) + block.origin


def told(family: str, name: str, column: str | None, verdict: Verdict) -> Measure:
    """The verdict as a measure, such as adwin_mean of a column: the level now, with the level before as its limit."""
    return Measure(
        family=change_of(family),
        name=name,
        column=column,
        value=verdict.value,
        p_value=verdict.p_value,
        limit=verdict.before,
        violated=verdict.detected,
    )


def _span(column: BaselineColumn) -> Span | None:
    n, total, squares, *_ = column.sums or (0.0, 0.0, 0.0)
    if n <= 0:
        return None
    mean = total / n
    return Span.around(column.origin + mean, math.sqrt(max(squares / n - mean * mean, 0.0)))
