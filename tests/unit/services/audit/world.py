"""An audit service over the in-memory Kafka and a ledger in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.envelope import Envelope
from driftline.events import HealthOpened, ModelRegistered
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import Headers, NewTopic
from driftline.ledger.chain import Draft
from driftline.ledger.entries import Query, StoredEntry
from driftline.ledger.report import Report
from driftline.ledger.rows import SourceName
from driftline.ledger.store import Appended, LedgerWriter, OffsetMove, Position
from driftline.runtime.ledger_source import verify_source
from services.audit.actions import LEDGERED
from services.audit.consumer import Pace, Recorder
from tests.unit.ledger.ledger_builders import KEY, Salts, writer_at

NOW = 1_800_000_000_000_000


@dataclass
class World:
    """Kafka, clock and folder; ledgers and recorders are opened from it."""

    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    signed: list[tuple[int, str]] = field(default_factory=list)
    lost: list[SourceName] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cluster = MemoryCluster(self.clock)
        self.create(*LEDGERED, "checkpoints")
        self.producer = self.cluster.producer()

    def create(self, *names: str) -> None:
        declared = [topics.catalogue()[name] for name in names]
        self.cluster.admin().create([NewTopic(d.name, d.partitions, d.config) for d in declared])

    def say(self, topic: str, value: bytes | None, *, key: bytes = b"k", headers: Headers = (), partition: int = 0) -> None:
        self.producer.produce(topics.name(topic), value, key=key, headers=headers, partition=partition)
        self.producer.flush(1.0)

    def event(self, number: int, *, ce_id: str | None = None, detail: str = "x", partition: int = 0) -> None:
        """Say that something is wrong, on the topic health."""
        event = HealthOpened(
            source="drift", subject=f"s{number}", kind="stalled_partition", severity="LOW", detail=detail, labels={}, at=NOW
        )
        said = Envelope(id=ce_id or f"id-{number}", type="HealthOpened", source="/drift", time_us=NOW)
        self.say("health", codec.encode(event), headers=said.headers(), partition=partition)

    def model(self, model_id: str, actor: str) -> None:
        event = ModelRegistered(model_id=model_id, description="", owner="o", tags={}, actor=actor, at=NOW)
        said = Envelope(id=f"m-{model_id}", type="ModelRegistered", source="/governance", time_us=NOW, actor=actor)
        self.say("governance", codec.encode(event), headers=said.headers())

    def predictions(self, count: int, *, partition: int = 0, first: int = 0) -> None:
        for number in range(first, first + count):
            self.say("predictions", b"prediction %d" % number, key=b"%d" % number, partition=partition)

    def writer(self) -> LedgerWriter:
        return writer_at(self.folder)

    def recorder(self, ledger: object = None, *, pace: Pace | None = None) -> Recorder:
        recorder = Recorder(
            self.cluster,
            ledger or self.writer(),  # type: ignore[arg-type]
            self.clock,
            salts=Salts(),
            signed=lambda size, note: self.signed.append((size, note)),
            pace=pace or Pace(),
            lost=self.lost.extend,
        )
        recorder.open()
        return recorder

    def run(self, recorder: Recorder | None = None) -> Recorder:
        """Record everything that is there, digests included."""
        recorder = recorder or self.recorder()
        while recorder.step(0.0):
            pass
        recorder.drain()
        return recorder

    def entries(self) -> list[StoredEntry]:
        with self.writer().store.snapshot() as snapshot:
            return list(snapshot.entries(Query(limit=None)))

    def verify(self, *, key: bool = True) -> Report:
        return verify_source(
            self.writer().store, self.cluster, key=KEY.verifier if key else None, trusted=[], quiet_seconds=1.0
        )


class Between:
    """A ledger with somebody in between, who may change what is appended."""

    def __init__(self, writer: LedgerWriter, change: Callable[[list[Draft]], list[Draft]]) -> None:
        self._writer = writer
        self._change = change

    def positions(self, sources: Iterable[SourceName]) -> dict[SourceName, Position]:
        return self._writer.positions(sources)

    def append(self, drafts: Sequence[Draft], moves: Sequence[OffsetMove], *, now: int) -> Appended:
        return self._writer.append(self._change(list(drafts)), moves, now=now)
