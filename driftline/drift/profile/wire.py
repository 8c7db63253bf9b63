"""Counts on the wire: for each cell that is not 0, the distance from the one before and the count, as varints."""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftline.avro.jit import compiled

_CELL_BYTES = 20
"""Two varints of at most 10 bytes."""


class MalformedProfile(ValueError):
    """Bytes that are no profile of the layout they claim: the producer and we disagree; do not count them."""


@compiled(types.int64(types.int64[::1], types.uint8[::1]))
def _encode(cells: NDArray[np.int64], out: NDArray[np.uint8]) -> int:
    at = 0
    previous = -1
    for index in range(len(cells)):
        count = cells[index]
        if count == 0:
            continue
        for number in (np.uint64(index - previous - 1), np.uint64((count << 1) ^ (count >> 63))):
            rest = number
            while rest >= np.uint64(128):
                out[at] = np.uint8((rest & np.uint64(127)) | np.uint64(128))
                rest >>= np.uint64(7)
                at += 1
            out[at] = np.uint8(rest)
            at += 1
        previous = index
    return at


_VARINT = types.Tuple((types.int64, types.uint64))
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)


@compiled(_VARINT(_BYTES, types.int64), inline=True)
def _varint(data: NDArray[np.uint8], at: int) -> tuple[int, np.uint64]:
    """Position after the varint at `at`, and its value; -1 where it is cut, too long or not the shortest spelling."""
    number = np.uint64(0)
    shift = 0
    while at < len(data) and shift < 64:
        byte = np.uint64(data[at])
        at += 1
        if (shift == 63 and byte > np.uint64(1)) or (shift > 0 and byte == np.uint64(0)):
            break
        number |= (byte & np.uint64(127)) << np.uint64(shift)
        if byte < np.uint64(128):
            return at, number
        shift += 7
    return -1, number


@compiled(types.boolean(_BYTES, types.int64[::1], types.int64))
def _add(data: NDArray[np.uint8], cells: NDArray[np.int64], sign: int) -> bool:
    at = 0
    index = -1
    while at < len(data):
        at, gap = _varint(data, at)
        if at < 0 or gap >= np.uint64(len(cells)):
            return False
        index += int(gap) + 1
        at, coded = _varint(data, at)
        if at < 0 or index >= len(cells) or coded == np.uint64(0):
            return False
        cells[index] += sign * (np.int64(coded >> np.uint64(1)) ^ -np.int64(coded & np.uint64(1)))
    return True


@compiled(types.void(types.Array(types.float64, 1, "C", readonly=True), types.float64[::1], types.int64, types.int64))
def add_sums(more: NDArray[np.float64], sums: NDArray[np.float64], additive: int, extremes: int) -> None:
    """Add sums in place: `additive` that add, then `extremes` minima and as many maxima. NaN wins wherever it is."""
    for i in range(additive):
        sums[i] += more[i]
    for i in range(additive, additive + extremes):
        if more[i] < sums[i] or np.isnan(more[i]):
            sums[i] = more[i]
    for i in range(additive + extremes, len(sums)):
        if more[i] > sums[i] or np.isnan(more[i]):
            sums[i] = more[i]


def encode_cells(cells: NDArray[np.int64]) -> bytes:
    """Bytes of a vector of counts; empty when all are 0."""
    out = np.empty(_CELL_BYTES * int(np.count_nonzero(cells)), np.uint8)
    return out[: _encode(cells, out)].tobytes()


def add_cells(data: bytes, cells: NDArray[np.int64]) -> bool:
    """Add what `encode_cells` wrote to `cells`; False, and `cells` as they were, for other bytes."""
    found = np.frombuffer(data, np.uint8)
    if _add(found, cells, 1):
        return True
    _add(found, cells, -1)  # which fails where adding did
    return False
