"""What is known of each group: six counts, from the profiles of its slice.

    rows        predictions of the group
    selected    those with the favourable prediction
    tp fp fn tn of the predictions whose label came in time, the favourable class being the positive one

The last row of the matrix counts those that are in no group: their share says how far the attribute is known at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from driftline.drift.performance.binary import Table2
from driftline.drift.profile import Cut, Layout, Profile
from driftline.events.columns import PREDICTION

__all__ = ["Cell", "GroupCounts", "Slices"]

Integers = NDArray[np.int64]
Slices = Mapping[str, tuple[Profile, Profile]]
"""Inputs and in-time pairs of each slice, by its name."""


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

    names: tuple[str, ...]
    """Of the groups."""
    cells: Integers

    @staticmethod
    def of(layout: Layout, cut: Cut, slices: Slices, favourable: str) -> GroupCounts:
        """Of a cut by one column: each of its values is a group, all other rows are in none."""
        cells = np.array([_counts(layout, *slices[name], favourable) for name in cut.names], np.int64)
        return GroupCounts(cut.names[:-1], cells)

    def __getitem__(self, cell: Cell) -> Integers:
        """One cell of every group, those in no group left out."""
        return self.cells[:-1, cell]

    @property
    def coverage(self) -> float | None:
        """Share of the predictions that are in a group; None where there are none."""
        total = int(self.cells[:, Cell.ROWS].sum())
        return int(self[Cell.ROWS].sum()) / total if total > 0 else None


def selected(layout: Layout, inputs: Profile, favourable: str) -> int:
    """How many predictions are the favourable class; 0 where predictions are not watched, or none ever was."""
    block = layout.by_column.get(PREDICTION)
    if block is None or favourable not in block.categories:
        return 0
    return int(inputs.cells[block.unseen + 1 + block.categories.index(favourable)])


def _counts(layout: Layout, inputs: Profile, pairs: Profile, favourable: str) -> tuple[int, ...]:
    rows = (inputs.rows, selected(layout, inputs, favourable))
    if favourable not in layout.classes:
        return (*rows, 0, 0, 0, 0)
    table = Table2.of(layout.pairs.confusion(pairs.cells), layout.classes.index(favourable))
    return (*rows, table.tp, table.fp, table.fn, table.tn)
