"""From columns of rows to profiles: a running count by stream, slice and pane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.drift.profile import kernels
from driftline.drift.profile.cuts import ALL_ROWS
from driftline.drift.profile.layout import Block, BlockKind, Layout
from driftline.drift.profile.profile import Accumulator, Profile, empty_sums
from driftline.events import Part

Integers = NDArray[np.int64]
SliceCodes = NDArray[np.uint8]
"""(cuts, rows): code of the slice of each row within each cut of a layout."""
_FIRST_SLOTS = 64


class PairCodes:
    """Dense codes for pairs of a 64-bit hash and an integer, in order of first sight."""

    def __init__(self) -> None:
        self._allocate(_FIRST_SLOTS)

    def _allocate(self, slots: int) -> None:
        self._keys = np.zeros(slots, np.uint64)
        self._seconds = np.zeros(slots, np.int64)
        self._codes = np.full(slots + 1, -1, np.int32)
        self._codes[-1] = 0

    def __len__(self) -> int:
        """How many pairs have a code."""
        return int(self._codes[-1])

    def encode(self, first: NDArray[np.uint64], second: Integers, chosen: Integers) -> NDArray[np.int32]:
        """Code of each chosen row's pair, -1 for the other rows."""
        codes = np.full(len(first), -1, np.int32)
        done = 0
        while True:
            done = kernels.encode_pairs(first, second, chosen, done, self._keys, self._seconds, self._codes, codes)
            if done == len(chosen):
                return codes
            self._grow()

    def pairs(self) -> list[tuple[int, int]]:
        """The pairs by code."""
        used = np.flatnonzero(self._codes[:-1] >= 0)
        used = used[np.argsort(self._codes[used])]
        return list(zip(self._keys[used].tolist(), self._seconds[used].tolist(), strict=True))

    def _grow(self) -> None:
        pairs = self.pairs()
        self._allocate(2 * (len(self._codes) - 1))
        keys = np.array([key for key, _ in pairs], np.uint64)
        seconds = np.array([second for _, second in pairs], np.int64)
        everyone = np.arange(len(pairs), dtype=np.int64)
        out = np.empty(len(pairs), np.int32)
        kernels.encode_pairs(keys, seconds, everyone, 0, self._keys, self._seconds, self._codes, out)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What `count_numbers` wants to know of a column."""

    block: Block
    edges: NDArray[np.float64]
    moments: int
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class _Categories:
    """What `count_categories` wants to know of a column."""

    block: Block
    keys: NDArray[np.uint64]
    codes: NDArray[np.int32]


class Tally:
    """Counts of INPUTS of one layout, by stream (any small integer, such as a code of the model version), slice and pane.

    A row is counted once for each cut, whatever the number of slices. What the slices of the first cut add up to is all rows.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._shape = layout.shape(Part.INPUTS)
        self._firsts = np.cumsum([0, *(len(cut.names) for cut in layout.cuts)]).tolist()
        self._plans = [_plan(layout, block) for block in layout.blocks]
        self.clear()

    def clear(self) -> None:
        """Forget everything counted."""
        self._groups = PairCodes()
        self._cells = np.zeros((0, self._shape.cells), np.int64)
        self._sums = np.zeros((0, self._shape.sums))
        self._rows = np.zeros(0, np.int64)
        self._meter = None if self.layout.program is None else self.layout.program.inputs.meter()

    def _make_room(self, groups: int) -> None:
        """Make the tables longer, keeping what is counted."""
        more = groups - len(self._rows)
        self._cells = np.concatenate((self._cells, np.zeros((more, self._shape.cells), np.int64)))
        self._sums = np.concatenate((self._sums, np.tile(empty_sums(self._shape), (more, 1))))
        self._rows = np.concatenate((self._rows, np.zeros(more, np.int64)))
        if self._meter is not None:
            self._meter.make_room(groups)

    def __len__(self) -> int:
        """How many groups there are: each is a profile."""
        return len(self._groups)

    @property
    def room_bytes(self) -> int:
        """Memory of the counts."""
        return self._cells.nbytes + self._sums.nbytes + (0 if self._meter is None else self._meter.nbytes)

    def add(
        self,
        streams: NDArray[np.uint64],
        event_time: Integers,
        columns: Mapping[str, Column],
        chosen: Integers,
        slices: SliceCodes | None = None,
    ) -> None:
        """Count the chosen rows (indices). They must be validated: a cell of another type counts as nonsense.

        A column that is missing is null in every row. `slices` has the codes of the chosen rows for each cut of the layout, as
        `driftline.drift.slices` gives them; None where it has no cuts. Raises ValueError where they are not as many as that.
        """
        if (0 if slices is None else len(slices)) != len(self.layout.cuts):
            message = f"rows of {len(self.layout.cuts)} cuts come with the slices of {0 if slices is None else len(slices)}"
            raise ValueError(message)
        panes = np.empty(len(streams), np.int64)
        kernels.pane_of(event_time, chosen, self.layout.pane_us, panes)
        groups = self._grouped(streams, panes, chosen, slices)
        if len(self._groups) > len(self._rows):
            self._make_room(max(len(self._groups), 2 * len(self._rows)))
        kernels.count_rows(groups, self._rows)
        for plan in self._plans:
            self._count(plan, columns.get(plan.block.column), groups)
        if self._meter is not None:
            self._meter.add_columns(columns, groups, chosen)

    def _grouped(
        self, streams: NDArray[np.uint64], panes: Integers, chosen: Integers, slices: SliceCodes | None
    ) -> NDArray[np.int32]:
        """Group of each row, by cut; without cuts one for all rows."""
        if slices is None:
            return self._groups.encode(streams, panes, chosen)[np.newaxis]
        keys = np.empty(len(streams), np.uint64)
        found = np.empty((len(slices), len(streams)), np.int32)
        for cut, codes in enumerate(slices):
            kernels.slice_of(streams, np.ascontiguousarray(codes), chosen, self._firsts[cut], keys)
            found[cut] = self._groups.encode(keys, panes, chosen)
        return found

    def _count(self, plan: _Numbers | _Categories, column: Column | None, groups: NDArray[np.int32]) -> None:
        block = plan.block
        if column is None:
            kernels.count_nulls(groups, block.null, self._cells)
        elif isinstance(plan, _Numbers):
            kernels.count_numbers(
                column.kind, column.numbers(), groups, plan.edges, block.minimum, block.maximum, block.origin,
                block.offset, block.offset + block.size - 1, plan.moments, plan.minimum, plan.maximum,
                self._cells, self._sums,
            )  # fmt: skip
        else:
            kernels.count_categories(
                column.kind, category_hashes(column), groups, plan.keys, plan.codes, block.offset, self._cells
            )

    def profiles(self) -> dict[tuple[int, str, int], Profile]:
        """The profile of each (stream, slice, pane start) that has rows."""
        pairs = self._groups.pairs()
        if not self.layout.cuts:
            return {(stream, ALL_ROWS, pane): self._profile(code) for code, (stream, pane) in enumerate(pairs)}
        names, whole = self.layout.slices, self._firsts[1]
        found: dict[tuple[int, str, int], Profile] = {}
        totals: dict[tuple[int, int], Accumulator] = {}
        for code, (key, pane) in enumerate(pairs):
            stream, number = key >> kernels.SLICE_BITS, key & ((1 << kernels.SLICE_BITS) - 1)
            profile = found[stream, names[number], pane] = self._profile(code)
            if number < whole:
                if (stream, pane) not in totals:
                    totals[stream, pane] = Accumulator(self._shape)
                totals[stream, pane].add(profile)
        return {(stream, ALL_ROWS, pane): total.profile() for (stream, pane), total in totals.items()} | found

    def _profile(self, code: int) -> Profile:
        metrics = None if self._meter is None else self._meter.partial(code)
        return Profile(self._shape, int(self._rows[code]), self._cells[code], self._sums[code], metrics)


