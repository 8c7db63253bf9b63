"""What is kept of each group: six counts, which add and can be taken back when a label changes.

    rows        predictions of the group
    selected    those with the favourable prediction
    tp fp fn tn of the predictions whose label came in time

The last row of the matrix counts those that are in no group: their share says how far the attribute is known at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from driftline.drift.profile.wire import MalformedProfile

__all__ = ["Cell", "GroupCounts"]

Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]


class Cell(IntEnum):
    """Columns of the matrix."""

    ROWS = 0
    SELECTED = 1
    TP = 2
    FP = 3
    FN = 4
    TN = 5


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Counts by group and cell; `cells[-1]` are the rows in no group."""

    cells: Integers

    @staticmethod
    def empty(groups: int) -> GroupCounts:
        """Of no rows."""
        return GroupCounts(np.zeros((groups + 1, len(Cell)), np.int64))

    @staticmethod
    def of_rows(codes: Codes, groups: int, selected: Flags) -> GroupCounts:
        """Of predictions: the group of each (-1 = none), and whether the prediction is the favourable one."""
        found = GroupCounts.empty(groups)
        found.cells[:, Cell.ROWS] = _count(codes, groups)
        found.cells[:, Cell.SELECTED] = _count(codes[selected], groups)
        return found

    @staticmethod
    def of_pairs(codes: Codes, groups: int, selected: Flags, actual: Flags) -> GroupCounts:
        """Of predictions that met their label: `actual` tells whether the outcome is the favourable one."""
        found = GroupCounts.empty(groups)
        for cell, rows in (
            (Cell.TP, selected & actual),
            (Cell.FP, selected & ~actual),
            (Cell.FN, ~selected & actual),
            (Cell.TN, ~selected & ~actual),
        ):
            found.cells[:, cell] = _count(codes[rows], groups)
        return found

    def __add__(self, other: GroupCounts) -> GroupCounts:
        return GroupCounts(self.cells + other.cells)

    def __sub__(self, other: GroupCounts) -> GroupCounts:
        return GroupCounts(self.cells - other.cells)

    def __getitem__(self, cell: Cell) -> Integers:
        """One cell of every group, those in no group left out."""
        return self.cells[:-1, cell]

    @property
    def coverage(self) -> float | None:
        """Share of the predictions that are in a group; None where there are none."""
        total = int(self.cells[:, Cell.ROWS].sum())
        return int(self[Cell.ROWS].sum()) / total if total > 0 else None

    def encode(self) -> bytes:
        """Every cell of every group as int64, little-endian."""
        return self.cells.astype("<i8").tobytes()

    @staticmethod
    def decode(groups: int, data: bytes) -> GroupCounts:
        """What `encode` wrote. Raises MalformedProfile for bytes of another length."""
        expected = 8 * (groups + 1) * len(Cell)
        if len(data) != expected:
            message = f"the counts of {groups} groups are {expected} bytes, not {len(data)}"
            raise MalformedProfile(message)
        return GroupCounts(np.frombuffer(data, "<i8").astype(np.int64).reshape(-1, len(Cell)))


def _count(codes: Codes, groups: int) -> Integers:
    """How many rows of each code; -1 is counted last."""
    counted = np.bincount(codes + 1, minlength=groups + 1)
    return np.roll(counted, -1)
