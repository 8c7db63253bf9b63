"""JSON rows as columns to judge. Pure."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.envelope import time_of

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Row = dict[str, Any]

# Plain numbers: looking a member up in an enumeration costs more than what is done with it here.
NULL, INTEGER, REAL, TEXT = int(Kind.NULL), int(Kind.INTEGER), int(Kind.REAL), int(Kind.TEXT)
NEITHER = int(Kind.BYTES)
"""A list or an object, where a value should stand: the wrong type for every column."""

_NUMBERS = frozenset({float, int})
_TEXTS = frozenset({str})
# A boolean is a text, "true" or "false", as the SDK writes it.
_KINDS: dict[type, int] = {type(None): NULL, float: REAL, int: REAL, str: TEXT, bool: TEXT}
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Coded:
    """Texts as numbers: `words[codes[i]]` is the text of row i."""

    codes: NDArray[np.uint32]
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Values:
    """One column of n JSON values: its judged form, and the values themselves (a boolean is "true" or "false")."""

    column: Column
    values: Sequence[Any]
    pure: int = 0
    """REAL or TEXT where every value is one, else 0."""
    coded: Coded | None = None
    """Where every value is a text."""

    @property
    def nested(self) -> Flags | None:
        """True where a list or an object stands, None where there is none."""
        if self.pure:
            return None
        found: Flags = self.column.kind == NEITHER
        return found if found.any() else None


def columns_of(pivoted: Mapping[str, Sequence[Any]], n: int) -> dict[str, Values]:
    """Numbers (whole ones too) are REAL, texts and booleans TEXT, null NULL, lists and objects BYTES.

    A text has no bytes in these columns: no rule asks for them.
    """
    reals = _reals({name: values for name, values in pivoted.items() if type(values[0]) in _NUMBERS}, n)
    real, text, nothing = np.full(n, REAL, np.int8), np.full(n, TEXT, np.int8), np.zeros(n)
    columns = {}
    for name, values in pivoted.items():
        if name in reals:
            columns[name] = Values(Column(b"", real, reals=reals[name]), values, REAL)
        elif type(values[0]) is str and (found := coded(values)) is not None:
            columns[name] = Values(Column(b"", text, reals=nothing), values, TEXT, found)
        else:
            columns[name] = _mixed(values)
    return columns


def _reals(candidates: Mapping[str, Sequence[Any]], n: int) -> dict[str, NDArray[np.float64]]:
    """The columns that hold nothing but numbers."""
    pack = struct.Struct(f"{n}d").pack  # five times as quick as numpy with Python's floats
    packed = {}
    for name, values in candidates.items():
        with suppress(struct.error):  # it holds something else, too: a column for `_mixed`
            packed[name] = pack(*values)
    matrix = np.frombuffer(b"".join(packed.values()), np.float64).reshape(len(packed), n)
    # A boolean is packed as well, as 0 or 1: only where those stand is it worth asking for types.
    doubtful = ((matrix == 0) | (matrix == 1)).any(axis=1).tolist()
    return {
        name: row
        for name, row, doubt in zip(packed, matrix, doubtful, strict=True)
        if not doubt or set(map(type, candidates[name])) <= _NUMBERS
    }


def coded(values: Sequence[Any]) -> Coded | None:
    """Texts with a number for each distinct one, by first appearance; None where not all of them are texts."""
    numbers: defaultdict[Any, int] = defaultdict(count().__next__)
    try:
        codes = np.fromiter(map(numbers.__getitem__, values), np.uint32, len(values))
    except TypeError:  # a list or an object, which cannot be a key
        return None
    return Coded(codes, list(numbers)) if set(map(type, numbers)) == _TEXTS else None


def _mixed(values: Sequence[Any]) -> Values:
    values = ["true" if v is True else "false" if v is False else v for v in values]
    kind = np.array([_KINDS.get(type(value), NEITHER) for value in values], np.int8)
    reals = np.array([value if type(value) in _NUMBERS else 0.0 for value in values], np.float64)
    return Values(Column(b"", kind, reals=reals), values)


@dataclass(frozen=True, slots=True)
class Ids:
    """A column of ids, and the bytes of each (empty for what is none)."""

    column: Column
    raw: Sequence[bytes]


def ids_of(values: Sequence[Any]) -> Ids:
    """A text is TEXT, null or nothing is NULL, anything else the wrong type."""
    if set(map(type, values)) == _TEXTS:
        kind = np.full(len(values), TEXT, np.int8)
        raw = [value.encode() for value in values]
    else:
        kind = np.array([TEXT if type(v) is str else NULL if v is None else NEITHER for v in values], np.int8)
        raw = [value.encode() if type(value) is str else b"" for value in values]
    length = np.fromiter(map(len, raw), np.int64, len(raw))
    return Ids(Column(b"".join(raw), kind, start=np.cumsum(length) - length, length=length), raw)


def times_of(values: Sequence[Any]) -> Column:
    """Times in microseconds: whole numbers, or RFC 3339 texts with a zone; anything else has the wrong type."""
    if set(map(type, values)) == {int} and min(values) in _INT64 and max(values) in _INT64:
        return Column(b"", np.full(len(values), INTEGER, np.int8), integers=np.array(values, np.int64))
    kind, times = np.zeros(len(values), np.int8), np.zeros(len(values), np.int64)
    for i, value in enumerate(values):
        kind[i], times[i] = _time(value)
    return Column(b"", kind, integers=times)


def _time(value: Any) -> tuple[int, int]:
    if value is None:
        return NULL, 0
    if type(value) is int and value in _INT64:
        return INTEGER, value
    if isinstance(value, str):
        try:
            return INTEGER, time_of(value)
        except (ValueError, OverflowError):
            return TEXT, 0
    return NEITHER, 0


def pivot(rows: Sequence[Row]) -> dict[str, Sequence[Any]]:
    """The values of each key over all rows, None where a row has none of it."""
    names = list(rows[0])
    if len(names) < 2 or set(map(len, rows)) != {len(names)}:  # an itemgetter of one name gives no tuple
        return _with_holes(rows)
    try:
        flat = list(chain.from_iterable(map(itemgetter(*names), rows)))
    except KeyError:  # as many keys, but other ones
        return _with_holes(rows)
    return {name: flat[place :: len(names)] for place, name in enumerate(names)}


def _with_holes(rows: Sequence[Row]) -> dict[str, Sequence[Any]]:
    union = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in union}
