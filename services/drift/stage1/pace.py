"""How often a stage commits, and when progress is due although nothing came."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftline.runtime.loop import AdaptiveInterval

FEW = 100
"""Partials of one transaction that nobody notices: so few never stretch the interval, or a trickle would be slow."""
PROGRESS_US = 1_000_000
"""Progress comes this often when there is nothing else."""


@dataclass(slots=True)
class Pace:
    """The commit interval, and when progress was last written (microseconds of the process's clock)."""

    adaptive: AdaptiveInterval = field(default_factory=AdaptiveInterval)
    last_progress: int | None = None

    @property
    def interval(self) -> float:
        """Seconds between transactions now."""
        return self.adaptive.seconds

    def learn(self, *, partials: int, events: int) -> None:
        """Learn what a transaction wrote and read."""
        self.adaptive.observe(partials=partials if partials > FEW else 0, events=events)

    def progress_due(self, now: int) -> bool:
        """Whether a second has passed since progress was written, or the clock was set back."""
        return self.last_progress is None or not 0 <= now - self.last_progress < PROGRESS_US
