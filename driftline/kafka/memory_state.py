"""The broker side of the in-memory twin: topics, logs, groups, transaction coordinator."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from driftline.clock import Clock
from driftline.kafka.configuration import TRANSACTION_TIMEOUT_MS
from driftline.kafka.errors import Fenced, KafkaFailure, KafkaUnavailable, TopicMissing
from driftline.kafka.memory_groups import Group
from driftline.kafka.memory_log import Log, Transaction, TransactionState
from driftline.kafka.ports import TopicPartition

__all__ = ["OFFSETS", "Fault", "MemoryBroker", "MemoryTopic"]

OFFSETS = "__consumer_offsets"
"""The place of a group's offsets among the partitions whose markers can be held."""

DEFAULT_MAX_BYTES = 1_048_588


@dataclass(frozen=True, slots=True)
class Fault:
    """The next call of an operation fails with `error`; `after`: it took effect and only the answer is lost."""

    error: KafkaFailure
    after: bool = False


@dataclass(slots=True)
class MemoryTopic:
    """One topic with its logs."""

    name: str
    topic_id: str
    config: dict[str, str]
    logs: list[Log]


@dataclass(slots=True)
class MemoryBroker:
    """Everything that outlives a client."""

    clock: Clock
    topics: dict[str, MemoryTopic] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    open: dict[str, Transaction] = field(default_factory=dict)
    held: Callable[[TopicPartition], bool] | None = None
    owed: list[tuple[TopicPartition, Transaction]] = field(default_factory=list)
    available: bool = True
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def now_ms(self) -> int:
        """Return the clock in milliseconds, as append times are."""
        return self.clock.now_us() // 1000

    def reach(self) -> None:
        """Raise KafkaUnavailable while the cluster is away."""
        if not self.available:
            raise KafkaUnavailable("no broker answers")

    def topic(self, name: str) -> MemoryTopic:
        """Return a topic; raises TopicMissing."""
        if name not in self.topics:
            raise TopicMissing(f"topic {name} does not exist")
        return self.topics[name]

    def log(self, place: TopicPartition) -> Log:
        """Return a partition's log; raises TopicMissing."""
        logs = self.topic(place.topic).logs
        if not 0 <= place.partition < len(logs):
            raise TopicMissing(f"{place.topic} has no partition {place.partition}")
        return logs[place.partition]

    def group(self, name: str) -> Group:
        """Return a group, new or known."""
        return self.groups.setdefault(name, Group(name))

    def partition_counts(self) -> Mapping[str, int]:
        """Return how many partitions each topic has."""
        return {name: len(topic.logs) for name, topic in self.topics.items()}

    def new_topic(self, name: str, partitions: int, config: Mapping[str, str]) -> None:
        """Make a topic with an id of its own."""
        logs = [Log(TopicPartition(name, number)) for number in range(partitions)]
        self.topics[name] = MemoryTopic(name, str(uuid.uuid4()), dict(config), logs)

    def fault(self, operation: str) -> Fault | None:
        """Return the fault planned for this call, if any, and use it up."""
        planned = self.faults.get(operation)
        return planned.pop(0) if planned else None

    def refusal(self, topic: MemoryTopic, key: bytes | None, value: bytes | None) -> str | None:
        """Return why the topic does not take this record, None if it does."""
        if key is None and "compact" in topic.config.get("cleanup.policy", "delete"):
            return "INVALID_RECORD"
        limit = int(topic.config.get("max.message.bytes", DEFAULT_MAX_BYTES))
        if len(key or b"") + len(value or b"") > limit:
            return "MSG_SIZE_TOO_LARGE"
        return None

    def check_epoch(self, transactional_id: str, epoch: int) -> None:
        """Raise Fenced if a later producer has this id."""
        if self.epochs.get(transactional_id) != epoch:
            raise Fenced(f"transactional.id {transactional_id} belongs to a later producer")

    def end(self, transaction: Transaction, state: TransactionState) -> None:
        """Decide a transaction; its markers reach the partitions now, or when they are released."""
        transaction.state = state
        self.open.pop(transaction.transactional_id, None)
        places = list(transaction.partitions)
        places += [TopicPartition(OFFSETS, 0)] if transaction.offsets else []
        for place in places:
            if self.held is not None and self.held(place):
                self.owed.append((place, transaction))
                continue
            self.mark(place, transaction)

    def mark(self, place: TopicPartition, transaction: Transaction) -> None:
        """Write one marker: on a log, or on the groups' offsets."""
        if place.topic != OFFSETS:
            if place.topic in self.topics:
                self.log(place).mark(transaction)
            return
        for name in transaction.offsets:
            group = self.group(name)
            for holder, offsets in group.pending:
                if holder is transaction and transaction.state is TransactionState.COMMITTED:
                    group.committed.update(offsets)
            group.pending = [item for item in group.pending if item[0] is not transaction]

    def expire_transactions(self) -> None:
        """Abort transactions that were open too long, fencing their producers."""
        for transactional_id, transaction in list(self.open.items()):
            if self.now_ms() - transaction.began_ms >= TRANSACTION_TIMEOUT_MS:
                self.epochs[transactional_id] += 1
                self.end(transaction, TransactionState.ABORTED)
