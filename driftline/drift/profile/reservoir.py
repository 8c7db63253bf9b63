"""A bounded sample of the rows of a pane: the k rows whose ids have the smallest hashes.

Which rows those are is a property of the rows, not of the order, partition or process in which they came: samples merge
like counts add (Cohen and Kaplan, "Summarizing Data using Bottom-k Sketches", 2007). The order of hashes has nothing to do with
the rows, so that the first half of a sample is itself one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.profile.wire import MalformedProfile

__all__ = ["Reservoir", "ReservoirAccumulator"]

Hashes = NDArray[np.uint64]
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Reservoir:
    """At most k rows, ascending by hash. Read only."""

    k: int
    hashes: Hashes
    values: Values
    """(n, columns): a number less its column's origin, or the code of a category (behind the known ones: unseen); NaN = none."""

    rows = 0
    """A sample counts no rows: its pane's INPUTS do."""

    @staticmethod
    def empty(k: int, columns: int) -> Reservoir:
        """The sample of no rows."""
        return Reservoir(k, np.zeros(0, np.uint64), np.zeros((0, columns), np.float32))

    @staticmethod
    def of(hashes: Hashes, values: Values, k: int) -> Reservoir:
        """The k smallest of some rows. Of equal hashes (an id twice) the least row counts, whichever came first."""
        kept, first = np.unique(hashes, return_index=True)
        if len(kept) < len(hashes):
            order = np.lexsort((*values.T[::-1], hashes))
            hashes, values = hashes[order], values[order]
            kept, first = np.unique(hashes, return_index=True)
        return Reservoir(k, kept[:k], values[first[:k]])

    @staticmethod
    def total(k: int, columns: int, samples: Iterable[Reservoir]) -> Reservoir:
        """The sample of all rows of all samples."""
        found = [Reservoir.empty(k, columns), *samples]
        return Reservoir.of(np.concatenate([one.hashes for one in found]), np.concatenate([one.values for one in found]), k)

    def __len__(self) -> int:
        return len(self.hashes)

    def encode(self) -> tuple[bytes, bytes]:
        """Hashes (uint64), then values (float32) row by row, little-endian, where a profile has its cells; no sums."""
        return self.hashes.astype("<u8").tobytes() + self.values.astype("<f4").tobytes(), b""

    def encode_metrics(self) -> None:
        """A sample has none."""

    @staticmethod
    def decode(k: int, columns: int, data: bytes) -> Reservoir:
        """What `encode` wrote. Raises MalformedProfile for anything else."""
        n, rest = divmod(len(data), 8 + 4 * columns)
        hashes = np.frombuffer(data, "<u8", n)
        if rest or n > k or (n > 1 and not (hashes[1:] > hashes[:-1]).all()):
            message = f"these {len(data)} bytes are no sample of at most {k} rows of {columns} columns"
            raise MalformedProfile(message)
        return Reservoir(k, hashes, np.frombuffer(data, "<f4", -1, 8 * n).reshape(n, columns))


class ReservoirAccumulator:
    """A sample that grows. Implements what panes want of `Accumulator`."""

    __slots__ = ("_found", "rows")

    def __init__(self, k: int, columns: int) -> None:
        """The sample of no rows."""
        self.rows = 0
        self._found = Reservoir.empty(k, columns)

    def count(self, rows: int, cells: bytes, sums: bytes, metrics: bytes | None = None) -> None:
        """Add a sample as it was encoded. Raises MalformedProfile, having added nothing."""
        if rows or sums or metrics:
            raise MalformedProfile("a sample has neither rows nor sums nor metrics")
        self.add(Reservoir.decode(self._found.k, self._found.values.shape[1], cells))

    def add(self, sample: Reservoir) -> None:
        """Add a sample."""
        self._found = Reservoir.total(self._found.k, self._found.values.shape[1], (self._found, sample))

    def profile(self) -> Reservoir:
        """Return what was added so far."""
        return self._found
