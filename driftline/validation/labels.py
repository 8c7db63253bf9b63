"""Many labels against a monitor, as columns: one function for HTTP ingest and for the label join."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.events import Monitor, Task
from driftline.validation import kernels
from driftline.validation.rows import EARLIEST_TIME, Verdict

__all__ = ["Labels", "validate_labels"]

_FIELDS = ("prediction_id", "label_time", "label")


@dataclass(frozen=True, slots=True)
class Labels:
    """Columns of n labels of one model. By HTTP the append time is now, microseconds."""

    prediction_id: Column
    label_time: Column
    label: Column
    append_time: NDArray[np.int64]


def validate_labels(monitor: Monitor, labels: Labels, chosen: NDArray[np.int64] | None = None) -> Verdict:
    """Judge labels by a monitor; only the rows `chosen` (indices) where given, the others come out accepted.

    A label is a class (text, or a boolean as "true" or "false") of BINARY and MULTICLASS models and a finite number of
    REGRESSION. The first objection counts, in the order id, label time, label.
    """
    n = len(labels.append_time)
    if chosen is None:
        chosen = np.arange(n, dtype=np.int64)
    verdict = Verdict(np.zeros(n, np.uint8), np.zeros(n, np.int16), _FIELDS)
    code, place = verdict.code, verdict.place
    ids, time, label = labels.prediction_id, labels.label_time, labels.label
    length = np.zeros(n, np.int64) if ids.length is None else ids.length
    kernels.refuse_ids(ids.kind, length, chosen, 0, code, place)
    ticks = np.zeros(n, np.int64) if time.integers is None else time.integers
    skew = monitor.future_skew_us
    kernels.refuse_times(time.kind, ticks, labels.append_time, skew, EARLIEST_TIME, chosen, 1, code, place)
    if monitor.task is Task.REGRESSION:
        numbers = label.numbers()
        kernels.refuse_numbers(label.kind, numbers, chosen, True, False, 2, code, place)
        nan = chosen[(code[chosen] == 0) & np.isnan(numbers[chosen]) & (label.kind[chosen] == Kind.REAL)]
        code[nan], place[nan] = kernels.NON_FINITE, 2
    else:
        kernels.refuse_texts(label.kind, chosen, True, 2, code, place)
    return verdict
