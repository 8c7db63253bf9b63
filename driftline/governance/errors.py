"""What governance refuses.

GovernanceError
+-- DefinitionRefused      the monitor definition is wrong: mend the fields it lists
+-- NotFound               no such model, version, monitor or baseline: register it first
+-- Conflict               somebody else changed it meanwhile, or the step is not allowed: look again
"""

from collections.abc import Sequence
from dataclasses import dataclass

from driftline.errors import DriftlineError


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a definition: where it is, what is wrong and what to do."""

    field: str
    """Path such as `thresholds.feature.psi`; "" = the whole document."""
    detail: str
    """What is wrong and what to do."""
    line: int | None = None
    """Line of the document, from 1; None where it has none (a key that is missing)."""

    def __str__(self) -> str:
        """One line for people."""
        place = ": ".join(part for part in (f"line {self.line}" if self.line else "", self.field) if part)
        return f"{place}: {self.detail}" if place else self.detail


class GovernanceError(DriftlineError):
    """Anything that governance refuses; the message says what to do."""


class DefinitionRefused(GovernanceError):
    """A monitor definition cannot be taken; `problems` lists every fault that was found, in the order of the document."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 1 << 30, problem.field)))
        super().__init__("; ".join(map(str, self.problems)))


class NotFound(GovernanceError):
    """There is no such model, version or monitor."""


class Conflict(GovernanceError):
    """The present state does not allow it: somebody changed it meanwhile, or the step does not exist."""
