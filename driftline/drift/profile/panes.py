"""The pane: the smallest slice of event time that is kept; every window is a union of panes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum

from driftline.events import Monitor, Reference

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_PERIOD = r"([1-9][0-9]{0,5}) (minute|hour|day|week|month)s?"
_WORDS = re.compile(rf"{_PERIOD}(?: every {_PERIOD})?")
_UTC = frozenset({"UTC", "Etc/UTC"})


class Unit(Enum):
    """What a granularity counts in. Minutes and hours are lengths, the others begin by the calendar of a zone."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_MINUTES = {Unit.MINUTE: 1, Unit.HOUR: 60, Unit.DAY: 1440, Unit.WEEK: 10080}


@dataclass(frozen=True, slots=True)
class Granularity:
    """A length of windows, such as 1 hour or 2 weeks; hopping ones begin more often than they are long."""

    count: int
    unit: Unit
    every: Granularity | None = None
    """Hopping: from one beginning to the next. None: windows follow each other."""

    @staticmethod
    def parse(text: str) -> Granularity:
        """Read "15 minutes", "1 hour", "1 day", "2 weeks", "1 month", "1 week every 1 day". Raises ValueError that shows the form."""
        match = _WORDS.fullmatch(text)
        if match is None:
            message = f'{text!r} is no granularity; write a number and a unit, such as "15 minutes", "1 hour", "1 day"'
            raise ValueError(message)
        every = Granularity(int(match[3]), Unit(match[4])) if match[3] else None
        found = Granularity(int(match[1]), Unit(match[2]), every)
        if every is not None and found.overlap < 2:
            message = f"{text!r}: windows that hop are a whole number of times, at least 2, as long as their hop, in units that divide each other"
            raise ValueError(message)
        return found

    @property
    def step(self) -> Granularity:
        """What begins of windows are multiples of."""
        return self.every or self

    @property
    def overlap(self) -> int:
        """In how many windows each row lies; 0 where length and hop do not fit each other."""
        if self.every is None:
            return 1
        if (self.unit is Unit.MONTH) is not (self.every.unit is Unit.MONTH):
            return 0
        long, short = (each.count * _MINUTES.get(each.unit, 1) for each in (self, self.every))
        return 0 if long % short else long // short

    @property
    def calendar(self) -> bool:
        """Whether its windows begin by the calendar of the monitor's zone."""
        return self.step.unit not in (Unit.MINUTE, Unit.HOUR)

    @property
    def fixed_us(self) -> int:
        """Microseconds of windows that do not follow the calendar; of those that do, the day that they all consist of."""
        return DAY_US if self.calendar else self.count * _MINUTES[self.unit] * MINUTE_US

    @property
    def days(self) -> float:
        """Days from one beginning to the next; a month has 30."""
        step = self.step
        return 30.0 * step.count if step.unit is Unit.MONTH else step.count * _MINUTES[step.unit] / 1440


def pane_us(monitor: Monitor) -> int:
    """Length of a monitor's panes, microseconds: the greatest common divisor of its granularities (their hops) and one hour.

    Where a calendar granularity, or the same time last week, has a zone other than UTC, the divisor with 15 minutes: zones
    are shifted by multiples of that.
    """
    sizes = [Granularity.parse(text) for text in monitor.granularities]
    seasonal = any(each.reference is Reference.SEASON and each.granularities for each in monitor.references)
    zoned = monitor.time_zone not in _UTC and (seasonal or any(size.calendar for size in sizes))
    return math.gcd(15 * MINUTE_US if zoned else HOUR_US, *(size.step.fixed_us for size in sizes))


def pane_start(event_time: int, pane: int) -> int:
    """Start of the pane that an event time lies in; panes begin at 1970 and before it as well."""
    return event_time // pane * pane
