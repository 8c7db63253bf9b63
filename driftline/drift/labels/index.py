"""From a 128-bit key to the row that holds it: an open-addressing table, filled and asked a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftline.avro.jit import compiled

__all__ = ["NONE", "KeyIndex", "Keys"]

Keys = NDArray[np.uint64]
"""(n, 2): the two halves of n keyed hashes."""

NONE = -1
"""No such row."""

_FIRST_SLOTS = 64


def _read(dtype: types.Type, dimensions: int) -> types.Type:
    return types.Array(dtype, dimensions, "C", readonly=True)


_KEYS = _read(types.uint64, 2)
_NUMBERS = _read(types.int64, 1)
_SLOTS = types.Array(types.uint64, 2, "C")
_ROWS = types.Array(types.int64, 1, "C")


@compiled(types.void(_KEYS, types.int64, _KEYS, _NUMBERS, _ROWS))
def _find(keys: Any, first: int, slots: Any, rows: Any, out: Any) -> None:
    mask = np.uint64(len(rows) - 1)
    for i in range(len(keys)):
        high = keys[i, 0]
        low = keys[i, 1]
        slot = np.int64(high & mask)
        out[i] = -1
        while rows[slot] >= 0:
            if slots[slot, 0] == high and slots[slot, 1] == low:
                if rows[slot] >= first:
                    out[i] = rows[slot]
                break
            slot = (slot + 1) & np.int64(mask)


@compiled(types.int64(_KEYS, _NUMBERS, _NUMBERS, types.int64, types.int64, types.int64, _SLOTS, _ROWS, _ROWS, _ROWS, _ROWS))
def _admit(  # noqa: PLR0913, PLR0917 - a kernel takes arrays, one by one
    keys: Any, append: Any, expiry: Any, first: int, end: int, base: int,
    slots: Any, rows: Any, expiries: Any, out: Any, older: Any,
) -> int:  # fmt: skip
    """Number the first of each key; returns how many slots were taken. `expiries[row - base]` is of row `row`."""
    mask = np.uint64(len(rows) - 1)
    taken = 0
    for i in range(len(keys)):
        high = keys[i, 0]
        low = keys[i, 1]
        slot = np.int64(high & mask)
        while rows[slot] >= 0 and (slots[slot, 0] != high or slots[slot, 1] != low):
            slot = (slot + 1) & np.int64(mask)
        known = rows[slot]
        out[i] = -1
        older[i] = -1
        if known >= first:
            if append[i] <= expiries[known - base]:
                continue
            older[i] = known
        if known < 0:
            slots[slot, 0] = high
            slots[slot, 1] = low
            taken += 1
        rows[slot] = end
        expiries[end - base] = expiry[i]
        out[i] = end
        end += 1
    return taken


@compiled(types.void(_KEYS, _NUMBERS, types.int64, _SLOTS, _ROWS))
def _move(old_slots: Any, old_rows: Any, first: int, slots: Any, rows: Any) -> None:
    mask = np.uint64(len(rows) - 1)
    for i in range(len(old_rows)):
        if old_rows[i] < first:
            continue
        slot = np.int64(old_slots[i, 0] & mask)
        while rows[slot] >= 0:
            slot = (slot + 1) & np.int64(mask)
        slots[slot, 0] = old_slots[i, 0]
        slots[slot, 1] = old_slots[i, 1]
        rows[slot] = old_rows[i]


class KeyIndex:
    """The newest row of each key. Rows below `first` (an argument: the oldest row kept) are as good as absent."""

    def __init__(self) -> None:
        self._allocate(_FIRST_SLOTS)

    def _allocate(self, slots: int) -> None:
        self._slots = np.zeros((slots, 2), np.uint64)
        self._rows = np.full(slots, NONE, np.int64)
        self._used = 0

    @property
    def bytes(self) -> int:
        """Memory of the table."""
        return self._slots.nbytes + self._rows.nbytes

    def find(self, keys: Keys, first: int) -> NDArray[np.int64]:
        """Row of each key, NONE where it has none."""
        out = np.empty(len(keys), np.int64)
        _find(keys, first, self._slots, self._rows, out)
        return out

    def admit(
        self,
        keys: Keys,
        times: tuple[NDArray[np.int64], NDArray[np.int64]],
        expiries: NDArray[np.int64],
        *,
        first: int,
        end: int,
        base: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give a row number, from `end` on, to each key that is new or whose row has expired; NONE to the others.

        `times` = (append time, expiry) of each key; one is a repeat while its append time is <= the expiry of the row
        it repeats. `expiries[row - base]` holds the rows' expiries and has room for the new ones. Also returns the
        expired but remembered row that each new one takes the place of, NONE mostly.
        """
        self._make_room(len(keys), first, end)
        out, older = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
        self._used += _admit(keys, *times, first, end, base, self._slots, self._rows, expiries, out, older)
        return out, older

    def _make_room(self, more: int, first: int, end: int) -> None:
        """Keep a third of the slots free, at least; forgotten rows give theirs back here."""
        if 3 * (self._used + more) <= 2 * len(self._rows):
            return
        slots = _FIRST_SLOTS
        while slots < 2 * (end - first + more):
            slots *= 2
        old_slots, old_rows = self._slots, self._rows
        self._allocate(slots)
        _move(old_slots, old_rows, first, self._slots, self._rows)
        self._used = int(np.count_nonzero(self._rows >= 0))
