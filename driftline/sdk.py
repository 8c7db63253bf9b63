"""What a producer uses: emit predictions and labels, batched, without ever blocking or crashing the caller.

    with driftline.sdk.Client.connect("broker:9092") as client:
        client.predict("shop.churn", "3", "order-1", {"tenure": 12.0, "contract": "monthly"}, prediction="yes", score=0.81)
        client.label("shop.churn", "order-1", "no")

Predictions wait up to `linger_seconds` to travel as a PredictionBatch, split by murmur2(prediction_id) over the partitions, so
that they meet their labels. What cannot be sent is counted in `statistics()` and told to `on_error`; nothing is raised to the
code that makes predictions, unless it gives values that cannot be an event.
"""

import math
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import TracebackType
from typing import Self

from driftline import batches, codec, topics
from driftline.clock import Clock, SystemClock
from driftline.envelope import Envelope, moment_of
from driftline.errors import DriftlineError, InvalidRecord, Reason
from driftline.events import Label, Prediction, PredictionBatch, Watermark
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Delivery, Producer

SOURCE = "/sdk"
_ROWS_PER_BATCH = 1000
_MAXIMUM_ID_BYTES = 128

Value = float | int | bool | str | date | None
"""A feature, or an outcome; a datetime is a date. Without a zone it is UTC."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of the events so far; a batch counts its rows."""

    emitted: int
    """Handed to the client."""
    delivered: int
    """Acknowledged by every in-sync replica of the broker."""
    failed: int
    """Given up; `on_error` was told why."""


