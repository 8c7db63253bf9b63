"""The columns that a metric of a monitor can see, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from driftline.drift.sqlmetrics.vectors import Type
from driftline.events import Monitor, Task
from driftline.events.columns import LABEL, LATENCY, PREDICTION, SCORE

__all__ = ["Seen", "columns_of"]

_OTHER_NAMES = {
    "prediction": PREDICTION,
    "label": LABEL,
    "score": SCORE,
    "prediction_probability": SCORE,
    "latency_ms": LATENCY,
}
"""How one writes what is no feature, unless a feature has that name."""


def columns_of(monitor: Monitor) -> dict[str, Type]:
    """Name and type of every column: the watched features, :prediction, :score, :latency_ms and, with labels, :label."""
    watched = {column.name: Type.NUMBER if column.kind.numeric else Type.TEXT for column in monitor.columns}
    outcome = Type.NUMBER if monitor.task is Task.REGRESSION else Type.TEXT
    found = {**watched, PREDICTION: outcome, LATENCY: Type.NUMBER}
    if monitor.task is Task.BINARY:
        found[SCORE] = Type.NUMBER
    if monitor.labels:
        found[LABEL] = outcome
    return found


@dataclass(frozen=True, slots=True)
class Seen:
    """Columns by name, as an expression finds them."""

    columns: Mapping[str, Type]

    def resolve(self, name: str) -> str | None:
        """The column of that name: written so, else by its other name, else the only one that differs in case alone."""
        if name in self.columns:
            return name
        other = _OTHER_NAMES.get(name.lower())
        if other in self.columns:
            return other
        same = [each for each in self.columns if each.lower() == name.lower()]
        return same[0] if len(same) == 1 else None

    def names(self) -> list[str]:
        """What one may write."""
        short = [name for name, column in _OTHER_NAMES.items() if column in self.columns and name not in self.columns]
        return sorted({*(name for name in self.columns if not name.startswith(":")), *short})
