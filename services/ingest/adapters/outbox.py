"""Records out, and back when the broker has them: never 202 for what is not stored."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from driftline.errors import Unavailable
from driftline.kafka.errors import KafkaFailure
from driftline.kafka.ports import Delivery, Headers, Producer
from services.ingest import metrics

_POLL_SECONDS = 0.05
QUEUE_RECORDS = 500_000
"""Room in the producer's queue (`queue.buffering.max.messages`). One request of the largest size has its labels in it."""
_IN_FLIGHT_RECORDS = 200_000
"""With a request more this still fits the queue, so that produce() never waits for room on the event loop."""


class Busy(Unavailable):
    """More is waiting for the broker than may wait; try again in a moment."""


class BrokerSilent(Unavailable):
    """The broker did not acknowledge; what was sent may or may not be stored."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record to write; `partition` None = by its key."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None


@dataclass(slots=True)
class _Sending:
    """The records of one request under way."""

    left: int
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    error: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def report(self, error: str | None) -> None:
        """Note what became of one record; wakes the request after the last one."""
        with self.lock:
            self.left -= 1
            self.error = self.error or error
            last = self.left == 0
        if last:
            self.loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Outbox:
    """The one producer of the process; `send` is called on the event loop, reports come from a thread of its own.

    The producer must give up on a record by itself (`message.timeout.ms`), so that every record gets a report.
    """

    def __init__(self, producer: Producer, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._producer = producer
        self._monotonic = monotonic
        self._records = 0
        self._silent = False
        self._failure: KafkaFailure | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve_reports, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to serve delivery reports."""
        self._thread.start()

    def check(self) -> None:
        """Raise KafkaFailure if the producer cannot go on: nobody would hear of a record any more."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Wait a moment for what is under way and let go."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._producer.close()

    async def send(self, records: Sequence[Record]) -> None:
        """Write records and return when the broker has acknowledged all of them.

        Raises Busy without having written anything, BrokerSilent where some may be stored and some not.
        """
        self._admit(len(records))
        self._records += len(records)
        began = self._monotonic()
        sending = self._hand_over(records, lambda: self._leave(len(records)))
        # Shielded: a caller that hangs up does not free the room that its records still take.
        await asyncio.shield(sending.done)
        if (error := sending.error) is not None:
            metrics.REQUESTS_TURNED_AWAY.labels(cause="silent").inc()
            raise BrokerSilent(
                f"the broker did not acknowledge ({error}); send the request again with the same Idempotency-Key"
            )
        metrics.ACKNOWLEDGE_SECONDS.observe(self._monotonic() - began)

    def _admit(self, count: int) -> None:
        """Turn a request away: at once while the broker is silent, but for one that tries whether it still is."""
        if self._silent and self._records:
            metrics.REQUESTS_TURNED_AWAY.labels(cause="silent").inc()
            raise BrokerSilent("the broker has not acknowledged anything for a while; try again later")
        if self._records and self._records + count > _IN_FLIGHT_RECORDS:
            metrics.REQUESTS_TURNED_AWAY.labels(cause="busy").inc()
            raise Busy(f"{self._records} records are waiting for the broker already; try again in a moment")

    def _hand_over(self, records: Sequence[Record], then: Callable[[], None]) -> _Sending:
        """Give records to the producer; `then` runs after the last report."""
        loop = asyncio.get_running_loop()
        sending = _Sending(len(records), loop, loop.create_future())

        def finished(_: asyncio.Future[None]) -> None:
            self._silent = sending.error is not None
            then()

        def on_delivery(delivery: Delivery) -> None:
            sending.report(delivery.error)

        sending.done.add_done_callback(finished)
        for record in records:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    key=record.key,
                    headers=record.headers,
                    partition=record.partition,
                    on_delivery=on_delivery,
                )
            except KafkaFailure as error:
                sending.report(str(error))
        return sending

    def _leave(self, count: int) -> None:
        self._records -= count

    def _serve_reports(self) -> None:
        try:
            while not self._stopping.is_set():
                self._producer.poll(_POLL_SECONDS)
        except KafkaFailure as error:
            self._failure = error
