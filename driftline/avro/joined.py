"""Many message bodies as one run of bytes: what kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftline.avro import kernels
from driftline.avro.columns import Integers


def borders(pieces: Sequence[bytes], start: int = 0) -> Integers:
    """Where each of the joined pieces begins, and where the last one ends; the first begins at `start`."""
    found = np.empty(len(pieces) + 1, np.int64)
    found[0] = start
    found[1:] = np.fromiter(map(len, pieces), np.int64, len(pieces))
    return np.cumsum(found, out=found)


@dataclass(frozen=True, slots=True)
class Joined:
    """Pieces of bytes in one buffer, which ends with `kernels.PADDING` bytes: piece i is `buffer[begin[i]:end[i]]`."""

    buffer: bytes
    begin: Integers
    end: Integers

    @staticmethod
    def of(pieces: Sequence[bytes]) -> Joined:
        """Join pieces."""
        places = borders(pieces)
        return Joined(b"".join([*pieces, bytes(kernels.PADDING)]), places[:-1], places[1:])

    @staticmethod
    def chained(parts: Sequence[Joined]) -> Joined:
        """The pieces of several, in their order. One alone is not copied."""
        if len(parts) == 1:
            return parts[0]
        shifts = borders([part.buffer for part in parts])[:-1].tolist()
        return Joined(
            b"".join([part.buffer for part in parts]),
            np.concatenate([part.begin + shift for part, shift in zip(parts, shifts, strict=True)]),
            np.concatenate([part.end + shift for part, shift in zip(parts, shifts, strict=True)]),
        )

    def __len__(self) -> int:
        return len(self.begin)

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return int((self.end - self.begin).sum())

    def piece(self, at: int) -> bytes:
        """One piece."""
        return self.buffer[int(self.begin[at]) : int(self.end[at])]

    def take(self, places: Integers) -> Joined:
        """Some of the pieces, without copying them."""
        return Joined(self.buffer, self.begin[places], self.end[places])

    def behind(self, constants: bytes) -> Joined:
        """The same pieces, with other bytes before all of them."""
        if not constants:
            return self
        return Joined(constants + self.buffer, self.begin + len(constants), self.end + len(constants))

    def by_start(self, length: int) -> list[tuple[bytes, Integers]]:
        """The different first `length` bytes of pieces (a shorter piece is taken whole), and the places of each."""
        if not len(self):
            return []
        view = np.frombuffer(self.buffer, np.uint8)
        if kernels.same_start(view, self.begin, self.end, length):
            return [(self.piece(0)[:length], np.arange(len(self), dtype=np.int64))]
        groups: dict[bytes, list[int]] = {}
        for place, (begin, end) in enumerate(zip(self.begin.tolist(), self.end.tolist(), strict=True)):
            groups.setdefault(self.buffer[begin : min(end, begin + length)], []).append(place)
        return [(start, np.array(places, np.int64)) for start, places in groups.items()]
