"""An in-memory twin of Kafka, exact where it matters.

It keeps what the loop relies on: transactions with markers that take an offset, the last stable
offset, aborted records hidden, positions that pass markers, fencing by epoch, generation and static
id, eager rebalances, append times of an injected clock. Nothing happens in the background and
nothing waits: time-outs happen when the clock has moved and somebody calls, a `consume` without
data returns at once.
"""

from __future__ import annotations

from collections.abc import Callable

from driftline.clock import Clock
from driftline.kafka.configuration import StartAt
from driftline.kafka.errors import KafkaFailure
from driftline.kafka.memory_admin import MemoryAdmin
from driftline.kafka.memory_consumer import MemoryConsumer
from driftline.kafka.memory_log import MemoryMessage
from driftline.kafka.memory_producer import MemoryProducer, MemoryTransactionalProducer
from driftline.kafka.memory_state import OFFSETS, Fault, MemoryBroker
from driftline.kafka.ports import TopicPartition

__all__ = ["OFFSETS", "MemoryCluster"]


class MemoryCluster:
    """The cluster of the twin, with the handles of a simulation."""

    def __init__(self, clock: Clock) -> None:
        """Begin without topics; append times are the clock's."""
        self._broker = MemoryBroker(clock)

    def consumer(
        self, group: str | None = None, *, instance_id: str | None = None, start_at: StartAt = StartAt.STOP
    ) -> MemoryConsumer:
        """Return a consumer; group None is for partitions taken by hand."""
        return MemoryConsumer(self._broker, group or "driftline-by-hand", instance_id, start_at)

    def producer(self) -> MemoryProducer:
        """Return a producer."""
        return MemoryProducer(self._broker)

    def transactional_producer(self, transactional_id: str) -> MemoryTransactionalProducer:
        """Return a transactional producer, not initialised yet."""
        return MemoryTransactionalProducer(self._broker, transactional_id)

    def admin(self) -> MemoryAdmin:
        """Return an admin client."""
        return MemoryAdmin(self._broker)

    # What follows is for tests and simulations only.

    def records(self, topic: str, *, committed_only: bool = True) -> list[MemoryMessage]:
        """Return all records of a topic by partition and offset."""
        logs = self._broker.topic(topic).logs
        return [record for log in logs for record in log.records(committed_only=committed_only)]

    def set_available(self, available: bool) -> None:  # noqa: FBT001  a state, not a mode
        """Take the cluster away, or bring it back; nothing that was acknowledged is lost."""
        self._broker.available = available

    def fail_next(self, operation: str, error: KafkaFailure, *, after: bool = False) -> None:
        """Let the next `begin`, `send_offsets`, `commit`, `abort`, `consume` or `produce` fail.

        `after`: it takes effect all the same, and only its answer is lost.
        """
        self._broker.faults.setdefault(operation, []).append(Fault(error, after))

    def hold_markers(self, held: Callable[[TopicPartition], bool]) -> None:
        """Keep back the markers of transactions that end from now on, on these partitions.

        The groups' offsets are partition 0 of OFFSETS.
        """
        self._broker.held = held

    def release_markers(self) -> None:
        """Write every marker that was kept back, and keep none back any more."""
        self._broker.held = None
        owed, self._broker.owed = self._broker.owed, []
        for place, transaction in owed:
            self._broker.mark(place, transaction)

    def expire_transactions(self) -> None:
        """Abort transactions that have been open longer than their time-out."""
        self._broker.expire_transactions()

    def rebalance(self, group: str) -> None:
        """Ask all members to join again; done when each of them has polled twice."""
        self._broker.group(group).rebalance()

    def truncate(self, place: TopicPartition, low: int) -> None:
        """Forget the records before `low`, as retention does."""
        self._broker.log(place).truncate(low)
