"""Requests that come while an earlier one is on its way to the broker are judged and written as one.

That halves the work for each under load and delays none when there is little: the first goes at once. Each request keeps
its own outcome: its rows are a range of the whole. What fails to be written fails for all of them.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from driftline import topics
from driftline.clock import Clock
from driftline.envelope import Envelope, Headers
from driftline.errors import Unavailable
from services.ingest.adapters.outbox import Outbox, Record
from services.ingest.api.dead_letters import dead_letters
from services.ingest.api.intake import Intake, Refusal, Versions
from services.ingest.api.labels import take_labels
from services.ingest.api.predictions import take_predictions

SOURCE = "/ingest"
_LONGEST_WAIT_SECONDS = 0.02
"""For requests behind one that the broker does not acknowledge."""
_ROWS_AT_ONCE = 4_000
"""Beyond this nothing more is gained by waiting, and the event loop is held for too long."""


class Take(Protocol):
    """Judges rows and puts the accepted ones into wire form."""

    def __call__(self, rows: Sequence[Any], versions: Versions, *, now_us: int, partitions: int) -> Intake:
        """Judge and encode."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a door takes."""

    name: str
    event: str
    topic: str
    take: Take


PREDICTIONS = Kind("prediction", "PredictionBatch", "predictions", take_predictions)
LABELS = Kind("label", "Label", "labels", take_labels)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request's rows, once the broker has what was accepted."""

    accepted: int
    refused: Sequence[Refusal]


@dataclass(slots=True)
class _Waiting:
    """The rows of one request, and who waits for them."""

    rows: Sequence[Any]
    done: asyncio.Future[Outcome]


@dataclass(slots=True)
class Gatherer:
    """Judges and writes what came together. Lives on the event loop."""

    versions: Versions
    outbox: Outbox
    clock: Clock
    _waiting: dict[tuple[str, str], list[_Waiting]] = field(default_factory=dict)
    _under_way: dict[tuple[str, str], set[asyncio.Task[None]]] = field(default_factory=dict)
    _session: str = field(default_factory=lambda: uuid.uuid4().hex)
    _numbers: count[int] = field(default_factory=count)

    async def store(self, kind: Kind, actor: str, rows: Sequence[Any]) -> Outcome:
        """Judge and write rows; returns when the broker has acknowledged them. Raises Busy or BrokerSilent."""
        loop = asyncio.get_running_loop()
        place = (kind.name, actor)
        waiting = self._waiting.setdefault(place, [])
        waiting.append(_Waiting(rows, loop.create_future()))
        if len(waiting) == 1:
            wait = _LONGEST_WAIT_SECONDS if self._under_way.get(place) else 0.0
            loop.call_later(wait, self._begin, kind, actor, waiting)
        elif sum(len(each.rows) for each in waiting) > _ROWS_AT_ONCE:
            self._begin(kind, actor, waiting)
        return await waiting[-1].done

    def _begin(self, kind: Kind, actor: str, waiting: list[_Waiting]) -> None:
        """Take what waits, unless that happened already because there was enough of it."""
        if self._waiting.get((kind.name, actor)) is not waiting:
            return
        place = (kind.name, actor)
        del self._waiting[place]
        task = asyncio.get_running_loop().create_task(self._write(kind, actor, waiting))
        under_way = self._under_way.setdefault(place, set())
        under_way.add(task)
        task.add_done_callback(lambda _: self._go_on(kind, actor, under_way, task))

    def _go_on(self, kind: Kind, actor: str, under_way: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        """After a write: the next one, if requests have gathered."""
        under_way.discard(task)
        if waiting := self._waiting.get((kind.name, actor)):
            self._begin(kind, actor, waiting)
        elif not under_way:
            self._under_way.pop((kind.name, actor), None)

    async def _write(self, kind: Kind, actor: str, waiting: Sequence[_Waiting]) -> None:
        """Judge all rows, write, wait, and tell each request what became of its own."""
        try:
            outcomes = await self._written(kind, actor, waiting)
        except Unavailable as error:
            for each in waiting:
                _fail(each, type(error)(str(error)))
        except Exception as error:  # noqa: BLE001 - each request tells its caller, and the log
            for each in waiting:
                _fail(each, error)
        except asyncio.CancelledError:
            for each in waiting:
                each.done.cancel()
            raise
        else:
            for each, outcome in zip(waiting, outcomes, strict=True):
                if not each.done.done():
                    each.done.set_result(outcome)

    async def _written(self, kind: Kind, actor: str, waiting: Sequence[_Waiting]) -> list[Outcome]:
        rows = waiting[0].rows if len(waiting) == 1 else [row for each in waiting for row in each.rows]
        now_us = self.clock.now_us()
        intake = kind.take(rows, self.versions, now_us=now_us, partitions=topics.catalogue()[kind.topic].partitions)
        outcomes = _shares(intake, waiting)
        topic, dead = topics.name(kind.topic), topics.name("dead-letters")
        envelopes = _Envelopes(f"{self._session}-", self._numbers, now_us, actor)
        records = [
            Record(topic, ready.value, ready.key, envelopes.headers(kind.event, ready.model_id), ready.partition)
            for ready in intake.ready
        ]
        for each, outcome in zip(waiting, outcomes, strict=True):
            records += [
                Record(dead, value, (model_id or "").encode(), envelopes.headers("DeadLetter", model_id))
                for model_id, value in dead_letters(topic, "events", each.rows, outcome.refused, now_us=now_us)
            ]
        await self.outbox.send(records)
        return outcomes


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)


def _shares(intake: Intake, waiting: Sequence[_Waiting]) -> list[Outcome]:
    """Each request's part of an outcome, its rows numbered from 0."""
    shares: list[Outcome] = []
    begin = 0
    refused = iter(intake.refused)
    refusal = next(refused, None)
    for each in waiting:
        end = begin + len(each.rows)
        own: list[Refusal] = []
        while refusal is not None and refusal.index < end:
            own.append(refusal.shifted(-begin))
            refusal = next(refused, None)
        shares.append(Outcome(len(each.rows) - len(own), own))
        begin = end
    return shares


class _Envelopes:
    """Headers for records written together; all but the id are made once for each event and model."""

    def __init__(self, prefix: str, numbers: count[int], now_us: int, actor: str) -> None:
        self._prefix = prefix
        self._numbers = numbers
        self._now_us = now_us
        self._actor = actor
        self._made: dict[tuple[str, str | None], Headers] = {}

    def headers(self, event: str, model_id: str | None) -> Headers:
        """The headers of the next record."""
        made = self._made.get((event, model_id))
        if made is None:
            envelope = Envelope(id="", type=event, source=SOURCE, time_us=self._now_us, subject=model_id, actor=self._actor)
            made = self._made[event, model_id] = [pair for pair in envelope.headers() if pair[0] != "ce_id"]
        return [("ce_id", f"{self._prefix}{next(self._numbers)}".encode()), *made]
