"""Many rows against a monitor, as columns: one function for HTTP ingest, for stage 1 and for the label join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Kind
from driftline.errors import Reason
from driftline.events import ColumnKind, Monitor, Task
from driftline.events.columns import PREDICTION, SCORE
from driftline.validation import kernels

EARLIEST_TIME = -62_135_596_800_000_000
"""Year 1, microseconds. A time before it is a unit mistaken for another, and would overflow what is added to it."""

REASONS: tuple[Reason | None, ...] = (
    None,
    Reason.INVALID_ID,
    Reason.OUT_OF_RANGE,
    Reason.FUTURE_EVENT_TIME,
    Reason.MISSING_FIELD,
    Reason.WRONG_TYPE,
    Reason.NON_FINITE,
)
"""What `Verdict.code` indexes; 0 is an accepted row. In the order of the codes in `kernels`."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of n rows of one model.

    `columns` maps a monitor's column names (features, `:prediction`, `:score`) to columns of n rows; a name that is
    missing is null in every row. `model_version` None = known to be fit already (`fit_id`), as in a batch.
    """

    prediction_id: Column
    event_time: Column
    append_time: NDArray[np.int64]
    """Microseconds; by HTTP: now."""
    columns: Mapping[str, Column]
    model_version: Column | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of each row: the first objection in the order version, id, event time, columns of the monitor."""

    code: NDArray[np.uint8]
    """0 = accepted, else an index into REASONS."""
    place: NDArray[np.int16]
    """Index into `fields` of the field at fault; meaningless for an accepted row."""
    fields: tuple[str, ...]

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """True where the row counts."""
        return np.equal(self.code, 0)

    def reason(self, row: int) -> Reason | None:
        """Why a row is refused, None for an accepted one."""
        return REASONS[int(self.code[row])]

    def field(self, row: int) -> str | None:
        """Which field is at fault, None for an accepted row."""
        return self.fields[int(self.place[row])] if self.code[row] else None


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one column must be."""

    name: str
    kind: ColumnKind
    required: bool


def fit_id(text: str) -> bool:
    """Whether a text can be an id: 1 to 128 bytes of UTF-8."""
    return 1 <= len(text.encode("utf-8", "surrogatepass")) <= kernels.MAXIMUM_ID_BYTES


def validate_rows(monitor: Monitor, rows: Rows, chosen: NDArray[np.int64] | None = None) -> Verdict:
    """Judge rows by a monitor; only the rows `chosen` (indices) where given, the others come out accepted.

    Null counts as null where the column is not required. NaN is accepted (it has a cell of its own) and is refused
    only as a score (out_of_range). Infinities are refused (non_finite). `:prediction` and `:score` are held to their
    type whether the monitor watches them or not: the label join reads them.
    """
    n = len(rows.append_time)
    if chosen is None:
        chosen = np.arange(n, dtype=np.int64)
    rules = _rules(monitor)
    fields = ("model_version", "prediction_id", "event_time", *(rule.name for rule in rules))
    verdict = Verdict(np.zeros(n, np.uint8), np.zeros(n, np.int16), fields)
    if rows.model_version is not None:
        _refuse_ids(rows.model_version, chosen, 0, verdict)
    _refuse_ids(rows.prediction_id, chosen, 1, verdict)
    time = rows.event_time
    ticks = np.zeros(n, np.int64) if time.integers is None else time.integers
    skew = monitor.future_skew_us
    kernels.refuse_times(time.kind, ticks, rows.append_time, skew, EARLIEST_TIME, chosen, 2, verdict.code, verdict.place)
    for place, rule in enumerate(rules, start=3):
        _refuse_column(rule, rows.columns.get(rule.name), chosen, place, verdict)
    return verdict


def validate_ids(name: str, ids: Column) -> Verdict:
    """Judge a column of ids on its own: missing, no text, or not of 1 to 128 bytes."""
    n = len(ids)
    verdict = Verdict(np.zeros(n, np.uint8), np.zeros(n, np.int16), (name,))
    _refuse_ids(ids, np.arange(n, dtype=np.int64), 0, verdict)
    return verdict


def _rules(monitor: Monitor) -> list[_Rule]:
    rules = [_Rule(column.name, column.kind, column.required) for column in monitor.columns]
    watched = {rule.name for rule in rules}
    predicted = ColumnKind.NUMERIC if monitor.task is Task.REGRESSION else ColumnKind.CATEGORICAL
    always = (_Rule(PREDICTION, predicted, required=False), _Rule(SCORE, ColumnKind.NUMERIC, required=False))
    return rules + [rule for rule in always if rule.name not in watched]


def _refuse_ids(column: Column, chosen: NDArray[np.int64], place: int, verdict: Verdict) -> None:
    length = np.zeros(len(column), np.int64) if column.length is None else column.length
    kernels.refuse_ids(column.kind, length, chosen, place, verdict.code, verdict.place)


def _refuse_column(rule: _Rule, column: Column | None, chosen: NDArray[np.int64], place: int, verdict: Verdict) -> None:
    if column is None:
        if rule.required:
            missing = chosen[verdict.code[chosen] == 0]
            verdict.code[missing] = kernels.MISSING
            verdict.place[missing] = place
    elif rule.kind in _TAKEN:
        _refuse_others(rule, column, chosen[verdict.code[chosen] == 0], place, verdict)
    elif rule.kind is ColumnKind.CATEGORICAL:
        if kernels.texts_suspect(column.kind, rule.required):
            kernels.refuse_texts(column.kind, chosen, rule.required, place, verdict.code, verdict.place)
    else:
        numbers, score = column.numbers(), rule.name == SCORE
        if kernels.numbers_suspect(column.kind, numbers, rule.required, score):
            kernels.refuse_numbers(column.kind, numbers, chosen, rule.required, score, place, verdict.code, verdict.place)


_TAKEN = {ColumnKind.TIMESTAMP: (Kind.INTEGER, Kind.REAL, Kind.TEXT), ColumnKind.TEXT_LENGTH: (Kind.TEXT,)}
"""What columns hold that are read as numbers. A text need not be a time: it counts, as NaN."""


def _refuse_others(rule: _Rule, column: Column, rows: NDArray[np.int64], place: int, verdict: Verdict) -> None:
    kind = column.kind[rows]
    code = np.where(np.isin(kind, _TAKEN[rule.kind]), kernels.ACCEPTED, kernels.WRONG_TYPE).astype(np.uint8)
    code[kind <= Kind.NULL] = kernels.MISSING if rule.required else kernels.ACCEPTED
    if rule.kind is ColumnKind.TIMESTAMP and column.reals is not None:
        code[(kind == Kind.REAL) & np.isinf(column.reals[rows])] = kernels.NON_FINITE
    refused = code != kernels.ACCEPTED
    verdict.code[rows[refused]] = code[refused]
    verdict.place[rows[refused]] = place


def partitions_of(ids: Column, chosen: NDArray[np.int64], partitions: int) -> NDArray[np.int32]:
    """The partition that each chosen row's id belongs to (murmur2, as every producer here splits); -1 for the others."""
    out = np.full(len(ids), -1, np.int32)
    if ids.start is not None and ids.length is not None:
        buffer = np.frombuffer(ids.buffer, np.uint8)
        kernels.partitions_of(buffer, ids.start, ids.length, chosen, partitions, out)
    return out
