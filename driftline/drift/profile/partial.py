"""What a profile knows of business metrics: counts and sums that add, minima and maxima that do not mind being seen twice."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.profile.wire import MalformedProfile

__all__ = ["Partial", "Room"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_HEAD = struct.Struct("<8sq")


@dataclass(frozen=True, slots=True)
class Room:
    """Lengths of a partial's vectors, and the digest of the plan that they belong to."""

    digest: bytes
    """8 bytes: partials of different plans are never added."""
    counts: int
    sums: int
    lows: int
    highs: int

    @property
    def bytes(self) -> int:
        """Length of an encoded partial."""
        return _HEAD.size + 8 * (self.counts + self.sums + self.lows + self.highs)


@dataclass(frozen=True, slots=True)
class Partial:
    """The state of one group of rows. `a + b` is the state of both; `a - b` takes b's rows out again (no extremes then).

    `lows` and `highs` are +inf and -inf where there was no value.
    """

    room: Room
    rows: int
    counts: Integers
    sums: Floats
    lows: Floats
    highs: Floats

    @staticmethod
    def empty(room: Room) -> Partial:
        """The state of no rows."""
        return Partial(
            room,
            0,
            np.zeros(room.counts, np.int64),
            np.zeros(room.sums),
            np.full(room.lows, np.inf),
            np.full(room.highs, -np.inf),
        )

    def __add__(self, other: Partial) -> Partial:
        _check_same(self.room, other.room)
        return Partial(
            self.room,
            self.rows + other.rows,
            self.counts + other.counts,
            self.sums + other.sums,
            np.minimum(self.lows, other.lows),
            np.maximum(self.highs, other.highs),
        )

    def __sub__(self, other: Partial) -> Partial:
        """Without the rows of `other`. Raises ValueError where the plan has a minimum or maximum, which cannot be undone."""
        _check_same(self.room, other.room)
        if self.room.lows or self.room.highs:
            message = "a minimum or maximum cannot be taken back; count the rows that remain again"
            raise ValueError(message)
        rest = self.rows - other.rows, self.counts - other.counts, self.sums - other.sums
        return Partial(self.room, *rest, self.lows, self.highs)

    @staticmethod
    def total(room: Room, parts: Sequence[Partial]) -> Partial:
        """The state of all rows of all parts. Sums are sorted first, so that the order of arrival does not change them."""
        found = [part for part in parts if part.rows or part.counts.any() or part.sums.any()]
        for part in found:
            _check_same(room, part.room)
        if not found:
            return Partial.empty(room)
        return Partial(
            room,
            sum(part.rows for part in found),
            np.sum([part.counts for part in found], axis=0, dtype=np.int64),
            np.sort(np.stack([part.sums for part in found]), axis=0).sum(axis=0),
            np.min(np.stack([part.lows for part in found]), axis=0),
            np.max(np.stack([part.highs for part in found]), axis=0),
        )

    def encode(self) -> bytes:
        """The plan's digest, rows, counts (int64), sums, lows, highs (float64), little-endian."""
        head = _HEAD.pack(self.room.digest, self.rows)
        floats = np.concatenate((self.sums, self.lows, self.highs))
        return head + self.counts.astype("<i8").tobytes() + floats.astype("<f8").tobytes()

    @staticmethod
    def decode(room: Room, data: bytes) -> Partial:
        """What `encode` wrote. Raises MalformedProfile for anything else, a partial of another plan among it."""
        if len(data) != room.bytes:
            message = f"a partial of these metrics has {room.bytes} bytes, not {len(data)}"
            raise MalformedProfile(message)
        digest, rows = _HEAD.unpack_from(data)
        if digest != room.digest:
            message = f"this partial is of metrics {digest.hex()}, not {room.digest.hex()}"
            raise MalformedProfile(message)
        counts = np.frombuffer(data, "<i8", room.counts, _HEAD.size).astype(np.int64)
        floats = np.frombuffer(data, "<f8", -1, _HEAD.size + 8 * room.counts).astype(np.float64)
        sums, lows, highs = np.split(floats, (room.sums, room.sums + room.lows))
        if np.isnan(lows).any() or np.isnan(highs).any():
            message = "a minimum or maximum of this partial is no number"
            raise MalformedProfile(message)
        return Partial(room, rows, counts, sums, lows, highs)


def _check_same(one: Room, other: Room) -> None:
    if one != other:
        message = "partials of different metrics cannot be added; they belong to different versions of the monitor"
        raise ValueError(message)
