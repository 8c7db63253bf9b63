"""Signed heads on the topic `checkpoints`: the copy of the ledger's head that is not in its owner's hands."""

from driftline import codec, topics
from driftline.clock import Clock
from driftline.envelope import Envelope, deterministic_id
from driftline.events import CheckpointSigned
from driftline.kafka.ports import Producer
from driftline.ledger.checkpoint import Note, signed_text
from driftline.ledger.store import LedgerStore
from services.audit import metrics

EVERY_US = 1_000_000
LOOK_US = 5_000_000
_FLUSH_SECONDS = 5.0


class CheckpointPublisher:
    """Publishes the newest head, at most once a second: later heads contain the earlier ones."""

    def __init__(self, producer: Producer, origin: str, clock: Clock) -> None:
        self._producer = producer
        self._origin = origin
        self._clock = clock
        self._waiting: tuple[int, str] | None = None
        self._due = 0
        self.newest = 0
        """Entries under the newest head that was taken."""

    def signed(self, size: int, note: str) -> None:
        """Take a new head."""
        self._waiting = (size, note)
        self.newest = size
        self.tick()

    def tick(self) -> None:
        """Publish the newest head if it is time."""
        now = self._clock.now_us()
        if self._waiting is not None and now >= self._due:
            self._due = now + EVERY_US
            self._publish(*self._waiting, now=now, key=self._origin)
            self._waiting = None
        self._producer.poll(0.0)

    def cosigned(self, size: int, note: str) -> None:
        """Publish a head that a quorum of witnesses has cosigned, under a key of its own: compaction keeps the newest of both. From any thread."""
        self._publish(size, note, now=self._clock.now_us(), key=f"{self._origin}#cosigned")

    def close(self) -> None:
        """Publish what waits and see it through."""
        self._due = 0
        self.tick()
        self._producer.flush(_FLUSH_SECONDS)
        self._producer.close()

    def _publish(self, size: int, note: str, *, now: int, key: str) -> None:
        root = Note.parse(note).text.split("\n")[2]
        event = CheckpointSigned(log_id=self._origin, size=size, root=root, note=note, at=now)
        envelope = Envelope(
            id=deterministic_id("checkpoint", key, size, root),
            type="CheckpointSigned",
            source="/audit",
            time_us=now,
            subject=self._origin,
        )
        self._producer.produce(topics.name("checkpoints"), codec.encode(event), key=key.encode(), headers=envelope.headers())
        metrics.PUBLISHED.inc()


class OtherHeads:
    """Finds heads that others sign on this ledger (decisions over HTTP, upkeep, the command line, replicas), and has them published.

    At the start the last one as well: a crash may have come between its signature and the topic. In the publisher's thread.
    """

    def __init__(self, store: LedgerStore, publisher: CheckpointPublisher, clock: Clock) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._due = 0

    def look(self) -> None:
        """Look if it is time."""
        now = self._clock.now_us()
        if now < self._due:
            return
        self._due = now + LOOK_US
        with self._store.snapshot() as snapshot:
            size, note = snapshot.head().size, snapshot.latest_note()
        metrics.SIZE.set(size)
        if note is not None and (signed := signed_text(note).size) > self._publisher.newest:
            metrics.SIGNED_SIZE.set(signed)
            self._publisher.signed(signed, note)
