"""From messages of a source topic to judged rows: what every reader of one does before it judges the rows themselves.

Stages profile and join judge by these functions, so that they count and remember exactly the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from driftline.avro import Columns, Program, RowError, UnsupportedSchema, compile_schema
from driftline.codec import EVENT_NAMES, HEADER_BYTES, MAGIC, Schemas
from driftline.errors import InvalidRecord, Reason
from driftline.events import Watermark
from driftline.kafka.ports import Message
from driftline.validation import MonitorBook
from driftline.validation.rows import EARLIEST_TIME
from services.drift.stage1.judgement import Integers, Judgement, Mark, Refused, Source

__all__ = ["Reader"]

Found = TypeVar("Found")
_NOT_AVRO = "the value is not Avro in single-object encoding (it must begin with C3 01 and the schema's fingerprint)"
_NO_SCHEMA = "the writer schema {:016x} was not on the topic schemas when this was written; publish it, then replay"
_BAD_SHAPE = "the writer schema {:016x} has a shape that is not read; a {} is a flat record of plain fields"


class Reader(ABC, Generic[Found]):
    """Judges messages by what the book knew when each was appended. One thread only."""

    event: ClassVar[str]
    """The event whose rows are read, by its own schema or one of the producer's with the fields"""
    needed: ClassVar[frozenset[str]]
    """that such a schema must have."""
    takes: ClassVar[str]
    """What belongs on the topic, for people."""

    def __init__(self, book: MonitorBook, schemas: Schemas, partitions: int) -> None:
        """`partitions` of the topic, fixed for life."""
        self._book = book
        self._schemas = schemas
        self._partitions = partitions
        self._programs: dict[int, Program | None] = {}

    def read(self, messages: Sequence[Message]) -> Judgement[Found]:
        """Decode, judge and sort out. The catalogue must have been refreshed after these were fetched."""
        return self.judge(Source.of(messages))

    def judge(self, source: Source) -> Judgement[Found]:
        """As `read`, of messages whose parts were taken when they came."""
        out: Judgement[Found] = Judgement()
        for header, places in source.bodies.by_start(HEADER_BYTES):
            self._read_part(header, places, source, out)
        return out

    @abstractmethod
    def _judge_columns(self, decoded: Columns, part: Integers, source: Source, out: Judgement[Found]) -> None:
        """Judge what was decoded of the messages `part`; rows with an error are refused already."""

    def _read_part(self, header: bytes, part: Integers, source: Source, out: Judgement[Found]) -> None:
        """Messages that begin alike: of one writer schema, or of none."""
        if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
            out.refused.extend(Refused(message, Reason.MALFORMED_AVRO, _NOT_AVRO) for message in source.pick(part))
            return
        number = int.from_bytes(header[len(MAGIC) :], "little")
        if any(self._book.schema_for(number, time) is None for time in source.times_of(part)):
            part = self._refuse_unknown_schema(number, part, source, out)
        schema = self._book.schema_for(number, int(source.append_time[part].max())) if len(part) else None
        if schema is not None:
            self._read_schema(number, schema, part, source, out)

    def _refuse_unknown_schema(self, number: int, part: Integers, source: Source, out: Judgement[Found]) -> Integers:
        """Dead-letter the messages that are older than their schema's record; returns the others."""
        kept = []
        for i in part.tolist():
            if self._book.schema_for(number, int(source.append_time[i])) is None:
                out.refused.append(Refused(source.messages[i], Reason.UNKNOWN_SCHEMA, _NO_SCHEMA.format(number)))
            else:
                kept.append(i)
        return np.array(kept, np.int64)

    def _read_schema(
        self, number: int, schema: Mapping[str, Any], part: Integers, source: Source, out: Judgement[Found]
    ) -> None:
        name = schema.get("name")
        fields = {each["name"] for each in schema.get("fields", ())}
        if name == "Watermark":
            self._read_marks(part, source, out)
        elif (name in EVENT_NAMES and name != self.event) or not fields >= self.needed:
            detail = f"a {name} does not belong on this topic; it takes {self.takes}"
            out.refused.extend(Refused(message, Reason.UNEXPECTED_EVENT, detail) for message in source.pick(part))
        else:
            self._read_rows(number, schema, part, source, out)

    def _read_rows(self, number: int, schema: Mapping[str, Any], part: Integers, source: Source, out: Judgement[Found]) -> None:
        """Messages with one row each, as columns."""
        program = self._program(number, schema)
        if program is None:
            detail = _BAD_SHAPE.format(number, self.event.lower())
            out.refused.extend(Refused(message, Reason.UNKNOWN_SCHEMA, detail) for message in source.pick(part))
            return
        everything = len(part) == len(source.bodies)
        decoded = program.decode_joined(source.bodies if everything else source.bodies.take(part), skip=HEADER_BYTES)
        for row in np.flatnonzero(decoded.error).tolist():
            what = RowError(int(decoded.error[row])).name.lower().replace("_", " ")
            detail = f"the body is no {schema['name']}: {what}"
            out.refused.append(Refused(source.messages[int(part[row])], Reason.MALFORMED_AVRO, detail))
        self._judge_columns(decoded, part, source, out)

    def _program(self, number: int, schema: Mapping[str, Any]) -> Program | None:
        if number not in self._programs:
            try:
                self._programs[number] = compile_schema(schema)
            except UnsupportedSchema:
                self._programs[number] = None
        return self._programs[number]

    def _read_marks(self, part: Integers, source: Source, out: Judgement[Found]) -> None:
        for i in part.tolist():
            try:
                mark = self._schemas.decode(source.bodies.piece(i))
            except InvalidRecord as error:
                out.refused.append(Refused(source.messages[i], error.reason, error.detail, field=error.field))
                continue
            assert isinstance(mark, Watermark)
            self._judge_mark(mark, i, source, out)

    def _judge_mark(self, mark: Watermark, i: int, source: Source, out: Judgement[Found]) -> None:
        append_time = int(source.append_time[i])
        monitor = self._book.version_for(mark.model_id, mark.event_time, append_time)
        if monitor is None:
            reason, name = Reason.UNKNOWN_MODEL, "model_id"
        elif mark.event_time < EARLIEST_TIME:
            reason, name = Reason.OUT_OF_RANGE, "event_time"
        elif mark.event_time > append_time + monitor.future_skew_us:
            reason, name = Reason.FUTURE_EVENT_TIME, "event_time"
        else:
            out.marks.append(Mark(monitor, mark.event_time, int(source.partition[i])))
            return
        out.refused.append(Refused.because(source.messages[i], reason, name, mark.model_id))
