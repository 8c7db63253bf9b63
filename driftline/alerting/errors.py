"""What can be wrong with what people wrote for alerting.

ConfigurationError (driftline)
+-- InvalidAlertingConfig      the alerting YAML: the message names every fault with its line, its field and the remedy
"""

from dataclasses import dataclass

from driftline.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, where it stands, and what to do."""

    field: str
    """Path such as `route.routes[0].receiver`."""
    problem: str
    """What is wrong and the remedy."""
    line: int
    """Counted from 1."""
    source: str
    """Name of the file."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.field}: {self.problem}"


class InvalidAlertingConfig(ConfigurationError):
    """The alerting configuration cannot be used; correct each of the faults."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(("the alerting configuration cannot be used", *map(str, faults))))
        self.faults = faults