class Client:
    """Emits events of any number of models; safe to use from several threads."""

    def __init__(
        self,
        producer: Producer,
        *,
        partitions: int,
        clock: Clock | None = None,
        linger_seconds: float = 0.2,
        on_error: Callable[[str], None] | None = None,
    ) -> None:
        """`partitions`: of the topic predictions. `on_error`: called with a sentence for every loss, never raises to the caller."""
        self._producer = producer
        self._partitions = partitions
        self._clock = clock or SystemClock()
        self._linger_seconds = linger_seconds
        self._on_error = on_error or (lambda _message: None)
        self._waiting: dict[tuple[str, str, int], list[Prediction]] = defaultdict(list)
        self._session = str(uuid.uuid4())
        self._sequence = 0
        self._emitted = self._delivered = self._failed = 0
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._send_regularly, name="driftline-sdk", daemon=True)
        self._thread.start()

    @classmethod
    def connect(
        cls,
        bootstrap: str | None = None,
        *,
        linger_seconds: float = 0.2,
        on_error: Callable[[str], None] | None = None,
    ) -> Self:
        """A client of a Kafka cluster; without `bootstrap`, and for TLS and SASL, DRIFTLINE_KAFKA_* is read.

        Raises ConfigurationError when no broker is named, Unavailable when it does not answer or has no topic predictions.
        """
        cluster = ConfluentCluster.at(bootstrap) if bootstrap else ConfluentCluster.from_environment()
        name = topics.name("predictions")
        described = cluster.admin().describe([name])
        if name not in described:
            message = f"the cluster has no topic {name}; create the topics with `driftline topics apply`"
            raise DriftlineError(message)
        return cls(
            cluster.producer(),
            partitions=described[name].partitions,
            linger_seconds=linger_seconds,
            on_error=on_error,
        )

    def predict(
        self,
        model_id: str,
        model_version: str,
        prediction_id: str,
        features: Mapping[str, Value],
        *,
        prediction: Value = None,
        score: float | None = None,
        latency_ms: float | None = None,
        event_time: int | None = None,
    ) -> None:
        """Emit one prediction. `event_time`: microseconds since 1970 UTC, now if None.

        Raises InvalidRecord for an id that is empty or longer than 128 bytes, or a number that is infinite.
        """
        event = Prediction(
            model_id=_identifier(model_id, "model_id"),
            model_version=_identifier(model_version, "model_version"),
            prediction_id=_identifier(prediction_id, "prediction_id"),
            event_time=self._clock.now_us() if event_time is None else event_time,
            prediction=_plain(prediction, "prediction"),
            score=None if score is None else float(score),
            latency_ms=latency_ms,
            features={name: _plain(value, name) for name, value in features.items()},
        )
        partition = partition_for(prediction_id.encode(), self._partitions)
        with self._lock:
            self._emitted += 1
            rows = self._waiting[model_id, model_version, partition]
            rows.append(event)
            if len(rows) >= _ROWS_PER_BATCH:
                self._send_batch((model_id, model_version, partition))

    def label(self, model_id: str, prediction_id: str, label: Value, *, label_time: int | None = None) -> None:
        """Emit the true outcome of a prediction. `label_time`: when it was known, microseconds, now if None.

        Raises InvalidRecord as `predict`, and for a missing label.
        """
        value = _plain(label, "label")
        if value is None:
            raise InvalidRecord(Reason.MISSING_FIELD, "a label has a value; leave unknown outcomes out", field="label")
        event = Label(
            model_id=_identifier(model_id, "model_id"),
            prediction_id=_identifier(prediction_id, "prediction_id"),
            label_time=self._clock.now_us() if label_time is None else label_time,
            label=value,
        )
        with self._lock:
            self._emitted += 1
            key = prediction_id.encode()
            partition = partition_for(key, self._partitions)
            self._produce("labels", event, codec.encode(event), key=key, partition=partition, events=1)

    def advance(self, model_id: str, event_time: int) -> None:
        """Say that the stream of a model has reached `event_time` (microseconds): a Watermark to every partition of both topics."""
        event = Watermark(model_id=_identifier(model_id, "model_id"), event_time=event_time)
        value = codec.encode(event)
        with self._lock:
            self._send_waiting()
            for topic in ("predictions", "labels"):
                for partition in range(self._partitions):
                    self._produce(topic, event, value, key=model_id.encode(), partition=partition, events=0)

    def flush(self, timeout_seconds: float = 30.0) -> int:
        """Send what waits and wait for the broker; returns how many messages are still not acknowledged."""
        with self._lock:
            self._send_waiting()
        return self._producer.flush(timeout_seconds)

    def statistics(self) -> Statistics:
        """What became of the events so far."""
        with self._lock:
            return Statistics(self._emitted, self._delivered, self._failed)

    def close(self) -> None:
        """Flush and let go."""
        self._closed.set()
        self._thread.join()
        self.flush()
        self._producer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _send_regularly(self) -> None:
        while not self._closed.wait(self._linger_seconds):
            with self._lock:
                self._send_waiting()
            self._producer.poll(0)

    def _send_waiting(self) -> None:
        for key in list(self._waiting):
            self._send_batch(key)

    def _send_batch(self, key: tuple[str, str, int]) -> None:
        rows = self._waiting.pop(key)
        self._send_rows(rows, key[2])

    def _send_rows(self, rows: Sequence[Prediction], partition: int) -> None:
        batch = batches.from_rows(rows)
        value = codec.encode(batch)
        if len(value) > batches.MAXIMUM_BYTES and len(rows) > 1:
            middle = len(rows) // 2
            self._send_rows(rows[:middle], partition)
            self._send_rows(rows[middle:], partition)
            return
        key = rows[0].prediction_id.encode()
        self._produce("predictions", batch, value, key=key, partition=partition, events=len(rows))

    def _produce(
        self,
        topic: str,
        event: PredictionBatch | Label | Watermark,
        value: bytes,
        *,
        key: bytes,
        partition: int,
        events: int,
    ) -> None:
        self._sequence += 1
        now = self._clock.now_us()
        envelope = Envelope(
            id=f"{self._session}-{self._sequence}",
            type=type(event).__name__,
            source=SOURCE,
            time_us=now,
            subject=event.model_id,
        )
        try:
            self._producer.produce(
                topics.name(topic),
                value,
                key=key,
                headers=envelope.headers(),
                partition=partition,
                on_delivery=lambda delivery: self._note(delivery, events),
            )
        except DriftlineError as error:
            self._lose(events, str(error))

    def _note(self, delivery: Delivery, events: int) -> None:
        if delivery.error is not None:
            self._lose(events, delivery.error)
            return
        with self._lock:
            self._delivered += events

    def _lose(self, events: int, why: str) -> None:
        with self._lock:
            self._failed += events
        self._on_error(f"{events} event(s) could not be sent: {why}")


def _identifier(text: str, field: str) -> str:
    if not text or len(text.encode()) > _MAXIMUM_ID_BYTES:
        raise InvalidRecord(Reason.INVALID_ID, f"{field} must have 1 to {_MAXIMUM_ID_BYTES} bytes of UTF-8", field=field)
    return text


def _plain(value: Value, field: str) -> float | str | None:
    """Numbers as float, truth values as "true" / "false", times as microseconds since 1970, texts and null as they are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return None if type(value).__name__ == "NaTType" else float(moment_of(value.isoformat()))
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    if math.isinf(number):
        raise InvalidRecord(Reason.NON_FINITE, f"{field} is infinite; send null where there is no value", field=field)
    return number
