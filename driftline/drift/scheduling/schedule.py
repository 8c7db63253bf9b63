"""The points of a schedule: hourly, daily, weekly or five-field cron in a time zone.

Two rules where the clocks of a zone are changed, as people who wrote the line would want it:

- A schedule of every hour (its hour field begins with `*`) follows the clock on the wall: a repeated hour has its points
  twice, an hour that does not exist has none.
- Any other runs once for each time of day that it names: a time that comes twice counts the first time, one that does not
  exist counts as much later as the clocks jump (02:30 is 03:30 then, and midnight the moment at which the day begins).
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from driftline.drift.scheduling.fields import Field, parse_fields

__all__ = ["Schedule"]

NAMED = {"hourly": "0 * * * *", "daily": "0 0 * * *", "weekly": "0 0 * * MON"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LEAP = 2000
_LONGEST_DAYS = 146_097
"""The calendar repeats itself, days of the week included, every 400 years: what does not come by then never does."""
_NEAR_DAYS = 2
"""How far a time that does not exist can be moved out of its day: a zone once left out a whole one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Points in time, microseconds since 1970 UTC. Made by `parse`."""

    text: str
    zone: str
    minutes: tuple[int, ...]
    hours: Field
    days: Field
    months: tuple[int, ...]
    weekdays: Field

    @staticmethod
    def parse(text: str, zone: str = "UTC") -> Schedule:
        """Read "hourly", "daily" (midnight), "weekly" (Monday midnight) or five fields of cron, in an IANA time zone.

        Where both days are restricted, either of them is enough, as cron has it; 0 and 7 are Sunday. Raises ValueError that
        says what is wrong, also for a schedule without any point.
        """
        minute, hour, day, month, weekday = parse_fields(NAMED.get(text, text))
        longest = max(monthrange(_LEAP, number)[1] for number in month.values)
        if min(day.values) > longest and (weekday.every or day.every):
            raise ValueError(f"{text!r} never comes: none of its months has {min(day.values)} days")
        return Schedule(text, zone, minute.values, hour, day, month.values, weekday)

    def next(self, after: int) -> int:
        """Return the first point after a moment."""
        begin = _local_date(after, self.zone) - timedelta(days=_NEAR_DAYS)
        found: list[int] = []
        for day in self._days(begin, 1, found):
            points = self._of(day)
            found += points[bisect_right(points, after) :][:1]
        return min(found)

    def last(self, until: int) -> int:
        """Return the last point at a moment or before it."""
        begin = _local_date(until, self.zone) + timedelta(days=_NEAR_DAYS)
        found: list[int] = []
        for day in self._days(begin, -1, found):
            points = self._of(day)
            found += points[: bisect_right(points, until)][-1:]
        return max(found)

    def _days(self, begin: date, step: int, found: Sequence[int]) -> Iterator[date]:
        """Days with points, from one on; when something is found, only those that its points can be mixed with."""
        left = _LONGEST_DAYS
        day = begin
        while left:
            if self._on(day):
                yield day
            left -= 1
            if found:
                left = min(left, 2 * _NEAR_DAYS)
            day += timedelta(days=step)

    def _on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days.values, day.isoweekday() % 7 in self.weekdays.values
        if self.days.every or self.weekdays.every:
            return by_month and by_week
        return by_month or by_week

    def _of(self, day: date) -> tuple[int, ...]:
        return _points(self.minutes, self.hours, day, self.zone)


@lru_cache(maxsize=4096)
def _points(minutes: tuple[int, ...], hours: Field, day: date, zone: str) -> tuple[int, ...]:
    found = set()
    for hour in hours.values:
        for minute in minutes:
            local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
            first, second = _instant(local), _instant(local.replace(fold=1))
            if not hours.every:
                found.add(first)
            elif first <= second:  # the other way round such a time does not exist
                found |= {first, second}
    return tuple(sorted(found))


def _instant(local: datetime) -> int:
    return (local - _EPOCH) // _MICROSECOND


def _local_date(time: int, zone: str) -> date:
    return (_EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone)).date()
