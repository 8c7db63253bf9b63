"""The loops over rows: which groups a row belongs to, and one pass for each column that counts it.

`groups[c, i]` is the row of the tables that row i is counted in by cut c (one where nothing is cut): -1 for every cut = not at
all. Kinds are `driftline.avro.Kind`.
"""

# ruff: noqa: PLR0913, PLR0917 - a kernel takes arrays, and nothing that groups them

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from driftline.avro import Kind
from driftline.avro.jit import compiled

EDGE_SLOTS = 64
"""Edges are padded with +inf to this many, for a search without branches: 63 edges at most."""

SLICE_BITS = 16
"""What the number of a slice takes of a stream's: 20 cuts of 101 slices fit."""

_NULL = int(Kind.NULL)


def _read(dtype: types.Type) -> types.Type:
    return types.Array(dtype, 1, "C", readonly=True)


_i8, _u8, _i32, _i64 = (_read(t) for t in (types.int8, types.uint8, types.int32, types.int64))
_u64, _f64 = _read(types.uint64), _read(types.float64)
_F = types.float64
_GROUPS = types.Array(types.int32, 2, "C", readonly=True)
_CELLS = types.Array(types.int64, 2, "C")
_SUMS = types.Array(types.float64, 2, "C")


@compiled(types.int64(_u64, _i64, _i64, types.int64, types.uint64[::1], types.int64[::1], types.int32[::1], types.int32[::1]))
def encode_pairs(first: Any, second: Any, chosen: Any, begin: int, keys: Any, seconds: Any, codes: Any, out: Any) -> int:
    """Give each chosen row the code of its pair (first, second), new pairs the next one.

    An open-addressing table of a power of two slots: `keys`, `seconds`, `codes` (-1 = free). Codes are dense from 0;
    the number in use is counted in `codes[-1]`, the slot behind the table. Returns how many chosen rows are done: all,
    or fewer when the table is half full (make it larger and go on from there). `out` is by row.
    """
    size = len(codes) - 1
    mask = np.uint64(size - 1)
    for at in range(begin, len(chosen)):
        row = chosen[at]
        key = first[row]
        other = second[row]
        mixed = (key ^ (np.uint64(other) * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xBF58476D1CE4E5B9)
        slot = np.int64((mixed >> np.uint64(32)) & mask)
        while codes[slot] >= 0 and (keys[slot] != key or seconds[slot] != other):
            slot = (slot + 1) & (size - 1)
        if codes[slot] < 0:
            if 2 * (codes[size] + 1) > size:
                return at
            keys[slot] = key
            seconds[slot] = other
            codes[slot] = codes[size]
            codes[size] += 1
        out[row] = codes[slot]
    return len(chosen)


@compiled(types.void(_i64, _i64, types.int64, types.int64[::1]))
def pane_of(event_time: Any, chosen: Any, pane: int, out: Any) -> None:
    """Start of the pane of each chosen row; rounds down before 1970 too."""
    start = np.int64(0)
    for at in range(len(chosen)):
        row = chosen[at]
        time = event_time[row]
        if time < start or time - start >= pane:  # neighbours mostly share a pane: spare the division
            start = time // pane * pane
        out[row] = start


@compiled(types.void(_u64, _u8, _i64, types.int64, types.uint64[::1]))
def slice_of(stream: Any, code: Any, chosen: Any, first: int, out: Any) -> None:
    """Stream and number of the slice of each chosen row in one number; `code` is by chosen row, slices begin at `first`."""
    for at in range(len(chosen)):
        row = chosen[at]
        out[row] = (stream[row] << np.uint64(SLICE_BITS)) | np.uint64(first + code[at])


@compiled(types.void(_i8, _u64, _i64, _u64, _i32, types.int16[::1]))
def find_categories(kind: Any, text_hash: Any, chosen: Any, keys: Any, codes: Any, out: Any) -> None:
    """Code of the value of each chosen row, by its place among them; -1 = null or not known. `keys`, `codes` as below."""
    mask = np.uint64(len(codes) - 1)
    for at in range(len(chosen)):
        row = chosen[at]
        out[at] = -1
        if kind[row] <= _NULL:
            continue
        key = text_hash[row]
        slot = key & mask
        while codes[slot] >= 0 and keys[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        out[at] = codes[slot]


@compiled(types.void(types.float64[::1], _F, _F, types.int64, types.int64, types.int64), inline=True)
def _sum(sums: Any, number: float, about: float, moments: int, minimum: int, maximum: int) -> None:
    sums[moments] += 1.0
    sums[moments + 1] += about
    sums[moments + 2] += about * about
    if number == 0.0:
        sums[moments + 3] += 1.0
    sums[minimum] = min(sums[minimum], number)
    sums[maximum] = max(sums[maximum], number)


@compiled(types.int64(types.int8, _F, _f64, _F, _F, types.int64), inline=True)
def _cell_of(kind: int, number: float, edges: Any, low: float, high: float, above: int) -> int:
    """Cell of a number within its block: 0 null, 1 NaN, 2 below, the fine cells, `above`."""
    if kind <= _NULL:
        return 0
    if np.isnan(number):
        return 1
    if number < low:
        return 2
    if number > high:
        return above
    cell = 3
    for step in (32, 16, 8, 4, 2, 1):
        cell += step if edges[cell + step - 4] <= number else 0
    return cell


_COUNT = types.void(
    _i8, _f64, _GROUPS, _f64, types.float64, types.float64, types.float64,
    types.int64, types.int64, types.int64, types.int64, types.int64, _CELLS, _SUMS,
)  # fmt: skip


@compiled(types.void(types.float64[::1], _F, _F, _F, _F, _F, _F, types.int64, types.int64, types.int64), inline=True)
def _keep(
    sums: Any, n: float, total: float, squares: float, zeros: float, least: float, most: float,
    moments: int, minimum: int, maximum: int,
) -> None:  # fmt: skip
    sums[moments] = n
    sums[moments + 1] = total
    sums[moments + 2] = squares
    sums[moments + 3] = zeros
    sums[minimum] = least
    sums[maximum] = most


@compiled(_COUNT)
def _one_cut(
    kind: Any, value: Any, groups: Any, edges: Any, low: float, high: float, origin: float,
    first: int, above: int, moments: int, minimum: int, maximum: int, cells: Any, sums: Any,
) -> None:  # fmt: skip
    """Neighbours mostly share a group: its sums stay in registers until another one comes, which saves a sixth of the time."""
    held = -1
    n = total = squares = zeros = least = most = 0.0
    for row in range(groups.shape[1]):
        at = groups[0, row]
        if at < 0:
            continue
        number = value[row]
        cell = first + _cell_of(kind[row], number, edges, low, high, above - first)
        cells[at, cell] += 1
        if cell < first + 2:
            continue
        if at != held:
            if held >= 0:
                _keep(sums[held], n, total, squares, zeros, least, most, moments, minimum, maximum)
            held = at
            n, total, squares, zeros = sums[at, moments], sums[at, moments + 1], sums[at, moments + 2], sums[at, moments + 3]
            least, most = sums[at, minimum], sums[at, maximum]
        about = number - origin
        n += 1.0
        total += about
        squares += about * about
        zeros += 1.0 if number == 0.0 else 0.0
        least = min(least, number)
        most = max(most, number)
    if held >= 0:
        _keep(sums[held], n, total, squares, zeros, least, most, moments, minimum, maximum)


@compiled(_COUNT)
def _cuts(
    kind: Any, value: Any, groups: Any, edges: Any, low: float, high: float, origin: float,
    first: int, above: int, moments: int, minimum: int, maximum: int, cells: Any, sums: Any,
) -> None:  # fmt: skip
    cuts, rows = groups.shape
    for row in range(rows):
        if groups[0, row] < 0:
            continue
        number = value[row]
        cell = first + _cell_of(kind[row], number, edges, low, high, above - first)
        for cut in range(cuts):
            cells[groups[cut, row], cell] += 1
            if cell >= first + 2:
                _sum(sums[groups[cut, row]], number, number - origin, moments, minimum, maximum)


def count_numbers(kind: Any, value: Any, groups: Any, *rest: Any) -> None:
    """Count a NUMERIC column: null at cell `first`, nan, below, fine cells, above at cell `above`.

    Moments go to the sums from `moments` on; the extremes to `minimum` and `maximum`.
    """
    (_one_cut if len(groups) == 1 else _cuts)(kind, value, groups, *rest)


@compiled(types.void(_i8, _u64, _GROUPS, _u64, _i32, types.int64, _CELLS))
def count_categories(kind: Any, text_hash: Any, groups: Any, keys: Any, codes: Any, first: int, cells: Any) -> None:
    """Count a CATEGORICAL column: null at cell `first`, unseen, then the known values by their code.

    `keys`, `codes` (-1 = free) are an open-addressing table of a power of two slots, never full.
    """
    mask = np.uint64(len(codes) - 1)
    cuts, rows = groups.shape
    for row in range(rows):
        at = groups[0, row]
        if at < 0:
            continue
        cell = first
        if kind[row] > _NULL:
            key = text_hash[row]
            slot = key & mask
            while codes[slot] >= 0 and keys[slot] != key:
                slot = (slot + np.uint64(1)) & mask
            cell = first + 2 + codes[slot]  # code -1 is the cell before the known ones: unseen
        cells[at, cell] += 1
        for cut in range(1, cuts):
            cells[groups[cut, row], cell] += 1


@compiled(types.void(_u8, _i64, _i64, _i64, types.float64[::1]))
def count_characters(buffer: Any, start: Any, length: Any, chosen: Any, out: Any) -> None:
    """Code points of the text of each chosen row: bytes of UTF-8 that do not go on from the one before."""
    for at in range(len(chosen)):
        row = chosen[at]
        found = 0
        for place in range(start[row], start[row] + length[row]):
            found += (buffer[place] & 0xC0) != 0x80
        out[row] = found


@compiled(types.void(_GROUPS, types.int64[::1]))
def count_rows(groups: Any, rows: Any) -> None:
    """Count the rows of each group."""
    for cut in range(groups.shape[0]):
        for row in range(groups.shape[1]):
            if groups[cut, row] >= 0:
                rows[groups[cut, row]] += 1


@compiled(types.void(_GROUPS, types.int64, _CELLS))
def count_nulls(groups: Any, cell: int, cells: Any) -> None:
    """Count a column that no row has."""
    for cut in range(groups.shape[0]):
        for row in range(groups.shape[1]):
            if groups[cut, row] >= 0:
                cells[groups[cut, row], cell] += 1


@compiled(types.void(_i64, _i32, _i64, types.int64[::1]))
def latest_by_source(event_time: Any, source: Any, chosen: Any, latest: Any) -> None:
    """Raise `latest[source]` to the largest event time of the chosen rows."""
    for at in range(len(chosen)):
        row = chosen[at]
        latest[source[row]] = max(latest[source[row]], event_time[row])
