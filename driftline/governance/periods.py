"""Durations ("5 min") and granularities ("1 day") as people write them, and the pane that follows from granularities."""

import re
from math import gcd

from driftline.events import Monitor, Reference

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US

ZONED_PANE_US = 15 * MINUTE_US
"""Offsets of time zones are multiples of 15 minutes, so such panes never straddle a local midnight."""

_UNITS = {
    "us": 1,
    "microsecond": 1,
    "ms": 1_000,
    "millisecond": 1_000,
    "s": SECOND_US,
    "sec": SECOND_US,
    "second": SECOND_US,
    "m": MINUTE_US,
    "min": MINUTE_US,
    "minute": MINUTE_US,
    "h": HOUR_US,
    "hour": HOUR_US,
    "d": DAY_US,
    "day": DAY_US,
    "w": WEEK_US,
    "week": WEEK_US,
}
_QUANTITY = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]+)\Z")
_LONGEST_US = 10 * 366 * DAY_US

_SPELLINGS = {
    **dict.fromkeys(("m", "min", "minute"), "minute"),
    **dict.fromkeys(("h", "hour"), "hour"),
    **dict.fromkeys(("d", "day"), "day"),
    **dict.fromkeys(("w", "week"), "week"),
    "month": "month",
    "year": "year",
}
_LENGTHS = {"minute": MINUTE_US, "hour": HOUR_US, "day": DAY_US, "week": WEEK_US, "month": 30 * DAY_US}
_WHOLE = {"minute": 60, "hour": 24, "month": 12}
_SAME = {(60, "minute"): (1, "hour"), (24, "hour"): (1, "day"), (7, "day"): (1, "week"), (1, "year"): (12, "month")}
_MOST = 31
_MOST_OVERLAP = 60


def parse_duration(text: str) -> int:
    """Microseconds of "5 min", "1.5 hours", "90s"; raises ValueError that says how to write it.

    Units: us, ms, s, min, hour, day, week, their long forms and plurals. At most 10 years.
    """
    match = _QUANTITY.match(text.strip().lower())
    unit = match and _unit(match[2], _UNITS)
    if match is None or unit is None:
        message = f'{text!r} is no duration; write a number and a unit, such as "5 min", "1 hour" or "30 days"'
        raise ValueError(message)
    microseconds = round(float(match[1]) * _UNITS[unit])
    if microseconds > _LONGEST_US:
        message = f"{text!r} is longer than ten years"
        raise ValueError(message)
    return microseconds


def parse_granularity(text: str) -> str:
    """The one spelling of a granularity: "15 minutes", "1 hour", "1 day", "2 weeks", "1 month"; raises ValueError.

    Minutes must divide the hour, hours the day and months the year, so that windows line up with the calendar; days and weeks
    come up to 31. Seven days are a week and begin on Monday. Windows that hop overlap: "1 week every 1 day" is the last week at
    each midnight; the length is 2 to 60 hops, and months hop by months.
    """
    length, _, hop = text.strip().lower().partition(" every ")
    if not hop:
        return _parse_period(length)
    size, step = _parse_period(length), _parse_period(hop if hop[0].isdigit() else f"1 {hop}")
    longer, shorter = granularity_length(size), granularity_length(step)
    if _monthly(size) is not _monthly(step) or longer % shorter or not 2 <= longer // shorter <= _MOST_OVERLAP:
        message = (
            f"{text!r}: windows that hop are 2 to {_MOST_OVERLAP} times as long as their hop, without a rest, and months hop by "
            'months; write it like "1 week every 1 day"'
        )
        raise ValueError(message)
    return f"{size} every {step}"


def _monthly(period: str) -> bool:
    return period.rstrip("s").endswith("month")


def _parse_period(text: str) -> str:
    match = _QUANTITY.match(text.strip().lower())
    unit = match and _unit(match[2], _SPELLINGS)
    if match is None or unit is None or "." in match[1]:
        message = f'{text!r} is no granularity; write "15 minutes", "1 hour", "1 day", "1 week" or "1 month"'
        raise ValueError(message)
    count, word = _SAME.get((int(match[1]), _SPELLINGS[unit]), (int(match[1]), _SPELLINGS[unit]))
    if not 1 <= count <= _WHOLE.get(word, _MOST) or _WHOLE.get(word, count) % count or word == "year":
        message = (
            f"{text!r} does not line up with the calendar: minutes must divide the hour, hours the day, months the year, "
            "and there are at most 31 days or weeks"
        )
        raise ValueError(message)
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def granularity_length(granularity: str) -> int:
    """Microseconds of a window as `parse_granularity` spells it; a month counts 30 days (for ordering only)."""
    count, unit, *_ = granularity.split(" ")
    return int(count) * _LENGTHS[unit.removesuffix("s")]


def pane_length(monitor: Monitor) -> int:
    """Microseconds of a pane: greatest common divisor, at most an hour; a quarter of one where the calendar of a zone has a say."""
    steps = [granularity.rpartition(" every ")[2] for granularity in monitor.granularities]
    calendar = any(step.rstrip("s").endswith(("day", "week", "month")) for step in steps)
    seasonal = any(each.reference is Reference.SEASON for each in monitor.references)
    zoned = monitor.time_zone not in {"UTC", "Etc/UTC"} and (calendar or seasonal)
    return gcd(ZONED_PANE_US if zoned else HOUR_US, *map(granularity_length, steps))


def next_boundary(time_us: int, pane_us: int) -> int:
    """First pane boundary after `time_us` (never `time_us` itself)."""
    return (time_us // pane_us + 1) * pane_us


def _unit(word: str, known: dict[str, object] | dict[str, int] | dict[str, str]) -> str | None:
    singular = word[:-1] if word.endswith("s") and word[:-1] in known and len(word) > 2 else word
    return singular if singular in known else None
