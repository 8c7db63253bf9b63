"""Time intervals of the configuration."""

import re
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from driftline.alerting.config_document import Field
from driftline.alerting.time_intervals import Period, Range, TimeInterval

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_FIELDS = frozenset({"times", "weekdays", "days_of_month", "months", "years", "location"})
_CLOCK = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])|24:00")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
_LAST_DAY = 31
_SHORTEST_MONTH = 28


def time_intervals(top: Mapping[str, Field]) -> dict[str, TimeInterval]:
    """Those of `time_intervals` and of its deprecated other name, by name."""
    found: dict[str, TimeInterval] = {}
    for section in ("time_intervals", "mute_time_intervals"):
        for item in top[section].items() if section in top else ():
            values = item.mapping({"name", "time_intervals"})
            name = values["name"].text() if "name" in values else None
            if name is None:
                item.fault("has no name; give it one")
                continue
            if name in found:
                values["name"].fault(f"{name!r} is the name of an earlier time interval; choose another")
            periods = values["time_intervals"].items() if "time_intervals" in values else []
            found[name] = TimeInterval(name=name, periods=tuple(map(_period, periods)))
    return found


def _period(field: Field) -> Period:
    values = field.mapping(_FIELDS)

    def ranges(name: str, parse: Callable[[str], Range]) -> tuple[Range, ...]:
        items = values[name].items() if name in values else []
        return tuple(found for item in items if (found := item.read(parse)) is not None)

    location = values["location"].read(_location) if "location" in values else None
    return Period(
        times=tuple(found for item in (values["times"].items() if "times" in values else ()) if (found := _times(item))),
        weekdays=ranges("weekdays", lambda text: _named(text, _WEEKDAYS, 0, "day of the week")),
        days_of_month=ranges("days_of_month", _days),
        months=ranges("months", _months),
        years=ranges("years", lambda text: _ordered(text, *_ends(text, _number))),
        location=location or "UTC",
    )


def _times(field: Field) -> Range | None:
    values = field.mapping({"start_time", "end_time"})
    found = [values[name].read(_minute) if name in values else None for name in ("start_time", "end_time")]
    start, end = found
    if len(values) < len(found):
        field.fault("needs both start_time and end_time")
    elif start is not None and end is not None:
        if start < end:
            return start, end
        field.fault("start_time must be before end_time; for a night write two ranges, one up to 24:00 and one from 00:00")
    return None


def _minute(text: str) -> int:
    if not _CLOCK.fullmatch(text):
        message = f"{text!r} is no time of the day; write it as 09:00, up to 24:00"
        raise ValueError(message)
    return int(text[:2]) * 60 + int(text[3:])


def _ends(text: str, one: Callable[[str], int]) -> Range:
    parts = text.lower().split(":")
    if len(parts) > 2:
        message = f"{text!r} is no range; write one value, or first:last"
        raise ValueError(message)
    return one(parts[0]), one(parts[-1])


def _ordered(text: str, first: int, last: int) -> Range:
    if first > last:
        message = f"{text!r} ends before it begins; write two ranges instead"
        raise ValueError(message)
    return first, last


def _named(text: str, names: tuple[str, ...], base: int, what: str) -> Range:
    def one(name: str) -> int:
        if name not in names:
            message = f"{name!r} is no {what}; write {names[0]} to {names[-1]}"
            raise ValueError(message)
        return names.index(name) + base

    return _ordered(text, *_ends(text, one))


def _months(text: str) -> Range:
    def one(name: str) -> int:
        return _MONTHS.index(name) + 1 if name in _MONTHS else _number(name)

    first, last = _ordered(text, *_ends(text, one))
    if first < 1 or last > len(_MONTHS):
        message = f"{text!r} is no month; write january to december, or 1 to 12"
        raise ValueError(message)
    return first, last


def _days(text: str) -> Range:
    first, last = _ends(text, _number)
    if not all(1 <= abs(day) <= _LAST_DAY for day in (first, last)):
        message = f"{text!r} is no day of the month; write 1 to 31, or -1 (the last day) to -31"
        raise ValueError(message)
    if first < 0 < last:
        message = f"{text!r}: where the first day counts from the end of the month, the last must too"
        raise ValueError(message)
    # As in Alertmanager: a range that is empty in the shortest month is one written the wrong way round.
    _ordered(text, *(day + _SHORTEST_MONTH if day < 0 else day for day in (first, last)))
    return first, last


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        message = f"{text!r} is no number"
        raise ValueError(message)
    return int(text)


def _location(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{text!r} is no time zone known here; write a name such as Europe/Berlin or UTC"
        raise ValueError(message) from error
    return text
