"""One column of raw values, made ready for the exact measures: what is missing is counted, the rest is numbers or texts."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.drift.ages import instant

__all__ = ["Kind", "Sample", "Values", "kind_of", "numbers", "sample", "samples"]

Values = Collection[Any] | NDArray[Any]

_NULLS = frozenset({"NoneType", "NAType", "NaTType"})
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Kind(StrEnum):
    """What a column holds. The measures know numbers and categories; the others become one of the two."""

    NUMERIC = "NUMERIC"
    CATEGORICAL = "CATEGORICAL"
    BOOLEAN = "BOOLEAN"
    """The categories "true" and "false", as in a baseline."""
    TIMESTAMP = "TIMESTAMP"
    """Numbers: microseconds UTC, as on the wire."""
    TEXT_LENGTH = "TEXT_LENGTH"
    """Numbers: characters (code points) of each text."""


_NUMBERS = frozenset({Kind.NUMERIC, Kind.TIMESTAMP, Kind.TEXT_LENGTH})


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A column of one of the two samples that are compared."""

    kind: Kind
    rows: int
    nulls: int
    """None, NaT, pandas' NA."""
    nans: int
    """NaN and infinities of a column of numbers: they are counted, and take no part in distances."""
    known: NDArray[Any]
    """Of `numeric` kinds float64, all finite; else text."""

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.kind in _NUMBERS


def samples(reference: Sample | Values, current: Sample | Values, kind: Kind | None = None) -> tuple[Sample, Sample]:
    """Return both sides of a comparison as one kind, inferred where it is not given.

    It is what the reference holds, or the current side if the reference holds nothing. Raises TypeError like `sample`.
    """
    sides = [side if isinstance(side, Sample) else _array(side) for side in (reference, current)]
    kinds = (side.kind if isinstance(side, Sample) else kind_of(side) for side in sides)
    found = kind or next((each for each in kinds if each is not None), Kind.NUMERIC)
    before, after = (side if isinstance(side, Sample) else sample(side, found) for side in sides)
    return before, after


def sample(values: Values, kind: Kind | None = None) -> Sample:
    """Return a column as the measures take it; its kind is inferred from the values where it is not given.

    Takes a list or anything that numpy takes as one (a pandas column). NaN is null in a column of categories, and NaN
    in a column of numbers. Raises TypeError, naming the value, for one that the kind cannot hold.
    """
    array = _array(values)
    kind = kind or kind_of(array) or Kind.NUMERIC
    if kind in _NUMBERS:
        known = numbers(array, kind)
        finite = known[np.isfinite(known)]
        return Sample(kind, len(array), len(array) - len(known), len(known) - len(finite), finite)
    texts = [_category(value) for value in array.tolist() if not _missing(value)]
    return Sample(kind, len(array), len(array) - len(texts), 0, np.array(texts, dtype=np.str_))


def kind_of(values: NDArray[Any]) -> Kind | None:
    """Return what an array holds by its dtype, or by its first value that is not missing; None if there is no such value."""
    if values.dtype.kind in "biuf":
        return Kind.BOOLEAN if values.dtype.kind == "b" else Kind.NUMERIC
    if values.dtype.kind == "M":
        return Kind.TIMESTAMP
    first = next((value for value in values.tolist() if not _missing(value)), None)
    if first is None:
        return None
    if isinstance(first, bool):
        return Kind.BOOLEAN
    if isinstance(first, int | float | np.number):
        return Kind.NUMERIC
    return Kind.TIMESTAMP if isinstance(first, dt.date) else Kind.CATEGORICAL


def numbers(values: NDArray[Any], kind: Kind) -> NDArray[np.float64]:
    """Turn the values of a NUMERIC, TIMESTAMP or TEXT_LENGTH column into float64, nulls left out.

    A time is microseconds since 1970 in UTC: datetime64, datetime or
    date (without a zone they are taken as UTC), text as `driftline.drift.ages` reads it (NaN for what is none), or a number that already is one. A text is its number of
    characters. A boolean is 0 or 1. Raises TypeError for anything else.
    """
    if values.dtype.kind in "biuf" and kind is not Kind.TEXT_LENGTH:
        return values.astype(np.float64)
    if values.dtype.kind == "M":
        times: NDArray[np.float64] = values[~np.isnat(values)].astype("datetime64[us]").astype(np.int64).astype(np.float64)
        return times
    convert = {Kind.NUMERIC: _number, Kind.TIMESTAMP: _microseconds, Kind.TEXT_LENGTH: _length}[kind]
    present = (value for value in values.tolist() if type(value).__name__ not in _NULLS)
    return np.array([convert(value) for value in present], dtype=np.float64)


def _array(values: Values) -> NDArray[Any]:
    """Return values as an array; a list of mixed values stays what it is instead of becoming text, what is masked is None."""
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()
    if isinstance(values, list | tuple):
        array = np.empty(len(values), dtype=np.object_)
        array[:] = values
        return array
    return np.asarray(values)


def _missing(value: object) -> bool:
    """Whether a value says nothing about its column."""
    return type(value).__name__ in _NULLS or (isinstance(value, float) and math.isnan(value))


def _number(value: object) -> float:
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return float(value)
    raise TypeError(f"a column of numbers holds {value!r}; give its kind, or convert it")


def _microseconds(value: object) -> float:
    if isinstance(value, str):
        return instant(value)
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return float((aware - _EPOCH) // _MICROSECOND)
    if isinstance(value, dt.date):
        return float((value - _EPOCH.date()) // _MICROSECOND)
    return _number(value)


def _length(value: object) -> float:
    if isinstance(value, str):
        return float(len(value))
    if isinstance(value, float) and math.isnan(value):
        return value
    raise TypeError(f"a column of texts holds {value!r}; give its kind, or convert it")


def _category(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)
