"""From messages of the topic `predictions` to judged rows: which count under which monitor, which are refused and why.

Stage profile counts what this accepts, stage join remembers exactly the same: both call `PredictionReader.read`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Columns, Kind, MapColumn, Program, RowError, UnsupportedSchema, compile_schema
from driftline.avro.layout import hash_texts
from driftline.codec import EVENT_NAMES, HEADER_BYTES, MAGIC, Schemas
from driftline.drift.profile import PairCodes
from driftline.errors import InvalidRecord, Reason
from driftline.events import PredictionBatch, Watermark
from driftline.kafka.ports import Message
from driftline.validation import (
    MonitorBook,
    Rows,
    check_batch,
    fit_id,
    joined_rows,
    partitions_of,
    same_columns,
    validate_ids,
    validate_rows,
)
from driftline.validation.rows import EARLIEST_TIME
from services.drift.stage1.judgement import DETAILS, Chunk, Integers, Judged, Judgement, Mark, Refused, Source

_REMEMBERED_STREAMS = 65_536
_SPECIAL = {"prediction": ":prediction", "score": ":score", "latency_ms": ":latency_ms"}
_RESERVED = frozenset({"model_id", "model_version", "prediction_id", "event_time", "features", *_SPECIAL})
_NEEDED = frozenset({"model_id", "model_version", "prediction_id", "event_time"})


class _Role(Enum):
    ROWS = "rows"  # one prediction a message, in columns
    EVENT = "event"  # PredictionBatch, Watermark: one by one
    OTHER = "other"  # nothing that belongs on this topic
    UNKNOWN = "unknown"  # no such writer schema


class PredictionReader:
    """Judges messages of `predictions` by what the book knew when each was appended. One thread only."""

    def __init__(self, book: MonitorBook, schemas: Schemas, partitions: int) -> None:
        """`partitions` of the topic `predictions`, fixed for life."""
        self._book = book
        self._schemas = schemas
        self._partitions = partitions
        self._programs: dict[int, Program | None] = {}
        self._forget_streams()

    def _forget_streams(self) -> None:
        self._streams = PairCodes()
        self._names: list[tuple[str, str]] = []

    def stream_name(self, code: int) -> tuple[str, str]:
        """Model and model version of a stream code; good until the next `read`."""
        return self._names[code]

    def read(self, messages: Sequence[Message]) -> Judgement:
        """Decode, judge and sort out. The catalogue must have been refreshed after these were fetched."""
        return self.judge(Source.of(messages))

    def judge(self, source: Source) -> Judgement:
        """As `read`, of messages whose parts were taken when they came."""
        if len(self._streams) > _REMEMBERED_STREAMS:
            self._forget_streams()
        out = Judgement()
        for header, places in source.bodies.by_start(HEADER_BYTES):
            self._read_part(header, places, source, out)
        return out

    def _read_part(self, header: bytes, part: Integers, source: Source, out: Judgement) -> None:
        """Messages of one writer schema."""
        if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
            detail = "the value is not Avro in single-object encoding (it must begin with C3 01 and the schema's fingerprint)"
            out.refused.extend(Refused(source.messages[i], Reason.MALFORMED_AVRO, detail) for i in part.tolist())
            return
        number = int.from_bytes(header[2:], "little")
        known = np.array([self._book.schema_for(number, time) is not None for time in source.times_of(part)])
        if not known.all():
            part = self._refuse_unknown_schema(number, part, source, out)
        schema = self._book.schema_for(number, int(source.append_time[part].max())) if len(part) else None
        if schema is None:
            return
        role = _role(schema)
        if role is _Role.OTHER:
            detail = f"a {schema.get('name')} does not belong on this topic; it takes Prediction, PredictionBatch and Watermark"
            out.refused.extend(Refused(source.messages[i], Reason.UNEXPECTED_EVENT, detail) for i in part.tolist())
        elif role is _Role.EVENT:
            self._read_events(part, source, out)
        else:
            self._read_rows(number, schema, part, source, out)

    def _refuse_unknown_schema(self, number: int, part: Integers, source: Source, out: Judgement) -> Integers:
        """Dead-letter the messages that are older than their schema's record; returns the others."""
        kept = []
        detail = f"the writer schema {number:016x} was not on the topic schemas when this was written; publish it, then replay"
        for i in part.tolist():
            if self._book.schema_for(number, int(source.append_time[i])) is None:
                out.refused.append(Refused(source.messages[i], Reason.UNKNOWN_SCHEMA, detail))
            else:
                kept.append(i)
        return np.array(kept, np.int64)

    def _read_events(self, part: Integers, source: Source, out: Judgement) -> None:
        """Watermarks one by one; batches with the same columns together, because most of their cost is per call."""
        groups: dict[tuple[object, ...], dict[int, PredictionBatch]] = {}
        for i in part.tolist():
            try:
                event = self._schemas.decode(source.bodies.piece(i))
                if isinstance(event, Watermark):
                    self._judge_mark(event, i, source, out)
                    continue
                check_batch(event)
            except InvalidRecord as error:
                out.refused.append(Refused(source.messages[i], error.reason, error.detail, field=error.field))
                continue
            unfit = next((name for name in ("model_id", "model_version") if not fit_id(getattr(event, name))), None)
            if unfit is None:
                groups.setdefault(same_columns(event), {})[i] = event
            else:
                detail = DETAILS[Reason.INVALID_ID].format(field=unfit)
                refused = Refused(source.messages[i], Reason.INVALID_ID, detail, field=unfit, model_id=event.model_id)
                out.refused.append(refused)
        for batches in groups.values():
            self._read_batches(batches, source, out)

    def _read_batches(self, batches: dict[int, PredictionBatch], source: Source, out: Judgement) -> None:
        sizes = [batch.rows for batch in batches.values()]
        rows = joined_rows(list(batches.values()))
        message = np.repeat(np.fromiter(batches, np.int64, len(batches)), sizes)
        chunk = Chunk(
            source=source,
            rows=Rows(rows.prediction_id, rows.event_time, source.append_time[message], rows.columns),
            model_ids=None,
            message=message,
            partition=source.partition[message],
            batches=batches,
            number=np.concatenate([np.arange(size, dtype=np.int64) for size in sizes]),
        )
        self._judge(chunk, np.arange(len(rows), dtype=np.int64), out)

    def _judge_mark(self, mark: Watermark, i: int, source: Source, out: Judgement) -> None:
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
        detail = DETAILS[reason].format(field=name)
        out.refused.append(Refused(source.messages[i], reason, detail, field=name, model_id=mark.model_id))

    def _program(self, number: int, schema: Mapping[str, Any]) -> Program | None:
        if number not in self._programs:
            try:
                self._programs[number] = compile_schema(schema)
            except UnsupportedSchema:
                self._programs[number] = None
        return self._programs[number]

    def _read_rows(self, number: int, schema: Mapping[str, Any], part: Integers, source: Source, out: Judgement) -> None:
        program = self._program(number, schema)
        if program is None:
            detail = (
                f"the writer schema {number:016x} has a shape that is not read; a prediction is a flat record of plain fields"
            )
            out.refused.extend(Refused(source.messages[i], Reason.UNKNOWN_SCHEMA, detail) for i in part.tolist())
            return
        everything = len(part) == len(source.bodies)
        decoded = program.decode_joined(source.bodies if everything else source.bodies.take(part), skip=HEADER_BYTES)
        for row in np.flatnonzero(decoded.error).tolist():
            what = RowError(decoded.error[row]).name.lower().replace("_", " ")
            detail = f"the body is no {schema['name']}: {what}"
            out.refused.append(Refused(source.messages[int(part[row])], Reason.MALFORMED_AVRO, detail))
        chunk = Chunk(
            source=source,
            rows=Rows(
                decoded.column("prediction_id"),
                decoded.column("event_time"),
                source.append_time[part],
                _features(decoded),
                model_version=decoded.column("model_version"),
            ),
            model_ids=decoded.column("model_id"),
            message=part,
            partition=source.partition[part],
        )
        self._judge(chunk, np.flatnonzero(decoded.ok), out)

    def _judge(self, chunk: Chunk, candidates: Integers, out: Judgement) -> None:
        """Sort a chunk by model, and judge each."""
        if chunk.model_ids is not None:
            verdict = validate_ids("model_id", chunk.model_ids)
            fit = verdict.accepted[candidates]
            if not fit.all():
                chunk.refuse_as(verdict, candidates[~fit], None, out)
                candidates = candidates[fit]
        stream = self._encode_streams(chunk, candidates)
        for model_id, chosen in self._by_model(stream, candidates):
            self._judge_model(chunk, model_id, chosen, stream, out)

    def _judge_model(self, chunk: Chunk, model_id: str, chosen: Integers, stream: NDArray[np.int32], out: Judgement) -> None:
        """Judge each row by the monitor version that it falls under."""
        rows = chunk.rows
        times = np.zeros(len(stream), np.int64) if rows.event_time.integers is None else rows.event_time.integers
        places = self._book.versions_for(model_id, times[chosen], rows.append_time[chosen])
        entries = self._book.entries(model_id)
        lowest, highest = int(places.min()), int(places.max())
        for place in range(lowest, highest + 1):
            mine = chosen if lowest == highest else chosen[places == place]
            if not len(mine):
                continue
            if place < 0:
                chunk.refuse(mine, Reason.UNKNOWN_MODEL, "model_id", model_id, out)
                continue
            monitor = entries[place].monitor
            verdict = validate_rows(monitor, rows, mine)
            accepted = verdict.accepted[mine]
            if not accepted.all():
                chunk.refuse_as(verdict, mine[~accepted], model_id, out)
                mine = mine[accepted]
            if monitor.labels and len(mine):
                home = partitions_of(rows.prediction_id, mine, self._partitions)[mine] == chunk.partition[mine]
                if not home.all():
                    chunk.refuse(mine[~home], Reason.WRONG_PARTITION, "prediction_id", model_id, out)
                    mine = mine[home]
            if len(mine):
                out.judged.append(Judged(monitor, rows, mine, stream, chunk.message, chunk.partition))

    def _encode_streams(self, chunk: Chunk, candidates: Integers) -> NDArray[np.int32]:
        """Stream code of each candidate."""
        before = len(self._streams)
        versions = chunk.rows.model_version
        if chunk.model_ids is None or versions is None:
            pairs = [(batch.model_id, batch.model_version) for batch in chunk.batches.values()]
            hashes = hash_texts([text for pair in pairs for text in pair])
            everyone = np.arange(len(pairs), dtype=np.int64)
            found = self._streams.encode(
                np.ascontiguousarray(hashes[::2]), np.ascontiguousarray(hashes[1::2]).view(np.int64), everyone
            )
            self._names.extend(pairs[int(np.argmax(found == new))] for new in range(before, len(self._streams)))
            return np.repeat(found, [batch.rows for batch in chunk.batches.values()])
        codes = self._streams.encode(_hashes(chunk.model_ids), _hashes(versions).view(np.int64), candidates)
        for new in range(before, len(self._streams)):
            row = int(np.argmax(codes == new))
            version = versions.text(row) if versions.kind[row] == Kind.TEXT else ""
            self._names.append((chunk.model_ids.text(row), version))
        return codes

    def _by_model(self, stream: NDArray[np.int32], candidates: Integers) -> Iterator[tuple[str, Integers]]:
        """The candidates of each model."""
        codes = stream[candidates]
        models: dict[str, list[int]] = {}
        for code in np.flatnonzero(np.bincount(codes)).tolist():
            models.setdefault(self._names[code][0], []).append(code)
        for model_id, mine in models.items():
            yield model_id, candidates if len(models) == 1 else candidates[np.isin(codes, mine)]


def _role(schema: Mapping[str, Any]) -> _Role:
    name = schema.get("name")
    if name in ("PredictionBatch", "Watermark"):
        return _Role.EVENT
    if name in EVENT_NAMES and name != "Prediction":
        return _Role.OTHER
    fields = {each["name"] for each in schema.get("fields", ())}
    return _Role.ROWS if fields >= _NEEDED else _Role.OTHER


def _features(decoded: Columns) -> dict[str, Column]:
    """Features by name, then what the schema calls prediction, score and latency_ms, which therefore win."""
    found: dict[str, Column] = {}
    for name, column in decoded.fields.items():
        if isinstance(column, MapColumn):
            found.update(column.columns)
        elif isinstance(column, Column) and name not in _RESERVED:
            found[name] = column
    for name, special in _SPECIAL.items():
        known = decoded.fields.get(name)
        if isinstance(known, Column):
            found[special] = known
        else:
            found.pop(special, None)
    return found


def _hashes(column: Column) -> NDArray[np.uint64]:
    return np.zeros(len(column), np.uint64) if column.hash is None else np.ascontiguousarray(column.hash)
