"""Escalation: who is told too when nobody takes care of an alert, and when.

A level is a route beside the one that the alert goes by: reaching it puts the alert into a group of the level's receiver, which is
told, reminded, silenced, muted and told of the end like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

REFRESH = 300_000_000
"""Microseconds between two readings of a rota's source where it says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Somebody is on call from `starts_at` up to `ends_at`, microseconds since 1970 UTC."""

    receiver: str
    starts_at: int
    ends_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaSource:
    """Where shifts are read from while the service runs: one of a URL and a file."""

    url: str | None = None
    file: str | None = None
    refresh: int = REFRESH
    """Between two readings, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """Who is on call when."""

    name: str
    """Empty for a level that names its receiver."""
    shifts: tuple[Shift, ...] = ()
    otherwise: str
    """The receiver for times in no shift."""
    source: RotaSource | None = None
    """Whence the shifts come instead; None: they are as written."""
    possible: tuple[str, ...] = ()
    """Whom a source may name."""

    def receiver_at(self, at: int, read: Sequence[Shift] = ()) -> str:
        """Who is on call; of overlapping shifts the one that is written first. `read` is what the source said last."""
        shifts = self.shifts if self.source is None else read
        return next((shift.receiver for shift in shifts if shift.starts_at <= at < shift.ends_at), self.otherwise)

    @property
    def receivers(self) -> tuple[str, ...]:
        """Everybody who may be on call, each once."""
        return tuple(dict.fromkeys((*(shift.receiver for shift in self.shifts), *self.possible, self.otherwise)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a level of a policy says; an alert that begins to climb keeps the steps that its policy has then."""

    wait: int
    """From the level before, or from the firing; microseconds."""
    rota: str
    """Name of the rota that is asked when the level is reached; empty: `otherwise` is told."""
    otherwise: str
    repeat_interval: int
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """How far an alert has come on one of its routes."""

    alert_id: str
    route_key: str
    fired_at: int
    """Of the occurrence that it is about."""
    level: int = 0
    """Levels reached."""
    due_at: int | None
    """When the next one is reached, unless somebody takes care; None: there is none."""
    steps: tuple[Step, ...]
    """The levels of its policy as they were when it began."""
    reached: tuple[str, ...] = ()
    """Who was told at each level that was reached."""
