"""The Kafka ports over confluent-kafka (librdkafka)."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient

from driftline.kafka.configuration import (
    Properties,
    StartAt,
    client_properties,
    connection_properties,
    consumer_properties,
    producer_properties,
    transactional_properties,
)
from driftline.kafka.confluent_admin import ConfluentAdmin, uncommitted_ends
from driftline.kafka.confluent_clients import LOG, make_client
from driftline.kafka.confluent_errors import IGNORED_WHILE_CONSUMING, failure, transaction_failure
from driftline.kafka.errors import KafkaUnavailable, QueueFull
from driftline.kafka.ports import (
    Delivery,
    GroupMetadata,
    Headers,
    Message,
    RebalanceListener,
    TopicPartition,
    Watermarks,
)

__all__ = ["ConfluentCluster", "ConfluentConsumer", "ConfluentProducer", "ConfluentTransactionalProducer"]

_TRANSACTION_CALL_SECONDS = 20.0
_INIT_SECONDS = 60.0
_QUEUE_FULL_SECONDS = 10.0


class ConfluentCluster:
    """A real cluster, reached with these client properties (`bootstrap.servers` and security)."""

    def __init__(self, properties: Mapping[str, str | int | float | bool]) -> None:
        """Keep the properties; connections are made by the clients."""
        self._properties = dict(properties)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> ConfluentCluster:
        """Read `DRIFTLINE_KAFKA_*`; raises ConfigurationError without a bootstrap address."""
        return cls(client_properties(environ))

    @classmethod
    def at(cls, bootstrap: str) -> ConfluentCluster:
        """Return the cluster at `host:port`, with nothing else set."""
        return cls({"bootstrap.servers": bootstrap})

    def consumer(
        self, group: str | None = None, *, instance_id: str | None = None, start_at: StartAt = StartAt.STOP
    ) -> ConfluentConsumer:
        """Return a consumer; group None is for partitions taken by hand."""
        properties = consumer_properties(
            self._properties, group=group or "driftline-by-hand", instance_id=instance_id, start_at=start_at
        )
        return ConfluentConsumer(properties, connection_properties(self._properties))

    def producer(self) -> ConfluentProducer:
        """Return an idempotent producer."""
        return ConfluentProducer(producer_properties(self._properties))

    def transactional_producer(self, transactional_id: str) -> ConfluentTransactionalProducer:
        """Return a transactional producer, not initialised yet."""
        return ConfluentTransactionalProducer(transactional_properties(self._properties, transactional_id=transactional_id))

    def admin(self) -> ConfluentAdmin:
        """Return an admin client."""
        return ConfluentAdmin(connection_properties(self._properties))


class ConfluentConsumer:
    """`confluent_kafka.Consumer` behind the port; one thread only."""

    def __init__(self, properties: Properties, admin_properties: Properties) -> None:
        """Connect in the background; the first call that needs a broker waits for it."""
        self._consumer = make_client(ck.Consumer, properties)
        self._admin_properties = admin_properties
        self._admin: AdminClient | None = None
        self._starts: dict[TopicPartition, int] = {}

    def subscribe(self, topics: Sequence[str], listener: RebalanceListener | None = None) -> None:
        """Join the group for these topics."""
        if listener is None:
            self._consumer.subscribe(list(topics))
            return

        def assigned(_consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
            starts = listener.on_assign(_plain(partitions))
            if starts is not None:
                self._starts = dict(starts)
                self._consumer.assign(_places(partitions, starts))

        def revoked(_consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
            listener.on_revoke(_plain(partitions))
            self._starts = {}

        def lost(_consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
            listener.on_lost(_plain(partitions))
            self._starts = {}

        self._consumer.subscribe(list(topics), on_assign=assigned, on_revoke=revoked, on_lost=lost)

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Take partitions by hand at these positions."""
        self._starts = dict(positions)
        self._consumer.assign([ck.TopicPartition(t, p, o) for (t, p), o in positions.items()])

    def assignment(self) -> list[TopicPartition]:
        """Return what is assigned now, sorted."""
        return sorted(_plain(self._consumer.assignment()))

    def consume(self, max_messages: int, timeout_seconds: float) -> list[Message]:
        """Return what arrived; raises for what librdkafka cannot repair by itself."""
        try:
            messages: list[Message] = self._consumer.consume(max_messages, timeout_seconds)
        except ck.KafkaException as error:
            raise failure(error, "consume") from error
        # An error comes as a message. One C call (30 ns) for each; the usual batch has none and is handed on as it is.
        if any(map(ck.Message.error, messages)):
            messages = [message for message in messages if not _is_error(message)]
        return messages

    def positions(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the next offsets; before the first record, where reading was told to begin."""
        wanted = list(partitions)
        found = self._consumer.position([ck.TopicPartition(t, p) for t, p in wanted])
        result = {}
        for partition, place in zip(wanted, found, strict=True):
            if place.offset >= 0:
                result[partition] = place.offset
            elif self._starts.get(partition, -1) >= 0:
                result[partition] = self._starts[partition]
        return result

    def committed(
        self, partitions: Iterable[TopicPartition], timeout_seconds: float = 10.0
    ) -> dict[TopicPartition, int | None]:
        """Return the group's committed offsets, waiting for pending transactions."""
        wanted = [ck.TopicPartition(t, p) for t, p in partitions]
        try:
            found = self._consumer.committed(wanted, timeout=timeout_seconds)
        except ck.KafkaException as error:
            raise failure(error, "read committed offsets") from error
        for place in found:
            if place.error is not None:
                raise failure(place.error, f"read the committed offset of {place.topic}[{place.partition}]")
        return {TopicPartition(p.topic, p.partition): p.offset if p.offset >= 0 else None for p in found}

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit outside a transaction and wait."""
        places = [ck.TopicPartition(t, p, o) for (t, p), o in offsets.items()]
        try:
            done = self._consumer.commit(offsets=places, asynchronous=False)
        except ck.KafkaException as error:
            raise failure(error, "commit offsets") from error
        for place in done or []:
            if place.error is not None:
                raise failure(place.error, f"commit the offset of {place.topic}[{place.partition}]")

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue an assigned partition at another offset."""
        self._starts[partition] = offset
        try:
            self._consumer.seek(ck.TopicPartition(partition.topic, partition.partition, offset))
        except ck.KafkaException as error:
            raise failure(error, f"seek in {partition.topic}[{partition.partition}]") from error

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch no more from these until resumed."""
        self._consumer.pause([ck.TopicPartition(t, p) for t, p in partitions])

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch again."""
        self._consumer.resume([ck.TopicPartition(t, p) for t, p in partitions])

    def watermarks(self, partition: TopicPartition, timeout_seconds: float = 10.0) -> Watermarks:
        """Ask for low and last stable offset as this consumer, for the end read_uncommitted."""
        place = ck.TopicPartition(partition.topic, partition.partition)
        try:
            found = self._consumer.get_watermark_offsets(place, timeout=timeout_seconds, cached=False)
        except ck.KafkaException as error:
            raise failure(error, f"ask for the ends of {partition.topic}[{partition.partition}]") from error
        if found is None:
            message = f"no answer about the ends of {partition.topic}[{partition.partition}]"
            raise KafkaUnavailable(message)
        low, stable = found
        end = self.ends([partition], timeout_seconds)[partition]
        return Watermarks(low=low, stable=stable, end=max(end, stable))

    def ends(self, partitions: Iterable[TopicPartition], timeout_seconds: float = 10.0) -> dict[TopicPartition, int]:
        """Ask for the uncommitted high-water marks in one request per leader."""
        if self._admin is None:
            self._admin = make_client(AdminClient, self._admin_properties)
        return uncommitted_ends(self._admin, partitions, timeout_seconds)

    def offsets_for_times(
        self, times_ms: Mapping[TopicPartition, int], timeout_seconds: float = 10.0
    ) -> dict[TopicPartition, int]:
        """Return the first offset at or after each time, else the last stable offset."""
        asked = [ck.TopicPartition(t, p, ms) for (t, p), ms in times_ms.items()]
        try:
            found = self._consumer.offsets_for_times(asked, timeout=timeout_seconds)
        except ck.KafkaException as error:
            raise failure(error, "look up offsets by time") from error
        result = {}
        for place in found:
            if place.error is not None:
                raise failure(place.error, f"look up {place.topic}[{place.partition}] by time")
            partition = TopicPartition(place.topic, place.partition)
            result[partition] = place.offset
            if place.offset < 0:
                result[partition] = self.watermarks(partition, timeout_seconds).stable
        return result

    def group_metadata(self) -> GroupMetadata:
        """Return the present membership."""
        metadata: GroupMetadata = self._consumer.consumer_group_metadata()
        return metadata

    def close(self) -> None:
        """Leave the group (a static member does not) and let go."""
        self._consumer.close()


class ConfluentProducer:
    """`confluent_kafka.Producer` behind the port."""

    def __init__(self, properties: Properties) -> None:
        """Connect in the background."""
        self._producer = make_client(ck.Producer, properties)

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
        """Queue one record, making room for up to 10 s when the queue is full."""
        deadline = 0.0
        callback = None if on_delivery is None else _delivery(on_delivery)
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    -1 if partition is None else partition,
                    headers=list(headers) if headers else None,
                    on_delivery=callback,
                )
            except BufferError as error:
                deadline = deadline or time.monotonic() + _QUEUE_FULL_SECONDS
                if time.monotonic() > deadline:
                    message = (
                        f"the producer's queue stayed full for {_QUEUE_FULL_SECONDS:.0f} s: the broker is too slow or away"
                    )
                    raise QueueFull(message) from error
                self._producer.poll(0.1)
            except ck.KafkaException as error:
                raise failure(error, f"produce to {topic}") from error
            else:
                return

    def poll(self, timeout_seconds: float = 0.0) -> int:
        """Serve delivery callbacks; raises Fenced where librdkafka has learnt that another producer took over."""
        try:
            served: int = self._producer.poll(timeout_seconds)
        except ck.KafkaException as error:
            raise failure(error, "go on producing") from error
        return served

    def flush(self, timeout_seconds: float) -> int:
        """Wait until the queue is empty; returns how many records are still in it. Raises as `poll` does."""
        try:
            left: int = self._producer.flush(timeout_seconds)
        except ck.KafkaException as error:
            raise failure(error, "flush") from error
        return left

    def __len__(self) -> int:
        """Return the records queued or under way."""
        return len(self._producer)

    def close(self) -> None:
        """Flush for a moment and let go."""
        self.flush(5.0)
        self._producer.close()


