"""The five fields of cron as sets of numbers."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Field", "parse_fields"]

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_PART = re.compile(r"(?:(?P<all>\*)|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>[0-9]{1,2}))?")


class _Range(NamedTuple):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    """Names of low, low + 1, ..."""


_RANGES = (
    _Range("minute", 0, 59),
    _Range("hour", 0, 23),
    _Range("day of the month", 1, 31),
    _Range("month", 1, 12, _MONTHS),
    _Range("day of the week", 0, 7, _DAYS),
)


class Field(NamedTuple):
    """What one field allows."""

    values: tuple[int, ...]
    """Ascending; days of the week with 0 for Sunday, never 7."""
    every: bool
    """It begins with `*`: it restricts nothing, or only by a step."""


def parse_fields(text: str) -> tuple[Field, Field, Field, Field, Field]:
    """Read minute, hour, day of the month, month and day of the week. Raises ValueError that names the field and the remedy.

    Each is a list of `*`, a number, a name of three letters or a range, with `/step` behind `*` or a range.
    """
    words = text.split()
    if len(words) != len(_RANGES):
        raise ValueError(
            f"{text!r} is no schedule; write hourly, daily, weekly, or the five fields of cron such as '0 9 * * MON-FRI'"
        )
    minute, hour, day, month, weekday = (_field(word, where) for word, where in zip(words, _RANGES, strict=True))
    weekday = weekday._replace(values=tuple(sorted({number % 7 for number in weekday.values})))
    return minute, hour, day, month, weekday


def _field(text: str, where: _Range) -> Field:
    values: set[int] = set()
    for part in text.split(","):
        values |= _part(part, where)
    return Field(tuple(sorted(values)), text.startswith("*"))


def _part(part: str, where: _Range) -> set[int]:
    match = _PART.fullmatch(part)
    if match is None or (match["step"] and not (match["all"] or match["high"])):
        raise ValueError(f"{part!r} is no {where.name}; write *, a number, a range such as {where.low}-{where.high}, or */2")
    if match["all"]:
        low, high = where.low, where.high
    else:
        low = _number(match["low"], where)
        high = low if match["high"] is None else _number(match["high"], where)
    step = int(match["step"] or 1)
    if low > high or step == 0:
        raise ValueError(f"{part!r} is an empty range of {where.name}; the smaller end comes first, and a step is 1 or more")
    return set(range(low, high + 1, step))


def _number(word: str, where: _Range) -> int:
    if word.upper() in where.words:
        return where.low + where.words.index(word.upper())
    if not (word.isascii() and word.isdigit()) or not where.low <= int(word) <= where.high:
        raise ValueError(f"{word!r} is no {where.name}; it goes from {where.low} to {where.high}")
    return int(word)
