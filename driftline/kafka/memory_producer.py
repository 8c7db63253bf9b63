"""Producers of the in-memory twin."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from driftline.kafka.errors import (
    Fenced,
    KafkaFailure,
    OutcomeUnknown,
    QueueFull,
    RecordTooLarge,
    TransactionAborted,
)
from driftline.kafka.memory_groups import Membership
from driftline.kafka.memory_log import Transaction, TransactionState
from driftline.kafka.memory_state import MemoryBroker
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Delivery, GroupMetadata, Headers, TopicPartition

__all__ = ["MemoryProducer", "MemoryTransactionalProducer"]

_QUEUE_LIMIT = 100_000
_MAX_BYTES = 8_388_608


@dataclass(frozen=True, slots=True)
class _Queued:
    topic: str
    partition: int | None
    content: tuple[bytes | None, bytes | None, list[tuple[str, bytes]] | None]
    on_delivery: Callable[[Delivery], None] | None


class MemoryProducer:
    """Appends as soon as the cluster is there; callbacks run in poll() and flush(), as in the real one."""

    def __init__(self, broker: MemoryBroker) -> None:
        """Begin with nothing queued."""
        self._broker = broker
        self._queue: deque[_Queued] = deque()
        self._reports: deque[tuple[Callable[[Delivery], None], Delivery]] = deque()
        self._turn = count()

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
        """Queue one record, and send what is queued if the cluster is there."""
        if len(key or b"") + len(value or b"") > _MAX_BYTES:
            raise RecordTooLarge(f"a record for {topic} exceeds {_MAX_BYTES} bytes")
        with self._broker.lock:
            fault = self._broker.fault("produce")
            if fault is not None and not fault.after:
                raise fault.error
            if len(self._queue) >= _QUEUE_LIMIT:
                raise QueueFull("the producer's queue stayed full: the broker is too slow or away")
            content = (key, value, [(n, v) for n, v in headers] or None)
            self._queue.append(_Queued(topic, partition, content, on_delivery))
            self._send()

    def poll(self, timeout_seconds: float = 0.0) -> int:  # noqa: ARG002  the twin never waits
        """Send what is queued and serve callbacks."""
        with self._broker.lock:
            self._send()
            reports, self._reports = self._reports, deque()
        for report, delivery in reports:
            report(delivery)
        return len(reports)

    def flush(self, timeout_seconds: float) -> int:  # noqa: ARG002
        """Do the same; returns what is still queued."""
        self.poll()
        return len(self._queue)

    def __len__(self) -> int:
        """Return the records queued, and those whose report was not served."""
        return len(self._queue) + len(self._reports)

    def close(self) -> None:
        """Serve callbacks for the last time."""
        self.poll()

    def _send(self) -> None:
        while self._queue and self._broker.available:
            self._append(self._queue.popleft())

    def _append(self, queued: _Queued) -> None:
        topic = self._broker.topics.get(queued.topic)
        if topic is None:
            self._report(queued, -1, -1, "UNKNOWN_TOPIC_OR_PART")
            return
        number = queued.partition
        if number is None:
            key = queued.content[0]
            number = next(self._turn) % len(topic.logs) if key is None else partition_for(key, len(topic.logs))
        if number >= len(topic.logs):
            self._report(queued, number, -1, "_UNKNOWN_PARTITION")
            return
        refusal = self._broker.refusal(topic, queued.content[0], queued.content[1])
        if refusal is not None:
            self._report(queued, number, -1, refusal)
            return
        place = TopicPartition(queued.topic, number)
        offset = topic.logs[number].append(
            queued.content, time_ms=self._broker.now_ms(), transaction=self._transaction_for(place)
        )
        self._report(queued, number, offset, None)

    def _transaction_for(self, place: TopicPartition) -> Transaction | None:  # noqa: ARG002
        return None

    def _report(self, queued: _Queued, partition: int, offset: int, error: str | None) -> None:
        if queued.on_delivery is not None:
            delivery = Delivery(queued.topic, partition, offset, error)
            self._reports.append((queued.on_delivery, delivery))


class MemoryTransactionalProducer(MemoryProducer):
    """One epoch of a transactional id."""

    def __init__(self, broker: MemoryBroker, transactional_id: str) -> None:
        """Wait for init_transactions."""
        super().__init__(broker)
        self._id = transactional_id
        self._epoch = -1
        self._transaction: Transaction | None = None

    def init_transactions(self) -> None:
        """Take the id over; an open transaction of its last holder is aborted."""
        with self._broker.lock:
            self._broker.reach()
            self._epoch = self._broker.epochs.get(self._id, -1) + 1
            self._broker.epochs[self._id] = self._epoch
            if (earlier := self._broker.open.get(self._id)) is not None:
                self._broker.end(earlier, TransactionState.ABORTED)

    def begin(self) -> None:
        """Open a transaction; the broker hears of it with the first record."""
        with self._broker.lock:
            if self._epoch < 0:
                raise KafkaFailure("init_transactions was not called")
            if self._transaction is not None:
                raise KafkaFailure("a transaction is open already")
            self._answer("begin", self._open)

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
        """Append under the open transaction."""
        if self._transaction is None:
            raise KafkaFailure("produce needs begin() first")
        super().produce(topic, value, key=key, headers=headers, partition=partition, on_delivery=on_delivery)

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: GroupMetadata) -> None:
        """Hold the group's offsets in the transaction, if the membership is the present one."""
        if not isinstance(group, Membership):
            raise KafkaFailure("the group metadata is not of this cluster")
        with self._broker.lock:
            self._answer("send_offsets", lambda: self._hold(dict(offsets), group))

    def commit(self) -> None:
        """Commit: one decision, then markers."""
        with self._broker.lock:
            self._answer("commit", lambda: self._end(TransactionState.COMMITTED))

    def abort(self) -> None:
        """Abort: one decision, then markers."""
        with self._broker.lock:
            self._answer("abort", lambda: self._end(TransactionState.ABORTED))

    def close(self) -> None:
        """Let go; an open transaction stays open until it times out or its id is taken over."""
        self._queue.clear()

    def _answer(self, operation: str, act: Callable[[], None]) -> None:
        """Do it, with the fault that is planned for it."""
        fault = self._broker.fault(operation)
        if fault is not None and not fault.after:
            raise fault.error
        act()
        if fault is not None:
            raise fault.error

    def _open(self) -> None:
        self._transaction = Transaction(self._id, self._broker.now_ms())

    def _hold(self, offsets: dict[TopicPartition, int], membership: Membership) -> None:
        transaction = self._live()
        group = self._broker.group(membership.group)
        group.check(membership)
        self._broker.open.setdefault(self._id, transaction)
        transaction.offsets.setdefault(membership.group, {}).update(offsets)
        group.pending.append((transaction, offsets))

    def _end(self, state: TransactionState) -> None:
        transaction = self._live()
        self._send()
        if transaction.failure is not None and state is TransactionState.COMMITTED:
            raise TransactionAborted(f"the transaction must be aborted: {transaction.failure}")
        self._transaction = None
        self._broker.end(transaction, state)

    def _live(self) -> Transaction:
        if not self._broker.available:
            raise OutcomeUnknown("no broker answered in time")
        if self._transaction is None:
            raise KafkaFailure("no transaction is open")
        self._broker.check_epoch(self._id, self._epoch)
        return self._transaction

    def _transaction_for(self, place: TopicPartition) -> Transaction | None:
        transaction = self._transaction
        if transaction is None:
            return None
        if self._broker.epochs.get(self._id) != self._epoch:
            raise Fenced(f"transactional.id {self._id} belongs to a later producer")
        self._broker.open.setdefault(self._id, transaction)
        if place not in transaction.partitions:
            transaction.partitions.append(place)
        return transaction

    def _report(self, queued: _Queued, partition: int, offset: int, error: str | None) -> None:
        if error is not None and self._transaction is not None:
            self._transaction.failure = error
        super()._report(queued, partition, offset, error)
