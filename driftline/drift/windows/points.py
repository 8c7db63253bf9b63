"""The next point of a model's schedule, whichever version of its monitor has a say there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from driftline.drift.scheduling import Schedule
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import Model
from driftline.events import Monitor

__all__ = ["Point", "Points", "schedule_of"]


@dataclass(frozen=True, slots=True)
class Point:
    """The next point of a model's schedule."""

    start: int
    """Where the range that it covers begins: at the point before."""
    due: int
    monitor: Monitor
    """In force there."""
    change: int | None
    """When another version takes over; None where none is known."""


class Points:
    """Finds points, and remembers each model's next one from one progress record to the next."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._found: dict[str, tuple[int, int, Point | None]] = {}
        """By model, with what it follows from: the latest version known, and where the search began."""

    def next(self, model: Model, at: int) -> Point | None:
        """Return the next point of a model's schedule, as known at an append time; None where there is none."""
        entries = self._rules.book.entries(model.model_id)
        known = [entry.monitor for entry in entries if entry.append_time <= at]
        if not any(monitor.check_schedule for monitor in known):
            return None
        begin = model.checked
        if begin is None:  # rows before the first point that has any can still come until the clock has passed it
            begin = min((pane.start for pane in model.panes.spans()), default=None)
        if begin is None:
            return None
        latest = known[-1].monitor_version
        cached = self._found.get(model.model_id)
        if cached is None or cached[:2] != (latest, begin):
            cached = self._found[model.model_id] = (latest, begin, self._after(model.model_id, begin, known, at))
        return cached[2]

    def _after(self, model_id: str, begin: int, known: Iterable[Monitor], at: int) -> Point | None:
        """Find the next point, each version having its say from when it takes over."""
        changes = sorted({monitor.effective_from for monitor in known})
        start = begin
        while True:
            monitor = self._rules.in_force(model_id, begin, at)
            change = next((time for time in changes if time > begin), None)
            if monitor.check_schedule:
                due = schedule_of(monitor).next(begin)
                if change is None or due <= change:
                    return Point(start, due, monitor, change)
            if change is None:
                return None
            begin = change
            if not monitor.check_schedule:
                start = change


def schedule_of(monitor: Monitor) -> Schedule:
    """Return the schedule of a version that has one."""
    return _parsed(monitor.check_schedule, monitor.time_zone)


@lru_cache(maxsize=4096)
def _parsed(text: str, zone: str) -> Schedule:
    return Schedule.parse(text, zone)
