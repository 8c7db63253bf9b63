"""Compiled metrics, and what their partials say when a window closes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from driftline.drift.profile.partial import Partial
from driftline.drift.sqlmetrics.plan import Plan, StateKind
from driftline.drift.sqlmetrics.steps import Step, evaluate
from driftline.drift.sqlmetrics.vectors import Vector
from driftline.events import MetricType, MonitorMetric, OutputType

__all__ = ["Aggregate", "Compiled", "Key", "MetricValue", "NoValue", "Program"]

Key = tuple[str, str]
"""Name of a metric and the column that it is about (":table" where it is about none)."""


class NoValue(StrEnum):
    """Why a metric has no value. None of them is a violation: no evidence is neither good nor bad."""

    NO_ROWS = "no_rows"
    """No row (with labels: no pair) in the window."""
    NULL = "null"
    """NULL by the rules of SQL: nothing to add up, or a division by zero."""
    NOT_FINITE = "not_finite"
    """Too large for float64."""
    NO_BASE = "no_base"
    """A drift metric without the other window, or whose metric has no value there."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """What a metric is in a window."""

    name: str
    column: str
    """":table", or the input column that it is about."""
    value: float | None
    reason: NoValue | None
    """Why there is no value; None where there is one."""
    n: int
    """Rows that it was computed on: of the window, or those with a label in time where it needs labels."""
    coverage: float | None
    """Share of the window's rows that it was computed on where it needs labels; None = it needs none, or not known."""
    requires_label: bool


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate of a definition: a function of one state of the plan (-1: of the number of rows)."""

    function: str
    state: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """One metric for one input column.

    `steps` compute its value (the last step) from `inputs`: aggregates of its plan, or values of other metrics. Of a drift
    metric they are pairs of the side ("current", "base") and the key.
    """

    metric: MonitorMetric
    column: str
    requires_label: bool
    steps: tuple[Step, ...]
    result: int
    aggregates: Mapping[str, Aggregate]
    metrics: Mapping[str, tuple[str, Key]]

    @property
    def key(self) -> Key:
        """What it is called."""
        return self.metric.name, self.column


@dataclass(frozen=True)
class Program:
    """All metrics of a monitor, compiled.

    `inputs` is the plan over every row of a window, `pairs` over the rows whose label came in time: no metric that looks
    at the label ever sees a row without one. `metrics` is in an order in which each can be computed after those before it.
    """

    metrics: tuple[Compiled, ...]
    inputs: Plan
    pairs: Plan

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what shapes the partials: part of the hash of the monitor's layout."""
        return hashlib.sha256(f"{self.inputs.digest} {self.pairs.digest}".encode()).hexdigest()

    @property
    def requires_label(self) -> bool:
        """Whether any metric needs labels."""
        return any(compiled.requires_label for compiled in self.metrics)

    def finish(self, inputs: Partial | None, pairs: Partial | None = None) -> dict[Key, MetricValue]:
        """Values of the aggregate and derived metrics, in order.

        At data close there are no `pairs`: metrics that need labels are left out then. At label close both are given, and
        `n` of `inputs` gives them their coverage. With `inputs` None those that need no label are left out.
        """
        found: dict[Key, MetricValue] = {}
        for compiled in self.metrics:
            partial = pairs if compiled.requires_label else inputs
            if partial is None or compiled.metric.type is MetricType.DRIFT:
                continue
            plan = self.pairs if compiled.requires_label else self.inputs
            values = {name: _aggregate(plan, partial, each) for name, each in compiled.aggregates.items()}
            values |= {name: _or_nan(found.get(key)) for name, (_, key) in compiled.metrics.items()}
            coverage = _ratio(partial.rows, inputs.rows) if inputs is not None and compiled.requires_label else None
            found[compiled.key] = _value(compiled, values, partial.rows, coverage)
        return found

    def compare(self, current: Mapping[Key, MetricValue], base: Mapping[Key, MetricValue] | None) -> dict[Key, MetricValue]:
        """Values of the drift metrics: `finish` of this window against that of the one before, or of the baseline.

        `n` and coverage are those of the side that has the fewer rows. A metric of something that `current` does not have yet
        (labels, at data close) is left out.
        """
        found: dict[Key, MetricValue] = {}
        for compiled in self.metrics:
            if compiled.metric.type is not MetricType.DRIFT:
                continue
            sides: Mapping[str, Mapping[Key, MetricValue]] = {"current": current, "base": base or {}}
            if any(side == "current" and key not in current for side, key in compiled.metrics.values()):
                continue
            taken = {name: sides[side].get(key) for name, (side, key) in compiled.metrics.items()}
            values = {name: _or_nan(each) for name, each in taken.items()}
            known = [each for each in taken.values() if each is not None]
            least = min(known, key=lambda each: each.n) if known else None
            value = _value(compiled, values, least.n if least else 0, least.coverage if least else None)
            if any(each is None or each.value is None for each in taken.values()) and value.value is None:
                value = MetricValue(*compiled.key, None, NoValue.NO_BASE, value.n, value.coverage, compiled.requires_label)
            found[compiled.key] = value
        return found


