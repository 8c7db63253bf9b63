"""What times and texts are counted as: the age of a time at the event, and the length of a text.

The one place where they become numbers, for predictions as they stream, labels, backtests and baselines alike. From there on
such a column is one of numbers, with cells, moments and measures as any other. A time is not counted as it stands: it would
leave the baseline by passing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.drift.ages import ages, instant
from driftline.drift.profile import kernels
from driftline.events import ColumnKind

Integers = NDArray[np.int64]
_LONGEST = 256
"""Bytes of a text that may be a time: a longer one is none, and is not even decoded."""


def read_columns(
    kinds: Mapping[str, ColumnKind], columns: Mapping[str, Column], event_time: Integers, chosen: Integers
) -> Mapping[str, Column]:
    """The columns with those of times and texts as numbers; the same mapping where `kinds` has none of these.

    Of such a column only the chosen rows (indices) are read, the others are null; they need not be validated.
    """
    wanted = [name for name, kind in kinds.items() if kind in _READ and name in columns]
    if not wanted:
        return columns
    return {**columns, **{name: _READ[kinds[name]](columns[name], event_time, chosen) for name in wanted}}


def _aged(column: Column, event_time: Integers, chosen: Integers) -> Column:
    """Seconds from each time to its event, by `ages`. A number is microseconds since 1970; a text that is no time gives NaN."""
    moments = column.numbers().copy()
    texts = chosen[column.kind[chosen] == Kind.TEXT]
    if len(texts):
        pieces = column.pieces(texts)
        known = {piece: instant(piece.decode()) if len(piece) <= _LONGEST else math.nan for piece in set(pieces)}
        moments[texts] = [known[piece] for piece in pieces]
    there = (column.kind == Kind.INTEGER) | (column.kind == Kind.REAL) | (column.kind == Kind.TEXT)
    return _numbers(ages(moments, event_time), there, chosen)


def _measured(column: Column, event_time: Integers, chosen: Integers) -> Column:
    """Characters (code points) of each text."""
    del event_time
    found = np.zeros(len(column))
    there = column.kind == Kind.TEXT
    if column.start is not None and column.length is not None:
        buffer = np.frombuffer(column.buffer, np.uint8)
        kernels.count_characters(buffer, column.start, column.length, chosen[there[chosen]], found)
    return _numbers(found, there, chosen)


def _numbers(values: NDArray[np.float64], there: NDArray[np.bool_], chosen: Integers) -> Column:
    kind = np.full(len(values), Kind.NULL, np.int8)
    kind[chosen] = np.where(there[chosen], Kind.REAL, Kind.NULL)
    return Column(b"", kind, reals=np.where(kind == Kind.REAL, values, 0.0))


_READ = {ColumnKind.TIMESTAMP: _aged, ColumnKind.TEXT_LENGTH: _measured}
