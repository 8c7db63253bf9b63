"""When a window that changed after its close is published again, and until when it can change at all."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from driftline.drift.profile.panes import DAY_US, HOUR_US
from driftline.drift.windows.calendar import WEEK_DAYS, Span, day_of, following, granularity_of, spans_of
from driftline.events import Monitor, Reference

__all__ = ["FOLD_DELAY_US", "Life", "Terms", "final_at", "life_of", "next_revision", "terms_of"]

FOLD_DELAY_US = 2 * DAY_US
"""Panes are kept as they came until 2 days past label close."""
_SHIFT_US = DAY_US
"""By how much the clocks of a zone may differ from those of the week before: Samoa left out a day."""


def next_revision(end: int, pane: int, clock: int | None) -> int:
    """Return the smallest end + pane x 2^k (k = 0, 1, ...) beyond the clock."""
    due = end + pane
    if clock is None or due > clock:
        return due
    doublings = ((clock - end) // pane).bit_length()
    return end + (pane << doublings)


class Terms(NamedTuple):
    """What of a monitor decides how long counts are kept."""

    granularities: tuple[str, ...]
    time_zone: str
    label_delay: int
    """How long in-time labels are waited for; 0 where none arrive."""
    kept: int
    """How long after their end the longest windows can change."""
    consecutive: tuple[str, ...] = ()
    """Granularities of windows that are compared with the one before,"""
    season: tuple[str, ...] = ()
    """and with the same time last week."""

    @property
    def folds(self) -> bool:
        """Whether panes may be folded into calendar days: no window longer than a day is made of hours."""
        sizes = map(granularity_of, self.granularities)
        return all(size.calendar or size.fixed_us <= 24 * HOUR_US for size in sizes)

    @property
    def alone(self) -> Terms:
        """The terms of windows that are compared with the baseline only, as slices are."""
        return self._replace(consecutive=(), season=())


class Life(NamedTuple):
    """What becomes of the counts of one pane; all times are of the model's clock."""

    windows: tuple[tuple[str, Span, int], ...]
    """Granularity, window, and when that is final."""
    day: Span
    folds_at: int | None
    """When the pane is folded into its day; None where it never is."""
    expires_at: int
    """When no window can count it any more,"""
    kept_until: int
    """and when no window is compared with it any more."""


def terms_of(monitor: Monitor) -> Terms:
    """Return the terms of a monitor."""
    delay = monitor.label_delay_us if monitor.labels else 0
    kept = max(monitor.label_ttl_us, delay + FOLD_DELAY_US)
    compared = {each.reference: each.granularities for each in monitor.references}
    consecutive, season = (compared.get(reference, ()) for reference in (Reference.CONSECUTIVE, Reference.SEASON))
    return Terms(monitor.granularities, monitor.time_zone, delay, kept, consecutive, season)


@lru_cache(maxsize=65536)
def life_of(terms: Terms, time: int) -> Life:
    """Return what becomes of the pane of an event time."""
    day = day_of(terms.time_zone, time)
    windows = tuple(
        (text, span, final_at(terms, text, span))
        for text in terms.granularities
        for span in spans_of(text, terms.time_zone, time)
    )
    expires_at = max(final for _, _, final in windows)
    last_use = max((_last_use(terms, text, span, day) for text, span, _ in windows), default=0)
    folds_at = None
    if terms.folds:
        apart = max((_next_week(text, day) for text in terms.season if not granularity_of(text).calendar), default=0)
        folds_at = max(day.end + terms.label_delay + FOLD_DELAY_US, apart)
    return Life(windows, day, folds_at, expires_at, max(expires_at, last_use))


def _last_use(terms: Terms, granularity: str, window: Span, day: Span) -> int:
    """Return the end of the last window that is compared with one of the past that holds a pane of a day."""
    uses = [0]
    if granularity in terms.consecutive:
        uses.append(following(granularity, terms.time_zone, window.start).end)
    if granularity in terms.season:
        uses.append(_next_week(granularity, day))
    return max(uses)


def _next_week(granularity: str, day: Span) -> int:
    size = granularity_of(granularity)
    return day.end + WEEK_DAYS * DAY_US + size.fixed_us * (size.overlap * size.step.count if size.calendar else 1) + _SHIFT_US


def final_at(terms: Terms, granularity: str, span: Span) -> int:
    """Return the clock at which a window can change no more: its panes are folded, or expired."""
    if terms.folds and not granularity_of(granularity).calendar:
        return day_of(terms.time_zone, span.start).end + terms.label_delay + FOLD_DELAY_US
    return span.end + terms.kept
