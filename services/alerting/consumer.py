"""From records to alerts: decode, ask the core, write; all of a batch in one database transaction."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import Connection

from driftline import codec, topics
from driftline.alerting.alert import Alert, fingerprint
from driftline.alerting.enrichment import Links, enrich
from driftline.alerting.intake import Change, Event, Fired, Ignored, Resolved, identity, receive
from driftline.alerting.life import ENDS_CARE, Entry, Happening, entry
from driftline.alerting.noise import ChangeEvent, flapping_note, flaps_after, may_flap
from driftline.alerting.posted import PostedAlert, receive_posted, timed_out
from driftline.alerting.routing import Route
from driftline.clock import Clock
from driftline.errors import InvalidRecord, Reason
from driftline.events import (
    AlertFired,
    AlertResolved,
    CheckExecution,
    ComplianceReported,
    DriftCleared,
    DriftDetected,
    HealthCleared,
    HealthOpened,
)
from driftline.kafka.ports import Message, TopicPartition
from driftline.runtime.health import Health
from services.alerting.adapters.faust_app import FaustConsumer
from services.alerting.adapters.plan import PlanInForce
from services.alerting.adapters.received import Received, received
from services.alerting.metrics import EVENTS
from services.alerting.store import (
    acknowledgements,
    alerts,
    checks,
    escalations,
    groups,
    history,
    inbox,
    noise,
    outbox,
    placing,
    posted,
)
from services.alerting.store.database import Database

_LOG = structlog.get_logger("driftline.alerting")


Elsewhere = ChangeEvent | CheckExecution | ComplianceReported
"""What is read of the topics of other services that do not speak to alerting in the first place."""

ELSEWHERE = ("governance", "monitors", "checks", "compliance")
_POSTED_AT_ONCE = 1_000
"""Posted alerts in one transaction; the dispatcher waits for it."""


class Intake:
    """Handles records of `drift-events` and `health`, and what `governance`, `monitors`, `checks` and `compliance` say about models.

    Handling one twice changes nothing.
    """

    def __init__(
        self, database: Database, in_force: PlanInForce, links: Links, topic_ids: Mapping[str, str], clock: Clock
    ) -> None:
        self._database = database
        self._in_force = in_force
        self._links = links
        self._topic_ids = topic_ids
        self._clock = clock

    def handle(self, records: Sequence[Received], *, news: bool = True) -> None:
        """Apply records in their order. `news=False` reads history: alerts are kept, but nobody is told yet.

        Raises InvalidRecord or UnknownSchema for a record that cannot be read; nothing of the batch is kept then.
        """
        now = self._clock.now_us()
        with self._database.write() as tx:
            fresh = _fresh(tx, records)
            arrivals = [_arrival(record, event, now) for record in fresh for event in self._meant(tx, _decode(record), now)]
            outcomes = self._apply(tx, arrivals, now, news=news)
            inbox.mark_seen(tx, [record.event_id for record in fresh], now)
            inbox.set_positions(tx, _ends(records), self._topic_ids)
        EVENTS.labels("duplicate").inc(len(records) - len(fresh))
        _count(outcomes)

    def _meant(self, tx: Connection, event: Event | Elsewhere | None, now: int) -> Sequence[Event]:
        """What an event means for alerts; what other services say is noted, and means what follows from it."""
        if isinstance(event, CheckExecution):
            return checks.take(tx, event)
        if isinstance(event, ChangeEvent):
            noise.note_change(tx, event, self._in_force.routing.noise, now)
            return ()
        return () if event is None else (event,)

    def open_all(self) -> int:
        """After the history was read for the first time: bring what still holds into groups; returns how many alerts."""
        now = self._clock.now_us()
        with self._database.write() as tx:
            if inbox.has_flag(tx, inbox.HISTORY_READ):
                return 0
            holding = alerts.firing(tx)
            self._tell(tx, [_Told(Fired(alert), alert.source_event_id, "fired") for alert in holding], now)
            inbox.set_flag(tx, inbox.HISTORY_READ, now)
        return len(holding)

    def place_again(self) -> None:
        """After the routing may have changed: put every alert that holds where it now belongs."""
        now = self._clock.now_us()
        with self._database.write() as tx:
            if inbox.has_flag(tx, inbox.HISTORY_READ):
                placing.place(tx, alerts.firing(tx), self._in_force.routing, now)

    def post(self, given: Sequence[PostedAlert]) -> None:
        """Take in alerts that came over HTTP; those of one request are in one transaction up to a number."""
        for start in range(0, len(given), _POSTED_AT_ONCE):
            self._post(given[start : start + _POSTED_AT_ONCE])

    def _post(self, given: Sequence[PostedAlert]) -> None:
        now = self._clock.now_us()
        arrivals = [_Arrival(one.alert_id, str(now), partial(receive_posted, one, now=now)) for one in given]
        with self._database.write() as tx:
            outcomes = self._apply(tx, arrivals, now, news=True)
            own = zip(given, outcomes, strict=True)
            posted.prolong(tx, [one for one, outcome in own if outcome == Ignored.UNCHANGED and one.ends_at > now])
        _count(outcomes)

    def expire(self) -> int | None:
        """End posted alerts that were not sent again in time; returns when the next one is due."""
        now = self._clock.now_us()
        with self._database.read() as tx:
            due = posted.next_end(tx)
        if due is None or due > now:
            return due
        with self._database.write() as tx:
            over = [_Arrival(alert_id, str(now), _timed_out) for alert_id in posted.over(tx, now)]
            self._apply(tx, over, now, news=True)
            return posted.next_end(tx)

    def _apply(self, tx: Connection, arrivals: Sequence["_Arrival"], now: int, *, news: bool) -> list[str]:
        known = alerts.find_all(tx, [arrival.alert_id for arrival in arrivals])
        stored, changed, outcomes = frozenset(known), dict[str, Alert](), []
        lines: list[Entry] = []
        told: list[_Told] = []
        for arrival in arrivals:
            alert_id = arrival.alert_id
            change = arrival.receive(known.get(alert_id))
            if isinstance(change, Ignored):
                outcomes.append(change.value)
                continue
            if (line := entry(change.alert, known.get(alert_id), now)) is not None:
                lines.append(self._count_flaps(tx, change.alert, known.get(alert_id), line))
            known[alert_id] = changed[alert_id] = change.alert
            outcomes.append("fired" if isinstance(change, Fired) else "resolved")
            told.append(_Told(change, arrival.cause, "" if line is None else line.happening.value))
        if news:
            self._tell(tx, told, now)
        alerts.save(tx, changed.values(), stored, now)
        history.add(tx, lines)
        acknowledgements.forget(
            tx, {line.alert_id for line in lines if line.happening in ENDS_CARE and line.alert_id in stored}
        )
        escalations.forget(tx, [alert.alert_id for alert in changed.values() if alert.ends_at is not None])
        return outcomes

    def _count_flaps(self, tx: Connection, alert: Alert, known: Alert | None, line: Entry) -> Entry:
        """Note how often an alert has begun again; its history says so where it is held for that."""
        if known is None or line.happening is not Happening.REOPENED or not may_flap(alert):
            return line
        former = noise.flaps_of(tx, alert.alert_id)
        flaps = flaps_after(alert, known, former, rule=self._in_force.routing.noise.flapping, now=line.at)
        noise.save_flaps(tx, flaps)
        return replace(line, detail=f"{line.detail}. {flapping_note(flaps)}") if flaps.until else line

    def _tell(self, tx: Connection, changes: Sequence["_Told"], now: int) -> None:
        """Bring alerts into their groups, and tell Kafka of what changed and of what made it."""
        firing = {one.change.alert.alert_id: one.change.alert for one in changes if isinstance(one.change, Fired)}
        over = [one.change.alert.alert_id for one in changes if isinstance(one.change, Resolved)]
        placing.place(tx, list(firing.values()), self._in_force.routing, now)
        placing.look_soon(tx, over, now)
        if not self._database.keeps_events:
            return
        batch = outbox.Batch(now)
        keys = groups.keys_of(tx, over)
        for one in changes:
            alert = one.change.alert
            route = self._in_force.routing.root.match(alert.routing_labels)[0]
            if isinstance(one.change, Fired):
                event: AlertFired | AlertResolved = self._fired(alert, route, one)
            else:
                key = keys.get(alert.alert_id) or groups.key_for(route, alert)
                event = _resolved(alert, key, one.change.reason, one.cause)
            batch.tell(event, alert.alert_id, one.cause)
        batch.write(tx)

    def _fired(self, alert: Alert, route: Route, told: "_Told") -> AlertFired:
        more = enrich(alert, self._links)
        return AlertFired(
            alert_id=alert.alert_id,
            group_key=groups.key_for(route, alert),
            alert_type=alert.alert_type.value,
            title=alert.title,
            model_id=alert.model_id,
            model_version=alert.model_version,
            priority=alert.priority.value,
            severity=alert.severity,
            risk_score=alert.risk_score,
            labels=alert.labels,
            tags=more.tags,
            channels=tuple(channel.kind for channel in self._in_force.routing.receivers[route.receiver].channels),
            emoji=more.emoji,
            color=more.color,
            runbook_url=more.runbook_url,
            dashboard_url=more.dashboard_url,
            details=alert.details,
            affected_segments=alert.affected_segments,
            starts_at=alert.starts_at,
            source_event_id=told.cause,
            happening=told.happening,
            action=alert.action or "",
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """A change of an alert, its cause, and what it is in the life of the alert; empty where it is nothing."""

    change: Fired | Resolved
    cause: str
    happening: str


def _resolved(alert: Alert, key: str, reason: str, cause: str) -> AlertResolved:
    assert alert.ends_at is not None
    return AlertResolved(
        alert_id=alert.alert_id,
        group_key=key,
        model_id=alert.model_id,
        labels=alert.labels,
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        reason=reason,
        source_event_id=cause,
    )


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Something that may change an alert."""

    alert_id: str
    cause: str
    """By what events that follow from it are recognised when it comes again."""
    receive: Callable[[Alert | None], Change]
    """What it means, given the alert as it is known."""