class ConfluentTransactionalProducer(ConfluentProducer):
    """The same with transactions; a time-out of any call ends its usefulness."""

    def init_transactions(self) -> None:
        """Fence earlier instances of this id; waits up to a minute for the cluster."""
        self._call("init_transactions", lambda: self._producer.init_transactions(_INIT_SECONDS))

    def begin(self) -> None:
        """Open a transaction."""
        self._call("begin", self._producer.begin_transaction)

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: GroupMetadata) -> None:
        """Make the group's offsets part of the transaction."""
        places = [ck.TopicPartition(t, p, o) for (t, p), o in offsets.items()]
        self._call(
            "send_offsets",
            lambda: self._producer.send_offsets_to_transaction(places, group, _TRANSACTION_CALL_SECONDS),
        )

    def commit(self) -> None:
        """Commit, flushing first."""
        self._call("commit", lambda: self._producer.commit_transaction(_TRANSACTION_CALL_SECONDS))

    def abort(self) -> None:
        """Abort; what was queued is purged."""
        self._call("abort", lambda: self._producer.abort_transaction(_TRANSACTION_CALL_SECONDS))

    def close(self) -> None:
        """Let go without flushing: what was not committed must not go out. A fenced producer just goes."""
        self._producer.purge()
        # The library aborts what is open, and warns where it was fenced; under `-W error` that would be a SystemError.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                self._producer.close()
            except ck.KafkaException as error:
                LOG.debug("close: %s", error)

    @staticmethod
    def _call(what: str, call: Callable[[], None]) -> None:
        try:
            call()
        except ck.KafkaException as error:
            raise transaction_failure(error, what) from error


