"""What becomes of messages of a source topic: rows that count, rows that are refused with their reason, watermarks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from driftline.avro import Column, Joined
from driftline.drift.profile import read_columns
from driftline.errors import Reason
from driftline.events import Monitor, PredictionBatch
from driftline.kafka.ports import Message
from driftline.validation import Rows, Verdict

Integers = NDArray[np.int64]
Found = TypeVar("Found")
"""Accepted rows: Judged, or what stage join makes of labels."""

_FEW = 8

DETAILS = {
    Reason.INVALID_ID: "{field} must have 1 to 128 bytes of UTF-8",
    Reason.OUT_OF_RANGE: "{field} is outside its range (a score lies in [0, 1]; times are microseconds since 1970)",
    Reason.FUTURE_EVENT_TIME: "{field} is further ahead of the time it was appended than the monitor tolerates; mind the unit",
    Reason.MISSING_FIELD: "{field} is missing; the monitor requires it",
    Reason.WRONG_TYPE: "{field} has another type than the monitor declares",
    Reason.NON_FINITE: "{field} is infinite; send null for an unknown value",
    Reason.WRONG_PARTITION: "the row lies in another partition than murmur2({field}) gives, where its label will look for it",
    Reason.DUPLICATE_ID: "an event of this {field} was appended within the hour before; the first one counts",
    Reason.UNKNOWN_MODEL: "its model had no monitor when this was written; apply one (driftline monitor apply), then replay",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A message, or rows of a batch, that count nowhere."""

    message: Message
    reason: Reason
    detail: str
    field: str | None = None
    model_id: str | None = None
    rows: tuple[int, ...] = ()
    """Row numbers within a batch; empty = the whole message."""
    batch: PredictionBatch | None = None
    """The batch that the rows are of."""

    @staticmethod
    def because(message: Message, reason: Reason, name: str, model_id: str | None) -> Refused:
        """A whole message, refused for a reason that `DETAILS` explains, because of the field of this name."""
        return Refused(message, reason, DETAILS[reason].format(field=name), name, model_id)


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark that counts."""

    monitor: Monitor
    event_time: int
    partition: int


@dataclass(slots=True)
class Judgement(Generic[Found]):
    """What became of some messages."""

    judged: list[Found] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """Messages and what was taken from all of them."""

    messages: Sequence[Message]
    bodies: Joined
    """Their values; a tombstone is empty."""
    partition: NDArray[np.int32]
    append_time: Integers
    """Microseconds."""

    @staticmethod
    def of(messages: Sequence[Message]) -> Source:
        """Take what is needed of every message, best while they are in the processor's cache."""
        if not messages:
            return Source((), Joined.of(()), np.zeros(0, np.int32), np.zeros(0, np.int64))
        # Unbound methods: they are called some hundred thousand times a second.
        kind = type(messages[0])
        values = list(map(kind.value, messages))
        try:
            bodies = Joined.of(cast("list[bytes]", values))
        except TypeError:  # a tombstone, which asking for beforehand would cost as much as reading the values
            bodies = Joined.of([value or b"" for value in values])
        partition = np.fromiter(map(kind.partition, messages), np.int32, len(messages))
        return Source(messages, bodies, partition, _append_times(messages, partition))

    @staticmethod
    def joined(sources: Sequence[Source]) -> Source:
        """Several as one, in their order."""
        if len(sources) == 1:
            return sources[0]
        return Source(
            list(itertools.chain.from_iterable(source.messages for source in sources)),
            Joined.chained([source.bodies for source in sources]),
            np.concatenate([source.partition for source in sources]),
            np.concatenate([source.append_time for source in sources]),
        )

    def pick(self, part: Integers) -> list[Message]:
        """Some of the messages, by their indices."""
        return [self.messages[i] for i in part.tolist()]

    def times_of(self, part: Integers) -> tuple[int, int]:
        """Smallest and largest append time of some messages."""
        times = self.append_time[part]
        return int(times.min()), int(times.max())


