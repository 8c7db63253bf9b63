"""The topics that governance reads and the one way it writes them.

There is one transactional id for all instances. Whoever writes has initialised it last, which ends and fences every earlier
writer; having done so it reads to the end, decides and commits. An instance that was overtaken meanwhile is refused by the
broker, so that two instances never decide on the same state: this is the lock behind `expected_version`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from driftline import topics
from driftline.clock import Clock
from driftline.codec import encode
from driftline.envelope import Envelope, deterministic_id
from driftline.errors import Unavailable
from driftline.events import ComplianceReported, ControlEvaluated, EvidenceAttested, Monitor, RequirementsDeclared
from driftline.governance.compliance.evidence import FOR_EVER_DAYS, LOOKED_BACK_US
from driftline.governance.periods import DAY_US
from driftline.governance.registry import RegistryEvent
from driftline.kafka.errors import Fenced, KafkaFailure, OutcomeUnknown
from driftline.kafka.ports import Admin, Consumer, Delivery, Isolation, Message, TopicPartition, TransactionalProducer

TRANSACTIONAL_ID = "driftline-governance"
SOURCE = "/governance"
READ_TIMEOUT_US = 10_000_000
FLUSH_SECONDS = 10.0
READ_SLICE_SECONDS = 0.01
"""A consumer waits this long for a full batch, which never comes on quiet topics."""

GOVERNANCE, MONITORS = topics.name("governance"), topics.name("monitors")
COMPLIANCE, WINDOWS = topics.name("compliance"), topics.name("windows")
TOPICS = ("governance", "monitors", "baselines", "monitor-status", "compliance", "windows", "checkpoints")
TRAIL = ("governance", "compliance", "windows", "drift-events", "alerts")
"""Topics that tell afterwards what a model did and who decided what about it."""

GovernanceEvent = Monitor | RegistryEvent | RequirementsDeclared | EvidenceAttested | ControlEvaluated | ComplianceReported
Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Proposal(Generic[Answer_co]):
    """What a change comes to: the events to write (none = nothing changes) and what to answer once they are there."""

    events: Sequence[GovernanceEvent]
    answer: Answer_co


class Cluster(Protocol):
    """The clients that are needed; both clusters of `driftline.kafka` have them."""

    def consumer(self, group: str | None = None) -> Consumer:
        """A consumer that takes partitions by hand."""
        ...

    def transactional_producer(self, transactional_id: str) -> TransactionalProducer:
        """A transactional producer, not initialised yet."""
        ...

    def admin(self) -> Admin:
        """An admin client."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages, and the positions after them."""

    messages: Sequence[Message]
    positions: Mapping[TopicPartition, int]


class Overtaken(Unavailable):
    """Another instance has written meanwhile: read to the end and decide anew."""


