"""From records to alerts: decode, ask the core, write; all of a batch in one database transaction."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog
from sqlalchemy import Connection

from driftline import codec
from driftline.alerting.alert import Alert, fingerprint
from driftline.alerting.enrichment import Links, enrich
from driftline.alerting.intake import Event, Fired, Ignored, Resolved, identity, receive
from driftline.alerting.routing import Routing
from driftline.clock import Clock
from driftline.errors import InvalidRecord, Reason
from driftline.events import AlertFired, AlertResolved, DriftCleared, DriftDetected, HealthCleared, HealthOpened
from driftline.kafka.ports import Message, TopicPartition
from driftline.runtime.health import Health
from services.alerting.adapters.faust_app import FaustConsumer
from services.alerting.adapters.received import Received, received
from services.alerting.metrics import EVENTS
from services.alerting.store import alerts, groups, inbox, outbox
from services.alerting.store.database import Database

_LOG = structlog.get_logger("driftline.alerting")


class Intake:
    """Handles records of `drift-events` and `health`. Handling one twice changes nothing."""

    def __init__(self, database: Database, routing: Routing, links: Links, topic_ids: Mapping[str, str], clock: Clock) -> None:
        self._database = database
        self._routing = routing
        self._links = links
        self._topic_ids = topic_ids
        self._clock = clock

    def handle(self, records: Sequence[Received], *, news: bool = True) -> None:
        """Apply records in their order. `news=False` reads history: alerts are kept, but nobody is told yet.

        Raises InvalidRecord or UnknownSchema for a record that cannot be read; nothing of the batch is kept then.
        """
        now = self._clock.now_us()
        outcomes: list[str] = []
        with self._database.write() as tx:
            unseen = inbox.unseen(tx, [record.event_id for record in records])
            fresh = []
            for record in records:
                if record.event_id not in unseen:
                    outcomes.append("duplicate")
                    continue
                unseen.discard(record.event_id)
                fresh.append(record.event_id)
                outcomes.append(self._apply(tx, record, now, news=news))
            inbox.mark_seen(tx, fresh, now)
            inbox.set_positions(tx, _ends(records), self._topic_ids)
        for outcome in outcomes:
            EVENTS.labels(outcome).inc()

    def open_all(self) -> int:
        """After the history was read for the first time: bring what still holds into groups; returns how many alerts."""
        now = self._clock.now_us()
        with self._database.write() as tx:
            if inbox.has_flag(tx, inbox.HISTORY_READ):
                return 0
            holding = alerts.firing(tx)
            for alert in holding:
                self._tell(tx, alert, alert.source_event_id, now)
            inbox.set_flag(tx, inbox.HISTORY_READ, now)
        return len(holding)

    def place_again(self) -> None:
        """After the routing may have changed: put every alert that holds where it now belongs."""
        now = self._clock.now_us()
        with self._database.write() as tx:
            for alert in alerts.firing(tx) if inbox.has_flag(tx, inbox.HISTORY_READ) else ():
                groups.place(tx, alert, self._routing, now)

    def _apply(self, tx: Connection, record: Received, now: int, *, news: bool) -> str:
        event = _decode(record)
        known = alerts.find(tx, fingerprint(identity(event)))
        change = receive(event, known, event_id=record.cause, now=now)
        match change:
            case Fired(alert):
                alerts.save(tx, alert, now)
                if news:
                    self._tell(tx, alert, record.cause, now)
                return "fired"
            case Resolved(alert, reason):
                alerts.save(tx, alert, now)
                groups.look_soon(tx, alert.alert_id, now)
                if news:
                    self._tell_end(tx, alert, reason, record.cause, now)
                return "resolved"
            case Ignored():
                return change.value

    def _tell(self, tx: Connection, alert: Alert, cause: str, now: int) -> None:
        key = groups.place(tx, alert, self._routing, now)
        more = enrich(alert, self._links)
        route = self._routing.root.match(alert.routing_labels)[0]
        event = AlertFired(
            alert_id=alert.alert_id,
            group_key=key,
            alert_type=alert.alert_type.value,
            title=alert.title,
            model_id=alert.model_id,
            model_version=alert.model_version,
            priority=alert.priority.value,
            severity=alert.severity,
            risk_score=alert.risk_score,
            labels=alert.labels,
            tags=more.tags,
            channels=tuple(channel.kind for channel in self._routing.receivers[route.receiver].channels),
            emoji=more.emoji,
            color=more.color,
            runbook_url=more.runbook_url,
            dashboard_url=more.dashboard_url,
            details=alert.details,
            affected_segments=alert.affected_segments,
            starts_at=alert.starts_at,
            source_event_id=cause,
        )
        outbox.add_event(tx, event, alert.alert_id, cause, now=now)

    def _tell_end(self, tx: Connection, alert: Alert, reason: str, cause: str, now: int) -> None:
        ends_at = alert.ends_at
        assert ends_at is not None
        route = self._routing.root.match(alert.routing_labels)[0]
        key = groups.key_of(tx, alert.alert_id) or groups.key_for(route, alert)
        event = AlertResolved(
            alert_id=alert.alert_id,
            group_key=key,
            model_id=alert.model_id,
            labels=alert.labels,
            starts_at=alert.starts_at,
            ends_at=ends_at,
            reason=reason,
            source_event_id=cause,
        )
        outbox.add_event(tx, event, alert.alert_id, cause, now=now)


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


def _decode(record: Received) -> Event:
    if record.value is None:
        raise InvalidRecord(Reason.MALFORMED_AVRO, f"{_place(record)} is empty")
    event = codec.decode(record.value)
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
