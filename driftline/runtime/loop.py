"""The one batch loop of the hot services: consume, handle, one transaction, repeat.

A handler accumulates in `handle` and gives its results in `flush`; the loop puts records and offsets
into one Kafka transaction, which it opens only when the output is ready. On a revoke everything
handled is committed and dropped. After a timeout of send_offsets, commit or abort the outcome is
unknown to librdkafka (no KIP-890), so the loop raises and the process exits: the next start fences
the old transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from driftline.kafka.ports import Headers, Message, TopicPartition

__all__ = ["Flush", "Handler", "OutRecord", "Reach"]


@dataclass(frozen=True, slots=True)
class OutRecord:
    """A record to produce inside the transaction; `partition` None lets the key decide (murmur2)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a source partition was read: [start, end) by position.

    `start` is the `end` of the last committed flush. `caught_up`: the position had reached the
    uncommitted high-water mark when it was asked, after the last message was handled.
    """

    start: int
    end: int
    caught_up: bool


@dataclass(frozen=True, slots=True)
class Flush:
    """What one transaction shall hold.

    `offsets` None commits every assigned partition's `Reach.end`; a mapping commits just these
    (empty: records only). `more` asks for another flush at once, before anything is consumed.
    With no records and no offset that moves there is no transaction.
    """

    records: Sequence[OutRecord] = ()
    offsets: Mapping[TopicPartition, int] | None = None
    more: bool = False


class Handler(Protocol):
    """The part of a hot service that knows what the messages mean. Called from one thread.

    Anything raised stops the process: poison must be turned into dead letters by the handler.
    """

    def commit_interval(self) -> float:
        """Return the seconds between flushes now (0.5 unless the handler stretches it)."""
        ...

    def on_assign(self, starts: Mapping[TopicPartition, int], now: int) -> None:
        """Take over partitions; reading begins at these offsets. Restore state here."""
        ...

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop all state of these partitions; what was handled is committed already (or lost)."""
        ...

    def handle(self, messages: Sequence[Message], now: int) -> None:
        """Accumulate a batch; order within a partition is kept. Writes nothing anywhere."""
        ...

    def flush(self, reach: Mapping[TopicPartition, Reach], now: int) -> Flush:
        """Return the output of everything handled since the last flush; called when idle too.

        `reach` holds every assigned partition. `now`: microseconds, for pacing only.
        """
        ...

    def committed(self, offsets: Mapping[TopicPartition, int], now: int) -> None:
        """Learn that the last flush is durable; caches are written here, never before."""
        ...
