"""PredictionBatch in its wire form, straight from columns.

The same bytes as `codec.encode(batches.from_rows(rows))` gives (a test holds them together), at a tenth of the time: a
request of 100 rows becomes a batch for each partition, so this is where ingest would spend most of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from driftline import codec
from driftline.events import BatchKind
from driftline.schemas import avro_schema
from services.ingest.api.json_columns import NULL, REAL, TEXT, Coded, Flags, Integers, Values, coded
from services.ingest.api.recoding import UNSEEN, recode

_END = b"\0"
_EMPTY = b"\0"
_KINDS = {kind: place for place, kind in enumerate(BatchKind)}


def _long(value: int) -> bytes:
    """A non-negative int or long as Avro writes it: zigzag, then seven bits a byte."""
    value <<= 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


_SMALL = tuple(_long(value) for value in range(2048))


def number(value: int) -> bytes:
    """The same, from a table where it is small."""
    return _SMALL[value] if value < len(_SMALL) else _long(value)


def _text(text: str) -> bytes:
    raw = text.encode()
    return number(len(raw)) + raw


_word = lru_cache(maxsize=65_536)(_text)
"""The same for short texts that come again and again."""
_SHORT = 64


@lru_cache(maxsize=4096)  # names come from callers
def _head(name: str, kind: BatchKind) -> bytes:
    return _text(name) + number(_KINDS[kind])


@cache
def _header() -> bytes:
    return codec.header(avro_schema("PredictionBatch"))


@dataclass(frozen=True, slots=True)
class _Text:
    """What is written of a column of texts, beside its codes."""

    head: bytes
    words: Sequence[bytes]
    valid: Flags | None
    """None where no row is null."""


class _Texts:
    """The columns of texts; each distinct text is put into bytes once for all messages."""

    def __init__(self, columns: Mapping[str, Values], rows: Integers) -> None:
        found = {name: _coded(values, rows) for name, values in columns.items()}
        self._columns = [_text_column(name, columns[name], each.words, rows) for name, each in found.items()]
        self._codes = np.array([each.codes for each in found.values()], np.uint32).reshape(len(found), len(rows))
        self._place = np.full(max((len(each.words) for each in found.values()), default=0), UNSEEN, np.uint32)

    def encode(self, begin: int, end: int) -> Iterator[bytes]:
        """Each column's rows `begin` to `end`, with a dictionary of their own; a column that is null in all is left out."""
        shape = (len(self._columns), end - begin)
        codes, used, counts = np.empty(shape, np.uint32), np.empty(shape, np.uint32), np.empty(shape[0], np.int64)
        recode(self._codes, begin, end, self._place, codes, used, counts)
        fours = number(4 * (end - begin))
        for column, own, old, count in zip(self._columns, codes, used, counts.tolist(), strict=True):
            if (validity := _validity(column.valid, begin, end)) is not None:
                words = map(column.words.__getitem__, old[:count].tolist())
                yield b"".join((column.head, fours, own.tobytes(), validity, number(count), *words, _END))


def _coded(values: Values, rows: Integers) -> Coded:
    """Of the accepted rows; mixed numbers and texts become texts."""
    if values.coded is not None:
        return Coded(values.coded.codes[rows], values.coded.words)
    found = coded([_as_text(values.values[row]) for row in rows.tolist()])
    assert found is not None
    return found


def _text_column(name: str, values: Values, words: Sequence[str], rows: Integers) -> _Text:
    valid = None if values.pure else values.column.kind[rows] != NULL
    encoded = [_word(word) if len(word) <= _SHORT else _text(word) for word in words]
    return _Text(_head(name, BatchKind.CATEGORY), encoded, valid)


class _Reals:
    """A column of numbers with nulls in it."""

    def __init__(self, name: str, values: Values, rows: Integers) -> None:
        self._head = _head(name, BatchKind.DOUBLE)
        self._reals = values.column.numbers()[rows]
        self._valid: Flags = values.column.kind[rows] != NULL

    def encode(self, begin: int, end: int) -> bytes:
        """The rows `begin` to `end`; empty where all of them are null."""
        validity = _validity(self._valid, begin, end)
        if validity is None:
            return b""
        return b"".join([self._head, number(8 * (end - begin)), self._reals[begin:end].tobytes(), validity, _EMPTY])


def _validity(valid: Flags | None, begin: int, end: int) -> bytes | None:
    """The bitmap with its length, None where no row is present."""
    if valid is None or (part := valid[begin:end]).all():
        return _EMPTY
    if not part.any():
        return None
    bits = np.packbits(part, bitorder="little").tobytes()
    return number(len(bits)) + bits


class BatchTable:
    """Accepted rows of one model version, in the order of their partitions; `encode` cuts a message out of them."""

    def __init__(
        self,
        model: tuple[str, str],
        ids: Sequence[bytes],
        times: Integers,
        columns: Mapping[str, Values],
        rows: Integers,
    ) -> None:
        """`rows` are the accepted rows of the columns; `ids` and `times` have only those, in the same order."""
        self.model_id = model[0]
        self._names = _header() + _text(model[0]) + _text(model[1])
        self.ids = ids
        self._times = times
        dense, texts, reals = _sorted(columns, rows)
        self._heads = [_head(name, BatchKind.DOUBLE) for name in dense]
        self._dense = np.array([values.column.numbers()[rows] for values in dense.values()]).reshape(len(dense), len(rows))
        self._texts = _Texts(texts, rows)
        self._reals = [_Reals(name, values, rows) for name, values in reals.items()]

    def encode(self, begin: int, end: int) -> bytes:
        """The rows `begin` to `end` as one message. A column that is null in all of them is left out."""
        n = end - begin
        ids = self.ids[begin:end]
        joined = b"".join(ids)
        ends = np.cumsum(np.fromiter(map(len, ids), np.uint32, n), dtype="<u4").tobytes()
        eights = number(8 * n)
        parts = [
            self._names, number(n), number(len(joined)), joined, number(4 * n), ends,
            eights, self._times[begin:end].tobytes(),
        ]  # fmt: skip
        cut = [*self._texts.encode(begin, end), *(cells for column in self._reals if (cells := column.encode(begin, end)))]
        if count := len(self._heads) + len(cut):
            parts.append(number(count))
        wide, values = 8 * n, self._dense[:, begin:end].tobytes() if self._heads else b""
        for place, head in enumerate(self._heads):
            parts += (head, eights, values[place * wide : (place + 1) * wide], _EMPTY, _EMPTY)
        parts += cut
        parts.append(_END)
        return b"".join(parts)


def _sorted(columns: Mapping[str, Values], rows: Integers) -> tuple[dict[str, Values], dict[str, Values], dict[str, Values]]:
    """Columns of numbers only, columns with texts, and columns of numbers and nulls. One of nulls only is none of them."""
    dense, texts, reals = {}, {}, {}
    for name, values in columns.items():
        if values.pure == REAL:
            dense[name] = values
        elif values.pure == TEXT or ((kind := values.column.kind[rows]) == TEXT).any():
            texts[name] = values
        elif (kind != NULL).any():
            reals[name] = values
    return dense, texts, reals


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(float(value))
