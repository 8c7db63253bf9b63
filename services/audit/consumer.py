"""Reads every topic by hand, from where the ledger stands, and appends: entries and offsets in one transaction.

Kafka's own group offsets play no part. Two instances may run: whoever moves an offset of the ledger first has
recorded the batch, the other one's append is refused whole and it reads its positions again.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from driftline import topics
from driftline.clock import Clock
from driftline.kafka.errors import OffsetOutOfRange, TopicMissing
from driftline.kafka.ports import Admin, Consumer, Isolation, Message, TopicPartition
from driftline.ledger.chain import Draft
from driftline.ledger.digest import DigestBuilder
from driftline.ledger.errors import RollbackDetected, StaleOffsets
from driftline.ledger.leaf import Source
from driftline.ledger.records import digest_draft, gap_draft
from driftline.ledger.rows import SourceName
from driftline.ledger.store import Appended, OffsetMove, Position
from services.audit import metrics
from services.audit.actions import DIGESTED, LEDGERED, draft_of

BATCH = 1_000
LINGER_SECONDS = 0.05
LOOK_EVERY_US = 5_000_000

log = structlog.get_logger("driftline.audit")


class Cluster(Protocol):
    """The clients that are needed; both clusters of `driftline.kafka` have them."""

    def consumer(self, group: str | None = None) -> Consumer:
        """A consumer that takes partitions by hand."""
        ...

    def admin(self) -> Admin:
        """An admin client."""
        ...


class Ledger(Protocol):
    """The part of `LedgerWriter` that is needed."""

    def positions(self, sources: Iterable[SourceName]) -> dict[SourceName, Position]:
        """Where to read each source partition from."""
        ...

    def append(self, drafts: Sequence[Draft], moves: Sequence[OffsetMove], *, now: int) -> Appended:
        """Commit a batch with its offsets."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """When a digest is closed: after so much time (microseconds) or so many records; `keep` is given its messages before."""

    digest_us: int = 1_000_000
    digest_records: int = 10_000
    keep: Callable[[Source, Sequence[Message]], None] | None = None


@dataclass(slots=True)
class _Partition:
    """A source partition: who it is in the ledger, up to where it is recorded, and its open digest if it has one."""

    name: SourceName
    source_id: int
    recorded: int
    digest: DigestBuilder | None
    opened: int = 0
    """When the first record of the open digest was read."""
    kept: list[Message] = field(default_factory=list)
    """The records of the open digest, if they are kept."""


class Recorder:
    """One thread: `open`, then `step` until the end. `salts` gives n random bytes; `signed` is told each new head."""

    def __init__(
        self,
        cluster: Cluster,
        ledger: Ledger,
        clock: Clock,
        *,
        salts: Callable[[int], bytes],
        signed: Callable[[int, str], None],
        cluster_name: str = "kafka",
        pace: Pace = Pace(),
        lost: Callable[[Sequence[SourceName]], None] = lambda _names: None,
    ) -> None:
        self._cluster = cluster
        self._ledger = ledger
        self._clock = clock
        self._salts = salts
        self._signed = signed
        self._cluster_name = cluster_name
        self._pace = pace
        self._lost = lost
        self._consumer = cluster.consumer()
        self._declared = [topics.catalogue()[topic] for topic in LEDGERED]
        self._partitions: dict[TopicPartition, _Partition] = {}

    def open(self) -> None:
        """Take every partition up where the ledger stands; what is gone before that becomes a gap entry.

        Raises TopicMissing for a topic that does not exist.
        """
        admin = self._cluster.admin()
        names = [declared.name for declared in self._declared]
        found = admin.describe(names)
        if missing := [name for name in names if name not in found]:
            raise TopicMissing(f"there is no topic {', '.join(missing)}; create what is declared with `driftline topics apply`")
        places = {
            TopicPartition(topic.name, number): SourceName(self._cluster_name, topic.name, topic.topic_id, number)
            for topic in found.values()
            for number in range(topic.partitions)
        }
        known = self._ledger.positions(places.values())
        low = admin.begin_offsets(places)
        ends = admin.end_offsets(places, Isolation.READ_UNCOMMITTED)
        digested = {topics.name(topic) for topic in DIGESTED}
        self._partitions = {
            place: _Partition(
                name,
                known[name].source_id,
                known[name].next_offset,
                DigestBuilder(max(known[name].next_offset, low[place])) if place.topic in digested else None,
            )
            for place, name in places.items()
        }
        self._record_gaps(low)
        self._assign(ends)

    def _record_gaps(self, low: Mapping[TopicPartition, int]) -> None:
        """Say, signed, that records were gone before they could be read."""
        gone = [(part, low[place]) for place, part in self._partitions.items() if part.recorded < low[place]]
        drafts = [gap_draft(_source(part.name, part.recorded, first), salt=self._salts(32)) for part, first in gone]
        if not drafts:
            return
        self._append(drafts, {TopicPartition(part.name.topic, part.name.partition): first for part, first in gone})
        for part, first in gone:
            metrics.GAPS.inc()
            log.warning(
                "records were gone before they could be read", topic=part.name.topic, partition=part.name.partition, first=first
            )

    def _assign(self, ends: Mapping[TopicPartition, int]) -> None:
        """Read from the positions; a partition that ends before its position has lost records and is left alone."""
        lost = [part.name for place, part in self._partitions.items() if part.recorded > ends[place]]
        for name in lost:
            log.error("the topic ends before the ledger's position", topic=name.topic, partition=name.partition)
        metrics.SOURCES_LOST.set(len(lost))
        self._lost(lost)
        refused = set(lost)
        self._consumer.assign({place: part.recorded for place, part in self._partitions.items() if part.name not in refused})

    def step(self, timeout_seconds: float = LINGER_SECONDS) -> int:
        """Read and record one batch; returns how many records were read."""
        try:
            messages = self._consumer.consume(BATCH, timeout_seconds)
        except OffsetOutOfRange:
            log.warning("retention has passed the position of the ledger; taking up at the beginning of the log")
            self.open()
            return 0
        now = self._clock.now_us()
        drafts, read = self._take(messages, now)
        # By position, not by last offset: markers and aborted records behind it are done with, too.
        reached = self._consumer.positions(read)
        self._close_digests(drafts, reached, now, everything=False)
        self._record(drafts, reached)
        return len(messages)

    def pass_over(self) -> None:
        """Advance partitions in which only markers and aborted records came since: retention must not make a gap of them."""
        idle = [place for place, part in self._partitions.items() if part.digest is None or not part.digest.count]
        positions = self._consumer.positions(idle)
        moved = {place: end for place, end in positions.items() if end > self._partitions[place].recorded}
        self._record([], moved)

    def drain(self) -> None:
        """Record what is held in open digests; called last."""
        drafts: list[Draft] = []
        reached: dict[TopicPartition, int] = {}
        self._close_digests(drafts, reached, self._clock.now_us(), everything=True)
        self._record(drafts, reached)

    def close(self) -> None:
        """Let the consumer go."""
        self._consumer.close()

    def lag(self) -> int:
        """Offsets between what is recorded and the ends of the topics."""
        ends = self._consumer.ends(self._partitions)
        return sum(max(0, ends[place] - part.recorded) for place, part in self._partitions.items())

    def _take(self, messages: Sequence[Message], now: int) -> tuple[list[Draft], set[TopicPartition]]:
        """Turn records into drafts, or into digests; returns the drafts and their partitions."""
        drafts: list[Draft] = []
        read: set[TopicPartition] = set()
        salts = self._salts(32 * len(messages)) if messages else b""
        for number, message in enumerate(messages):
            place = TopicPartition(message.topic(), message.partition())
            part, offset = self._partitions[place], message.offset()
            if part.digest is not None:
                if not part.digest.count:
                    part.opened = now
                part.digest.add(message.key(), message.value(), message.headers(), message.timestamp()[1])
                if self._pace.keep is not None:
                    part.kept.append(message)
                continue
            source = _source(part.name, offset, offset + 1)
            drafts.append(draft_of(message, source, salt=salts[32 * number : 32 * number + 32]))
            read.add(place)
        return drafts, read

    def _close_digests(self, drafts: list[Draft], reached: dict[TopicPartition, int], now: int, *, everything: bool) -> None:
        """Add the digests that are full, or old enough, with the range that was read by position."""
        open_ = {place: part for place, part in self._partitions.items() if part.digest is not None and part.digest.count}
        due = [
            place
            for place, part in open_.items()
            if everything
            or now - part.opened >= self._pace.digest_us
            or (part.digest is not None and part.digest.count >= self._pace.digest_records)
        ]
        metrics.DIGEST_AGE_SECONDS.set(max((now - part.opened for part in open_.values()), default=0) / 1e6)
        positions = self._consumer.positions(due) if due else {}
        for place in due:
            part, end = open_[place], positions[place]
            digest = part.digest
            if digest is None:
                continue
            source = _source(part.name, digest.start, end)
            if self._pace.keep is not None:
                self._pace.keep(source, part.kept)
            first_ms = digest.first_time or 0
            drafts.append(digest_draft(source, digest.statement(end), event_ts=first_ms * 1_000, salt=self._salts(32)))
            reached[place] = end

    def _record(self, drafts: Sequence[Draft], reached: Mapping[TopicPartition, int]) -> None:
        if not reached:
            return
        try:
            self._append(drafts, reached)
        except StaleOffsets:
            metrics.FENCED.inc()
            log.info("another instance has recorded this batch; reading positions again")
            self.open()

    def _append(self, drafts: Sequence[Draft], reached: Mapping[TopicPartition, int]) -> None:
        parts = [(self._partitions[place], end) for place, end in reached.items()]
        moves = [OffsetMove(part.source_id, part.recorded, end) for part, end in parts]
        with metrics.APPEND_SECONDS.time():
            done = self._ledger.append(drafts, moves, now=self._clock.now_us())
        for part, end in parts:
            part.recorded = end
            if part.digest is not None:
                part.digest, part.kept = DigestBuilder(end), []
        self._count(done)
        if done.note is not None:
            self._signed(done.size, done.note)

    def _count(self, done: Appended) -> None:
        for entry in done.entries:
            metrics.ENTRIES.labels(action=entry.leaf.action).inc()
        metrics.DUPLICATES.inc(len(done.duplicates))
        metrics.CONFLICTS.inc(len(done.conflicts))
        metrics.SIZE.set(done.size)
        if done.note is not None:
            metrics.SIGNED_SIZE.set(done.size)
            metrics.BATCH_ENTRIES.observe(len(done.entries))


def _source(name: SourceName, start: int, end: int) -> Source:
    return Source(name.cluster, name.topic, name.topic_id, name.partition, start, end)


class RecorderPart:
    """The recorder as a part of the process. `moved` is called after each step, `rolled_back` before such an end."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        *,
        moved: Callable[[], None],
        rolled_back: Callable[[RollbackDetected], None],
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._moved = moved
        self._rolled_back = rolled_back
        self._stop = threading.Event()

    def run(self) -> None:
        """Record until told to stop, then record what is open."""
        due = 0
        try:
            while not self._stop.is_set():
                self._recorder.step()
                self._moved()
                if (now := self._clock.now_us()) >= due:
                    due = now + LOOK_EVERY_US
                    self._recorder.pass_over()
                    metrics.LAG.set(self._recorder.lag())
            self._recorder.drain()
        except RollbackDetected as error:
            self._rolled_back(error)
            raise
        finally:
            self._recorder.close()

    def stop(self) -> None:
        """End after the batch under way."""
        self._stop.set()
