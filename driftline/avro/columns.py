"""What a decoded batch looks like: one column per leaf of the record, over all rows.

A row that was refused (`Columns.error[i] != 0`) is `Kind.ABSENT` in every column, so that code which
looks at validity alone never counts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Hashes: TypeAlias = NDArray[np.uint64]
Kinds: TypeAlias = NDArray[np.int8]
Flags: TypeAlias = NDArray[np.bool_]
Scalar: TypeAlias = int | float | str | bytes | bool | None
Value: TypeAlias = "Scalar | dict[str, Value] | list[Scalar]"


class Kind(IntEnum):
    """What a cell holds. Everything above `NULL` is a value."""

    ABSENT = 0  # a refused row, or a map without this key
    NULL = 1
    INTEGER = 2
    REAL = 3
    TEXT = 4  # string or enum: valid UTF-8
    BYTES = 5  # bytes or fixed
    BOOLEAN = 6  # 0 or 1 in `integers`
    PRESENT = 7  # a map or array that is not null


class RowError(IntEnum):
    """Why a row was refused: a function of its bytes and its schema alone, never of its neighbours."""

    OK = 0
    TRUNCATED = 1
    TRAILING_BYTES = 2
    INVALID_UTF8 = 3
    INVALID_UNION_BRANCH = 4
    INVALID_VARINT = 5
    NEGATIVE_LENGTH = 6
    INVALID_BOOLEAN = 7
    INVALID_ENUM = 8
    INTEGER_OUT_OF_RANGE = 9
    FALLBACK_REFUSED = 10


@dataclass(frozen=True, slots=True)
class Column:
    """One leaf over n rows. Cells that do not hold the kind in question are 0.

    `kind[n]`; `reals[n]` where the leaf can be a number with a fraction (whole numbers of a mixed union are
    there too, as floats); `integers[n]` where it can be int, long or boolean; `start[n]`, `length[n]` (bytes
    into `buffer`) and `hash[n]` (`hash_text` of the bytes) where it can be string, enum, bytes or fixed.
    An array the schema can never fill is None. All arrays are contiguous.
    """

    buffer: bytes
    kind: Kinds
    reals: Floats | None = None
    integers: Integers | None = None
    start: Integers | None = None
    length: Integers | None = None
    hash: Hashes | None = None

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def valid(self) -> Flags:
        """True where the cell holds a value (not absent, not null; NaN is a value)."""
        found: Flags = self.kind > Kind.NULL
        return found

    @property
    def numeric(self) -> Flags:
        """True where the cell holds an integer, a real or a boolean."""
        found: Flags = (self.kind == Kind.INTEGER) | (self.kind == Kind.REAL) | (self.kind == Kind.BOOLEAN)
        return found

    def numbers(self) -> Floats:
        """Every numeric cell as float64 (0 elsewhere). Without a copy where the leaf has reals."""
        if self.reals is not None:
            return self.reals
        if self.integers is not None:
            return self.integers.astype(np.float64)
        return np.zeros(len(self.kind), np.float64)

    def raw(self, row: int) -> bytes:
        """The bytes of a text or bytes cell."""
        if self.start is None or self.length is None:
            return b""
        start = int(self.start[row])
        return self.buffer[start : start + int(self.length[row])]

    def pieces(self, rows: Integers) -> list[bytes]:
        """The bytes of many text or bytes cells."""
        if self.start is None or self.length is None:
            return [b""] * len(rows)
        start, length = self.start[rows].tolist(), self.length[rows].tolist()
        return [self.buffer[at : at + size] for at, size in zip(start, length, strict=True)]

    def text(self, row: int) -> str:
        """The text of a text cell: always valid UTF-8."""
        return self.raw(row).decode()

    def distinct(self, rows: Integers | None = None) -> dict[int, str]:
        """Hash -> text of the distinct text cells, among `rows` (indices; all by default)."""
        if self.hash is None:
            return {}
        chosen = np.flatnonzero(self.kind == Kind.TEXT) if rows is None else rows[self.kind[rows] == Kind.TEXT]
        hashes, first = np.unique(self.hash[chosen], return_index=True)
        return {int(h): self.text(int(chosen[i])) for h, i in zip(hashes, first, strict=True)}

    def value(self, row: int) -> Scalar:
        """One cell as a Python value (absent and null are None). For a person or a test, not for the hot path."""
        kind = self.kind[row]
        if kind == Kind.REAL and self.reals is not None:
            return float(self.reals[row])
        if kind == Kind.TEXT:
            return self.text(row)
        if kind == Kind.BYTES:
            return self.raw(row)
        if self.integers is None or kind <= Kind.NULL:
            return None
        whole = int(self.integers[row])
        return bool(whole) if kind == Kind.BOOLEAN else whole


@dataclass(frozen=True, slots=True)
class MapColumn:
    """A map field over n rows: a column for each key that occurs in the batch.

    `kind[n]` is PRESENT, NULL (a nullable map) or ABSENT (a refused row). A row without a key is `Kind.ABSENT`
    in that key's column; a key that is there with a null is `Kind.NULL`.
    """

    kind: Kinds
    columns: Mapping[str, Column]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that occur in the batch, in a stable order (first seen first)."""
        return tuple(self.columns)

    def get(self, key: str) -> Column | None:
        """The column of a key, None when no row has it."""
        return self.columns.get(key)

    def value(self, row: int) -> dict[str, Value] | None:
        """One row as a dict, None for a null map."""
        if self.kind[row] != Kind.PRESENT:
            return None
        return {key: column.value(row) for key, column in self.columns.items() if column.kind[row] != Kind.ABSENT}


