"""Arrow's columns as the columns that profiles are counted from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.drift.profile import read_columns
from driftline.envelope import moment_of
from driftline.errors import ConfigurationError
from driftline.events import ColumnKind

__all__ = ["counted", "moments", "numbers", "texts", "times_us"]

Integers = NDArray[np.int64]

_SECOND, _MILLISECOND, _MICROSECOND = 1e11, 1e14, 1e17
"""A whole number below this, as a time since 1970, is in these units: seconds last until the year 5138."""


def numbers(array: pa.Array) -> Column:
    """A numeric column; null stays null, NaN is a value."""
    null = array.is_null().to_numpy(zero_copy_only=False)
    reals = pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return Column(b"", np.where(null, Kind.NULL, Kind.REAL).astype(np.int8), reals=np.ascontiguousarray(reals))


def texts(array: pa.Array) -> Column:
    """A column of categories: each distinct text is encoded and hashed once."""
    coded = array if isinstance(array, pa.DictionaryArray) else pc.dictionary_encode(array)
    distinct = [text.encode() for text in coded.dictionary.to_pylist()]
    hashes = np.append(hash_texts(distinct) if distinct else np.zeros(0, np.uint64), np.uint64(0))
    length = np.array([*map(len, distinct), 0], np.int64)
    start = np.cumsum(length) - length
    codes = pc.fill_null(coded.indices, len(distinct)).to_numpy(zero_copy_only=False)
    kind = np.where(codes == len(distinct), Kind.NULL, Kind.TEXT).astype(np.int8)
    return Column(b"".join(distinct), kind, start=start[codes], length=length[codes], hash=hashes[codes])


def counted(array: pa.Array, kind: ColumnKind, event_time: Integers, rows: Integers | None = None) -> Column:
    """A column as profiles count it: of times and texts the numbers that `read_columns` makes, of these rows (indices) alone."""
    if kind is ColumnKind.NUMERIC:
        return numbers(array)
    if kind is ColumnKind.TIMESTAMP and not pa.types.is_string(array.type):
        column = numbers(moments(array) if pa.types.is_temporal(array.type) else array)
    else:
        column = texts(array)
    return read_columns({"": kind}, {"": column}, event_time, np.arange(len(column)) if rows is None else rows)[""]


def moments(array: pa.Array) -> pa.Array:
    """Dates and times of Arrow as microseconds UTC."""
    return array.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())


def times_us(array: pa.Array, column: str) -> tuple[Integers, NDArray[np.bool_]]:
    """Microseconds UTC of each row, and whether there is one. Numbers are seconds, ms, us or ns since 1970 by their size.

    Text is read as ISO 8601; what names no zone is UTC. Raises ConfigurationError for a value that is no time.
    """
    known = array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_temporal(array.type):
        return pc.fill_null(moments(array), 0).to_numpy(zero_copy_only=False), known
    if pa.types.is_floating(array.type) or pa.types.is_integer(array.type):
        values = pc.fill_null(array.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        largest = float(np.abs(values[known]).max(initial=0.0))
        scale = 1e6 if largest < _SECOND else 1e3 if largest < _MILLISECOND else 1.0 if largest < _MICROSECOND else 1e-3
        return (values * scale).astype(np.int64), known & np.isfinite(values)
    try:
        return np.array([0 if text is None else moment_of(str(text)) for text in array.to_pylist()], np.int64), known
    except ValueError as error:
        raise ConfigurationError(f"column {column!r}: {error}, or seconds since 1970") from None
