"""Columns that grow at the end and are forgotten from the front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Table"]

_FIRST_ROOM = 64


class Table:
    """Rows numbered from 0 in order of arrival; the oldest go first and their numbers are never used again."""

    def __init__(self, dtypes: Mapping[str, DTypeLike], wide: Mapping[str, DTypeLike] | None = None) -> None:
        """`wide` columns have several values in a row, none to begin with (`widen`)."""
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(_FIRST_ROOM, dtype) for name, dtype in dtypes.items()}
        self._columns |= {name: np.zeros((_FIRST_ROOM, 0), dtype) for name, dtype in (wide or {}).items()}
        self._room = _FIRST_ROOM
        self._base = 0  # number of the row in slot 0
        self.first = 0
        """Number of the oldest row kept."""
        self.end = 0
        """Number that the next row gets."""

    def __len__(self) -> int:
        """How many rows are kept."""
        return self.end - self.first

    @property
    def bytes(self) -> int:
        """Memory of the columns."""
        return sum(column.nbytes for column in self._columns.values())

    def reserve(self, count: int) -> int:
        """Make room for so many rows more; returns the number of the row in slot 0 of `slots`."""
        if self.end - self._base + count > self._room:
            self._grow(count)
        return self._base

    def slots(self, name: str) -> NDArray[Any]:
        """The whole memory of a column: row r is slot r - `reserve(...)`. Valid until the next `reserve`."""
        return self._columns[name]

    def extend(self, count: int, **columns: NDArray[Any]) -> None:
        """Add rows for which room was reserved; a column that is not given keeps what its slots hold."""
        start = self.end - self._base
        for name, values in columns.items():
            self._columns[name][start : start + count] = values
        self.end += count

    def column(self, name: str) -> NDArray[Any]:
        """All kept rows of a column, oldest first. A view: valid until the next `append`."""
        return self._columns[name][self.first - self._base : self.end - self._base]

    def get(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Values of a column at row numbers that are kept."""
        return self._columns[name][rows - self._base]

    def put(self, name: str, rows: NDArray[np.int64], value: object) -> None:
        """Set a column at row numbers that are kept."""
        self._columns[name][rows - self._base] = value

    def one(self, name: str, row: int) -> int:
        """One cell of a column of integers."""
        return int(self._columns[name][row - self._base])

    def widen(self, name: str, width: int) -> int:
        """Make room for so many values in each row of a wide column, 0 in those that are there; returns how many it has."""
        column = self._columns[name]
        more = width - column.shape[1]
        if more > 0:
            column = np.ascontiguousarray(np.pad(column, ((0, 0), (0, more))))
            self._columns[name] = column
        return int(column.shape[1])

    def forget(self, first: int) -> None:
        """Drop every row before this number."""
        self.first = max(self.first, min(first, self.end))

    def _grow(self, count: int) -> None:
        kept = len(self)
        room = max(_FIRST_ROOM, 2 * (kept + count))
        for name, column in self._columns.items():
            larger = np.zeros((room, *column.shape[1:]), column.dtype)
            larger[:kept] = self.column(name)
            self._columns[name] = larger
        self._room = room
        self._base = self.first
