"""What an expression is computed on: columns of numbers, texts and truths, each of which can be NULL in any row.

Numbers      float64, NaN = NULL. So NaN in the data is NULL here: it is no number that one could add.
Texts        the 64-bit hash of each text (as decoded columns have it), a mask of the rows that are not NULL, and the
             texts behind the hashes for whoever asks for more than equality.
Truths       where it is true, and where it is known at all (three-valued logic).

Each can be a single value (a literal) that stands for every row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.drift.profile.tally import category_hashes

__all__ = ["Numbers", "Texts", "Truths", "Type", "Vector", "null_vector", "numbers", "texts", "vector_among", "vector_of"]

Numbers = NDArray[np.float64] | np.float64
Flags = NDArray[np.bool_] | np.bool_
Hashes = NDArray[np.uint64] | np.uint64


class Type(StrEnum):
    """Type of an expression."""

    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth value"
    NOTHING = "NULL"
    """The literal NULL, which fits everywhere."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as hashes. `words` gives text by hash for at least the hashes that occur; it is asked only where needed."""

    hashes: Hashes
    known: Flags | None = None
    """False where NULL; None = known everywhere."""
    words: Callable[[], Mapping[int, str]] = dict

    def rows(self, part: slice) -> Texts:
        """Some of the rows."""
        assert isinstance(self.hashes, np.ndarray)
        return Texts(self.hashes[part], self.known[part] if isinstance(self.known, np.ndarray) else None, self.words)

    @property
    def flags(self) -> Flags:
        """Where it is not NULL."""
        if self.known is not None:
            return self.known
        return np.ones(np.shape(self.hashes), np.bool_) if np.ndim(self.hashes) else np.True_


class Truths:
    """Truth values. `true` is False where unknown; which rows are known is computed when somebody asks."""

    __slots__ = ("_known", "true")

    def __init__(self, true: Flags, known: Callable[[], Flags] | None = None) -> None:
        """`known` None: known everywhere."""
        self.true = true
        self._known: Callable[[], Flags] | Flags | None = known

    @property
    def certain(self) -> bool:
        """Whether no row can be unknown."""
        return self._known is None

    @property
    def known(self) -> Flags:
        """Where it is true or false."""
        if self._known is None:
            self._known = np.ones(np.shape(self.true), np.bool_) if np.ndim(self.true) else np.True_
        elif callable(self._known):
            self._known = self._known()
        return self._known

    @property
    def false(self) -> Flags:
        """Where it is false."""
        return ~self.true if self.certain else self.known & ~self.true


Vector = Numbers | Texts | Truths


def numbers(values: Sequence[float | None] | NDArray[np.float64], valid: NDArray[np.bool_] | None = None) -> Numbers:
    """A column of numbers; NULL where `valid` is False, or None or NaN stands in the values."""
    found = np.array([np.nan if each is None else each for each in values], np.float64) if isinstance(values, list) else values
    array = np.asarray(found, np.float64)
    return array if valid is None else np.where(valid, array, np.nan)


def texts(values: Sequence[str | None]) -> Texts:
    """A column of texts; NULL where None stands."""
    known = np.array([value is not None for value in values], np.bool_)
    found = [value for value in values if value is not None]
    distinct = list(dict.fromkeys(found))
    hashes = dict(zip(distinct, hash_texts(distinct).tolist() if distinct else [], strict=True))
    words = {number: word for word, number in hashes.items()}
    cells = np.array([0 if value is None else hashes[value] for value in values], np.uint64)
    return Texts(cells, None if known.all() else known, lambda: words)


def null_vector(kind: Type, rows: int) -> Numbers | Texts:
    """A column that no row has."""
    if kind is Type.NUMBER:
        return np.full(rows, np.nan)
    return Texts(np.zeros(rows, np.uint64), np.zeros(rows, np.bool_))


def vector_of(column: Column, kind: Type) -> Numbers | Texts:
    """A decoded column as the monitor declares it: NUMERIC as numbers, CATEGORICAL as texts ("true" for a boolean)."""
    if kind is Type.NUMBER:
        numeric = column.numeric
        values = column.numbers()
        return values if numeric.all() else np.where(numeric, values, np.nan)
    valid = column.valid
    return Texts(category_hashes(column), None if valid.all() else valid, lambda: _words(column))


def vector_among(column: Column | None, kind: Type, chosen: NDArray[np.int64] | None, rows: int) -> Vector:
    """The chosen of a column's `rows` rows (indices), None = all of them; NULL where there is no such column."""
    if column is None:
        return null_vector(kind, rows if chosen is None else len(chosen))
    found = vector_of(column, kind)
    if chosen is None:
        return found
    if isinstance(found, Texts):
        assert isinstance(found.hashes, np.ndarray)
        known = found.known[chosen] if isinstance(found.known, np.ndarray) else None
        return Texts(found.hashes[chosen], known, found.words)
    assert isinstance(found, np.ndarray)
    return found[chosen]


def _words(column: Column) -> dict[int, str]:
    found = column.distinct()
    if column.integers is not None and bool((column.kind == Kind.BOOLEAN).any()):
        found |= dict(zip(hash_texts(("false", "true")).tolist(), ("false", "true"), strict=True))
    return found
