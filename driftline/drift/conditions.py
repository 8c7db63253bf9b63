"""A condition in SQL on single rows, such as the one that cuts a slice: the rows for which it is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from driftline.avro import Column
from driftline.drift.sqlmetrics.errors import Fault, MetricRefused
from driftline.drift.sqlmetrics.parse import parse, place_of
from driftline.drift.sqlmetrics.schema import Seen
from driftline.drift.sqlmetrics.steps import Step, Steps, evaluate
from driftline.drift.sqlmetrics.translate import Translator, Typed, refuse_foreign
from driftline.drift.sqlmetrics.vectors import Truths, Type, vector_among
from driftline.events import ColumnKind

__all__ = ["Condition"]

Integers = NDArray[np.int64]
_HOW = 'write one such as "tenure > 12"'


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition."""

    steps: tuple[Step, ...]
    result: int
    columns: Mapping[str, Type]
    """What it looks at."""

    @staticmethod
    def of(text: str, kinds: Mapping[str, ColumnKind]) -> Condition:
        """Compile a condition on these columns. Raises MetricRefused with what is wrong, its line and column."""
        seen = Seen({name: Type.NUMBER if kind.numeric else Type.TEXT for name, kind in kinds.items()})
        try:
            return _compiled(text, seen)
        except Fault as fault:
            raise MetricRefused([fault.problem("", text)]) from None

    def true(self, columns: Mapping[str, Column], chosen: Integers) -> NDArray[np.bool_]:
        """Where it is true among the chosen rows (indices): not where it is unknown. A missing column is NULL."""
        inputs = {name: vector_among(columns.get(name), kind, chosen, len(chosen)) for name, kind in self.columns.items()}
        found = evaluate(self.steps, inputs)[self.result]
        assert isinstance(found, Truths)
        true: NDArray[np.bool_] = np.broadcast_to(np.asarray(found.true, np.bool_), (len(chosen),))
        return true


def _compiled(text: str, seen: Seen) -> Condition:
    if not text.strip():
        raise Fault(f"the condition is empty; {_HOW}")
    parsed = parse(text)
    if parsed.where is not None:
        raise Fault(f"a condition stands alone, without SELECT and WHERE; {_HOW}", 0)
    tree = parsed.expression
    refuse_foreign(tree)
    steps = Steps()
    columns: dict[str, Type] = {}

    def on_column(node: exp.Expr) -> Typed:
        name = _column(node, seen)
        columns[name] = seen.columns[name]
        return Typed(steps.add("input", constants=(name,)), columns[name])

    result = Translator(steps, on_column, _no_aggregate).truth(tree)
    if not columns:
        raise Fault(f"the condition looks at no column; {_HOW}", 0)
    return Condition(tuple(steps.steps), result.step, columns)


def _column(node: exp.Expr, seen: Seen) -> str:
    if node.args.get("table") is not None:
        raise Fault(f"a column is written without a table; write {node.name}", place_of(node))
    written = node.name.strip()
    name = seen.resolve(written)
    if name is None:
        known = seen.names()
        close = get_close_matches(written, known, n=1, cutoff=0.6)
        hint = f"did you mean {close[0]}?" if close else f"watched are {', '.join(known[:20])}"
        raise Fault(f"no column {written} is watched; {hint}", place_of(node))
    return name


def _no_aggregate(node: exp.Expr) -> Typed:
    raise Fault(f"a condition looks at one row, so there is nothing to aggregate; {_HOW}", place_of(node))
