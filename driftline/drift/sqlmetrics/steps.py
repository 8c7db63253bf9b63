"""An expression as a row of steps, each of which is taken once however often it occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from driftline.drift.sqlmetrics.operations import OPERATIONS
from driftline.drift.sqlmetrics.vectors import Vector

__all__ = ["Step", "Steps", "evaluate"]


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on the results of earlier steps; "input" takes the column that `constants` names."""

    operation: str
    arguments: tuple[int, ...] = ()
    constants: tuple[str | float | bool, ...] = ()


@dataclass(slots=True)
class Steps:
    """Steps under construction; equal steps are one."""

    steps: list[Step] = field(default_factory=list)
    _known: dict[tuple[object, ...], int] = field(default_factory=dict)

    def add(self, operation: str, *arguments: int, constants: tuple[str | float | bool, ...] = ()) -> int:
        """Index of the step's result."""
        typed = tuple((type(each), each) for each in constants)  # True == 1.0, but they are two literals
        key = (operation, arguments, typed)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.steps)
            self.steps.append(Step(operation, arguments, constants))
        return found


def evaluate(steps: Sequence[Step], inputs: Mapping[str, Vector]) -> list[Vector]:
    """The result of every step. `inputs` has every name that an "input" step takes."""
    results: list[Vector] = []
    with np.errstate(all="ignore"):
        for step in steps:
            if step.operation == "input":
                results.append(inputs[str(step.constants[0])])
            else:
                results.append(OPERATIONS[step.operation](*(results[i] for i in step.arguments), *step.constants))
    return results
