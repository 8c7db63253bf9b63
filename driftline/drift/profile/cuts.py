"""Which slices a monitor's rows are counted in: a function of the monitor and its baseline, the same everywhere and for ever.

Each way to cut (a column, a pair of columns, a condition) parts all rows: every row lies in exactly one of its slices, so
that the slices of a cut add up to all rows, cell for cell.

    a column      carrier=UA            the values of the baseline, most frequent first, 100 at most
                  12<=tenure<24         the PSI bins of a NUMERIC column
                  carrier=(other)       rarer values, values that the baseline does not know, null and NaN
    two columns   carrier=UA, origin=JFK    the 100 pairs that are the most frequent if the two are independent
                  carrier, origin=(other)   everything else
    a condition   tenure > 12           where it is true, named by its text
                  (tenure > 12) IS NOT TRUE    where it is false or unknown
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from driftline.events import MonitorSlice

__all__ = ["ALL_ROWS", "MAXIMUM_VALUES", "Cut", "Values", "cuts_of", "slice_names"]

ALL_ROWS = ""
"""The slice that is no part: every row."""
MAXIMUM_VALUES = 100
"""Slices of a cut, but for the one of all other rows."""
REST = "(other)"
MAXIMUM_NAME = 200
"""Characters; a longer name is cut short and ends in a hash of the whole."""

_PLAIN = re.compile(r'[^(\s"=<>,][^"=<>,]*')
"""What stands in a name as it is; anything else stands in quotes, so that no two slices share a name."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a column that it is cut by."""

    labels: tuple[str, ...]
    """What each value is called, most frequent first (bins: from the lowest)."""
    weights: tuple[int, ...]
    """How often the baseline has each."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to cut the rows."""

    columns: tuple[str, ...]
    """One or two; none where a condition cuts."""
    where: str
    """A condition in SQL; "" where columns cut."""
    names: tuple[str, ...]
    """Its slices by code, at most 101; the last has the rows that belong to no other."""
    places: tuple[tuple[int, ...], ...] = ()
    """Of each slice but the last, index of the value of each column."""

    @property
    def rest(self) -> int:
        """Code of the slice of all other rows."""
        return len(self.names) - 1


def cuts_of(slices: Sequence[MonitorSlice], values: Mapping[str, Values]) -> tuple[Cut, ...]:
    """The cuts that a monitor asks for. Raises ValueError where a column is not watched, naming it."""
    taken = {ALL_ROWS}
    found = []
    for asked in slices:
        cut = _cut_by_values(asked.columns, values) if asked.columns else _cut_by_condition(asked.where)
        found.append(Cut(cut.columns, cut.where, tuple(_unique(name, taken) for name in cut.names), cut.places))
    return tuple(found)


def slice_names(cuts: Sequence[Cut]) -> tuple[str, ...]:
    """The names of all slices, cut by cut, each cut's by code."""
    return tuple(itertools.chain.from_iterable(cut.names for cut in cuts))


def quoted(text: str) -> str:
    """A column or value as it stands in the name of a slice."""
    if _PLAIN.fullmatch(text) and text == text.strip():
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _cut_by_values(columns: tuple[str, ...], values: Mapping[str, Values]) -> Cut:
    if unknown := [name for name in columns if name not in values]:
        message = f"the rows cannot be cut by {unknown[0]!r}: the monitor does not watch it"
        raise ValueError(message)
    chosen = [values[name] for name in columns]
    places = list(itertools.product(*(range(len(each.labels)) for each in chosen)))
    if len(places) > MAXIMUM_VALUES or len(columns) > 1:
        weight = {place: _weight(chosen, place) for place in places}
        places = sorted(places, key=lambda place: (-weight[place], place))[:MAXIMUM_VALUES]
    names = [", ".join(each.labels[i] for each, i in zip(chosen, place, strict=True)) for place in places]
    rest = ", ".join(quoted(name) for name in columns) + f"={REST}"
    return Cut(columns, "", (*names, rest), tuple(places))


def _weight(values: Sequence[Values], place: tuple[int, ...]) -> int:
    """How frequent a combination is if the columns are independent, but for a factor that all share."""
    weight = 1
    for each, i in zip(values, place, strict=True):
        weight *= each.weights[i]
    return weight


def _cut_by_condition(where: str) -> Cut:
    return Cut((), where, (where, f"({where}) IS NOT TRUE"))


def _unique(name: str, taken: set[str]) -> str:
    """A name that no slice before has: a condition can read like a value."""
    name = _short(name)
    while name in taken:
        name = _short(f"({name})")
    taken.add(name)
    return name


def _short(name: str) -> str:
    if len(name) <= MAXIMUM_NAME:
        return name
    return f"{name[: MAXIMUM_NAME - 18]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
