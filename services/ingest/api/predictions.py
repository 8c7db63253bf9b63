"""Predictions: JSON rows, judged as columns against their monitor, into one PredictionBatch for each partition. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from driftline.batches import MAXIMUM_BYTES
from driftline.errors import Reason
from driftline.events.columns import LATENCY, PREDICTION, SCORE
from driftline.validation import Rows, partitions_of, validate_rows
from services.ingest.api.batch_bytes import BatchTable
from services.ingest.api.intake import Intake, Lot, Ready, Versions, sort_out
from services.ingest.api.json_columns import TEXT, Flags, Ids, Integers, Values, columns_of, ids_of, pivot, times_of

_SPECIAL = {"prediction": PREDICTION, "score": SCORE, "latency_ms": LATENCY}
MAXIMUM_RECORD_BYTES = 1_000_000
"""What the topic takes, less the key, the headers and the frame of the record."""


def take_predictions(rows: Sequence[Any], versions: Versions, *, now_us: int, partitions: int) -> Intake:
    """Judge the rows of one request and write what is accepted as batches, split by murmur2(prediction_id)."""
    intake = Intake()
    for lot in sort_out(rows, intake, versioned=True):
        _take_lot(lot, versions, intake, now_us=now_us, partitions=partitions)
    intake.refused.sort(key=lambda refusal: refusal.index)
    return intake


def _take_lot(lot: Lot, versions: Versions, intake: Intake, *, now_us: int, partitions: int) -> None:
    n = len(lot.rows)
    nothing: Sequence[Any] = (None,) * n
    fields = pivot(lot.rows)
    times = times_of(fields.get("event_time", nothing))
    assert times.integers is not None
    by_version = versions.lots(lot.model_id, times.integers)
    if by_version is None:
        intake.refuse(lot.numbers, Reason.UNKNOWN_MODEL, "model_id", lot.model_id)
        return
    columns, misfit = _columns(fields, n)
    ids = ids_of(fields.get("prediction_id", nothing))
    rows = Rows(ids.column, times, np.full(n, now_us), {name: values.column for name, values in columns.items()})
    accepted = np.zeros(n, np.bool_)
    for monitor, chosen in by_version:
        verdict = validate_rows(monitor, rows, chosen)
        accepted[chosen] = verdict.accepted[chosen]
        if not accepted[chosen].all():
            intake.refuse_as(verdict, chosen, lot.numbers, lot.model_id)
    for name, bad in misfit.items():
        intake.refuse([lot.numbers[i] for i in np.flatnonzero(bad & accepted).tolist()], Reason.WRONG_TYPE, name, lot.model_id)
        accepted &= ~bad
    if accepted.any():
        _write(_Judged(lot, ids, times.integers, columns), np.flatnonzero(accepted), partitions, intake)


def _columns(fields: Mapping[str, Sequence[Any]], n: int) -> tuple[dict[str, Values], dict[str, Flags]]:
    """Features and what belongs to the prediction as columns; by field the rows whose value no column can hold."""
    misfit: dict[str, Flags] = {}
    features = fields.get("features", ({},) * n)
    if set(map(type, features)) != {dict}:
        misfit["features"] = np.array([value is not None and not isinstance(value, dict) for value in features])
        features = [value if isinstance(value, dict) else {} for value in features]
    pivoted = pivot(features)
    for special in _SPECIAL.values():
        if special in pivoted:
            misfit[f"features.{special}"] = np.array([value is not None for value in pivoted.pop(special)])
    pivoted |= {special: fields[name] for name, special in _SPECIAL.items() if name in fields}
    columns = columns_of(pivoted, n)
    for name, values in columns.items():
        if (nested := values.nested) is not None:
            misfit[name.removeprefix(":")] = nested
    if LATENCY in columns and (texts := columns[LATENCY].column.kind == TEXT).any():
        misfit["latency_ms"] = texts | misfit.get("latency_ms", texts)
    return columns, misfit


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows of one model version with their columns."""

    lot: Lot
    ids: Ids
    times: Integers
    columns: Mapping[str, Values]


def _write(judged: _Judged, accepted: Integers, partitions: int, intake: Intake) -> None:
    """Batches of the accepted rows, partition by partition."""
    home = partitions_of(judged.ids.column, accepted, partitions)[accepted]
    order = np.argsort(home, kind="stable")
    chosen, home = accepted[order], home[order]
    places = chosen.tolist()
    raw = [judged.ids.raw[row] for row in places]
    lot = judged.lot
    table = BatchTable((lot.model_id, lot.model_version), raw, judged.times[chosen], judged.columns, chosen)
    numbers = [lot.numbers[row] for row in places]
    borders = [0, *(np.flatnonzero(home[1:] != home[:-1]) + 1).tolist(), len(places)]
    for begin, end in pairwise(borders):
        _write_part(table, int(home[begin]), (begin, end), numbers, intake)


def _write_part(table: BatchTable, partition: int, part: tuple[int, int], numbers: Sequence[int], intake: Intake) -> None:
    """One message, or several where it would be too large; a row that is too large by itself is refused."""
    begin, end = part
    value = table.encode(begin, end)
    if len(value) > MAXIMUM_BYTES and end - begin > 1:
        middle = (begin + end) // 2
        _write_part(table, partition, (begin, middle), numbers, intake)
        _write_part(table, partition, (middle, end), numbers, intake)
    elif len(value) > MAXIMUM_RECORD_BYTES:
        intake.refuse(numbers[begin:end], Reason.TOO_LARGE, "event", table.model_id)
    else:
        intake.accepted += end - begin
        intake.ready.append(Ready(partition, table.ids[begin], value, table.model_id))
