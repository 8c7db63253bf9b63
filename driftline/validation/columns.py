"""A PredictionBatch as the columns that are validated and counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline import batches
from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.events import PredictionBatch


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The rows of one batch."""

    prediction_id: Column
    event_time: Column
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(self.event_time)


def batch_rows(batch: PredictionBatch) -> BatchRows:
    """Columns of a batch. Raises InvalidRecord where its lengths disagree (row_count_mismatch).

    An id that is not UTF-8 becomes an empty one, which is refused as a row (invalid_id), not as a batch.
    """
    decoded = batches.to_columns(batch)
    times = np.ascontiguousarray(decoded.event_times, np.int64)
    return BatchRows(
        prediction_id=_ids(batch),
        event_time=Column(b"", np.full(len(times), Kind.INTEGER, np.int8), integers=times),
        columns={name: _column(column) for name, column in decoded.columns.items()},
    )


def _ids(batch: PredictionBatch) -> Column:
    ends = np.frombuffer(batch.prediction_id_ends, "<u4").astype(np.int64)
    length = np.diff(ends, prepend=0)
    start = ends - length
    data = np.frombuffer(batch.prediction_ids, np.uint8)
    if (data >= 0x80).any():
        length = np.where([_utf8(batch.prediction_ids[a:b]) for a, b in zip(start, ends, strict=True)], length, 0)
    return Column(batch.prediction_ids, np.full(len(ends), Kind.TEXT, np.int8), start=start, length=length)


def _utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _column(column: batches.Column) -> Column:
    if column.values.dtype == np.uint32:
        return _categories(column)
    kind = np.where(column.valid, np.int8(Kind.REAL), np.int8(Kind.NULL))
    return Column(b"", kind, reals=np.ascontiguousarray(column.values, np.float64))


def _categories(column: batches.Column) -> Column:
    kind = np.where(column.valid, np.int8(Kind.TEXT), np.int8(Kind.NULL))
    texts = [text.encode() for text in column.dictionary] or [b""]
    lengths = np.array([len(text) for text in texts], np.int64)
    codes: NDArray[np.int64] = np.where(column.valid, column.values, 0).astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    return Column(b"".join(texts), kind, start=starts[codes], length=lengths[codes], hash=hash_texts(texts)[codes])
