"""What a window says about each column: counts that a test can use, instead of a distance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftline.drift.calibration.names import ColumnName, RateName
from driftline.drift.performance.measures import outcome_counts
from driftline.drift.profile.layout import Block, BlockKind, Layout
from driftline.drift.profile.profile import Profile
from driftline.events import Baseline, Task
from driftline.events.columns import LABEL

__all__ = ["ColumnCounts", "Evidence", "RateCounts", "of_inputs", "of_labels", "of_windows"]

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnCounts:
    """A column's rows with a value, in the cells that PSI is computed on."""

    family: str
    column: str
    baseline: Counts
    current: Counts
    ordered: bool
    """Whether neighbouring cells are neighbours in value."""

    @property
    def name(self) -> ColumnName:
        """What it is remembered by."""
        return ColumnName(self.family, self.column)


@dataclass(frozen=True, slots=True)
class RateCounts:
    """How often something happened: nulls, unseen values, errors. Growth is what is watched for."""

    name: RateName
    usual: tuple[int, int]
    """Hits and rows of the baseline,"""
    now: tuple[float, float]
    """and of the window. Values in [0, 1] may be summed instead of counted."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is tested of one window at one of its two decisions."""

    columns: tuple[ColumnCounts, ...] = field(default=())
    rates: tuple[RateCounts, ...] = field(default=())

    def only(self, families: Iterable[str]) -> Evidence:
        """Return what concerns these families."""
        chosen = frozenset(families)
        return Evidence(
            tuple(one for one in self.columns if one.family in chosen),
            tuple(one for one in self.rates if one.name.family in chosen),
        )


def of_inputs(layout: Layout, baseline: Baseline, profile: Profile) -> Evidence:
    """Return the evidence of a window's inputs: every watched column, and its rates of null and of NaN or unseen values."""
    counts = {column.name: column.counts for column in baseline.columns}
    reference = np.array([count for block in layout.blocks for count in counts[block.column]], np.int64)
    columns = tuple(_column(block, reference, profile.cells) for block in layout.blocks)
    rates = tuple(
        RateCounts(
            RateName("quality", measure, block.column),
            (int(reference[cell]), baseline.rows),
            (int(profile.cells[cell]), profile.rows),
        )
        for block in layout.blocks
        for measure, cell in _rates(block)
    )
    return Evidence(columns, rates)


def of_windows(layout: Layout, before: Profile, now: Profile) -> Evidence:
    """Return the evidence of two windows' inputs against each other: every watched column. Rates speak against the baseline only."""
    return Evidence(tuple(_column(block, before.cells, now.cells) for block in layout.blocks))


def of_labels(layout: Layout, baseline: Baseline, pairs: Profile) -> Evidence:
    """Return the evidence of a window's label pairs: the outcomes themselves, where the baseline was fitted with some.

    How many errors are usual no baseline knows, so errors are no evidence; detectors and limits speak of them.
    """
    found = None if layout.task is Task.REGRESSION else outcome_counts(layout, baseline, pairs)
    return Evidence() if found is None else Evidence((ColumnCounts("label", LABEL, *found, ordered=False),))


def _column(block: Block, reference: Counts, current: Counts) -> ColumnCounts:
    family = "prediction" if block.column.startswith(":") else "feature"
    if block.kind is BlockKind.NUMERIC:
        several = bool(block.psi_edges)  # of a constant, rows beside it are rare values and no neighbours
        return ColumnCounts(family, block.column, block.psi_counts(reference), block.psi_counts(current), ordered=several)
    values = slice(block.unseen, block.cells.stop)
    return ColumnCounts(family, block.column, reference[values], current[values], ordered=False)


def _rates(block: Block) -> tuple[tuple[str, int], ...]:
    odd = ("nan_rate", block.nan) if block.kind is BlockKind.NUMERIC else ("unseen_rate", block.unseen)
    return (("null_rate", block.null), odd)
