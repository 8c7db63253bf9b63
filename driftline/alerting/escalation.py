"""Escalation: who is told too when nobody takes care of an alert, and when.

A level is a route beside the one that the alert goes by: reaching it puts the alert into a group of the level's receiver, which is
told, reminded, silenced, muted and told of the end like any other.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Somebody is on call from `starts_at` up to `ends_at`, microseconds since 1970 UTC."""

    receiver: str
    starts_at: int
    ends_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """Who is on call when."""

    name: str
    shifts: tuple[Shift, ...]
    otherwise: str
    """The receiver for times in no shift."""

    def receiver_at(self, at: int) -> str:
        """Who is on call; of overlapping shifts the one that is written first."""
        return next((shift.receiver for shift in self.shifts if shift.starts_at <= at < shift.ends_at), self.otherwise)

    @property
    def receivers(self) -> tuple[str, ...]:
        """Everybody who may be on call, each once."""
        return tuple(dict.fromkeys((*(shift.receiver for shift in self.shifts), self.otherwise)))


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
    reached: tuple[str, ...] = ()
    """Keys of the routes of the levels that were reached."""
