"""Samples of validated rows by stream and pane, beside their counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.drift.profile.layout import Block, BlockKind, Layout
from driftline.drift.profile.reservoir import Reservoir, Values
from driftline.drift.profile.tally import category_hashes
from driftline.drift.sampling import mixed, smallest
from driftline.events import PaneProfile, Part

__all__ = ["Sampler"]

Integers = NDArray[np.int64]
_LARGEST = 3e38


class Sampler:
    """Keeps the rows of the smallest hashes; nothing where the layout samples nothing."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._codes = [_Codes(block) for block in layout.blocks]
        self._found: dict[tuple[int, int], Reservoir] = {}

    def add(
        self,
        streams: NDArray[np.uint64],
        event_time: Integers,
        columns: Mapping[str, Column],
        chosen: Integers,
        ids: NDArray[np.uint64],
    ) -> None:
        """Sample the chosen rows (indices), as `Tally.add` counts them. `ids`: a number for the id of each chosen row."""
        if not self._layout.sample_rows or not len(chosen):
            return
        hashes = mixed(ids)
        for stream, of_stream in _parted(streams[chosen], np.arange(len(chosen))):
            for pane, at in _parted(event_time[chosen[of_stream]] // self._layout.pane_us, of_stream):
                near = at[smallest(hashes[at], self._layout.sample_rows)]
                sample = Reservoir.of(hashes[near], self._values(columns, chosen[near]), self._layout.sample_rows)
                self._keep((stream, pane * self._layout.pane_us), sample)

    def _keep(self, key: tuple[int, int], sample: Reservoir) -> None:
        known = self._found.get(key)
        both = (sample,) if known is None else (known, sample)
        self._found[key] = Reservoir.total(self._layout.sample_rows, len(self._codes), both)

    def _values(self, columns: Mapping[str, Column], rows: Integers) -> Values:
        found = np.full((len(rows), len(self._codes)), np.nan, np.float32)
        for at, codes in enumerate(self._codes):
            column = columns.get(codes.block.column)
            if column is not None:
                found[:, at] = codes.of(_taken(column, rows))
        return found

    def take(self) -> Iterator[tuple[int, PaneProfile]]:
        """Return the samples with their streams, as they travel, and begin anew."""
        found, self._found = self._found, {}
        for (stream, pane), sample in found.items():
            cells, sums = sample.encode()
            yield stream, PaneProfile(part=Part.SAMPLE, slice="", pane=pane, rows=0, cells=cells, sums=sums)


class _Codes:
    """How cells of a column stand in a sample."""

    def __init__(self, block: Block) -> None:
        self.block = block
        hashes = hash_texts(block.categories) if block.categories else np.zeros(0, np.uint64)
        self._order = np.argsort(hashes)
        self._known = hashes[self._order]

    def of(self, column: Column) -> Values:
        if self.block.kind is BlockKind.CATEGORICAL:
            found = self._categories(category_hashes(column))
            there = column.kind > Kind.NULL
        else:
            found = np.clip(column.numbers() - self.block.origin, -_LARGEST, _LARGEST)
            there = column.numeric
        values: Values = np.where(there, found, np.nan).astype(np.float32)
        return values

    def _categories(self, hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
        unseen = float(len(self._known))
        if not len(self._known):
            return np.full(len(hashes), unseen)
        place = np.minimum(np.searchsorted(self._known, hashes), len(self._known) - 1)
        return np.where(self._known[place] == hashes, self._order[place].astype(np.float64), unseen)


def _parted(values: NDArray[Any], rows: Integers) -> Iterator[tuple[int, Integers]]:
    """Each value with the rows that have it; mostly there is but one."""
    if (values == values[0]).all():
        yield int(values[0]), rows
        return
    for value in np.unique(values).tolist():
        yield value, rows[values == value]


def _taken(column: Column, rows: Integers) -> Column:
    """The column of these rows alone."""
    arrays = {name: getattr(column, name) for name in ("kind", "reals", "integers", "start", "length", "hash")}
    return dataclasses.replace(column, **{name: array[rows] for name, array in arrays.items() if array is not None})
