"""Times of the day, week, month and year in which routes are muted or active."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Range = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time must be in one range of every field that has any. Ranges include both ends, except those of `times`."""

    times: tuple[Range, ...] = ()
    """Minutes of the day, the end excluded; 1440 is midnight at its end."""
    weekdays: tuple[Range, ...] = ()
    """0 is Sunday."""
    days_of_month: tuple[Range, ...] = ()
    """1 to 31, or -1 (the last) to -31."""
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    location: str = "UTC"
    """Name of a time zone."""

    def contains(self, at: int) -> bool:
        """Whether a time, microseconds since 1970 UTC, is inside."""
        local = (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(self.location))
        minute = local.hour * 60 + local.minute
        if self.times and not any(start <= minute < end for start, end in self.times):
            return False
        if self.days_of_month and not any(_in_month(local, days) for days in self.days_of_month):
            return False
        fields = ((self.weekdays, local.isoweekday() % 7), (self.months, local.month), (self.years, local.year))
        return all(not ranges or any(first <= value <= last for first, last in ranges) for ranges, value in fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInterval:
    """A named union of periods."""

    name: str
    periods: tuple[Period, ...]

    def contains(self, at: int) -> bool:
        """Whether a time, microseconds since 1970 UTC, is in one of them."""
        return any(period.contains(at) for period in self.periods)


def _in_month(local: datetime, days: Range) -> bool:
    length = monthrange(local.year, local.month)[1]
    first, last = (day + length + 1 if day < 0 else day for day in days)
    return first <= length and first <= local.day <= last
