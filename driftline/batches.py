"""PredictionBatch: from rows, checked, and back to columns; numpy only, so that the SDK stays light."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InvalidRecord, Reason
from driftline.events import BatchColumn, BatchKind, Prediction, PredictionBatch
from driftline.events.columns import LATENCY, PREDICTION, SCORE

MAXIMUM_BYTES = 256_000
"""Size that the SDK keeps a batch under."""
_WIDTHS = {BatchKind.DOUBLE: 8, BatchKind.CATEGORY: 4}
"""Bytes of a value, or of its code."""


@dataclass(frozen=True, slots=True)
class Column:
    """One decoded column of n rows; `dictionary` is empty for numbers."""

    values: NDArray[np.float64] | NDArray[np.uint32]
    """float64 values, or uint32 codes into `dictionary`."""
    valid: NDArray[np.bool_]
    """Present or null."""
    dictionary: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchColumns:
    """A PredictionBatch as arrays of n rows."""

    prediction_ids: list[bytes]
    event_times: NDArray[np.int64]
    columns: Mapping[str, Column]


def from_rows(rows: Sequence[Prediction]) -> PredictionBatch:
    """Rows of one model version as a batch. A column holds numbers, or texts; mixed values become texts."""
    ids = [row.prediction_id.encode() for row in rows]
    names = dict.fromkeys(name for row in rows for name in row.features)
    values: dict[str, list[float | str | None]] = {name: [row.features.get(name) for row in rows] for name in names}
    values[PREDICTION] = [row.prediction for row in rows]
    values[SCORE] = [row.score for row in rows]
    values[LATENCY] = [row.latency_ms for row in rows]
    return PredictionBatch(
        model_id=rows[0].model_id,
        model_version=rows[0].model_version,
        rows=len(rows),
        prediction_ids=b"".join(ids),
        prediction_id_ends=np.cumsum([len(each) for each in ids], dtype="<u4").tobytes(),
        event_times=np.array([row.event_time for row in rows], dtype="<i8").tobytes(),
        columns=tuple(_column(name, column) for name, column in values.items() if any(v is not None for v in column)),
    )


def _column(name: str, values: Sequence[float | str | None]) -> BatchColumn:
    valid = np.array([value is not None for value in values])
    validity = b"" if valid.all() else np.packbits(valid, bitorder="little").tobytes()
    if not any(isinstance(value, str) for value in values):
        numbers = np.array([0.0 if value is None else value for value in values], dtype="<f8")
        return BatchColumn(
            name=name,
            kind=BatchKind.DOUBLE,
            values=numbers.tobytes(),
            validity=validity,
            dictionary=(),
        )
    texts = ["" if value is None else str(value) for value in values]
    codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    coded = np.array([codes[text] for text in texts], dtype="<u4")
    return BatchColumn(
        name=name,
        kind=BatchKind.CATEGORY,
        values=coded.tobytes(),
        validity=validity,
        dictionary=tuple(codes),
    )


def check_batch(batch: PredictionBatch) -> None:
    """Check every length against the row count, before anything is allocated, and every code against its dictionary.

    Raises InvalidRecord (row_count_mismatch) naming the column.
    """
    n = batch.rows
    if n < 1:
        raise _mismatch("rows", "a batch has at least one row")
    _check_length("event_times", batch.event_times, 8 * n)
    _check_length("prediction_id_ends", batch.prediction_id_ends, 4 * n)
    ends = np.frombuffer(batch.prediction_id_ends, "<u4")
    if ends[-1] != len(batch.prediction_ids) or (ends[1:] < ends[:-1]).any():
        raise _mismatch("prediction_id_ends", "the ends must ascend up to the length of prediction_ids")
    for column in batch.columns:
        _check_length(column.name, column.values, _WIDTHS[column.kind] * n)
        if column.validity:
            _check_length(f"{column.name}.validity", column.validity, (n + 7) // 8)
        if column.kind is BatchKind.CATEGORY:
            codes = np.frombuffer(column.values, "<u4")
            if codes.max() >= len(column.dictionary) and (codes[present_rows(column, n)] >= len(column.dictionary)).any():
                raise _mismatch(column.name, f"a code is beyond the dictionary of {len(column.dictionary)} values")


def present_rows(column: BatchColumn, rows: int) -> NDArray[np.bool_]:
    """True where a row has a value. The lengths must have been checked."""
    if not column.validity:
        return np.ones(rows, np.bool_)
    return np.unpackbits(np.frombuffer(column.validity, np.uint8), count=rows, bitorder="little").view(np.bool_)


def _check_length(field: str, data: bytes, expected: int) -> None:
    if len(data) != expected:
        raise _mismatch(field, f"{len(data)} bytes where the row count asks for {expected}")


def _mismatch(field: str, detail: str) -> InvalidRecord:
    return InvalidRecord(Reason.ROW_COUNT_MISMATCH, f"{field}: {detail}", field=field)


def to_columns(batch: PredictionBatch) -> BatchColumns:
    """Arrays of a batch. Raises InvalidRecord as `check_batch` does."""
    check_batch(batch)
    edges = [0, *np.frombuffer(batch.prediction_id_ends, "<u4").tolist()]
    ids = [batch.prediction_ids[start:end] for start, end in pairwise(edges)]
    columns = {column.name: _decoded(column, batch.rows) for column in batch.columns}
    return BatchColumns(ids, np.frombuffer(batch.event_times, "<i8"), columns)


def _decoded(column: BatchColumn, rows: int) -> Column:
    values = np.frombuffer(column.values, "<f8" if column.kind is BatchKind.DOUBLE else "<u4")
    return Column(values, present_rows(column, rows), column.dictionary)


def take(batch: PredictionBatch, rows: Iterable[int]) -> PredictionBatch:
    """Only the given rows of a batch, in that order; for splitting over partitions and for dead letters."""
    index = np.fromiter(rows, dtype=np.int64)
    decoded = to_columns(batch)
    ids = [decoded.prediction_ids[row] for row in index.tolist()]
    return PredictionBatch(
        model_id=batch.model_id,
        model_version=batch.model_version,
        rows=len(index),
        prediction_ids=b"".join(ids),
        prediction_id_ends=np.cumsum([len(each) for each in ids], dtype="<u4").tobytes(),
        event_times=decoded.event_times[index].tobytes(),
        columns=tuple(_taken(column, decoded.columns[column.name], index) for column in batch.columns),
    )


def _taken(source: BatchColumn, column: Column, index: NDArray[np.int64]) -> BatchColumn:
    valid = column.valid[index]
    return BatchColumn(
        name=source.name,
        kind=source.kind,
        values=column.values[index].tobytes(),
        validity=b"" if valid.all() else np.packbits(valid, bitorder="little").tobytes(),
        dictionary=source.dictionary,
    )
