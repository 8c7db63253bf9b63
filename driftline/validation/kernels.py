"""The loops over rows: one pass over a column finds whether anything is wrong with it, a second one says what.

Kinds are `driftline.avro.Kind`, codes are indices into `rows.REASONS`. `code[i] != 0` is a row already refused.
"""

# ruff: noqa: PLR0913, PLR0917, FBT001 - a kernel takes arrays and flags, and nothing that groups them

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from driftline.avro import Kind
from driftline.avro.jit import compiled

_NULL, _REAL, _TEXT, _BYTES, _BOOLEAN, _INTEGER = (
    int(kind) for kind in (Kind.NULL, Kind.REAL, Kind.TEXT, Kind.BYTES, Kind.BOOLEAN, Kind.INTEGER)
)
ACCEPTED, INVALID_ID, OUT_OF_RANGE, FUTURE, MISSING, WRONG_TYPE, NON_FINITE = range(7)
MAXIMUM_ID_BYTES = 128


def _read(dtype: types.Type) -> types.Type:
    return types.Array(dtype, 1, "C", readonly=True)


_i8, _u8, _i64, _f64 = (_read(t) for t in (types.int8, types.uint8, types.int64, types.float64))
_CODES, _PLACES = types.uint8[::1], types.int16[::1]
_LARGEST = np.finfo(np.float64).max


@compiled(types.boolean(_i8, _f64, types.boolean, types.boolean))
def numbers_suspect(kind: Any, value: Any, required: bool, score: bool) -> bool:
    """Whether any row, chosen or not, may break a rule of `refuse_numbers`. No branches: it runs on vectors."""
    bad = False
    least = _NULL if required else -1
    for row in range(len(kind)):
        what = kind[row]
        number = value[row]
        bad |= (what == _TEXT) | (what > _BOOLEAN) | (what == _BYTES) | (what <= least) | (abs(number) > _LARGEST)
        if score:
            bad |= (what > _NULL) & (not ((number >= 0.0) & (number <= 1.0)))
    return bad


@compiled(types.void(_i8, _f64, _i64, types.boolean, types.boolean, types.int16, _CODES, _PLACES))
def refuse_numbers(kind: Any, value: Any, chosen: Any, required: bool, score: bool, place: int, code: Any, places: Any) -> None:
    """Refuse chosen rows: missing where required, neither number nor boolean, infinite, a score outside [0, 1]."""
    for at in range(len(chosen)):
        row = chosen[at]
        if code[row]:
            continue
        what = kind[row]
        found = ACCEPTED
        if what <= _NULL:
            found = MISSING if required else ACCEPTED
        elif what not in (_REAL, _INTEGER, _BOOLEAN):
            found = WRONG_TYPE
        elif abs(value[row]) > _LARGEST:
            found = NON_FINITE
        elif score and not 0.0 <= value[row] <= 1.0:
            found = OUT_OF_RANGE
        if found:
            code[row] = found
            places[row] = place


@compiled(types.boolean(_i8, types.boolean))
def texts_suspect(kind: Any, required: bool) -> bool:
    """Whether any row, chosen or not, may break a rule of `refuse_texts`."""
    bad = False
    least = _NULL if required else -1
    for row in range(len(kind)):
        what = kind[row]
        bad |= (what <= least) | ((what > _NULL) & (what != _TEXT) & (what != _BOOLEAN))
    return bad


@compiled(types.void(_i8, _i64, types.boolean, types.int16, _CODES, _PLACES))
def refuse_texts(kind: Any, chosen: Any, required: bool, place: int, code: Any, places: Any) -> None:
    """Refuse chosen rows: missing where required, neither text nor boolean."""
    for at in range(len(chosen)):
        row = chosen[at]
        if code[row]:
            continue
        what = kind[row]
        found = ACCEPTED
        if what <= _NULL:
            found = MISSING if required else ACCEPTED
        elif what not in (_TEXT, _BOOLEAN):
            found = WRONG_TYPE
        if found:
            code[row] = found
            places[row] = place


@compiled(types.void(_i8, _i64, _i64, types.int16, _CODES, _PLACES))
def refuse_ids(kind: Any, length: Any, chosen: Any, place: int, code: Any, places: Any) -> None:
    """Refuse chosen rows whose id is missing, no text, or not of 1 to 128 bytes."""
    for at in range(len(chosen)):
        row = chosen[at]
        what = kind[row]
        if code[row] or (what == _TEXT and 1 <= length[row] <= MAXIMUM_ID_BYTES):
            continue
        code[row] = INVALID_ID if what == _TEXT else MISSING if what <= _NULL else WRONG_TYPE
        places[row] = place


@compiled(types.void(_i8, _i64, _i64, types.int64, types.int64, _i64, types.int16, _CODES, _PLACES))
def refuse_times(
    kind: Any, time: Any, append_time: Any, skew: int, earliest: int, chosen: Any, place: int, code: Any, places: Any
) -> None:
    """Refuse chosen rows whose time is missing, no integer, before `earliest`, or beyond append time + skew."""
    for at in range(len(chosen)):
        row = chosen[at]
        if code[row]:
            continue
        if kind[row] != _INTEGER:
            code[row] = MISSING if kind[row] <= _NULL else WRONG_TYPE
            places[row] = place
        elif time[row] < earliest:
            code[row] = OUT_OF_RANGE
            places[row] = place
        elif time[row] > append_time[row] + skew:
            code[row] = FUTURE
            places[row] = place


@compiled(types.void(_u8, _i64, _i64, _i64, types.int64, types.int32[::1]))
def partitions_of(buffer: Any, start: Any, length: Any, chosen: Any, partitions: int, out: Any) -> None:
    """Partition of each chosen row's key: murmur2 as Kafka's Java client has it (seed 0x9747b28c, sign bit cleared)."""
    m = np.uint32(0x5BD1E995)
    for at in range(len(chosen)):
        row = chosen[at]
        begin = start[row]
        size = length[row]
        h = np.uint32(np.uint32(0x9747B28C) ^ np.uint32(size))
        for word in range(size // 4):
            p = begin + 4 * word
            k = np.uint32(
                np.uint32(buffer[p])
                | (np.uint32(buffer[p + 1]) << np.uint32(8))
                | (np.uint32(buffer[p + 2]) << np.uint32(16))
                | (np.uint32(buffer[p + 3]) << np.uint32(24))
            )
            k = np.uint32(k * m)
            k = np.uint32(k ^ (k >> np.uint32(24)))
            k = np.uint32(k * m)
            h = np.uint32(np.uint32(h * m) ^ k)
        rest = size % 4
        tail = begin + size - rest
        if rest == 3:
            h = np.uint32(h ^ (np.uint32(buffer[tail + 2]) << np.uint32(16)))
        if rest >= 2:
            h = np.uint32(h ^ (np.uint32(buffer[tail + 1]) << np.uint32(8)))
        if rest >= 1:
            h = np.uint32(h ^ np.uint32(buffer[tail]))
            h = np.uint32(h * m)
        h = np.uint32(h ^ (h >> np.uint32(13)))
        h = np.uint32(h * m)
        h = np.uint32(h ^ (h >> np.uint32(15)))
        out[row] = np.int32(np.int64(h & np.uint32(0x7FFFFFFF)) % partitions)
