"""Which ids came again within a while: an open-addressing table from a 128-bit key to when it was last seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftline.avro.jit import compiled
from driftline.drift.labels.index import Keys

__all__ = ["RecentIds"]

_FIRST_SLOTS = 64
_EMPTY = -(2**63)
_KEYS = types.Array(types.uint64, 2, "C", readonly=True)
_NUMBERS = types.Array(types.int64, 1, "C", readonly=True)
_SLOTS = types.Array(types.uint64, 2, "C")
_TIMES = types.int64[::1]


@compiled(types.int64(_KEYS, _NUMBERS, types.int64, _SLOTS, _TIMES, types.boolean[::1]))
def _see(  # noqa: PLR0917 - a kernel takes arrays, one by one
    keys: Any, appended: Any, window: int, slots: Any, times: Any, again: Any
) -> int:
    """Note when each key was seen, and whether that was again; returns how many slots were taken."""
    mask = np.uint64(len(times) - 1)
    taken = 0
    for i in range(len(keys)):
        slot = np.int64(keys[i, 0] & mask)
        while times[slot] != _EMPTY and (slots[slot, 0] != keys[i, 0] or slots[slot, 1] != keys[i, 1]):
            slot = (slot + 1) & np.int64(mask)
        if times[slot] == _EMPTY:
            slots[slot, 0] = keys[i, 0]
            slots[slot, 1] = keys[i, 1]
            taken += 1
        else:
            again[i] = appended[i] - times[slot] <= window
        times[slot] = appended[i]
    return taken


class RecentIds:
    """Ids in the order in which they were appended; what a repeat is depends on the `window` before it alone."""

    def __init__(self, window: int, slack: int) -> None:
        """Append times, in their unit. What is `window + slack` older than the latest is forgotten sooner or later."""
        self._window = window
        self._kept = window + slack
        self._allocate(_FIRST_SLOTS)

    def _allocate(self, slots: int) -> None:
        self._slots = np.zeros((slots, 2), np.uint64)
        self._times = np.full(slots, _EMPTY, np.int64)
        self._used = 0

    @property
    def bytes(self) -> int:
        """Memory of the table."""
        return self._slots.nbytes + self._times.nbytes

    def see(self, keys: Keys, appended: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Note keys in their order; returns which were seen within the window before (a row that repeats counts as seen)."""
        self._make_room(len(keys), int(appended.max(initial=_EMPTY)))
        again = np.zeros(len(keys), np.bool_)
        self._used += _see(keys, appended, self._window, self._slots, self._times, again)
        return again

    def _make_room(self, more: int, latest: int) -> None:
        """Keep a third of the slots free, at least; forgotten keys give theirs back here."""
        if 3 * (self._used + more) <= 2 * len(self._times):
            return
        kept = np.flatnonzero((self._times != _EMPTY) & (self._times >= latest - self._kept))
        old_keys, old_times = self._slots[kept], self._times[kept]
        slots = _FIRST_SLOTS
        while slots < 2 * (len(kept) + more):
            slots *= 2
        self._allocate(slots)
        unseen = np.zeros(len(kept), np.bool_)
        self._used = _see(old_keys, old_times, self._window, self._slots, self._times, unseen)