def _arrival(record: Received, event: Event, now: int) -> _Arrival:
    change = partial(receive, event, event_id=record.cause, now=now)
    return _Arrival(fingerprint(identity(event)), record.cause, change)


def _timed_out(known: Alert | None) -> Change:
    return Ignored.UNKNOWN_ALERT if known is None else timed_out(known)


class Catching(Protocol):
    """Reads what was missed; `services.alerting.jobs.catch_up.CatchUp`."""

    def run(self, handle: Callable[..., None], stopping: Callable[[], bool]) -> int:
        """Hand over everything up to the present end; returns how many messages."""
        ...


class Following:
    """The consuming part of the process: first the history, then Faust."""

    def __init__(
        self, reader: FaustConsumer, history: Catching, intake: Intake, health: Health, *, on_handled: Callable[[], None]
    ) -> None:
        """`on_handled` wakes those who go on with what was written."""
        self._reader = reader
        self._history = history
        self._intake = intake
        self._health = health
        self._on_handled = on_handled
        self._stopping = threading.Event()

    def run(self) -> None:
        """Consume until stopped; raises where a record cannot be handled."""
        count = self._history.run(self._handle_history, self._must_stop)
        if self._stopping.is_set():
            return
        opened = self._intake.open_all()
        self._on_handled()
        _LOG.info("history read", messages=count, opened=opened)
        asyncio.run(self._reader.run(self._handle, self._must_stop, self._health.ready))

    def stop(self) -> None:
        """Consume no more."""
        self._stopping.set()

    def _must_stop(self) -> bool:
        self._health.beat("consumer")
        return self._stopping.is_set()

    def _handle_history(self, messages: Sequence[Message], *, news: bool) -> None:
        self._intake.handle([received(message) for message in messages], news=news)
        if news:
            self._on_handled()

    async def _handle(self, records: Sequence[Received]) -> None:
        await asyncio.to_thread(self._intake.handle, records)
        self._on_handled()


