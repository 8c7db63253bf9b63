"""Verification at level source: the topics read again, and every record explained by the ledger."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from driftline import topics
from driftline.codec import decode
from driftline.errors import DriftlineError, Unavailable
from driftline.events import CheckpointSigned
from driftline.kafka.errors import OffsetOutOfRange
from driftline.kafka.ports import Admin, Consumer, Isolation, Message, TopicPartition
from driftline.ledger.checkpoint import VerifierKey, open_checkpoint
from driftline.ledger.errors import LedgerError, LedgerUnavailable
from driftline.ledger.heads import SignedHead
from driftline.ledger.report import Findings, Level, Report, Verdict, verdict_of
from driftline.ledger.rows import EVERYTHING, SourceName, Span
from driftline.ledger.source import Extent, PartitionCheck, Repeat, Tally
from driftline.ledger.store import LedgerStore, Snapshot
from driftline.ledger.store.objects import Objects
from driftline.ledger.store.pieces import Task
from driftline.ledger.store.verification import verify_snapshot

BATCH = 2_000
STEP_SECONDS = 0.02
"""How long to wait for a batch that is not full: at the end of a topic, transaction markers stand where records might."""
QUIET_SECONDS = 30.0
"""A topic that gives nothing for so long while its end is not reached is not reachable."""


class Cluster(Protocol):
    """The clients that are needed; both clusters of `driftline.kafka` have them."""

    def consumer(self, group: str | None = None) -> Consumer:
        """A consumer that takes partitions by hand."""
        ...

    def admin(self) -> Admin:
        """An admin client."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    """A partition of a source whose topic is still the same one."""

    partition: TopicPartition
    compacted: bool


class SourceReader:
    """Reads topics from their beginning, committed records only."""

    def __init__(self, cluster: Cluster, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._admin = cluster.admin()
        self._consumer = cluster.consumer()
        self._quiet = quiet_seconds

    def published_heads(self, key: VerifierKey, topic: str) -> list[SignedHead]:
        """Heads that the ledger published on a topic; what is not signed by the key is no evidence and passed over."""
        if topic not in self._admin.describe([topic]):
            return []
        place = TopicPartition(topic, 0)
        heads: list[SignedHead] = []
        for message in self.read(place, *self.extent(place)):
            try:
                event = decode(message.value() or b"")
                checkpoint = open_checkpoint(event.note, key) if isinstance(event, CheckpointSigned) else None
            except (LedgerError, DriftlineError):
                continue
            if checkpoint is not None:
                heads.append(SignedHead(checkpoint.size, checkpoint.root, f"topic {topic}"))
        return heads

    def places(self, sources: Mapping[int, SourceName]) -> dict[int, _Place]:
        """Those of the sources that can still be read; a topic that was made anew is another topic."""
        found = self._admin.describe({name.topic for name in sources.values()})
        result = {}
        for source_id, name in sources.items():
            topic = found.get(name.topic)
            if topic is not None and topic.topic_id == name.topic_id and name.partition < topic.partitions:
                compacted = "compact" in topic.config.get("cleanup.policy", "delete")
                result[source_id] = _Place(TopicPartition(name.topic, name.partition), compacted)
        return result

    def extent(self, place: TopicPartition) -> tuple[int, int]:
        """First offset kept and last stable offset."""
        low = self._admin.begin_offsets([place])[place]
        return low, self._admin.end_offsets([place], Isolation.READ_COMMITTED)[place]

    def read(self, place: TopicPartition, low: int, end: int) -> Iterator[Message]:
        """Committed records of [low, end). Raises Unavailable if they do not come."""
        if low >= end:
            return
        self._consumer.assign({place: low})
        waited = 0.0
        while (position := self._consumer.positions([place]).get(place, low)) < end:
            messages = self._consumer.consume(min(BATCH, end - position), STEP_SECONDS)
            waited = 0.0 if messages else waited + STEP_SECONDS
            if waited > self._quiet:
                raise Unavailable(f"{place.topic}/{place.partition} gives no records before its end; is the broker well?")
            for message in messages:
                if message.offset() < end:
                    yield message

    def close(self) -> None:
        """Let the consumer go."""
        self._consumer.close()


def verify_source(
    store: LedgerStore,
    cluster: Cluster,
    *,
    key: VerifierKey | None,
    trusted: list[SignedHead],
    span: Span = EVERYTHING,
    quiet_seconds: float = QUIET_SECONDS,
    archive: Objects | None = None,
) -> Report:
    """Verify at level full, against the published heads, and against every record that the topics still keep.

    Of a span, against the records from the last one recorded before it to the first one recorded behind it.
    """
    reader = SourceReader(cluster, quiet_seconds=quiet_seconds)
    try:
        published = [] if key is None else reader.published_heads(key, topics.name("checkpoints"))
        heads = [*trusted, *published]
        task = Task.of(store, Level.FULL, key=key, trusted=heads, archive=archive)
        try:
            return _compared(store, reader, task, span, tolerant=False)
        except LedgerUnavailable:
            return _compared(store, reader, task, span, tolerant=True)
    except OffsetOutOfRange as error:
        raise Unavailable("retention removed records while they were read; run the verification again") from error
    finally:
        reader.close()


def _compared(store: LedgerStore, reader: SourceReader, task: Task, span: Span, *, tolerant: bool) -> Report:
    """One snapshot at level full, then against the topics; `tolerant` reads texts that are none, too."""
    with store.snapshot(tolerant=tolerant) as snapshot:
        comparison = _Comparison(snapshot, reader, span)
        report = verify_snapshot(snapshot, task, span=span, findings=comparison.findings)
        comparison.run()
    return comparison.completed(report, vouched=report.verdict is not Verdict.UNVERIFIABLE)


class _Comparison:
    """One snapshot of the ledger against the topics."""

    def __init__(self, snapshot: Snapshot, reader: SourceReader, span: Span) -> None:
        self._snapshot = snapshot
        self._reader = reader
        self._span = span
        self.findings = Findings()
        self._tally = Tally()
        self._repeats: list[Repeat] = []

    def run(self) -> None:
        """Compare every partition that the ledger has ever read."""
        try:
            self._partitions()
        except (TypeError, ValueError, AttributeError, LookupError):
            if self.findings.first is None:
                raise
            # Level full has found values that no writer wrote; there is no comparing with those.

    def _partitions(self) -> None:
        sources, positions = self._snapshot.sources(), self._snapshot.positions()
        places = self._reader.places(sources)
        for source_id, name in sources.items():
            place = places.get(source_id)
            if place is None:
                self._tally.expired += sum(1 for _ in self._snapshot.source_rows(source_id, self._span))
            else:
                self._partition(source_id, name, place, positions[source_id])

    def _partition(self, source_id: int, name: SourceName, place: _Place, position: int) -> None:
        low, end = self._reader.extent(place.partition)
        offsets = self._snapshot.offsets_of(source_id, self._span)
        low, stop = max(low, offsets.first), min(end, offsets.end)
        check = PartitionCheck(
            name,
            Extent(low, end, position, place.compacted),
            self._snapshot.source_rows(source_id, self._span),
            size=self._snapshot.head().size,
            known=lambda entry_id: self._snapshot.known([entry_id]).get(entry_id),
            findings=self.findings,
            tally=self._tally,
            repeats=self._repeats,
        )
        for record in self._reader.read(place.partition, low, stop):
            check.feed(record)
        check.finish()

    def completed(self, report: Report, *, vouched: bool) -> Report:
        """The report of level full with what the topics showed."""
        return replace(
            report,
            verdict=verdict_of(self.findings, vouched=vouched),
            level=Level.SOURCE,
            first_bad=self.findings.first,
            invalid_entries=sum(self.findings.counts.values()),
            findings=tuple(self.findings.kept),
            source=self._tally.counts(),
            duplicates=tuple(
                f"{r.topic}/{r.partition} offset {r.offset}: duplicate of entry {r.sequence}" for r in self._repeats
            ),
        )
