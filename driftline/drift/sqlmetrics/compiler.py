"""From definitions to a program: parsed, checked, typed, with every fault of every metric told at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial

import numpy as np
from sqlglot import exp

from driftline.drift.sqlmetrics.errors import Fault, MetricRefused, Problem
from driftline.drift.sqlmetrics.parse import Parsed, parse, place_of
from driftline.drift.sqlmetrics.plan import PlanBuilder, StateKind
from driftline.drift.sqlmetrics.program import Aggregate, Compiled, Key, Program
from driftline.drift.sqlmetrics.schema import Seen
from driftline.drift.sqlmetrics.steps import Step, Steps, evaluate
from driftline.drift.sqlmetrics.template import BASE, CURRENT, INPUT_COLUMN, LABEL_COLUMN, PREDICTION_COLUMN
from driftline.drift.sqlmetrics.translate import AGGREGATES, Translator, Typed, refuse_foreign
from driftline.drift.sqlmetrics.vectors import Texts, Type, Vector
from driftline.events import MetricType, MonitorMetric
from driftline.events.columns import LABEL, PREDICTION, TABLE

__all__ = ["compile_metrics"]

MAXIMUM_METRICS = 100
"""Metrics times their input columns."""

_NAME = re.compile(r"[A-Za-z_]\w{0,127}")
_SIDES = {CURRENT: "current", BASE: "base"}
_AGGREGATE_STATES = {
    "sum": StateKind.SUM,
    "avg": StateKind.SUM,
    "count": StateKind.COUNT,
    "min": StateKind.LOW,
    "max": StateKind.HIGH,
}


def compile_metrics(
    metrics: Sequence[MonitorMetric], columns: Mapping[str, Type], *, typical: Mapping[str, float] | None = None
) -> Program:
    """The program of some metrics over columns of these names and types (`schema.columns_of` a monitor).

    `typical` has a usual value of numeric columns, such as the mean of the baseline: sums of squares (STDDEV, VARIANCE) are
    taken about what an expression is there. It is part of the program: another value gives other partials.
    Raises MetricRefused with the first fault of each metric, with its line and column.
    """
    compiler = _Compiler(Seen(columns), dict(typical or {}))
    program, problems = compiler.compile(metrics)
    if problems:
        raise MetricRefused(problems)
    return program


@dataclass(slots=True)
class _Wanted:
    """A metric for one input column, parsed, and the metrics that it names."""

    metric: MonitorMetric
    column: str
    parsed: Parsed
    below: dict[Key, exp.Expr] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.metric.name, self.column


class _Compiler:
    def __init__(self, seen: Seen, typical: dict[str, float]) -> None:
        self._seen = seen
        self._typical = typical
        self._inputs, self._pairs = PlanBuilder(), PlanBuilder()
        self._done: dict[Key, Compiled] = {}

    def compile(self, metrics: Sequence[MonitorMetric]) -> tuple[Program, list[Problem]]:
        problems: dict[str, Problem] = {}
        wanted = self._collect(metrics, problems)
        for each in wanted.values():
            if each.metric.type is not MetricType.AGGREGATE:
                self._guard(each, problems, partial(self._find_below, each, wanted))
        order: dict[Key, _Wanted] = {}
        for each in wanted.values():
            self._guard(each, problems, partial(_visit, each, wanted, order, []))
        for each in order.values():
            if not any(key in wanted and wanted[key].metric.name in problems for key in each.below):
                self._guard(each, problems, partial(self._compile_one, each))
        program = Program(tuple(self._done.values()), self._inputs.build(), self._pairs.build())
        named = [problems[metric.name] for metric in metrics if metric.name in problems]
        return program, list(dict.fromkeys(named))

    def _guard(self, each: _Wanted, problems: dict[str, Problem], work: Callable[[], None]) -> None:
        """Do `work` unless the metric has a fault already; a fault becomes its problem."""
        if each.metric.name in problems:
            return
        try:
            work()
        except Fault as fault:
            problems[each.metric.name] = fault.problem(each.metric.name, each.metric.definition)

    def _collect(self, metrics: Sequence[MonitorMetric], problems: dict[str, Problem]) -> dict[Key, _Wanted]:
        """Every metric for every one of its columns, parsed."""
        wanted: dict[Key, _Wanted] = {}
        for metric in metrics:
            try:
                self._check(metric, wanted)
                for written in metric.input_columns:
                    column = self._input_column(written)
                    wanted[metric.name, column] = _Wanted(metric, column, parse(metric.definition))
            except Fault as fault:
                problems.setdefault(metric.name, fault.problem(metric.name, metric.definition))
        return wanted

    def _check(self, metric: MonitorMetric, others: Mapping[Key, _Wanted]) -> None:
        if not _NAME.fullmatch(metric.name) or metric.name.startswith("__"):
            raise Fault("a name has letters, digits and _, and begins with a letter; choose another")
        if any(name == metric.name for name, _ in others):
            raise Fault("another metric has the same name; rename one")
        if not metric.input_columns:
            raise Fault('input_columns is empty; write [":table"] or name columns')
        if len(others) + len(metric.input_columns) > MAXIMUM_METRICS:
            raise Fault(f"more than {MAXIMUM_METRICS} metrics and input columns; take fewer")

    def _input_column(self, written: str) -> str:
        if written == TABLE:
            return TABLE
        found = self._seen.resolve(written)
        if found is None:
            raise Fault(f"input column: {self._unknown(written)}")
        return found

    def _unknown(self, name: str) -> str:
        return _unknown("column", name, self._seen.names())

    # Aggregates

    def _compile_one(self, each: _Wanted) -> None:
        if each.metric.type is MetricType.AGGREGATE:
            self._done[each.key] = self._aggregate_metric(each)
        else:
            self._done[each.key] = self._metric_of_metrics(each)

    def _aggregate_metric(self, each: _Wanted) -> Compiled:
        trees = [each.parsed.expression, *([each.parsed.where] if each.parsed.where is not None else [])]
        for tree in trees:
            refuse_foreign(tree)
        needed = {self._column_name(node, each.column) for tree in trees for node in tree.find_all(exp.Column)}
        labelled = LABEL in needed
        plan = self._pairs if labelled else self._inputs
        steps = Steps()
        found: dict[str, Aggregate] = {}

        def on_column(node: exp.Expr) -> Typed:
            raise Fault(f"column {node.name} stands outside an aggregate; write avg(...), sum(...) or the like", place_of(node))

        def on_aggregate(node: exp.Expr) -> Typed:
            aggregate = self._aggregate(node, each, plan, labelled=labelled)
            name = f"{aggregate.function} {aggregate.state}"
            found[name] = aggregate
            return Typed(steps.add("input", constants=(name,)), Type.NUMBER)

        result = Translator(steps, on_column, on_aggregate).number(each.parsed.expression)
        if not found:
            raise Fault("there is no aggregate; write avg(...), sum(...), count(...) or the like", 0)
        return Compiled(each.metric, each.column, labelled, tuple(steps.steps), result.step, found, {})

    def _aggregate(self, node: exp.Expr, each: _Wanted, plan: PlanBuilder, *, labelled: bool) -> Aggregate:
        conditions = [each.parsed.where] if each.parsed.where is not None else []
        if isinstance(node, exp.Filter):
            conditions.append(node.expression.this)
            node = node.this
        function = AGGREGATES.get(type(node))
        if function is None:
            raise Fault("FILTER belongs to an aggregate such as sum(...)", place_of(node))
        if labelled and function in ("min", "max"):
            raise Fault(
                f"{function} cannot be taken back when a label changes; use avg, sum, count_if or stddev, "
                "or a metric without the label",
                place_of(node),
            )
        rows = Translator(plan.steps, lambda at: self._column(at, each.column, plan), _nested)
        chosen = self._condition(rows, conditions)
        if function == "count" and isinstance(node.this, exp.Star):
            return Aggregate("rows", -1) if chosen is None else Aggregate("count", plan.state(StateKind.TRUE, chosen.step))
        if node.expressions or node.this is None:
            raise Fault(f"{function} takes one expression", place_of(node))
        if function == "count_if":
            value = rows.truth(node.this)
            both = value.step if chosen is None else plan.steps.add("and", chosen.step, value.step)
            return Aggregate("count", plan.state(StateKind.TRUE, both))
        value = rows.value(node.this) if function == "count" else rows.number(node.this)
        return self._state_of(function, _restricted(plan, rows, value, chosen), plan)

    def _condition(self, rows: Translator, conditions: Iterable[exp.Expr]) -> Typed | None:
        chosen = None
        for condition in conditions:
            found = rows.truth(condition)
            chosen = found if chosen is None else Typed(rows.steps.add("and", chosen.step, found.step), Type.TRUTH)
        return chosen

    def _state_of(self, function: str, value: Typed, plan: PlanBuilder) -> Aggregate:
        if function in _AGGREGATE_STATES:
            return Aggregate(function, plan.state(_AGGREGATE_STATES[function], value.step))
        return Aggregate(function, plan.state(StateKind.DEVIATIONS, value.step, self._origin(plan, value.step)))

    def _origin(self, plan: PlanBuilder, step: int) -> float:
        """What an expression is where every column has its typical value; 0 where that is nothing."""
        inputs: dict[str, Vector] = {
            name: np.float64(self._typical.get(name, math.nan)) if kind is Type.NUMBER else Texts(np.uint64(0), np.False_)
            for name, kind in plan.columns.items()
        }
        steps: Sequence[Step] = plan.steps.steps[: step + 1]
        origin = float(np.asarray(evaluate(steps, inputs)[step], np.float64))
        return origin if math.isfinite(origin) else 0.0

    def _column(self, node: exp.Expr, input_column: str, plan: PlanBuilder) -> Typed:
        name = self._column_name(node, input_column)
        kind = self._seen.columns[name]
        return Typed(plan.column(name, kind), kind)

    def _column_name(self, node: exp.Expr, input_column: str) -> str:
        if node.args.get("table") is not None:
            if node.text("table").strip() in _SIDES:
                raise Fault("{{current_df}} and {{base_df}} belong to metrics of type drift; set type: drift", place_of(node))
            raise Fault(f"a column is written without a table; write {node.name}", place_of(node))
        name = node.name.strip()
        if name == INPUT_COLUMN:
            if input_column == TABLE:
                raise Fault("{{input_column}} needs input_columns to name columns; name them there", place_of(node))
            return input_column
        if name == LABEL_COLUMN and LABEL not in self._seen.columns:
            raise Fault("the monitor has no labels; set labels: true, or leave {{label_col}} out", place_of(node))
        found = {PREDICTION_COLUMN: PREDICTION, LABEL_COLUMN: LABEL}.get(name) or self._seen.resolve(name)
        if found is None or found not in self._seen.columns:
            raise Fault(self._unknown(name), place_of(node))
        return found

    # Metrics of metrics

    def _find_below(self, each: _Wanted, wanted: Mapping[Key, _Wanted]) -> None:
        if each.parsed.where is not None:
            raise Fault("WHERE belongs to an aggregate metric; this one is computed from others", place_of(each.parsed.where))
        refuse_foreign(each.parsed.expression)
        for node in each.parsed.expression.find_all(exp.Column):
            _side(node, each)
            each.below.setdefault(_named(node, each, wanted), node)
        if not each.below:
            raise Fault("names no other metric; a constant needs no metric", 0)

    def _metric_of_metrics(self, each: _Wanted) -> Compiled:
        steps = Steps()
        used: dict[str, tuple[str, Key]] = {}

        def on_column(node: exp.Expr) -> Typed:
            side = _side(node, each)
            key = next(key for key in ((node.name.strip(), each.column), (node.name.strip(), TABLE)) if key in self._done)
            name = f"{side} {key[0]} {key[1]}"
            used[name] = (side, key)
            return Typed(steps.add("input", constants=(name,)), Type.NUMBER)

        def on_aggregate(node: exp.Expr) -> Typed:
            message = "an aggregate belongs to a metric of type aggregate; give it one of its own and name that here"
            raise Fault(message, place_of(node))

        result = Translator(steps, on_column, on_aggregate).number(each.parsed.expression)
        labelled = any(self._done[key].requires_label for _, key in used.values())
        return Compiled(each.metric, each.column, labelled, tuple(steps.steps), result.step, {}, used)


def _restricted(plan: PlanBuilder, rows: Translator, value: Typed, chosen: Typed | None) -> Typed:
    """FILTER (WHERE c) of x: CASE WHEN c THEN x END."""
    if chosen is None:
        return value
    nothing = rows.null(value.type)
    return Typed(plan.steps.add(f"case {value.type}", chosen.step, value.step, nothing.step), value.type)


def _nested(node: exp.Expr) -> Typed:
    message = "an aggregate within an aggregate; make the inner one a metric and name it in one of type derived"
    raise Fault(message, place_of(node))


def _side(node: exp.Expr, each: _Wanted) -> str:
    """Which window a name is of."""
    table = node.text("table").strip()
    if each.metric.type is MetricType.DRIFT:
        if table not in _SIDES:
            raise Fault(f"write {{{{current_df}}}}.{node.name} or {{{{base_df}}}}.{node.name}", place_of(node))
        return _SIDES[table]
    if table:
        raise Fault(
            "a derived metric names metrics of the same window; write the name alone, or set type: drift", place_of(node)
        )
    return "current"


def _named(node: exp.Expr, each: _Wanted, wanted: Mapping[Key, _Wanted]) -> Key:
    """The metric that a name means: of the same input column, else of the table."""
    name = node.name.strip()
    for key in ((name, each.column), (name, TABLE)):
        if key in wanted:
            if wanted[key].metric.type is MetricType.DRIFT:
                raise Fault(f"{name} is a drift metric, which has two windows; name aggregate or derived ones", place_of(node))
            return key
    raise Fault(_unknown("metric", name, sorted({known for known, _ in wanted})), place_of(node))


def _visit(each: _Wanted, wanted: Mapping[Key, _Wanted], order: dict[Key, _Wanted], path: list[Key]) -> None:
    """Put a metric into `order` after those that it names."""
    if each.key in order:
        return
    if each.key in path:
        circle = " -> ".join(name for name, _ in [*path[path.index(each.key) :], each.key])
        raise Fault(f"goes in a circle: {circle}; take one of the names out")
    for key in each.below:
        _visit(wanted[key], wanted, order, [*path, each.key])
    order[each.key] = each


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    hint = f"did you mean {close[0]}?" if close else f"known are {listed}" if known else "there is none"
    return f"there is no {what} {name}; {hint}"