def _count(outcomes: Sequence[str]) -> None:
    for outcome, times in Counter(outcomes).items():
        EVENTS.labels(outcome).inc(times)


def _fresh(tx: Connection, records: Sequence[Received]) -> list[Received]:
    """Those records that were not handled yet, each event once."""
    unseen = inbox.unseen(tx, [record.event_id for record in records])
    fresh = []
    for record in records:
        if record.event_id in unseen:
            unseen.discard(record.event_id)
            fresh.append(record)
    return fresh


def _decode(record: Received) -> Event | Elsewhere | None:
    """The event of a record; None for those of other services' topics that mean nothing here."""
    elsewhere = record.topic in map(topics.name, ELSEWHERE)
    if record.value is None and elsewhere:
        return None
    if record.value is None:
        raise InvalidRecord(Reason.MALFORMED_AVRO, f"{_place(record)} is empty")
    event = codec.decode(record.value)
    if elsewhere:
        return event if isinstance(event, Elsewhere) else None
    if not isinstance(event, DriftDetected | DriftCleared | HealthOpened | HealthCleared):
        raise InvalidRecord(Reason.UNEXPECTED_EVENT, f"{_place(record)} holds a {type(event).__name__}")
    return event


def _place(record: Received) -> str:
    return f"{record.topic}/{record.partition} at offset {record.offset}"


def _ends(records: Sequence[Received]) -> dict[TopicPartition, int]:
    ends: dict[TopicPartition, int] = {}
    for record in records:
        place = TopicPartition(record.topic, record.partition)
        ends[place] = max(ends.get(place, 0), record.offset + 1)
    return ends
