"""From messages of the topic `labels` to judged labels: which may join under which monitor, which are refused and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Columns, Kind, RowError
from driftline.avro.layout import hash_texts
from driftline.avro.program import Program, compile_schema
from driftline.avro.schema import UnsupportedSchema
from driftline.codec import EVENT_NAMES, HEADER_BYTES, MAGIC, Schemas
from driftline.drift.profile.tally import category_hashes
from driftline.errors import InvalidRecord, Reason
from driftline.events import Monitor, Task, Watermark
from driftline.kafka.ports import Message
from driftline.validation import MonitorBook, fit_id, partitions_of
from driftline.validation.labels import Labels, validate_labels
from driftline.validation.rows import EARLIEST_TIME
from services.drift.stage1.judgement import DETAILS, Mark, Refused

__all__ = ["JudgedLabels", "LabelJudgement", "LabelReader"]

Integers = NDArray[np.int64]
_BOOLEANS = ("false", "true")
_NEEDED = frozenset({"model_id", "prediction_id", "label_time", "label"})
_NOT_AVRO = "the value is not Avro in single-object encoding (it must begin with C3 01 and the schema's fingerprint)"
_NO_SCHEMA = "the writer schema {:016x} was not on the topic schemas when this was written; publish it, then replay"
_NO_LABELS = "the monitor of {} says that no labels come; apply a version with labels: true, then replay"


@dataclass(frozen=True, slots=True)
class JudgedLabels:
    """Accepted labels of one model under one monitor version: the rows `chosen`, in the order of the messages."""

    monitor: Monitor
    labels: Labels
    chosen: Integers
    message: Integers
    """By row: index into the messages that were read."""
    partition: NDArray[np.int32]
    """By row: source partition."""

    def values(self) -> list[float | str]:
        """The chosen labels: classes as text, numbers as they are."""
        column = self.labels.label
        if self.monitor.task is Task.REGRESSION:
            numbers: list[float | str] = list(column.numbers()[self.chosen].tolist())
            return numbers
        texts: dict[int, float | str] = dict(column.distinct(self.chosen))
        texts |= dict(zip(hash_texts(_BOOLEANS).tolist(), _BOOLEANS, strict=True))
        return [texts[found] for found in category_hashes(column)[self.chosen].tolist()]


@dataclass(slots=True)
class LabelJudgement:
    """What became of some messages."""

    judged: list[JudgedLabels] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


class LabelReader:
    """Judges messages of `labels` by what the book knew when each was appended. One thread only."""

    def __init__(self, book: MonitorBook, schemas: Schemas, partitions: int) -> None:
        """`partitions` of the topic `labels`, fixed for life."""
        self._book = book
        self._schemas = schemas
        self._partitions = partitions
        self._programs: dict[int, Program | None] = {}

    def read(self, messages: Sequence[Message]) -> LabelJudgement:
        """Decode, judge and sort out. The catalogue must have been refreshed after these were fetched."""
        out = LabelJudgement()
        groups: dict[bytes, list[int]] = {}
        for i, message in enumerate(messages):
            groups.setdefault((message.value() or b"")[:HEADER_BYTES], []).append(i)
        for header, places in groups.items():
            if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
                out.refused.extend(Refused(messages[i], Reason.MALFORMED_AVRO, _NOT_AVRO) for i in places)
                continue
            number = int.from_bytes(header[len(MAGIC) :], "little")
            known = self._refuse_unknown(number, places, messages, out)
            if known:
                self._read_group(number, known, messages, out)
        return out

    def _refuse_unknown(self, number: int, places: list[int], messages: Sequence[Message], out: LabelJudgement) -> list[int]:
        """Refuse what is older than the record of its writer schema; returns the others."""
        if self._book.schema_for(number, min(_append_time(messages[i]) for i in places)) is not None:
            return places
        kept = []
        for i in places:
            if self._book.schema_for(number, _append_time(messages[i])) is None:
                out.refused.append(Refused(messages[i], Reason.UNKNOWN_SCHEMA, _NO_SCHEMA.format(number)))
            else:
                kept.append(i)
        return kept

    def _read_group(self, number: int, places: list[int], messages: Sequence[Message], out: LabelJudgement) -> None:
        """Messages of one writer schema."""
        schema = self._schemas.get(number)
        assert schema is not None  # the book knows it, and the two are filled together
        name = schema.get("name")
        if name == "Watermark":
            for i in places:
                self._read_mark(messages[i], out)
            return
        if (name in EVENT_NAMES and name != "Label") or not _is_label(schema):
            detail = f"a {name} does not belong on this topic; it takes Label and Watermark"
            out.refused.extend(Refused(messages[i], Reason.UNEXPECTED_EVENT, detail) for i in places)
            return
        program = self._program(number, schema)
        if program is None:
            detail = f"the writer schema {number:016x} has a shape that is not read; a label is a flat record of plain fields"
            out.refused.extend(Refused(messages[i], Reason.UNKNOWN_SCHEMA, detail) for i in places)
            return
        decoded = program.decode([messages[i].value() or b"" for i in places], skip=HEADER_BYTES)
        for row in np.flatnonzero(decoded.error).tolist():
            what = RowError(int(decoded.error[row])).name.lower().replace("_", " ")
            out.refused.append(Refused(messages[places[row]], Reason.MALFORMED_AVRO, f"the body is no {name}: {what}"))
        self._judge(decoded, places, messages, out)

    def _program(self, number: int, schema: Mapping[str, Any]) -> Program | None:
        if number not in self._programs:
            try:
                self._programs[number] = compile_schema(schema)
            except UnsupportedSchema:
                self._programs[number] = None
        return self._programs[number]

    def _read_mark(self, message: Message, out: LabelJudgement) -> None:
        try:
            mark = self._schemas.decode(message.value() or b"")
        except InvalidRecord as error:
            out.refused.append(Refused(message, error.reason, error.detail, field=error.field))
            return
        assert isinstance(mark, Watermark)
        at = _append_time(message)
        monitor = self._book.version_for(mark.model_id, mark.event_time, at)
        if monitor is None:
            out.refused.append(_refused(message, Reason.UNKNOWN_MODEL, "model_id", mark.model_id))
        elif mark.event_time < EARLIEST_TIME:
            out.refused.append(_refused(message, Reason.OUT_OF_RANGE, "event_time", mark.model_id))
        elif mark.event_time > at + monitor.future_skew_us:
            out.refused.append(_refused(message, Reason.FUTURE_EVENT_TIME, "event_time", mark.model_id))
        else:
            out.marks.append(Mark(monitor, mark.event_time, message.partition()))

    def _judge(self, decoded: Columns, places: list[int], messages: Sequence[Message], out: LabelJudgement) -> None:
        """Sort labels by model and monitor version, and judge each lot."""
        append_time = np.array([_append_time(messages[i]) for i in places], np.int64)
        labels = Labels(decoded.column("prediction_id"), decoded.column("label_time"), decoded.column("label"), append_time)
        sources = np.array(places, np.int64)
        partition = np.array([messages[i].partition() for i in places], np.int32)
        for model_id, rows in _by_model(decoded.column("model_id"), np.flatnonzero(decoded.ok)):
            if model_id is None:
                out.refused.extend(
                    _refused(messages[places[row]], Reason.INVALID_ID, "model_id", None) for row in rows.tolist()
                )
                continue
            entries = self._book.entries(model_id)
            versions = self._book.versions_for(model_id, _ticks(labels.label_time)[rows], append_time[rows])
            for version in np.unique(versions).tolist():
                mine = rows[versions == version]
                if version < 0:
                    reason = Reason.UNKNOWN_MODEL
                    out.refused.extend(_refused(messages[places[row]], reason, "model_id", model_id) for row in mine.tolist())
                    continue
                lot = JudgedLabels(entries[version].monitor, labels, mine, sources, partition)
                self._judge_lot(lot, messages, out)

    def _judge_lot(self, lot: JudgedLabels, messages: Sequence[Message], out: LabelJudgement) -> None:
        model_id, chosen = lot.monitor.model_id, lot.chosen
        if not lot.monitor.labels:
            detail = _NO_LABELS.format(model_id)
            for i in lot.message[chosen].tolist():
                out.refused.append(Refused(messages[i], Reason.UNEXPECTED_EVENT, detail, model_id=model_id))
            return
        verdict = validate_labels(lot.monitor, lot.labels, chosen)
        for row in chosen[~verdict.accepted[chosen]].tolist():
            reason, name = verdict.reason(row), verdict.field(row)
            assert reason is not None
            assert name is not None
            out.refused.append(_refused(messages[int(lot.message[row])], reason, name, model_id))
        chosen = chosen[verdict.accepted[chosen]]
        home = partitions_of(lot.labels.prediction_id, chosen, self._partitions)[chosen] == lot.partition[chosen]
        for row in chosen[~home].tolist():
            out.refused.append(_refused(messages[int(lot.message[row])], Reason.WRONG_PARTITION, "prediction_id", model_id))
        if home.any():
            out.judged.append(JudgedLabels(lot.monitor, lot.labels, chosen[home], lot.message, lot.partition))


def _append_time(message: Message) -> int:
    return message.timestamp()[1] * 1000


def _is_label(schema: Mapping[str, Any]) -> bool:
    return {each["name"] for each in schema.get("fields", ())} >= _NEEDED


def _refused(message: Message, reason: Reason, name: str, model_id: str | None) -> Refused:
    return Refused(message, reason, DETAILS[reason].format(field=name), name, model_id)


def _by_model(column: Column, rows: Integers) -> Iterator[tuple[str | None, Integers]]:
    """The rows of each model, in order; None for those whose id cannot be one."""
    hashes = np.zeros(len(column), np.uint64) if column.hash is None else column.hash
    text = column.kind[rows] == Kind.TEXT
    if not text.all():
        yield None, rows[~text]
        rows = rows[text]
    for found in np.unique(hashes[rows]).tolist():
        mine = rows[hashes[rows] == found]
        model_id = column.text(int(mine[0]))
        yield model_id if fit_id(model_id) else None, mine


def _ticks(column: Column) -> Integers:
    return np.zeros(len(column), np.int64) if column.integers is None else column.integers
