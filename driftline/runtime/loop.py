"""The one batch loop of the hot services: consume, handle, one transaction, repeat.

A handler accumulates in `handle` and gives its results in `flush`; the loop puts records and offsets
into one Kafka transaction, which it opens only when the output is ready. On a revoke everything
handled is committed and dropped. After a timeout of send_offsets, commit or abort the outcome is
unknown to librdkafka (no KIP-890), so the loop raises and the process exits: the next start fences
the old transaction.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from driftline.clock import Clock
from driftline.kafka.errors import KafkaFailure, KafkaUnavailable, OffsetOutOfRange, OutcomeUnknown, StaleGeneration
from driftline.kafka.ports import Consumer, Headers, Message, TopicPartition, TransactionalProducer
from driftline.runtime.health import Health
from driftline.runtime.metrics import LoopMetrics
from driftline.runtime.stalls import Stalls

__all__ = ["AdaptiveInterval", "BatchLoop", "Flush", "Handled", "Handler", "Limits", "OutRecord", "Reach", "Surroundings"]

_RESTORE_SECONDS = 900.0
"""How long a handler may restore state; the group waits as long (`max.poll.interval.ms`)."""

_LOG = structlog.get_logger("driftline.loop")


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

    `start` is the offset last committed. `caught_up`: the position had reached the uncommitted
    high-water mark when it was asked, after the last message was handled.
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


@dataclass(frozen=True, slots=True)
class Handled:
    """How much a handler took: of rows, and of bytes in the values of their messages."""

    rows: int
    bytes: int


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

    def handle(self, messages: Sequence[Message], now: int) -> Handled | None:
        """Accumulate a batch; order within a partition is kept. Writes nothing anywhere.

        Returns how much that was, for the limits of a transaction; None lets the loop measure the messages.
        """
        ...

    def flush(self, reach: Mapping[TopicPartition, Reach], now: int) -> Flush:
        """Return the output of everything handled since the last flush; called when idle too.

        `reach` holds every assigned partition. `now`: microseconds, for pacing only.
        """
        ...

    def committed(self, offsets: Mapping[TopicPartition, int], now: int) -> None:
        """Learn that the last flush is durable; caches are written here, never before."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one transaction may hold, and how one poll asks for it."""

    transaction_bytes: int = 16 * 1024 * 1024
    transaction_rows: int = 65_536
    poll_messages: int = 2_000
    poll_seconds: float = 0.05
    """librdkafka waits for all messages asked for or this long, so it bounds the latency."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every loop of a process shares; `monotonic` gives the seconds that pace it."""

    clock: Clock
    health: Health
    metrics: LoopMetrics
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class AdaptiveInterval:
    """The commit interval of a writer of partials: doubles when they exceed 0.2 x events, up to 10 s."""

    shortest: float = 0.5
    longest: float = 10.0
    share: float = 0.2
    seconds: float = 0.5

    def observe(self, *, partials: int, events: int) -> None:
        """Learn what the last flush wrote and read; an idle flush changes nothing."""
        if events == 0:
            return
        if partials > self.share * events:
            self.seconds = min(self.longest, self.seconds * 2)
        elif partials * 4 <= self.share * events:  # half the interval would still be well below the share
            self.seconds = max(self.shortest, self.seconds / 2)