class Journal:
    """Reads the topics by hand (every instance all of them) and appends in transactions. One thread only."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._consumer = cluster.consumer()
        # A client of its own: on the consumer's connection a question waits behind the fetch, for up to half a second.
        self._admin = cluster.admin()
        self._producer: TransactionalProducer | None = None
        declared = [topics.catalogue()[topic] for topic in TOPICS]
        self._names = [declaration.name for declaration in declared]
        self._places = [TopicPartition(each.name, number) for each in declared for number in range(each.partitions)]

    def topic_ids(self) -> dict[str, str]:
        """Ids of the topics, which change when one is created anew."""
        return {name: described.topic_id for name, described in self._admin.describe(self._names).items()}

    def kept_days(self) -> dict[str, float]:
        """For how many days the broker keeps each topic of the audit trail that is there."""
        return {one.name: _days(one.config) for one in self._admin.describe(map(topics.name, TRAIL)).values()}

    def start(self, positions: Mapping[TopicPartition, int]) -> None:
        """Begin to read at these positions, or at the beginning of the log where they are missing or behind it.

        Windows are read from 30 days ago: what was reported before is no evidence any more.
        """
        since = max(self._clock.now_us() - LOOKED_BACK_US, 0) // 1000
        recent = self._consumer.offsets_for_times({place: since for place in self._places if place.topic == WINDOWS})
        begins = self._admin.begin_offsets(self._places) | recent
        self._consumer.assign({place: max(positions.get(place, 0), begin) for place, begin in begins.items()})

    def read(self, timeout_seconds: float = 0.0) -> Batch:
        """What has come since the last call."""
        messages = self._consumer.consume(1000, timeout_seconds)
        return Batch(messages, self._consumer.positions(self._places))

    def read_to_end(self, take: Callable[[Batch], object], beyond: Mapping[TopicPartition, int] | None = None) -> None:
        """Hand everything that is committed by now to `take`; raises Unavailable if the broker does not answer in time.

        `beyond`: offsets to reach as well. A commit is acknowledged before its markers are written, so that the last stable
        offset may still lie before the records of a transaction that has just been committed.
        """
        ends = self._ends()
        ends |= {place: max(offset, ends[place]) for place, offset in (beyond or {}).items()}
        deadline = self._clock.now_us() + READ_TIMEOUT_US
        while True:
            batch = self.read(READ_SLICE_SECONDS)
            take(batch)
            if all(batch.positions.get(place, 0) >= end for place, end in ends.items()):
                return
            if self._clock.now_us() > deadline:
                raise Unavailable("the topics could not be read to their end within 10 s; try again when the broker answers")

    def _ends(self) -> dict[TopicPartition, int]:
        try:
            return self._admin.end_offsets(self._places, Isolation.READ_COMMITTED)
        except KafkaFailure:
            # After a broker has fallen librdkafka asks with the leader epoch that it remembers, and is refused for ever.
            self._admin = self._cluster.admin()
            raise

    def begin_writing(self) -> None:
        """Become the writer, unless this instance is it as far as it knows."""
        if self._producer is None:
            producer = self._cluster.transactional_producer(TRANSACTIONAL_ID)
            producer.init_transactions()
            self._producer = producer

    def append(self, events: Sequence[GovernanceEvent], actor: str | None) -> dict[TopicPartition, int]:
        """Write events in one transaction; returns the offsets after them when the broker has acknowledged it.

        `actor`: who caused them, None = governance itself.

        Raises Overtaken if another instance became the writer, Unavailable if it is not known whether the events were written.
        """
        if self._producer is None:
            raise Overtaken("this instance is not the writer")
        written: dict[TopicPartition, int] = {}

        def delivered(delivery: Delivery) -> None:
            if delivery.error is None:
                written[TopicPartition(delivery.topic, delivery.partition)] = delivery.offset + 1

        try:
            self._producer.begin()
            for event in events:
                topic, key, envelope = self._addressed(event, actor)
                self._producer.produce(
                    topic, encode(event), key=key.encode(), headers=envelope.headers(), on_delivery=delivered
                )
            self._producer.commit()
            # Not before: serving callbacks of a producer that was fenced raises what the library cannot pass on.
            self._producer.flush(FLUSH_SECONDS)
        except Fenced as error:
            self.stop_writing()
            raise Overtaken("another instance has written meanwhile") from error
        except (KafkaFailure, OutcomeUnknown) as error:
            self.stop_writing()
            raise Unavailable(f"the broker did not confirm the change; repeat it, which is harmless ({error})") from error
        return written

    def stop_writing(self) -> None:
        """Let go of a producer that failed; the next change initialises a new one, which ends whatever this one left open.

        It is dropped, not closed: closing one that was fenced raises what the library cannot pass on.
        """
        self._producer = None

    def close(self) -> None:
        """Let everything go."""
        if self._producer is not None:
            self._producer.close()
        self._consumer.close()

    def _addressed(self, event: GovernanceEvent, actor: str | None) -> tuple[str, str, Envelope]:
        now = self._clock.now_us()
        kind = type(event).__name__
        if isinstance(event, Monitor):
            topic, key = MONITORS, f"{event.model_id}/{event.monitor_version}"
            identity: tuple[str | int, ...] = (kind, event.model_id, event.monitor_version)
        elif isinstance(event, ControlEvaluated | ComplianceReported):
            topic, key = COMPLIANCE, event.model_id
            identity = (kind, event.model_id, getattr(event, "control", ""), event.at)
        else:
            topic, key = GOVERNANCE, event.model_id
            about = getattr(event, "model_version", "") or getattr(event, "requirement", "")
            identity = (kind, event.model_id, about, event.at)
        envelope = Envelope(
            id=deterministic_id("governance", *identity),
            type=kind,
            source=SOURCE,
            time_us=now,
            subject=event.model_id,
            actor=actor,
        )
        return topic, key, envelope


def _days(config: Mapping[str, str]) -> float:
    """Time for which a topic keeps records, in days; a compacted one keeps the last of each key only, which is no record."""
    if "delete" not in config.get("cleanup.policy", "delete"):
        return 0.0
    kept_ms = int(config.get("retention.ms", "-1"))
    return FOR_EVER_DAYS if kept_ms < 0 else kept_ms * 1000 / DAY_US
