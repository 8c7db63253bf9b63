"""PredictionBatch in its wire form, straight from columns.

The same bytes as `codec.encode(batches.from_rows(rows))` gives (a test holds them together), at a tenth of the time: a
request of 100 rows becomes a batch for each partition, so this is where ingest would spend most of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline import codec
from driftline.events import BatchKind
from driftline.schemas import avro_schema
from services.ingest.api.json_columns import NULL, REAL, TEXT, Flags, Integers, Values

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


class _Texts:
    """A column with texts; each distinct one is put into bytes once for all messages."""

    def __init__(self, name: str, texts: Sequence[str], valid: Flags | None) -> None:
        self._texts = texts
        self._words = {text: _word(text) if len(text) <= _SHORT else _text(text) for text in dict.fromkeys(texts)}
        self._head = _head(name, BatchKind.CATEGORY)
        self._valid = valid

    def encode(self, begin: int, end: int) -> bytes:
        """The rows `begin` to `end`, with a dictionary of their own; empty where all of them are null."""
        validity = _validity(self._valid, begin, end)
        if validity is None:
            return b""
        texts = self._texts[begin:end]
        codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
        coded = array("I", map(codes.__getitem__, texts)).tobytes()
        words = map(self._words.__getitem__, codes)
        return b"".join((self._head, number(len(coded)), coded, validity, number(len(codes)), *words, _END))


class _Reals:
    """A column of numbers with nulls in it."""

    def __init__(self, name: str, reals: NDArray[np.float64], valid: Flags) -> None:
        self._head = _head(name, BatchKind.DOUBLE)
        self._reals = reals
        self._valid = valid

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
        chosen = rows.tolist()
        dense = {name: values for name, values in columns.items() if values.pure == REAL}
        self._heads = [_head(name, BatchKind.DOUBLE) for name in dense]
        self._dense = np.array([values.column.numbers()[rows] for values in dense.values()])
        pick = itemgetter(*chosen) if len(chosen) > 1 else lambda values: (values[chosen[0]],)
        others = (_prepare(name, values, rows, pick) for name, values in columns.items() if name not in dense)
        self._others = [column for column in others if column is not None]

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
        cut = [column for other in self._others if (column := other.encode(begin, end))]
        if count := len(self._heads) + len(cut):
            parts.append(number(count))
        wide, values = 8 * n, self._dense[:, begin:end].tobytes() if self._heads else b""
        for place, head in enumerate(self._heads):
            parts += (head, eights, values[place * wide : (place + 1) * wide], _EMPTY, _EMPTY)
        parts += cut
        parts.append(_END)
        return b"".join(parts)


def _prepare(
    name: str, values: Values, rows: Integers, pick: Callable[[Sequence[Any]], Sequence[Any]]
) -> _Texts | _Reals | None:
    """A column that is not all numbers. Mixed numbers and texts become texts."""
    if values.pure == TEXT:
        return _Texts(name, pick(values.values), None)
    kind = values.column.kind[rows]
    valid: Flags = kind != NULL
    if not (kind == TEXT).any():
        return _Reals(name, values.column.numbers()[rows], valid) if valid.any() else None
    return _Texts(name, [_as_text(value) for value in pick(values.values)], valid)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(float(value))
