"""Where windows begin and end: fixed lengths from 1970, or the calendar of a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from driftline.drift.profile.panes import Granularity, Unit

__all__ = ["Span", "day_of", "granularity_of", "span_of"]

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
def span_of(granularity: str, zone: str, time: int) -> Span:
    """Return the window of a granularity that an event time lies in.

    Minutes and hours count from 1970 UTC. Days begin at midnight of the zone, weeks on Monday, months on the 1st; several
    of them count from 1970 (weeks: from Monday 1969-12-29). Where midnight does not exist, a day begins when its clocks
    do. Raises ValueError for a granularity that cannot be read.
    """
    size = granularity_of(granularity)
    if not size.calendar:
        length = size.fixed_us
        start = time // length * length
        return Span(start, start + length)
    local = _local(time, zone)
    if size.unit is Unit.MONTH:
        index = ((local.year - 1970) * 12 + local.month - 1) // size.count * size.count
        return Span(_midnight(_month(index), zone), _midnight(_month(index + size.count), zone))
    days = size.count * (7 if size.unit is Unit.WEEK else 1)
    origin = _FIRST_MONDAY if size.unit is Unit.WEEK else _FIRST_DAY
    first = (local.toordinal() - origin) // days * days + origin
    return Span(_midnight(date.fromordinal(first), zone), _midnight(date.fromordinal(first + days), zone))


def day_of(zone: str, time: int) -> Span:
    """Return the calendar day of a zone that an event time lies in."""
    return span_of("1 day", zone, time)


def _local(time: int, zone: str) -> date:
    return (_EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone)).date()


def _month(index: int) -> date:
    return date(1970 + index // 12, index % 12 + 1, 1)


def _midnight(day: date, zone: str) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - _EPOCH) // _MICROSECOND
