"""What is wrong with a metric.

DriftlineError
+-- MetricRefused        a definition cannot be taken: mend what `problems` lists
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftline.errors import DriftlineError

__all__ = ["Fault", "MetricRefused", "Problem"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a metric: where it is, what is wrong and what to do."""

    metric: str
    """Name of the metric; "" where it has none."""
    detail: str
    """What is wrong and what to do."""
    line: int | None = None
    """Line of the definition, from 1; None = the metric as a whole."""
    column: int | None = None
    """Character of the line, from 1."""

    def __str__(self) -> str:
        """One line for people."""
        place = f"line {self.line} column {self.column}" if self.line else ""
        return ": ".join(part for part in (f"metric {self.metric}" if self.metric else "", place, self.detail) if part)


class MetricRefused(DriftlineError):
    """Metrics that cannot be compiled; `problems` has the first fault of each that has one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class Fault(Exception):
    """A fault at an offset of the definition (None = as a whole); the compiler makes a Problem of it, so that it stays within."""

    def __init__(self, detail: str, at: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.at = at

    def problem(self, metric: str, text: str) -> Problem:
        """The fault with the place that a person looks for."""
        if self.at is None:
            return Problem(metric, self.detail)
        before = text[: self.at]
        return Problem(metric, self.detail, before.count("\n") + 1, self.at - (before.rfind("\n") + 1) + 1)
