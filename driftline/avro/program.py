"""A compiled schema, and its run over a batch of message bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftline.avro import kernels
from driftline.avro.columns import AnyColumn, ArrayColumn, Column, Columns, MapColumn, RowError, Value
from driftline.avro.joined import Joined
from driftline.avro.layout import Arena, CellSizes, Layout, Slots, lay_out
from driftline.avro.odd_rows import RowReader, column_of
from driftline.avro.schema import Shape, plan

# A key of a map costs a cell for every row of the batch. Keys beyond these bounds are kept row by row.
MAX_KEYS = 256
MAX_KEY_CELLS = 8_000_000
# After a batch a program remembers what it met; beyond this many keys only those of the last batch.
REMEMBERED_KEYS = 64
# Rows looked at, and runs made, to learn the keys of a batch before the rest goes row by row.
SAMPLED_ROWS = 8
LEARNING_RUNS = 4
_ITEM_ROOM = 1024


@dataclass(slots=True)
class _Run:
    """What one run of the kernel wrote."""

    layout: Layout
    buffer: bytes
    batch: kernels.Batch
    cells: kernels.Cells
    items: kernels.Cells

    @property
    def odd(self) -> list[int]:
        """The accepted rows that have a map key the layout does not know."""
        return [int(row) for row in np.flatnonzero(self.batch.odd)]


class _Views:
    """The rows of cell tables as arrays of the batch's length."""

    def __init__(self, cells: kernels.Cells, rows: int, buffer: bytes) -> None:
        self._buffer = buffer
        self.kind, self._real, self._whole, self._start, self._length, self._hash = (list(table[:, :rows]) for table in cells)

    def column(self, slots: Slots, at: int = 0) -> Column:
        """The column of a leaf, `at` keys after the first of a map."""
        has_text = slots.text >= 0
        text = slots.text + at
        return Column(
            self._buffer,
            self.kind[slots.kind + at],
            self._real[slots.real + at] if slots.real >= 0 else None,
            self._whole[slots.whole + at] if slots.whole >= 0 else None,
            self._start[text] if has_text else None,
            self._length[text] if has_text else None,
            self._hash[text] if has_text else None,
        )


def _grown(cells: kernels.Cells, sizes: CellSizes) -> kernels.Cells:
    larger = sizes.cells(2 * cells.kind.shape[1], Arena())
    for old, new in zip(cells, larger, strict=True):
        new[:, : old.shape[1]] = old
    return larger


