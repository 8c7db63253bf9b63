"""The loop that gives each message dictionaries of its own. A module of its own, since it is compiled when it is imported."""

# ruff: noqa: PLR0917 - a kernel takes arrays, and nothing that groups them

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from driftline.avro.jit import compiled

UNSEEN = np.uint32(0xFFFFFFFF)
_READ = types.Array(types.uint32, 2, "C", readonly=True)
_WRITE = types.uint32[:, ::1]


@compiled(types.void(_READ, types.int64, types.int64, types.uint32[::1], _WRITE, _WRITE, types.int64[::1]))
def recode(codes: Any, begin: int, end: int, place: Any, out: Any, used: Any, counts: Any) -> None:
    """Number anew, by first appearance, what the rows `begin` to `end` of each column (a row of `codes`) hold.

    `out` gets the new codes, `used` the old code of each new one, `counts` how many there are. `place` has room for every
    old code and is UNSEEN throughout, before and after.
    """
    for column in range(codes.shape[0]):
        count = 0
        for row in range(begin, end):
            code = codes[column, row]
            if place[code] == UNSEEN:
                place[code] = count
                used[column, count] = code
                count += 1
            out[column, row - begin] = place[code]
        counts[column] = count
        for new in range(count):
            place[used[column, new]] = UNSEEN