def _is_error(message: ck.Message) -> bool:
    error = message.error()
    if error is None:
        return False
    if error.code() in IGNORED_WHILE_CONSUMING or (error.retriable() and not error.fatal()):
        LOG.warning("consume: %s", error.str())
        return True
    place = f" from {message.topic()}[{message.partition()}]" if message.topic() else ""
    raise failure(error, f"consume{place}")


def _plain(partitions: Iterable[ck.TopicPartition]) -> list[TopicPartition]:
    return [TopicPartition(place.topic, place.partition) for place in partitions]


def _places(partitions: Iterable[ck.TopicPartition], starts: Mapping[TopicPartition, int]) -> list[ck.TopicPartition]:
    """Give each partition its start; the library's "committed offset" mark where there is none."""
    return [
        ck.TopicPartition(
            place.topic,
            place.partition,
            starts.get(TopicPartition(place.topic, place.partition), ck.OFFSET_STORED),
        )
        for place in partitions
    ]


def _delivery(
    on_delivery: Callable[[Delivery], None],
) -> Callable[[ck.KafkaError | None, ck.Message], None]:
    def report(error: ck.KafkaError | None, message: ck.Message) -> None:
        offset, partition = message.offset(), message.partition()
        on_delivery(
            Delivery(
                topic=message.topic() or "",
                partition=-1 if partition is None else partition,
                offset=-1 if offset is None else offset,
                error=None if error is None else error.name(),
            )
        )

    return report
