"""Which rows a sample has: those whose hashes are smallest. numpy only, so that a baseline can be fitted where producers are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BYTES", "MOST_ROWS", "mixed", "sample_rows", "smallest"]

Hashes = NDArray[np.uint64]

MOST_ROWS = 500
MOST_BYTES = 256_000
"""Of a sample on the wire: 20 columns have 500 rows of 88 bytes, and a thousand columns 63."""


def sample_rows(columns: int) -> int:
    """How many rows a sample of so many columns has."""
    return min(MOST_ROWS, MOST_BYTES // (8 + 4 * columns))


def mixed(numbers: Hashes) -> Hashes:
    """Hashes whose order has nothing to do with the numbers (the finalizer of SplitMix64; one to one)."""
    found = numbers.copy()
    with np.errstate(over="ignore"):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            found = (found ^ (found >> np.uint64(shift))) * np.uint64(factor)
    return found ^ (found >> np.uint64(31))


def smallest(hashes: Hashes, k: int) -> NDArray[np.int64]:
    """Indices of the rows that the k smallest distinct hashes can be among: all rows with them, and few others."""
    if len(hashes) > 4 * k:
        near = np.flatnonzero(hashes <= np.partition(hashes, 2 * k)[2 * k])
        if len(np.unique(hashes[near])) >= k:
            return near
    return np.arange(len(hashes))