def portions(layout: Layout, event_time: Integers, chosen: Integers, *, streams: int, maximum: int) -> list[Integers]:
    """The chosen rows of so many streams in portions whose counts are of about `maximum` bytes at most.

    One portion, mostly. Rows that lie scattered over event time, as those of a backfill do, would each begin counts of their own:
    they come ordered by pane.
    """
    if not len(chosen):
        return [chosen]
    times = event_time[chosen]
    places = (
        (int(times.max()) // layout.pane_us - int(times.min()) // layout.pane_us + 1) * streams * max(1, len(layout.slices))
    )
    groups = min(places, len(chosen) * max(1, len(layout.cuts)))
    parts = groups * 8 * (layout.cells + layout.sums) // maximum + 1
    return [chosen] if parts == 1 else np.array_split(chosen[np.argsort(times // layout.pane_us, kind="stable")], parts)


def latest_by_source(event_time: Integers, source: NDArray[np.int32], chosen: Integers) -> dict[int, int]:
    """The largest event time of the chosen rows in each source (small integers, such as partitions)."""
    if not len(chosen):
        return {}
    nothing = np.iinfo(np.int64).min
    latest = np.full(int(source.max()) + 1, nothing, np.int64)
    kernels.latest_by_source(event_time, source, chosen, latest)
    return {int(which): int(latest[which]) for which in np.flatnonzero(latest > nothing)}


def profile_rows(
    layout: Layout, event_time: Integers, columns: Mapping[str, Column], chosen: Integers | None = None
) -> dict[int, Profile]:
    """The profile of each pane of some validated rows, by pane start; of a layout without cuts."""
    tally = Tally(layout)
    rows = np.arange(len(event_time), dtype=np.int64) if chosen is None else chosen
    tally.add(np.zeros(len(event_time), np.uint64), event_time, columns, rows)
    return {pane: profile for (_, _, pane), profile in tally.profiles().items()}


_TRUTH = hash_texts(("false", "true"))


def category_hashes(column: Column) -> NDArray[np.uint64]:
    """Hash of each text cell; a boolean counts as the text "true" or "false"."""
    hashes = np.zeros(len(column), np.uint64) if column.hash is None else column.hash
    if column.integers is None:
        return hashes
    return np.where(column.kind == Kind.BOOLEAN, _TRUTH[column.integers & 1], hashes)


def _plan(layout: Layout, block: Block) -> _Numbers | _Categories:
    if block.kind is BlockKind.CATEGORICAL:
        return _Categories(block, *dictionary(block.categories))
    edges = np.full(kernels.EDGE_SLOTS, np.inf)
    if len(block.edges) >= len(edges):
        message = f"column {block.column!r} has {len(block.edges)} edges; a layout takes {len(edges) - 1}"
        raise ValueError(message)
    edges[: len(block.edges)] = block.edges
    place = (layout.moments(block.column).start, layout.minimum(block.column), layout.maximum(block.column))
    return _Numbers(block, edges, *place)


def dictionary(categories: tuple[str, ...]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """An open-addressing table, at most a quarter full, from the hash of each value to its code."""
    slots = 4
    while slots < 4 * len(categories):
        slots *= 2
    keys, codes = np.zeros(slots, np.uint64), np.full(slots, -1, np.int32)
    for code, key in enumerate(hash_texts(categories).tolist() if categories else ()):
        slot = key & (slots - 1)
        while codes[slot] >= 0:
            slot = (slot + 1) & (slots - 1)
        keys[slot], codes[slot] = key, code
    return keys, codes
