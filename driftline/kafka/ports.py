"""What Driftline asks of Kafka: four small ports, two implementations.

`confluent.py` speaks to a real cluster, `memory.py` is the twin for tests and simulations;
`tests/contract/kafka` runs one suite over both. Offsets are always *next offset to read*.
Positions, not "last offset + 1", because aborted records and transaction markers lie between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from driftline.kafka.configuration import StartAt

__all__ = [
    "Admin",
    "Cluster",
    "Consumer",
    "Delivery",
    "GroupMetadata",
    "Headers",
    "Isolation",
    "Message",
    "NewTopic",
    "Producer",
    "RebalanceListener",
    "StartAt",
    "TopicDescription",
    "TopicPartition",
    "TransactionalProducer",
    "Watermarks",
]

Headers = Sequence[tuple[str, bytes]]
"""Record headers in order; a name may repeat."""


class TopicPartition(NamedTuple):
    """One partition of one topic; equal to the plain tuple, so it works as a dictionary key."""

    topic: str
    partition: int


class Isolation(Enum):
    """Which end of a partition is meant: past open transactions, or the last stable offset."""

    READ_COMMITTED = "read_committed"
    READ_UNCOMMITTED = "read_uncommitted"


class Message(Protocol):
    """A record as read; the methods of `confluent_kafka.Message`, so wrapping costs nothing.

    A consumed message never carries an error: `Consumer.consume` raises instead.
    """

    def topic(self) -> str:
        """Return the topic's name."""
        ...

    def partition(self) -> int:
        """Return the partition's number."""
        ...

    def offset(self) -> int:
        """Return the record's offset."""
        ...

    def key(self) -> bytes | None:
        """Return the key, None when absent."""
        ...

    def value(self) -> bytes | None:
        """Return the value, None for a tombstone."""
        ...

    def headers(self) -> list[tuple[str, bytes]] | None:
        """Return the headers in order, None when there are none."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """Return (type, milliseconds); type 2 is the broker's append time."""
        ...

    def error(self) -> object | None:
        """Return None for every message that `consume` returns."""
        ...

    def __len__(self) -> int:
        """Return the length of the value, 0 for none."""
        ...


class GroupMetadata(Protocol):
    """Opaque: membership of a consumer at one generation, to fence transactions with."""


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Borders of a partition: first offset kept, last stable offset, end past open transactions."""

    low: int
    stable: int
    end: int


class RebalanceListener(Protocol):
    """Called inside `Consumer.consume` (never from another thread)."""

    def on_assign(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int] | None:
        """Return the positions to begin at; None or a missing partition means the committed one."""
        ...

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        """Commit now or drop; the partitions still belong to this member during the call."""
        ...

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop everything: somebody else owns the partitions already."""
        ...


class Consumer(Protocol):
    """A read_committed consumer; every call from one thread only."""

    def subscribe(self, topics: Sequence[str], listener: RebalanceListener | None = None) -> None:
        """Join the group for these topics (static membership, classic protocol, range)."""
        ...

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Take partitions by hand, outside the group, at these positions; replaces earlier ones."""
        ...

    def assignment(self) -> list[TopicPartition]:
        """Return what is assigned now, sorted."""
        ...

    def consume(self, max_messages: int, timeout_seconds: float) -> list[Message]:
        """Return up to `max_messages`, after at most the timeout; empty when nothing came.

        Raises OffsetOutOfRange (a hole: retention passed the position), Fenced (another instance
        has this static id) or KafkaFailure. Errors that librdkafka repairs by itself do not surface.
        """
        ...

    def positions(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the next offset to be read; trailing markers and aborted records are passed over."""
        ...

    def committed(
        self, partitions: Iterable[TopicPartition], timeout_seconds: float = 10.0
    ) -> dict[TopicPartition, int | None]:
        """Return the group's committed offsets (waits for pending transactions), None if it has none."""
        ...

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit outside a transaction and wait; raises Fenced on a stale generation."""
        ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue an assigned partition at another offset."""
        ...

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch no more from these until resumed."""
        ...

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch again."""
        ...

    def watermarks(self, partition: TopicPartition, timeout_seconds: float = 10.0) -> Watermarks:
        """Ask the leader: low, last stable offset, and the end past open transactions."""
        ...

    def ends(self, partitions: Iterable[TopicPartition], timeout_seconds: float = 10.0) -> dict[TopicPartition, int]:
        """Ask for the *uncommitted* high-water marks of many partitions in one go."""
        ...

    def offsets_for_times(
        self, times_ms: Mapping[TopicPartition, int], timeout_seconds: float = 10.0
    ) -> dict[TopicPartition, int]:
        """Return the first offset appended at or after each time; the end if there is none."""
        ...

    def group_metadata(self) -> GroupMetadata:
        """Return the present membership; fetch it anew for every transaction."""
        ...

    def close(self) -> None:
        """Leave. A static member keeps its partitions until its session times out."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one produced record: its place, or the reason why it has none."""

    topic: str
    partition: int
    offset: int
    error: str | None = None