def _value(compiled: Compiled, inputs: Mapping[str, float], n: int, coverage: float | None) -> MetricValue:
    vectors: dict[str, Vector] = {name: np.float64(value) for name, value in inputs.items()}
    number = float(np.asarray(evaluate(compiled.steps, vectors)[compiled.result], np.float64))
    if compiled.metric.output_type is OutputType.LONG and math.isfinite(number):
        number = float(math.trunc(number))
    overflow = math.isinf(number) or any(math.isinf(value) for value in inputs.values())
    reason = None
    if n == 0 and not _counts_nothing(compiled, number):
        reason = NoValue.NO_ROWS
    elif overflow:
        reason = NoValue.NOT_FINITE
    elif math.isnan(number):
        reason = NoValue.NULL
    value = None if reason else number + 0.0  # no negative zero
    return MetricValue(*compiled.key, value, reason, n, coverage, compiled.requires_label)


def _counts_nothing(compiled: Compiled, number: float) -> bool:
    """COUNT of no rows is 0, which is a value; everything else of no rows is none."""
    counting = {"count", "rows"}
    return bool(compiled.aggregates) and all(each.function in counting for each in compiled.aggregates.values()) and number == 0


def _aggregate(plan: Plan, partial: Partial, aggregate: Aggregate) -> float:
    if aggregate.function == "rows":
        return float(partial.rows)
    state = plan.states[aggregate.state]
    count, first, extreme = plan.places[aggregate.state]
    if state.kind in (StateKind.LOW, StateKind.HIGH):
        low = state.kind is StateKind.LOW
        value = float((partial.lows if low else partial.highs)[extreme])
        return math.nan if value == (math.inf if low else -math.inf) else value
    n = int(partial.counts[count])
    if aggregate.function == "count":
        return float(n)
    if n <= 0:
        return math.nan
    total = float(partial.sums[first])
    if aggregate.function in ("sum", "avg"):
        return total if aggregate.function == "sum" else total / n
    return _spread(aggregate.function, n, total, float(partial.sums[first + 1]))


def _spread(function: str, n: int, total: float, squares: float) -> float:
    """Variance or deviation from sums about an origin: (S2 - S1^2 / n) / (n - 1), or / n for a population."""
    below = n if function.endswith("_pop") else n - 1
    if below <= 0:
        return math.nan
    if not (math.isfinite(total) and math.isfinite(squares)):
        return math.inf
    variance = max(squares - total * total / n, 0.0) / below
    return math.sqrt(variance) if function.startswith("stddev") else variance


def _or_nan(value: MetricValue | None) -> float:
    return math.nan if value is None or value.value is None else value.value


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None
