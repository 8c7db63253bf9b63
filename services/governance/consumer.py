"""The desk: one thread that follows the topics and takes every change, one after the other."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from driftline.errors import Unavailable
from driftline.kafka.errors import KafkaFailure
from services.governance import metrics
from services.governance.adapters.journal import Batch, Journal, Overtaken, Proposal
from services.governance.store import Store

Answer = TypeVar("Answer")

ATTEMPTS = 5
PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Request:
    decide: Callable[[Store], Proposal[Any]]
    actor: str | None
    future: "Future[Any]"


class Desk:
    """Follows the topics into the store; changes are decided on the end of the log and answered once acknowledged."""

    def __init__(self, journal: Journal, store: Store) -> None:
        self._journal = journal
        self._store = store
        self._requests: queue.Queue[_Request] = queue.Queue(maxsize=1000)
        self._topic_ids: dict[str, str] = {}

    def open(self) -> None:
        """Begin where the store stands and read to the end. Raises Unavailable without a broker."""
        self._topic_ids = self._journal.topic_ids()
        self._journal.start(self._store.positions(self._topic_ids))
        self._journal.read_to_end(self._take)
        self.look_around()

    def look_around(self) -> None:
        """Note what the broker says of the topics themselves; where it does not answer, what it said before stands."""
        with suppress(KafkaFailure):
            self._store.note_kept(self._journal.kept_days())

    def change(self, decide: Callable[[Store], Proposal[Answer]], actor: str | None) -> "Future[Answer]":
        """Ask for a change from any thread; `actor` is None where nobody did. The future holds the answer, or what the core or the broker refused it with."""
        future: Future[Answer] = Future()
        try:
            self._requests.put_nowait(_Request(decide, actor, future))
        except queue.Full:
            future.set_exception(Unavailable("too many changes are waiting; try again in a moment"))
        return future

    def close(self) -> None:
        """Refuse the changes that still wait."""
        while not self._requests.empty():
            self._requests.get_nowait().future.set_exception(Unavailable("the service is stopping; try again in a moment"))

    def step(self, pause_seconds: float = 0.0) -> None:
        """Take one change if there is one within the pause, else follow the topics."""
        try:
            request = self._requests.get(timeout=pause_seconds) if pause_seconds else self._requests.get_nowait()
        except queue.Empty:
            self._take(self._journal.read())
            return
        if request.future.set_running_or_notify_cancel():
            self._answer(request)

    def _answer(self, request: _Request) -> None:
        try:
            with metrics.CHANGE_SECONDS.time():
                answer = self._changed(request.decide, request.actor)
        except KafkaFailure as error:
            self._journal.stop_writing()
            request.future.set_exception(Unavailable(f"Kafka does not take it now; try again in a moment ({error})"))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller, who waits for it
            request.future.set_exception(error)
        else:
            request.future.set_result(answer)

    def _changed(self, decide: Callable[[Store], Proposal[Any]], actor: str | None) -> object:
        for _ in range(ATTEMPTS):
            self._journal.begin_writing()
            self._journal.read_to_end(self._take)
            proposal = decide(self._store)
            if not proposal.events:
                return proposal.answer
            try:
                written = self._journal.append(proposal.events, actor)
            except Overtaken:
                continue
            self._journal.read_to_end(self._take, written)
            for event in proposal.events:
                metrics.EVENTS_WRITTEN.labels(event=type(event).__name__).inc()
            return proposal.answer
        raise Unavailable("other instances keep writing at the same time; try again in a moment")

    def _take(self, batch: Batch) -> None:
        if batch.messages:
            self._store.take(batch.messages, batch.positions, self._topic_ids)
            metrics.RECORDS_READ.inc(len(batch.messages))


class DeskPart:
    """The desk as a part of the process."""

    def __init__(self, desk: Desk, moved: Callable[[], None]) -> None:
        """`moved` is called after every step."""
        self._desk = desk
        self._moved = moved
        self._stop = threading.Event()

    def run(self) -> None:
        """Serve until stopped."""
        while not self._stop.is_set():
            self._desk.step(PAUSE_SECONDS)
            self._moved()
        self._desk.close()

    def stop(self) -> None:
        """End after the step under way."""
        self._stop.set()