class Producer(Protocol):
    """Idempotent, acks=all, murmur2_random."""

    def produce(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        """Queue one record; raises QueueFull when the local queue stays full for 10 s.

        Raises RecordTooLarge for a record that the topic cannot take. `on_delivery` runs inside poll() or flush().
        """
        ...

    def poll(self, timeout_seconds: float = 0.0) -> int:
        """Serve delivery callbacks; returns how many."""
        ...

    def flush(self, timeout_seconds: float) -> int:
        """Wait until the queue is empty; returns how many records are still in it."""
        ...

    def __len__(self) -> int:
        """Return the records queued or under way."""
        ...

    def close(self) -> None:
        """Flush for a moment and let go."""
        ...


class TransactionalProducer(Producer, Protocol):
    """A producer with a `transactional.id`. After Fenced or OutcomeUnknown: exit the process."""

    def init_transactions(self) -> None:
        """Fence earlier instances of this id and end their open transactions."""
        ...

    def begin(self) -> None:
        """Open a transaction."""
        ...

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: GroupMetadata) -> None:
        """Make the group's offsets part of the transaction; raises StaleGeneration or Fenced."""
        ...

    def commit(self) -> None:
        """Commit; raises TransactionAborted (abort, then exit), Fenced or OutcomeUnknown."""
        ...

    def abort(self) -> None:
        """Abort; the consumer does not rewind by this."""
        ...


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic to create: name, partitions, and broker settings by their Kafka names."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    replication_factor: int = -1


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic as the cluster has it; `topic_id` changes when a topic is created again."""

    name: str
    topic_id: str
    partitions: int
    config: Mapping[str, str]


class Admin(Protocol):
    """What `driftline topics`, preflight checks and the supervisor need."""

    def topic_names(self) -> list[str]:
        """Return the names of all topics, sorted, internal ones left out."""
        ...

    def describe(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """Describe those of the names that exist."""
        ...

    def create(self, topics: Sequence[NewTopic]) -> None:
        """Create topics and wait until they are visible; raises TopicExists."""
        ...

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings of a topic, leaving its others alone."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Delete topics and wait until they are gone."""
        ...

    def begin_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset kept of each."""
        ...

    def end_offsets(self, partitions: Iterable[TopicPartition], isolation: Isolation) -> dict[TopicPartition, int]:
        """Return the end of each; READ_COMMITTED gives the last stable offset."""
        ...

    def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        """Return what a group has committed (stable offsets), empty if it is unknown."""
        ...

    def broker_config(self, names: Iterable[str]) -> dict[str, str]:
        """Return settings of a broker, for checks at start (`offsets.retention.minutes`)."""
        ...


class Cluster(Protocol):
    """Where clients come from; `app.py` holds one and hands clients to the parts."""

    def consumer(
        self, group: str | None = None, *, instance_id: str | None = None, start_at: StartAt = StartAt.STOP
    ) -> Consumer:
        """Return a consumer; group None is for partitions taken by hand."""
        ...

    def producer(self) -> Producer:
        """Return an idempotent producer."""
        ...

    def transactional_producer(self, transactional_id: str) -> TransactionalProducer:
        """Return the process's one transactional producer (not initialised yet)."""
        ...

    def admin(self) -> Admin:
        """Return an admin client."""
        ...
