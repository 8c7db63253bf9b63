"""Rows of the join as bytes: what the memory of a partition was made of, between two places in the topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from driftline.drift.labels import Features, LabelRows, PredictionRows, Terms
from driftline.drift.labels.packed import Malformed, pack, unpack
from driftline.kafka.ports import Message

__all__ = ["Block", "Rows", "Stamp", "Streams", "expires", "from_bytes", "to_bytes"]

Columns = Iterator[NDArray[Any]]
_ABSENT = -1


class Streams(Protocol):
    """Codes of streams, and what they stand for."""

    def identity(self, code: int) -> list[Any]:
        """Return all that the rows of a stream depend on, as JSON knows it."""
        ...

    def code_of(self, model_id: str, identity: Sequence[Any]) -> int | None:
        """Return the code of what `identity` said; None where that is so no longer."""
        ...

    def terms(self, code: int) -> Terms:
        """Return what its monitor says of labels."""
        ...


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a partition of both topics stands: next offsets, and the append times that were reached."""

    predictions: int
    labels: int
    predictions_at: int
    labels_at: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Remembered predictions and judged labels of a partition by model, in lots, in the order of offsets."""

    predictions: dict[str, list[PredictionRows]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[str, list[LabelRows]] = field(default_factory=lambda: defaultdict(list))

    def extend(self, later: Rows) -> None:
        """Add what came later."""
        for model_id, lots in later.predictions.items():
            self.predictions[model_id] += lots
        for model_id, labels in later.labels.items():
            self.labels[model_id] += labels

    def __len__(self) -> int:
        """How many rows there are."""
        predictions = sum(len(lot.stream) for lots in self.predictions.values() for lot in lots)
        return predictions + sum(len(lot.keys) for lots in self.labels.values() for lot in lots)


@dataclass(frozen=True, slots=True)
class Block:
    """What the offsets from `begin` (predictions, labels) to a stamp added to the memory of a partition."""

    begin: tuple[int, int]
    end: Stamp
    rows: Rows


def expires(rows: Rows) -> int:
    """Return the append time after which none of the rows can be met."""
    latest = -(2**62)
    for lots in rows.predictions.values():
        for lot in lots:
            longest = max((terms.memory for terms in lot.terms.values()), default=0)
            latest = max(latest, int(lot.append_time.max(initial=latest)) + longest)
    for labels in rows.labels.values():
        for found in labels:
            latest = max(latest, int((found.append_time + found.memory).max(initial=latest)))
    return latest


def to_bytes(block: Block, streams: Streams) -> bytes:
    """Return a block as it is stored."""
    end = block.end
    columns: list[NDArray[Any]] = []
    predictions = [_packed_predictions(model_id, lots, streams, columns) for model_id, lots in block.rows.predictions.items()]
    labels = [_packed_labels(model_id, lots, columns) for model_id, lots in block.rows.labels.items()]
    stamp = [end.predictions, end.labels, end.predictions_at, end.labels_at]
    return pack({"begin": block.begin, "end": stamp, "predictions": predictions, "labels": labels}, columns)


def from_bytes(data: bytes, topic: str, partition: int, streams: Streams) -> Block:
    """Read a block; `topic` and `partition` are those of its labels. Raises Malformed, also where a stream is no longer what it was."""
    said, found = unpack(data)
    try:
        columns, rows = iter(found), Rows()
        for model_id, identities, words in said["predictions"]:
            codes = _codes(model_id, identities, streams)
            rows.predictions[model_id].append(_predictions(codes, words, columns, streams))
        for model_id, values, headers in said["labels"]:
            rows.labels[model_id].append(_labels(values, headers, columns, topic, partition))
        predictions, labels = said["begin"]
        return Block((predictions, labels), Stamp(*said["end"]), rows)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise Malformed(f"a block cannot be read: {error!r}") from error


def _packed_predictions(
    model_id: str, lots: Sequence[PredictionRows], streams: Streams, columns: list[NDArray[Any]]
) -> list[Any]:
    rows = PredictionRows.total(lots)
    used, local = np.unique(rows.stream, return_inverse=True)
    columns += [local.reshape(-1).astype(np.int32), rows.keys, rows.event_time, rows.append_time]
    columns += [rows.predicted, rows.value, rows.slices, rows.features.cells]
    words = [[found, text] for found, text in rows.features.words.items()]
    return [model_id, [streams.identity(code) for code in used.tolist()], words]


def _codes(model_id: str, identities: Sequence[Sequence[Any]], streams: Streams) -> list[int]:
    codes = [code for identity in identities for code in (streams.code_of(model_id, identity),) if code is not None]
    if len(codes) < len(identities):
        raise Malformed(f"a monitor of {model_id} is not what it was: {identities}")
    return codes


def _predictions(codes: list[int], words: list[tuple[int, str]], columns: Columns, streams: Streams) -> PredictionRows:
    local, keys, event_time, append_time, predicted, value, slices, cells = (next(columns) for _ in range(8))
    return PredictionRows(
        terms={code: streams.terms(code) for code in codes},
        stream=np.array(codes, np.int32)[local],
        keys=keys,
        event_time=event_time,
        append_time=append_time,
        predicted=predicted,
        value=value,
        slices=slices,
        features=Features(cells, dict(words)),
    )


def _packed_labels(model_id: str, lots: Sequence[LabelRows], columns: list[NDArray[Any]]) -> list[Any]:
    rows = LabelRows.total(lots)
    sources: Sequence[Message] = rows.sources
    parts = [part for source in sources for part in (source.key(), source.value())]
    lengths = np.array([_ABSENT if part is None else len(part) for part in parts], np.int64)
    columns += [rows.keys, rows.label_time, rows.append_time, rows.memory]
    columns += [np.array([source.offset() for source in sources], np.int64)]
    columns += [np.array([source.timestamp() for source in sources], np.int64).reshape(-1, 2)]
    columns += [lengths, np.frombuffer(b"".join(part or b"" for part in parts), np.uint8)]
    headers = {i: [(name, value.hex()) for name, value in found] for i, m in enumerate(sources) if (found := m.headers())}
    return [model_id, list(rows.values), headers]


def _labels(
    values: list[float | str], headers: dict[str, list[tuple[str, str]]], columns: Columns, topic: str, partition: int
) -> LabelRows:
    keys, label_time, append_time, memory, offset, timestamp, lengths, texts = (next(columns) for _ in range(8))
    messages = _Messages(topic, partition, offset, timestamp, headers, lengths, np.cumsum(np.maximum(lengths, 0)), texts)
    return LabelRows(keys=keys, label_time=label_time, append_time=append_time, memory=memory, values=values, sources=messages)


@dataclass(frozen=True, slots=True)
class _Message:
    """A record as it was read."""

    of_topic: str
    of_partition: int
    at_offset: int
    at_time: tuple[int, int]
    with_key: bytes | None
    with_value: bytes | None
    with_headers: list[tuple[str, bytes]]

    def topic(self) -> str:
        return self.of_topic

    def partition(self) -> int:
        return self.of_partition

    def offset(self) -> int:
        return self.at_offset

    def timestamp(self) -> tuple[int, int]:
        return self.at_time

    def key(self) -> bytes | None:
        return self.with_key

    def value(self) -> bytes | None:
        return self.with_value

    def headers(self) -> list[tuple[str, bytes]] | None:
        return self.with_headers or None

    def error(self) -> object | None:
        return None

    def __len__(self) -> int:
        return len(self.with_value or b"")


@dataclass(frozen=True, slots=True)
class _Messages(Sequence[Message]):
    """Stored messages: each is made when it is asked for, which is seldom."""

    topic: str
    partition: int
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    headers: dict[str, list[tuple[str, str]]]
    lengths: NDArray[np.int64]
    """Of key and value, alternating."""
    ends: NDArray[np.int64]
    texts: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, i: Any) -> Any:
        kind, at = self.timestamps[i].tolist()
        headers = [(name, bytes.fromhex(value)) for name, value in self.headers.get(str(i), [])]
        place = (self.topic, self.partition, int(self.offsets[i]))
        return _Message(*place, (kind, at), self._text(2 * i), self._text(2 * i + 1), headers)

    def _text(self, which: int) -> bytes | None:
        length, end = int(self.lengths[which]), int(self.ends[which])
        return None if length == _ABSENT else self.texts[end - length : end].tobytes()
