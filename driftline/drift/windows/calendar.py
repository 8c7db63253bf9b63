"""Where windows begin and end: fixed lengths from 1970, or the calendar of a zone; hopping ones overlap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from driftline.drift.profile.panes import Granularity, Unit

__all__ = [
    "WEEK_DAYS",
    "Span",
    "apart",
    "day_of",
    "following",
    "granularity_of",
    "preceding",
    "span_of",
    "spans_of",
    "week_before",
]

WEEK_DAYS = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.date().toordinal()
_FIRST_MONDAY = date(1969, 12, 29).toordinal()
_MICROSECOND = timedelta(microseconds=1)


class Span(NamedTuple):
    """A slice of event time, [start, end), microseconds."""

    start: int
    end: int


@lru_cache(maxsize=1024)
def granularity_of(text: str) -> Granularity:
    """Parse a granularity such as "1 day"; raises ValueError."""
    return Granularity.parse(text)


@lru_cache(maxsize=65536)
def spans_of(granularity: str, zone: str, time: int) -> tuple[Span, ...]:
    """Return the windows of a granularity that an event time lies in, the earliest first: one, of a hopping granularity several.

    Minutes and hours count from 1970 UTC. Days begin at midnight of the zone, weeks on Monday, months on the 1st; several
    of them count from 1970 (weeks: from Monday 1969-12-29). Where midnight does not exist, a day begins when its clocks
    do. Raises ValueError for a granularity that cannot be read.
    """
    size = granularity_of(granularity)
    last = _index(size, zone, time)
    return tuple(_window(size, zone, index) for index in range(last - size.overlap + 1, last + 1))


def span_of(granularity: str, zone: str, time: int) -> Span:
    """Return the window that an event time lies in; of a hopping granularity, the one that began last."""
    return spans_of(granularity, zone, time)[-1]


@lru_cache(maxsize=65536)
def preceding(granularity: str, zone: str, start: int) -> Span:
    """Return the window that ends where the one with this start begins."""
    size = granularity_of(granularity)
    return _window(size, zone, _index(size, zone, start) - size.overlap)


@lru_cache(maxsize=65536)
def following(granularity: str, zone: str, start: int) -> Span:
    """Return the window that begins where the one with this start ends."""
    size = granularity_of(granularity)
    return _window(size, zone, _index(size, zone, start) + size.overlap)


def apart(granularity: str, zone: str, start: int) -> bool:
    """Whether the window with this start is one of those that share no row with each other: all of them, unless they hop."""
    size = granularity_of(granularity)
    return size.overlap == 1 or _index(size, zone, start) % size.overlap == 0


@lru_cache(maxsize=65536)
def week_before(granularity: str, zone: str, span: Span) -> Span:
    """Return the same time of the week before by the clocks of the zone, whatever they did in between.

    Of hours and minutes: as long as the window. The hour that clocks show twice is compared with the same hour each time;
    where they skipped the hour, with the one after.
    """
    start = _local_week_before(span.start, zone)
    if granularity_of(granularity).calendar:
        return Span(start, _local_week_before(span.end, zone))
    return Span(start, start + span.end - span.start)


def day_of(zone: str, time: int) -> Span:
    """Return the calendar day of a zone that an event time lies in."""
    return span_of("1 day", zone, time)


def _index(size: Granularity, zone: str, time: int) -> int:
    """Which step of a granularity an event time lies in, counted from 1970."""
    step = size.step
    if not step.calendar:
        return time // step.fixed_us
    local = _local(time, zone).date()
    if step.unit is Unit.MONTH:
        return ((local.year - 1970) * 12 + local.month - 1) // step.count
    days, origin = _days(step)
    return (local.toordinal() - origin) // days


def _boundary(step: Granularity, zone: str, index: int) -> int:
    if not step.calendar:
        return index * step.fixed_us
    if step.unit is Unit.MONTH:
        months = index * step.count
        return _midnight(date(1970 + months // 12, months % 12 + 1, 1), zone)
    days, origin = _days(step)
    return _midnight(date.fromordinal(origin + index * days), zone)


def _window(size: Granularity, zone: str, index: int) -> Span:
    return Span(_boundary(size.step, zone, index), _boundary(size.step, zone, index + size.overlap))


def _days(step: Granularity) -> tuple[int, int]:
    """How many days a step of days or weeks has, and the day it counts from."""
    if step.unit is Unit.WEEK:
        return WEEK_DAYS * step.count, _FIRST_MONDAY
    return step.count, _FIRST_DAY


def _local(time: int, zone: str) -> datetime:
    return (_EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone))


def _local_week_before(time: int, zone: str) -> int:
    shown = _local(time, zone).replace(fold=0) - timedelta(days=WEEK_DAYS)  # arithmetic on what clocks show
    return (shown - _EPOCH) // _MICROSECOND


def _midnight(day: date, zone: str) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - _EPOCH) // _MICROSECOND