class Program:
    """What `compile_schema` makes: decodes batches written with one schema. Not for several threads at once.

    It remembers the map keys that it has met, so that the next batch needs no discovery; what is decoded
    never depends on that memory.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Compile. Raises `UnsupportedSchema`."""
        self.fields = plan(schema)
        self._maps = [field.path for field in self.fields if field.shape is Shape.MAP]
        self._keys: dict[str, tuple[str, ...]] = dict.fromkeys(self._maps, ())
        self._layout = lay_out(self.fields, self._keys)
        self._read_row = RowReader(schema)
        self._room = _ITEM_ROOM
        self._arena, self._item_arena = Arena(), Arena()

    def decode(self, bodies: Sequence[bytes], *, skip: int = 0) -> Columns:
        """Decode message bodies into columns; the first `skip` bytes of each are a header of the caller's."""
        return self.decode_joined(Joined.of(bodies), skip=skip)

    def decode_joined(self, bodies: Joined, *, skip: int = 0) -> Columns:
        """Decode message bodies that are joined already.

        Never raises for what is in a body: a malformed one is refused with its `RowError`. A body is refused
        when it ends early or late, holds invalid UTF-8, a negative or unknown union branch, a varint of more
        than 64 bits, an int of more than 32, a boolean that is neither 0 nor 1, or an unknown enum symbol.
        """
        run = self._run(bodies, skip)
        for _ in range(LEARNING_RUNS - 1):
            odd = run.odd
            if not odd or not self._learn(
                [bodies.piece(row)[skip:] for row in odd[:: -(-len(odd) // SAMPLED_ROWS)]], len(bodies)
            ):
                break
            run = self._run(bodies, skip)
        rare = self._rare_keys(run, bodies, skip)
        views = _Views(run.cells, len(bodies), run.buffer)
        fields = {field.path: self._field(run, views, index, rare) for index, field in enumerate(self.fields)}
        self._forget(fields)
        return Columns(fields, run.batch.error)

    def _run(self, bodies: Joined, skip: int) -> _Run:
        layout, rows = self._layout, len(bodies)
        joined = bodies.behind(layout.constants)
        batch = kernels.Batch(
            np.frombuffer(joined.buffer, np.uint8),
            joined.begin,
            joined.end,
            np.zeros(rows, np.int8),
            np.zeros(rows, np.int8),
            np.zeros(layout.arrays, np.int64),
            np.zeros((layout.arrays, rows + 1), np.int64),
        )
        run = _Run(
            layout,
            joined.buffer,
            batch,
            layout.row_cells.cells(rows, self._arena),
            layout.item_cells.cells(self._room if layout.arrays else 0, self._item_arena),
        )
        done = kernels.decode_rows(batch, layout.tables, run.cells, run.items, skip, 0)
        while done < rows:
            run.items = _grown(run.items, layout.item_cells)
            done = kernels.decode_rows(batch, layout.tables, run.cells, run.items, skip, done)
        self._room = max([_ITEM_ROOM, *(int(filled) * 5 // 4 for filled in batch.filled)])
        return run

    def _learn(self, samples: Sequence[bytes], rows: int) -> bool:
        """Add the keys of some messages to the layout. False when there was nothing to add or no room for it."""
        limit = max(1, min(MAX_KEYS, MAX_KEY_CELLS // rows))
        found: dict[str, dict[str, None]] = {path: dict.fromkeys(keys) for path, keys in self._keys.items()}
        for sample in samples:
            for path, entries in self._read_row.maps(sample, self._maps).items():
                found[path].update(dict.fromkeys(entries))
        keys = {path: tuple(known)[: max(limit, len(self._keys[path]))] for path, known in found.items()}
        if keys == self._keys:
            return False
        self._remember(keys)
        return True

    def _remember(self, keys: dict[str, tuple[str, ...]]) -> None:
        self._keys = keys
        self._layout = lay_out(self.fields, keys)

    def _forget(self, fields: Mapping[str, AnyColumn]) -> None:
        if any(len(keys) > REMEMBERED_KEYS for keys in self._keys.values()):
            seen = {path: column for path, column in fields.items() if isinstance(column, MapColumn)}
            keys = {path: tuple(k for k in known if k in seen[path].columns) for path, known in self._keys.items()}
            if keys != self._keys:
                self._remember(keys)

    def _rare_keys(self, run: _Run, bodies: Joined, skip: int) -> dict[str, dict[str, dict[int, Value]]]:
        """By map, key and row: the entries that the layout has no cells for."""
        rare: dict[str, dict[str, dict[int, Value]]] = {path: {} for path in self._maps}
        known = {path: frozenset(keys) for path, keys in self._keys.items()}
        for row in run.odd:
            try:
                maps = self._read_row.maps(bodies.piece(row)[skip:], self._maps)
            except (ValueError, TypeError, LookupError, EOFError, OverflowError):
                run.batch.error[row] = RowError.FALLBACK_REFUSED
                run.cells.kind[:, row] = 0
                continue
            for path, entries in maps.items():
                for key, value in entries.items():
                    if key not in known[path]:
                        rare[path].setdefault(key, {})[row] = value
        return rare

    def _field(self, run: _Run, views: _Views, index: int, rare: Mapping[str, Mapping[str, Mapping[int, Value]]]) -> AnyColumn:
        field, slots, inner = self.fields[index], run.layout.slots[index], run.layout.inner[index]
        if inner is None:
            return views.column(slots)
        kind = views.kind[slots.kind]
        if field.shape is Shape.ARRAY:
            array = run.layout.tables.containers[index, 4]
            items = _Views(run.items, int(run.batch.filled[array]), run.buffer)
            return ArrayColumn(kind, run.batch.offsets[array], items.column(inner))
        keys = self._keys[field.path]
        occurs = run.cells.kind[inner.kind : inner.kind + len(keys)].any(axis=1)
        columns = {key: views.column(inner, at) for at, key in enumerate(keys) if occurs[at]}
        columns.update({key: column_of(cells, len(kind)) for key, cells in rare[field.path].items()})
        return MapColumn(kind, columns)


def compile_schema(schema: Mapping[str, Any]) -> Program:
    """Compile an Avro record schema (parsed JSON). Raises `UnsupportedSchema`. Keep the result: it costs milliseconds."""
    return Program(schema)