class BatchLoop:
    """Runs one handler over one consumer group with one transactional producer."""

    def __init__(
        self,
        part: str,
        handler: Handler,
        *,
        consumer: Consumer,
        producer: TransactionalProducer,
        topics: Sequence[str],
        surroundings: Surroundings,
        limits: Limits | None = None,
        accept_gap: bool = False,
    ) -> None:
        """Put the parts together; nothing is read before `start` (or `run`).

        `accept_gap` goes on at the first record left where retention has passed a committed offset;
        the handler sees it as a start beyond what was committed.
        """
        self._part = part
        self._handler = handler
        self._consumer = consumer
        self._producer = producer
        self._topics = tuple(topics)
        self._clock = surroundings.clock
        self._health = surroundings.health
        self._metrics = surroundings.metrics
        self._monotonic = surroundings.monotonic
        self._limits = limits or Limits()
        self._accept_gap = accept_gap
        self._committed: dict[TopicPartition, int | None] = {}
        self._starts: dict[TopicPartition, int] = {}
        self._stalls = Stalls(surroundings.monotonic)
        self._rows = 0
        self._bytes = 0
        self._behind = False
        self._due = 0.0
        self._stopping = False
        self._dead = False
        self._leaving = False

    def run(self) -> None:
        """Loop until `stop`; raises what ended it otherwise. The process must then exit."""
        try:
            self.start()
            while not self._stopping:
                self.step()
            self.drain()
        except BaseException:
            self.abandon()
            raise

    def stop(self) -> None:
        """Ask for the end; from a signal handler or any thread."""
        self._stopping = True

    def start(self) -> None:
        """Fence earlier instances and join the group."""
        self._health.block(self._part, f"{self._part} has not joined its consumer group yet")
        self._producer.init_transactions()
        self._consumer.subscribe(self._topics, self)

    def step(self) -> None:
        """Poll once, handle what came, and flush if it is time."""
        wait = max(0.0, min(self._limits.poll_seconds, self._due - self._monotonic()))
        messages = self._consumer.consume(self._limits.poll_messages, wait)
        self._health.beat(self._part)
        self._behind = len(messages) >= self._limits.poll_messages
        if messages:
            handled = self._handler.handle(messages, self._clock.now_us())
            if handled is None:
                handled = Handled(len(messages), sum(map(len, messages)))
            self._rows += handled.rows
            self._bytes += handled.bytes
            self._metrics.messages.labels(self._part).inc(len(messages))
            self._metrics.message_bytes.labels(self._part).inc(handled.bytes)
        if self._is_full() or self._monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Commit everything handled so far, in as many transactions as the handler asks for."""
        more = bool(self._committed)
        while more:
            reach = self._reach()
            flush = self._handler.flush(reach, self._clock.now_us())
            self._commit(flush, reach)
            more = flush.more
            self._health.beat(self._part)
        self._rows = self._bytes = 0
        interval = self._handler.commit_interval()
        self._metrics.commit_interval.labels(self._part).set(interval)
        self._due = self._monotonic() + interval

    def drain(self) -> None:
        """Commit, leave the group and close; the orderly end."""
        self.flush()
        self._leaving = True
        self._consumer.close()
        self._producer.close()

    def abandon(self) -> None:
        """Close without committing anything; the disorderly end."""
        self._dead = True
        self._leaving = True
        with contextlib.suppress(KafkaFailure):
            self._consumer.close()
        with contextlib.suppress(KafkaFailure):
            self._producer.close()

    # RebalanceListener: called inside consume() and close(), on the same thread.

    def on_assign(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Find where to begin, tell the handler, and flush soon: a first start is committed at once."""
        if self._leaving:  # the assignment of a member that joined just before its end is served inside close()
            return {}
        starts = self._find_starts(partitions)
        self._health.beat(self._part, within_seconds=_RESTORE_SECONDS)
        self._handler.on_assign(starts, self._clock.now_us())
        self._starts = dict(starts)
        self._due = self._monotonic()
        self._stalls.reset()
        self._metrics.assigned.labels(self._part).set(len(partitions))
        self._metrics.rebalances.labels(self._part, "assigned").inc()
        self._health.clear(self._part)
        _LOG.info("assigned", part=self._part, partitions=len(partitions))
        return starts

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        """Commit all and drop all; the partitions are still ours during the call."""
        if self._dead:
            return
        self.flush()
        self._drop(partitions, "revoked")

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop all and stop: somebody else has read on from what was committed last."""
        if self._dead:
            return
        self._drop(partitions, "lost")
        raise StaleGeneration(f"{self._part} lost its partitions to another member: starting again from what is committed")

    def _drop(self, partitions: Sequence[TopicPartition], kind: str) -> None:
        self._handler.on_revoke(partitions)
        for topic, partition in partitions:
            with contextlib.suppress(KeyError):
                self._metrics.lag.remove(self._part, topic, str(partition))
        self._committed.clear()
        self._starts.clear()
        self._rows = self._bytes = 0
        self._metrics.assigned.labels(self._part).set(0)
        self._metrics.rebalances.labels(self._part, kind).inc()
        _LOG.info(kind, part=self._part, partitions=len(partitions))

    def _find_starts(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        committed = self._consumer.committed(partitions)
        starts: dict[TopicPartition, int] = {}
        for partition in partitions:
            low = self._consumer.watermarks(partition).low
            offset = committed[partition]
            if offset is not None and offset < low and not self._accept_gap:
                raise OffsetOutOfRange(
                    f"{partition.topic}[{partition.partition}] begins at {low}, but {self._part} has read only to {offset}: "
                    f"{low - offset} offsets are gone; start with DRIFTLINE_ACCEPT_GAP=true to go on, the windows they belong to will say so"
                )
            starts[partition] = low if offset is None else max(offset, low)
        # After an accepted gap the next range begins where reading does: what is gone was not read.
        self._committed = {p: None if starts[p] != offset else offset for p, offset in committed.items()}
        return starts

    def _is_full(self) -> bool:
        return self._rows >= self._limits.transaction_rows or self._bytes >= self._limits.transaction_bytes

    def _reach(self) -> dict[TopicPartition, Reach]:
        """Ask positions first and ends after, so that caught up means caught up."""
        positions = {**self._starts, **self._consumer.positions(self._committed)}
        ends = self._ends()
        reach = {}
        for partition, committed in self._committed.items():
            position = positions[partition]
            end = ends.get(partition)
            start = self._starts[partition] if committed is None else committed
            reach[partition] = Reach(start, position, caught_up=end is not None and position >= end)
            if end is not None:
                self._metrics.lag.labels(self._part, partition.topic, str(partition.partition)).set(max(0, end - position))
        stalled = self._stalls.observe({p: (r.end, r.caught_up) for p, r in reach.items()})
        self._metrics.stalled.labels(self._part).set(len(stalled))
        return reach

    def _ends(self) -> dict[TopicPartition, int]:
        """Ask for the uncommitted high-water marks; without an answer nothing counts as caught up."""
        if self._behind:
            return {}
        try:
            return self._consumer.ends(self._committed, 1.0)
        except KafkaUnavailable:
            return {}

    def _commit(self, flush: Flush, reach: Mapping[TopicPartition, Reach]) -> None:
        wanted = {p: r.end for p, r in reach.items()} if flush.offsets is None else flush.offsets
        offsets = {p: offset for p, offset in wanted.items() if self._committed.get(p) != offset}
        if not flush.records and not offsets:
            return
        began = self._monotonic()
        try:
            self._transact(flush.records, offsets)
        except KafkaFailure as error:
            self._dead = True
            self._metrics.transactions.labels(self._part, "failed").inc()
            if not isinstance(error, OutcomeUnknown):
                with contextlib.suppress(KafkaFailure):
                    self._producer.abort()
            raise
        self._metrics.transactions.labels(self._part, "committed").inc()
        self._metrics.transaction_seconds.labels(self._part).observe(self._monotonic() - began)
        for record in flush.records:
            self._metrics.records.labels(self._part, record.topic).inc()
        self._committed.update(offsets)
        self._handler.committed(offsets, self._clock.now_us())

    def _transact(self, records: Sequence[OutRecord], offsets: Mapping[TopicPartition, int]) -> None:
        self._producer.begin()
        for record in records:
            self._producer.produce(
                record.topic, record.value, key=record.key, headers=record.headers, partition=record.partition
            )
        if offsets:
            # Fresh each time: the generation changes with every rebalance, and a stale one is fenced.
            self._producer.send_offsets(offsets, self._consumer.group_metadata())
        self._producer.commit()