@dataclass(frozen=True, slots=True)
class ArrayColumn:
    """An array field over n rows: the items of row i are `items[offsets[i]:offsets[i + 1]]`.

    `kind[n]` is PRESENT, NULL (a nullable array) or ABSENT (a refused row: no items).
    """

    kind: Kinds
    offsets: Integers
    items: Column

    def value(self, row: int) -> list[Scalar] | None:
        """One row as a list, None for a null array."""
        if self.kind[row] != Kind.PRESENT:
            return None
        return [self.items.value(i) for i in range(int(self.offsets[row]), int(self.offsets[row + 1]))]


AnyColumn: TypeAlias = Column | MapColumn | ArrayColumn


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch: `fields` by name (a field of a nested record as `outer.inner`), and what became of each row."""

    fields: Mapping[str, AnyColumn]
    error: Kinds  # RowError of each row

    def __len__(self) -> int:
        return len(self.error)

    @property
    def ok(self) -> Flags:
        """True where the row was decoded, ended exactly at its message's end and holds valid text."""
        fine: Flags = self.error == RowError.OK
        return fine

    def column(self, name: str) -> Column:
        """A plain field. KeyError when there is none of that name, TypeError when it is a map or array."""
        found = self.fields[name]
        if not isinstance(found, Column):
            raise TypeError(f"{name} is a {type(found).__name__}, not a plain column")
        return found

    def map(self, name: str) -> MapColumn:
        """A map field. KeyError when there is none of that name, TypeError when it is something else."""
        found = self.fields[name]
        if not isinstance(found, MapColumn):
            raise TypeError(f"{name} is a {type(found).__name__}, not a map")
        return found

    def array(self, name: str) -> ArrayColumn:
        """An array field. KeyError when there is none of that name, TypeError when it is something else."""
        found = self.fields[name]
        if not isinstance(found, ArrayColumn):
            raise TypeError(f"{name} is a {type(found).__name__}, not an array")
        return found

    def row(self, index: int) -> dict[str, Value]:
        """One accepted row as the nested dict it was written from. ValueError for a refused row."""
        if self.error[index]:
            raise ValueError(f"row {index} was refused: {RowError(self.error[index]).name.lower()}")
        record: dict[str, Value] = {}
        for path, column in self.fields.items():
            *outer, name = path.split(".")
            place = record
            for step in outer:
                inner = place.setdefault(step, {})
                assert isinstance(inner, dict)
                place = inner
            place[name] = column.value(index)
        return record
