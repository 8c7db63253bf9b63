"""PredictionBatches as the columns that are validated and counted: many at once, because most of the cost is per call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.batches import check_batch, present_rows
from driftline.events import BatchColumn, BatchKind, PredictionBatch

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The rows of some batches, one after the other."""

    prediction_id: Column
    event_time: Column
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(self.event_time)


def batch_rows(batch: PredictionBatch) -> BatchRows:
    """Columns of a batch. Raises InvalidRecord where its lengths disagree (row_count_mismatch).

    An id that is not UTF-8 becomes an empty one, which is refused as a row (invalid_id), not as a batch.
    """
    check_batch(batch)
    return joined_rows([batch])


def same_columns(batch: PredictionBatch) -> tuple[tuple[str, BatchKind], ...]:
    """What batches must share to be read by `joined_rows` together."""
    return tuple((column.name, column.kind) for column in batch.columns)


def joined_rows(batches: Sequence[PredictionBatch]) -> BatchRows:
    """Columns of batches that `check_batch` has passed and that have the same columns in the same order."""
    rows = [batch.rows for batch in batches]
    times = np.frombuffer(b"".join([batch.event_times for batch in batches]), "<i8").astype(np.int64, copy=False)
    columns = {}
    for place, column in enumerate(batches[0].columns if batches else ()):
        parts = [batch.columns[place] for batch in batches]
        columns[column.name] = _numbers(parts, rows) if column.kind is BatchKind.DOUBLE else _categories(parts, rows)
    return BatchRows(
        prediction_id=_ids(batches),
        event_time=Column(b"", np.full(len(times), Kind.INTEGER, np.int8), integers=times),
        columns=columns,
    )


def _ids(batches: Sequence[PredictionBatch]) -> Column:
    data = b"".join([batch.prediction_ids for batch in batches])
    bases = np.cumsum([0, *(len(batch.prediction_ids) for batch in batches)])[:-1]
    ends = np.frombuffer(b"".join([batch.prediction_id_ends for batch in batches]), "<u4").astype(np.int64)
    ends += np.repeat(bases, [batch.rows for batch in batches])
    length = np.diff(ends, prepend=0)
    start = ends - length
    if not data.isascii():
        length = np.where([_utf8(data[a : a + n]) for a, n in zip(start, length, strict=True)], length, 0)
    return Column(data, np.full(len(ends), Kind.TEXT, np.int8), start=start, length=length)


def _utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _kinds(parts: Sequence[BatchColumn], rows: Sequence[int], present: Kind) -> NDArray[np.int8]:
    if not any(part.validity for part in parts):
        return np.full(sum(rows), present, np.int8)
    valid = np.concatenate([present_rows(part, n) for part, n in zip(parts, rows, strict=True)])
    return np.where(valid, np.int8(present), np.int8(Kind.NULL))


def _numbers(parts: Sequence[BatchColumn], rows: Sequence[int]) -> Column:
    values = np.frombuffer(b"".join([part.values for part in parts]), "<f8").astype(np.float64, copy=False)
    return Column(b"", _kinds(parts, rows, Kind.REAL), reals=values)


@dataclass(frozen=True, slots=True)
class _Dictionary:
    """Values of a column as bytes, where each lies, and their hashes; never without an entry."""

    data: bytes
    start: Integers
    length: Integers
    hash: NDArray[np.uint64]


@lru_cache(maxsize=4096)
def _dictionary(values: tuple[str, ...]) -> _Dictionary:
    texts = [text.encode() for text in values] or [b""]
    length = np.array([len(text) for text in texts], np.int64)
    return _Dictionary(b"".join(texts), np.cumsum(length) - length, length, hash_texts(texts))


def _categories(parts: Sequence[BatchColumn], rows: Sequence[int]) -> Column:
    kind = _kinds(parts, rows, Kind.TEXT)
    codes = np.frombuffer(b"".join([part.values for part in parts]), "<u4").astype(np.int64)
    codes[kind == Kind.NULL] = 0  # what a null row holds is anybody's guess
    found = [_dictionary(part.dictionary) for part in parts]
    if len(found) > 1:
        codes += np.repeat(np.cumsum([0, *(len(each.hash) for each in found)])[:-1], rows)
        bases = np.cumsum([0, *(len(each.data) for each in found)])[:-1]
        joined = _Dictionary(
            b"".join([each.data for each in found]),
            np.concatenate([each.start + base for each, base in zip(found, bases, strict=True)]),
            np.concatenate([each.length for each in found]),
            np.concatenate([each.hash for each in found]),
        )
    else:
        joined = found[0]
    return Column(joined.data, kind, start=joined.start[codes], length=joined.length[codes], hash=joined.hash[codes])
