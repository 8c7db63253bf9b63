"""The event-time clock of a model: how far its sources have certainly been counted.

    clock(m) = min over source partitions of the largest event time of m - lateness

A partition that is caught up and has had no event of m for idle_timeout of append time is left out; one that lags or is
stalled holds. If all are left out the clock advances by the append time that elapses. It never decreases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from driftline.drift.windows.ranges import Condition, Source

__all__ = ["Clock", "Seen", "advance", "left_out", "past"]


@dataclass(frozen=True, slots=True)
class Seen:
    """The largest event time of a model in one source partition, and when (append time) its last event was counted."""

    event_time: int
    append_time: int


@dataclass(frozen=True, slots=True)
class Clock:
    """A reading. While all partitions are left out, `calm_from` is the calm time at which that began.

    Calm time is the append time that has elapsed while every source partition was caught up and heard of: a pause of
    stage 1 is not calm, so a clock never jumps over it.
    """

    time: int | None = None
    calm_from: int | None = None

    def read(self, calm: int) -> int | None:
        """Return the clock's event time; None before it has one."""
        if self.time is None or self.calm_from is None:
            return self.time
        return self.time + calm - self.calm_from


def left_out(
    conditions: Mapping[Source, Condition],
    seen: Mapping[Source, Seen],
    *,
    since: int,
    at: int,
    idle_timeout: int,
) -> frozenset[Source]:
    """Return the sources that hold nothing back: caught up, and silent about the model for idle_timeout.

    `since`: when the model was first heard of, for sources that never had an event of it. `at`: append time now.
    """
    quiet = []
    for source, condition in conditions.items():
        known = seen.get(source)
        silent = at - (since if known is None else known.append_time)
        if condition is Condition.CAUGHT_UP and silent >= idle_timeout:
            quiet.append(source)
    return frozenset(quiet)


def advance(
    clock: Clock,
    sources: Iterable[Source],
    seen: Mapping[Source, Seen],
    *,
    out: frozenset[Source],
    lateness: int,
    calm: int,
) -> Clock:
    """Return the clock after the sources moved. A source that is not left out and has no event yet holds it."""
    reached = clock.read(calm)
    holding = [source for source in sources if source not in out]
    if not holding:
        return _drifting(clock, reached, seen, lateness=lateness, calm=calm)
    if any(source not in seen for source in holding):
        return Clock(reached)
    candidate = min(seen[source].event_time for source in holding) - lateness
    return Clock(candidate if reached is None else max(reached, candidate))


def _drifting(clock: Clock, reached: int | None, seen: Mapping[Source, Seen], *, lateness: int, calm: int) -> Clock:
    if clock.calm_from is not None or (reached is None and not seen):
        return clock
    if reached is None:
        reached = min(known.event_time for known in seen.values()) - lateness
    return Clock(reached, calm)


def past(
    time: int, sources: Iterable[Source], seen: Mapping[Source, Seen], *, out: frozenset[Source], lateness: int
) -> tuple[int, int, int]:
    """Return how many sources are past an event time: (by their events, by events or left out, all)."""
    by_events = ready = every = 0
    for source in sources:
        known = seen.get(source)
        beyond = known is not None and known.event_time - lateness >= time
        by_events += beyond
        ready += beyond or source in out
        every += 1
    return by_events, ready, every
