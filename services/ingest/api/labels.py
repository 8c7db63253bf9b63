"""Labels: JSON rows, judged as columns against their monitor, one record each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from driftline import codec
from driftline.errors import Reason
from driftline.events import Label
from driftline.validation import partitions_of
from driftline.validation.labels import Labels, validate_labels
from services.ingest.api.intake import Intake, Lot, Ready, Versions, sort_out
from services.ingest.api.json_columns import columns_of, ids_of, pivot, times_of
from services.ingest.api.predictions import MAXIMUM_RECORD_BYTES


def take_labels(rows: Sequence[Any], versions: Versions, *, now_us: int, partitions: int) -> Intake:
    """Judge the labels of one request; each accepted one becomes a record of its prediction's partition."""
    intake = Intake()
    for lot in sort_out(rows, intake, versioned=False):
        _take_lot(lot, versions, intake, now_us=now_us, partitions=partitions)
    intake.refused.sort(key=lambda refusal: refusal.index)
    return intake


def _take_lot(lot: Lot, versions: Versions, intake: Intake, *, now_us: int, partitions: int) -> None:
    n = len(lot.rows)
    nothing: Sequence[Any] = (None,) * n
    fields = pivot(lot.rows)
    ids, values = ids_of(fields.get("prediction_id", nothing)), columns_of({"label": fields.get("label", nothing)}, n)["label"]
    times = times_of(fields.get("label_time", nothing))
    assert times.integers is not None
    by_version = versions.lots(lot.model_id, times.integers)
    if by_version is None:
        intake.refuse(lot.numbers, Reason.UNKNOWN_MODEL, "model_id", lot.model_id)
        return
    labels = Labels(ids.column, times, values.column, np.full(n, now_us))
    accepted = np.zeros(n, np.bool_)
    for monitor, chosen in by_version:
        if not monitor.labels:
            intake.refuse([lot.numbers[row] for row in chosen], Reason.UNEXPECTED_EVENT, "label", lot.model_id)
            continue
        verdict = validate_labels(monitor, labels, chosen)
        intake.refuse_as(verdict, chosen, lot.numbers, lot.model_id)
        accepted[chosen] = verdict.accepted[chosen]
    home = partitions_of(ids.column, np.flatnonzero(accepted), partitions).tolist()
    for row in np.flatnonzero(accepted).tolist():
        event = Label(
            model_id=lot.model_id,
            prediction_id=ids.raw[row].decode(),
            label_time=int(times.integers[row]),
            label=_plain(values.values[row]),
        )
        _write(event, ids.raw[row], home[row], lot.numbers[row], intake)


def _write(event: Label, key: bytes, partition: int, number: int, intake: Intake) -> None:
    value = codec.encode(event)
    if len(value) > MAXIMUM_RECORD_BYTES:
        intake.refuse([number], Reason.TOO_LARGE, "label", event.model_id)
        return
    intake.accepted += 1
    intake.ready.append(Ready(partition, key, value, event.model_id))


def _plain(value: float | str) -> float | str:
    return value if isinstance(value, str) else float(value)
