"""The tables of a program: which step reads which field, and where its cells are."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from driftline.avro import kernels
from driftline.avro.columns import Column, Hashes, Integers
from driftline.avro.joined import Joined, borders
from driftline.avro.schema import Branch, Field, Shape, Spec, Wire

_STEP = {Shape.VALUE: kernels.S_VALUE, Shape.MAP: kernels.S_MAP, Shape.ARRAY: kernels.S_ARRAY}


def hash_texts(texts: Sequence[str | bytes]) -> Hashes:
    """The 64-bit hash that `Column.hash` holds, of each text: to make dictionaries of categories beforehand."""
    pieces = [text.encode() if isinstance(text, str) else text for text in texts]
    joined = Joined.of(pieces)
    hashes = np.empty(len(pieces), np.uint64)
    kernels.hash_pieces(np.frombuffer(joined.buffer, np.uint8), joined.begin, joined.end, hashes)
    return hashes


def hashes_of(column: Column, rows: Integers) -> Hashes:
    """The same hash of the text in each of these rows, of columns too that no decoder made (`Column.hash` is None)."""
    if column.hash is not None:
        return column.hash[rows]
    assert column.start is not None, "a column of text"
    assert column.length is not None, "a column of text"
    begin = column.start[rows]
    hashes = np.empty(len(rows), np.uint64)
    buffer = np.frombuffer(column.buffer + bytes(kernels.PADDING), np.uint8)
    kernels.hash_pieces(buffer, begin, begin + column.length[rows], hashes)
    return hashes


_WORDS = (np.float64, np.int64, np.int64, np.int64, np.uint64)  # real, whole, start, length, hash
_LARGEST_KEPT = 64 << 20
_ONLY_HERE = 2  # the attribute, and the argument of getrefcount


class Arena:
    """Memory for cells that is used again once nobody looks at the last batch any more.

    New memory costs a page fault for each 4 kB, which is as much as the decoding itself. Views keep their block alive,
    so its reference count tells whether a column of the last batch is still around; then a new block is taken.
    """

    def __init__(self) -> None:
        self._block: NDArray[np.uint8] = np.zeros(0, np.uint8)

    def take(self, size: int) -> NDArray[np.uint8]:
        """At least `size` bytes, the first `size` of them zero."""
        unseen = sys.getrefcount(self._block) == _ONLY_HERE
        if unseen and size <= len(self._block):
            self._block[:size] = 0
            return self._block
        block = np.zeros(size, np.uint8)
        if size <= _LARGEST_KEPT:
            self._block = block
        return block


@dataclass(frozen=True, slots=True)
class Slots:
    """The first cell of a leaf in each table, -1 where it never has one."""

    kind: int
    real: int
    whole: int
    text: int


@dataclass(slots=True)
class CellSizes:
    """How many slots each table has: counts what `take` gave away."""

    kind: int = 0
    real: int = 0
    whole: int = 0
    text: int = 0

    def take(self, spec: Spec, count: int = 1) -> Slots:
        """`count` consecutive slots for values of a spec."""
        slots = Slots(
            self.kind,
            self.real if spec.has_reals else -1,
            self.whole if spec.has_integers else -1,
            self.text if spec.has_text else -1,
        )
        self.kind += count
        self.real += count * spec.has_reals
        self.whole += count * spec.has_integers
        self.text += count * spec.has_text
        return slots

    def cells(self, rows: int, arena: Arena) -> kernels.Cells:
        """Zeroed tables. Rows an odd number of cache lines apart do not evict each other."""
        wide = (rows // 8 | 1) * 8 + 8
        slots = [max(count, 1) for count in (self.real, self.whole, self.text, self.text, self.text, self.kind)]
        ends = [8 * wide * end for end in accumulate(slots[:-1])]
        block = arena.take(ends[-1] + slots[-1] * wide)
        words = [
            block[start:end].view(kind).reshape(-1, wide) for start, end, kind in zip([0, *ends], ends, _WORDS, strict=False)
        ]
        kinds = block[ends[-1] :][: slots[-1] * wide].view(np.int8).reshape(-1, wide)
        return kernels.Cells(kinds, *words)


@dataclass(slots=True)
class _Constants:
    """Bytes that stand before the messages in the joined buffer, so that a cell can point at them."""

    pieces: list[bytes] = field(default_factory=list)

    def add(self, texts: Sequence[str]) -> int:
        """Append texts; the index of the first."""
        first = len(self.pieces)
        self.pieces += [text.encode() for text in texts]
        return first


@dataclass(frozen=True, slots=True)
class Layout:
    """A program ready to run, for a schema and the map keys known so far."""

    constants: bytes
    tables: kernels.Tables
    row_cells: CellSizes
    item_cells: CellSizes
    slots: tuple[Slots, ...]  # of each field: the value, or the kind of a container
    inner: tuple[Slots | None, ...]  # of each field: the first key of a map, the items of an array
    arrays: int


def _branch_tables(fields: Sequence[Field], constants: _Constants) -> tuple[Integers, Integers, Integers, Integers]:
    widest = max((len(f.spec.branches) for f in fields), default=1)
    tagged = np.array([len(f.spec.branches) * f.spec.tagged for f in fields], np.int64)
    wire, parameter, count = (np.zeros((len(fields), widest), np.int64) for _ in range(3))
    for row, leaf in enumerate(fields):
        for column, branch in enumerate(leaf.spec.branches):
            wire[row, column] = branch.wire
            parameter[row, column] = _parameter(branch, constants)
            count[row, column] = len(branch.symbols)
    return tagged, wire, parameter, count


def _parameter(branch: Branch, constants: _Constants) -> int:
    return constants.add(branch.symbols) if branch.wire is Wire.ENUM else branch.size


def _what(leaf: Field) -> int:
    plain_double = leaf.shape is Shape.VALUE and leaf.spec == Spec((Branch(Wire.DOUBLE),), tagged=False)
    return kernels.S_DOUBLE if plain_double else _STEP[leaf.shape]


def lay_out(fields: Sequence[Field], keys: Mapping[str, Sequence[str]]) -> Layout:
    """Build the tables; `keys` are the known keys of each map field, by its path."""
    constants = _Constants()
    row_cells, item_cells = CellSizes(), CellSizes()
    tagged, wire, parameter, symbol_count = _branch_tables(fields, constants)
    steps = np.zeros((len(fields), 8), np.int64)
    containers = np.full((len(fields), 5), -1, np.int64)
    key_range = np.zeros((len(fields), 2), np.int64)
    nothing = Spec((), tagged=False)
    slots: list[Slots] = []
    inner: list[Slots | None] = []
    arrays = 0
    for step, leaf in enumerate(fields):
        own = row_cells.take(leaf.spec if leaf.shape is Shape.VALUE else nothing)
        within: Slots | None = None
        if leaf.shape is Shape.MAP:
            first = constants.add(keys[leaf.path])
            key_range[step] = first, first + len(keys[leaf.path])
            within = row_cells.take(leaf.spec, len(keys[leaf.path]) + 1)
        elif leaf.shape is Shape.ARRAY:
            within = item_cells.take(leaf.spec)
            containers[step, 4] = arrays
            arrays += 1
        if within is not None:
            containers[step, :4] = within.kind, within.real, within.whole, within.text
        null = -1 if leaf.null_branch is None else leaf.null_branch
        steps[step] = _what(leaf), step, null, leaf.branches, own.kind, own.real, own.whole, own.text
        slots.append(own)
        inner.append(within)
    places = borders(constants.pieces)
    spans = np.stack([places[:-1], np.diff(places)], axis=1).copy()
    hashes = hash_texts(constants.pieces)
    tables = kernels.Tables(steps, containers, tagged, wire, parameter, spans, symbol_count, hashes, key_range)
    return Layout(b"".join(constants.pieces), tables, row_cells, item_cells, tuple(slots), tuple(inner), arrays)
