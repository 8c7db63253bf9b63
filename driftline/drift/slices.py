"""Which slice of each cut a row lies in: the one function for it, for predictions as they stream, labels and backtests.

What slices there are says `driftline.drift.profile.cuts`. Conditions are compiled where rows are first cut by them: the
compiler of SQL weighs 170 MB, and only stage 1 needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column
from driftline.drift.profile import Cut, Layout, SliceCodes, kernels
from driftline.drift.profile.layout import Block, BlockKind
from driftline.drift.profile.tally import category_hashes, dictionary
from driftline.events import ColumnKind, Monitor

if TYPE_CHECKING:
    from driftline.drift.conditions import Condition

__all__ = ["Slicer", "condition_fault"]

Integers = NDArray[np.int64]
Places = NDArray[np.int16]
"""Which of the values that a column is cut by a row has; -1 = none of them."""


class Slicer:
    """Tells rows of one layout apart."""

    def __init__(self, layout: Layout) -> None:
        """Raises MetricRefused where a condition cannot be compiled: governance refuses such a monitor."""
        self.layout = layout
        names = dict.fromkeys(name for cut in layout.cuts for name in cut.columns)
        self._find = {name: _finder(layout.by_column[name]) for name in names}
        self._tables = [_table(cut, layout) for cut in layout.cuts]
        self._conditions = {cut.where: _condition(cut.where, layout) for cut in layout.cuts if cut.where}

    def codes(self, columns: Mapping[str, Column], chosen: Integers) -> SliceCodes | None:
        """Code of the slice of each chosen row (indices of validated rows), for each cut; None where nothing is cut."""
        cuts = self.layout.cuts
        if not cuts:
            return None
        places = {name: find(columns.get(name), chosen) for name, find in self._find.items()}
        found = np.empty((len(cuts), len(chosen)), np.uint8)
        for at, (cut, table) in enumerate(zip(cuts, self._tables, strict=True)):
            if cut.where:
                found[at] = np.where(self._conditions[cut.where].true(columns, chosen), 0, cut.rest)
            else:
                found[at] = table[tuple(places[name] for name in cut.columns)]
        return found


def condition_fault(where: str, monitor: Monitor) -> str | None:
    """What is wrong with a condition on the watched columns of a monitor, with its place; None where it can be taken."""
    from driftline.drift.conditions import Condition
    from driftline.drift.sqlmetrics import MetricRefused

    try:
        Condition.of(where, {column.name: column.kind for column in monitor.columns})
    except MetricRefused as refused:
        return str(refused)
    return None


def _condition(where: str, layout: Layout) -> Condition:
    from driftline.drift.conditions import Condition

    numeric, other = ColumnKind.NUMERIC, ColumnKind.CATEGORICAL
    kinds = {block.column: numeric if block.kind is BlockKind.NUMERIC else other for block in layout.blocks}
    return Condition.of(where, kinds)


def _finder(block: Block) -> Callable[[Column | None, Integers], Places]:
    """How the value of a column is found."""
    if block.kind is BlockKind.NUMERIC:
        edges = np.array([block.edges[edge] for edge in block.psi_edges], np.float64)
        return lambda column, chosen: _bins(edges, column, chosen)
    keys, codes = dictionary(block.categories)
    return lambda column, chosen: _categories(keys, codes, column, chosen)


def _bins(edges: NDArray[np.float64], column: Column | None, chosen: Integers) -> Places:
    if column is None:
        return np.full(len(chosen), -1, np.int16)
    numbers = column.numbers()[chosen]
    found = np.searchsorted(edges, numbers, side="right")
    return np.where(column.valid[chosen] & ~np.isnan(numbers), found, -1).astype(np.int16)


def _categories(keys: NDArray[np.uint64], codes: NDArray[np.int32], column: Column | None, chosen: Integers) -> Places:
    found = np.full(len(chosen), -1, np.int16)
    if column is not None:
        kernels.find_categories(column.kind, category_hashes(column), chosen, keys, codes, found)
    return found


def _table(cut: Cut, layout: Layout) -> SliceCodes:
    """Code of the slice by the places of the columns; place -1 finds the last of each axis, which is no value's."""
    sizes = [_values(layout.by_column[name]) + 1 for name in cut.columns]
    table = np.full(sizes, cut.rest, np.uint8)
    for code, place in enumerate(cut.places):
        table[place] = code
    return table


def _values(block: Block) -> int:
    return len(block.categories) if block.kind is BlockKind.CATEGORICAL else len(block.psi_edges) + 1
