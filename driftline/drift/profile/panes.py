"""The pane: the smallest slice of event time that is kept; every window is a union of panes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum

from driftline.events import Monitor

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_WORDS = re.compile(r"([1-9][0-9]{0,5}) (minute|hour|day|week|month)s?")
_UTC = frozenset({"UTC", "Etc/UTC"})


class Unit(Enum):
    """What a granularity counts in. Minutes and hours are lengths, the others begin by the calendar of a zone."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Granularity:
    """A length of windows, such as 1 hour or 2 weeks."""

    count: int
    unit: Unit

    @staticmethod
    def parse(text: str) -> Granularity:
        """Read "15 minutes", "1 hour", "1 day", "2 weeks", "1 month". Raises ValueError that shows the form."""
        match = _WORDS.fullmatch(text)
        if match is None:
            message = f'{text!r} is no granularity; write a number and a unit, such as "15 minutes", "1 hour", "1 day"'
            raise ValueError(message)
        return Granularity(int(match[1]), Unit(match[2]))

    @property
    def calendar(self) -> bool:
        """Whether its windows begin by the calendar of the monitor's zone."""
        return self.unit not in (Unit.MINUTE, Unit.HOUR)

    @property
    def fixed_us(self) -> int:
        """Microseconds of a minute or hour granularity; of a calendar one, the day that all its windows consist of."""
        return DAY_US if self.calendar else self.count * (HOUR_US if self.unit is Unit.HOUR else MINUTE_US)


def pane_us(monitor: Monitor) -> int:
    """Length of a monitor's panes, microseconds: the greatest common divisor of its granularities and one hour.

    Where a calendar granularity has a zone other than UTC, the divisor with 15 minutes: zones are shifted by
    multiples of that.
    """
    sizes = [Granularity.parse(text) for text in monitor.granularities]
    zoned = monitor.time_zone not in _UTC and any(size.calendar for size in sizes)
    return math.gcd(15 * MINUTE_US if zoned else HOUR_US, *(size.fixed_us for size in sizes))


def pane_start(event_time: int, pane: int) -> int:
    """Start of the pane that an event time lies in; panes begin at 1970 and before it as well."""
    return event_time // pane * pane
