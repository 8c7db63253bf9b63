"""From messages of the topic `predictions` to judged rows: which count under which monitor, which are refused and why.

Stage profile counts what this accepts, stage join remembers exactly the same: both call `PredictionReader.read`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Columns, Kind, MapColumn
from driftline.avro.layout import hash_texts
from driftline.batches import check_batch
from driftline.codec import Schemas
from driftline.drift.profile import PairCodes
from driftline.errors import InvalidRecord, Reason
from driftline.events import Deduplicate, PredictionBatch
from driftline.events.columns import LATENCY, PREDICTION, SCORE
from driftline.validation import (
    MonitorBook,
    Rows,
    fit_id,
    joined_rows,
    partitions_of,
    same_columns,
    validate_ids,
    validate_rows,
)
from services.drift.stage1.judgement import Chunk, Integers, Judged, Judgement, Refused, Source
from services.drift.stage1.reader import Reader

_REMEMBERED_STREAMS = 65_536
_SPECIAL = {"prediction": PREDICTION, "score": SCORE, "latency_ms": LATENCY}
_RESERVED = frozenset({"model_id", "model_version", "prediction_id", "event_time", "features", *_SPECIAL})


class PredictionReader(Reader[Judged]):
    """Judges messages of `predictions` by what the book knew when each was appended. One thread only."""

    event = "Prediction"
    needed = frozenset({"model_id", "model_version", "prediction_id", "event_time"})
    takes = "Prediction, PredictionBatch and Watermark"

    def __init__(self, book: MonitorBook, schemas: Schemas, partitions: int) -> None:
        """`partitions` of the topic `predictions`, fixed for life."""
        super().__init__(book, schemas, partitions)
        self._forget_streams()

    def _forget_streams(self) -> None:
        self._streams = PairCodes()
        self._names: list[tuple[str, str]] = []

    @property
    def deduplicates(self) -> bool:
        """Whether any monitor that is known wants each id once."""
        monitors = (monitor for model_id in self._book.model_ids() for monitor in self._book.versions(model_id))
        return any(monitor.deduplicate is Deduplicate.ID for monitor in monitors)

    def stream_name(self, code: int) -> tuple[str, str]:
        """Model and model version of a stream code; good until the next `read`."""
        return self._names[code]

    def judge(self, source: Source) -> Judgement[Judged]:
        """As `read`, of messages whose parts were taken when they came."""
        if len(self._streams) > _REMEMBERED_STREAMS:
            self._forget_streams()
        return super().judge(source)

    def _read_schema(
        self, number: int, schema: Mapping[str, Any], part: Integers, source: Source, out: Judgement[Judged]
    ) -> None:
        if schema.get("name") == "PredictionBatch":
            self._read_batch_messages(part, source, out)
        else:
            super()._read_schema(number, schema, part, source, out)

    def _read_batch_messages(self, part: Integers, source: Source, out: Judgement[Judged]) -> None:
        """Batches with the same columns together, because most of their cost is per call."""
        groups: dict[tuple[object, ...], dict[int, PredictionBatch]] = {}
        for i in part.tolist():
            try:
                event = self._schemas.decode(source.bodies.piece(i))
                check_batch(event)
            except InvalidRecord as error:
                out.refused.append(Refused(source.messages[i], error.reason, error.detail, field=error.field))
                continue
            unfit = next((name for name in ("model_id", "model_version") if not fit_id(getattr(event, name))), None)
            if unfit is None:
                groups.setdefault(same_columns(event), {})[i] = event
            else:
                out.refused.append(Refused.because(source.messages[i], Reason.INVALID_ID, unfit, event.model_id))
        for batches in groups.values():
            self._read_batches(batches, source, out)

    def _read_batches(self, batches: dict[int, PredictionBatch], source: Source, out: Judgement[Judged]) -> None:
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

    def _judge_columns(self, decoded: Columns, part: Integers, source: Source, out: Judgement[Judged]) -> None:
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

    def _judge(self, chunk: Chunk, candidates: Integers, out: Judgement[Judged]) -> None:
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

    def _judge_model(
        self, chunk: Chunk, model_id: str, chosen: Integers, stream: NDArray[np.int32], out: Judgement[Judged]
    ) -> None:
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
            if (monitor.labels or monitor.deduplicate is Deduplicate.ID) and len(mine):
                home = partitions_of(rows.prediction_id, mine, self._partitions)[mine] == chunk.partition[mine]
                if not home.all():
                    chunk.refuse(mine[~home], Reason.WRONG_PARTITION, "prediction_id", model_id, out)
                    mine = mine[home]
            if len(mine):
                out.judged.append(Judged(monitor, chunk.read_for(monitor, mine), mine, stream))

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