def _append_times(messages: Sequence[Message], partition: NDArray[np.int32]) -> Integers:
    """Append time of each message, microseconds.

    A partition's log gets its times in order, so that equal times at both ends of a run of one partition are the times
    of all between: asking every message would cost as much as reading its value.
    """
    times = np.empty(len(messages), np.int64)
    borders = [0, *(np.flatnonzero(np.diff(partition)) + 1).tolist(), len(messages)]
    pending = list(itertools.pairwise(borders))
    while pending:
        begin, end = pending.pop()
        first, last = messages[begin].timestamp()[1], messages[end - 1].timestamp()[1]
        if first == last:
            times[begin:end] = first
        elif end - begin <= _FEW:
            times[begin:end] = [message.timestamp()[1] for message in messages[begin:end]]
        else:
            middle = (begin + end) // 2
            pending += [(begin, middle), (middle, end)]
    return times * 1000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows on their way to judgement: of some batches, or of many messages with one prediction each."""

    source: Source
    rows: Rows
    model_ids: Column | None
    """By row; None for batches."""
    message: Integers
    """By row: index into the messages."""
    partition: NDArray[np.int32]
    """By row."""
    batches: Mapping[int, PredictionBatch] = field(default_factory=dict)
    """By index of their message; empty for single predictions."""
    number: Integers | None = None
    """By row: its number within its batch; None for single predictions."""

    def read_for(self, monitor: Monitor, chosen: Integers) -> Chunk:
        """The same with the times and texts that a monitor watches as the numbers that they are counted as, of accepted rows."""
        kinds = {column.name: column.kind for column in monitor.columns}
        times = self.rows.event_time.integers
        assert times is not None  # an accepted row has one
        columns = read_columns(kinds, self.rows.columns, times, chosen)
        return self if columns is self.rows.columns else replace(self, rows=replace(self.rows, columns=columns))

    def refuse(self, rows: Integers, reason: Reason, name: str, model_id: str | None, out: Judgement[Any]) -> None:
        """Refuse rows for one reason: those of a batch together, else each message by itself."""
        detail = DETAILS[reason].format(field=name)
        messages = self.message[rows]
        if self.number is None:
            found = (self.source.messages[i] for i in messages.tolist())
            out.refused.extend(Refused(message, reason, detail, name, model_id) for message in found)
            return
        for i in np.unique(messages).tolist():
            numbers = tuple(self.number[rows[messages == i]].tolist())
            out.refused.append(Refused(self.source.messages[i], reason, detail, name, model_id, numbers, self.batches[i]))

    def refuse_as(self, verdict: Verdict, rows: Integers, model_id: str | None, out: Judgement[Any]) -> None:
        """Refuse rows as a verdict says: of a batch one dead letter for each reason, naming the first field at fault."""
        groups: dict[tuple[int, int], list[int]] = {}
        for row, message in zip(rows.tolist(), self.message[rows].tolist(), strict=True):
            apart = int(verdict.place[row]) if self.number is None else message
            groups.setdefault((int(verdict.code[row]), apart), []).append(row)
        for members in groups.values():
            reason, name = verdict.reason(members[0]), verdict.field(members[0])
            assert reason is not None  # only refused rows come here
            assert name is not None
            self.refuse(np.array(members, np.int64), reason, name, model_id, out)


@dataclass(frozen=True, slots=True)
class Judged:
    """Accepted rows of one model under one monitor version: the rows `chosen` of a chunk of messages."""

    monitor: Monitor
    chunk: Chunk
    chosen: Integers
    stream: NDArray[np.int32]
    """By row: code of (model, model version), see `PredictionReader.stream_name`."""

    @property
    def rows(self) -> Rows:
        """The rows of the chunk."""
        return self.chunk.rows

    @property
    def message(self) -> Integers:
        """By row: index into the messages that were read. Rows of one message are in their order."""
        return self.chunk.message

    @property
    def partition(self) -> NDArray[np.int32]:
        """By row: source partition."""
        return self.chunk.partition

    @property
    def event_time(self) -> Integers:
        """By row: event time, microseconds."""
        times = self.rows.event_time.integers
        assert times is not None  # an accepted row has one
        return times
