"""When a window that changed after its close is published again, and until when it can change at all."""

from __future__ import annotations

from driftline.drift.profile.panes import DAY_US, HOUR_US
from driftline.drift.windows.calendar import day_of, granularity_of, span_of
from driftline.events import Monitor

__all__ = ["FOLD_DELAY_US", "expires_at", "final_at", "folds", "folds_at", "next_revision"]

FOLD_DELAY_US = 2 * DAY_US
"""Panes are kept as they came until 2 days past label close."""


def next_revision(end: int, pane: int, clock: int | None) -> int:
    """Return the smallest end + pane x 2^k (k = 0, 1, ...) beyond the clock."""
    due = end + pane
    if clock is None or due > clock:
        return due
    doublings = ((clock - end) // pane).bit_length()
    return end + (pane << doublings)


def folds(monitor: Monitor) -> bool:
    """Whether panes may be folded into calendar days: no window longer than a day is made of hours."""
    return all(size.calendar or size.fixed_us <= 24 * HOUR_US for size in map(granularity_of, monitor.granularities))


def label_delay(monitor: Monitor) -> int:
    """How long in-time labels are waited for; 0 where none arrive."""
    return monitor.label_delay_us if monitor.labels else 0


def folds_at(monitor: Monitor, time: int) -> int:
    """Return the clock at which the pane of an event time is folded into its day."""
    return day_of(monitor.time_zone, time).end + label_delay(monitor) + FOLD_DELAY_US


def final_at(monitor: Monitor, granularity: str, start: int, end: int) -> int:
    """Return the clock at which a window can change no more: its panes are folded, or expired."""
    size = granularity_of(granularity)
    if folds(monitor) and not size.calendar:
        return folds_at(monitor, start)
    return end + _kept(monitor)


def expires_at(monitor: Monitor, time: int) -> int:
    """Return the clock at which no window of the monitor can count the pane of an event time any more."""
    zone = monitor.time_zone
    spans = {text: span_of(text, zone, time) for text in monitor.granularities}
    return max(final_at(monitor, text, span.start, span.end) for text, span in spans.items())


def _kept(monitor: Monitor) -> int:
    return max(monitor.label_ttl_us, label_delay(monitor) + FOLD_DELAY_US)
