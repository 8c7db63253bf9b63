"""How often stage 1 commits: half a second, and less often while its transactions hold little but partial counts."""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST, LONGEST = 0.5, 10.0
SHARE = 0.2
FEW = 200
"""Partials that nobody notices: with fewer in a transaction the interval never grows."""
PROGRESS_US = 1_000_000
"""Progress comes this often when there is nothing else."""


@dataclass(slots=True)
class Pace:
    """The commit interval, seconds, and when progress was last written, microseconds of the process's clock."""

    interval: float = SHORTEST
    last_progress: int | None = None

    def learn(self, *, partials: int, events: int) -> None:
        """Double after a transaction with more partials than 0.2 x events; halve after one with less than half of that."""
        if partials > FEW and partials > SHARE * events:
            self.interval = min(LONGEST, 2 * self.interval)
        elif partials <= FEW or partials < SHARE * events / 2:
            self.interval = max(SHORTEST, self.interval / 2)

    def progress_due(self, now: int) -> bool:
        """Whether a second has passed since progress was written."""
        return self.last_progress is None or now - self.last_progress >= PROGRESS_US or now < self.last_progress
