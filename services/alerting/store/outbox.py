"""What leaves the service: notifications for the channels, events for Kafka. Both are written with the decision that they follow."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, delete, exists, func, insert, select, update

from driftline import codec, topics
from driftline.alerting.notification import Notification
from driftline.alerting.pipeline import NOTHING_TOLD, Told
from driftline.envelope import Envelope, deterministic_id
from driftline.events import (
    AlertAcknowledged,
    AlertEscalated,
    AlertFired,
    AlertResolved,
    AlertSilenced,
    AlertUnacknowledged,
    HealthCleared,
    HealthOpened,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
    ResponseModeChanged,
    ResponseStep,
    ServingCommand,
)
from services.alerting.store.database import KEEPS_EVENTS
from services.alerting.store.groups import ids_text
from services.alerting.store.many import Many
from services.alerting.store.tables import event_outbox, flags, outbox, threads

SOURCE = "/alerting"
PENDING, SENT, FAILED, SUPPRESSED = "pending", "sent", "failed", "suppressed"

ALERTS, NOTIFICATIONS = topics.name("alerts"), topics.name("notifications")

AlertEvent = AlertFired | AlertAcknowledged | AlertUnacknowledged | AlertEscalated | AlertResolved
NotificationEvent = NotificationSent | NotificationFailed | NotificationSuppressed
Event = (
    AlertEvent
    | AlertSilenced
    | NotificationEvent
    | HealthOpened
    | HealthCleared
    | ResponseStep
    | ResponseModeChanged
    | ServingCommand
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A notification on its way."""

    seq: int
    notification_id: str
    group_key: str
    channel: str
    kind: str
    status: str
    alert_ids: tuple[str, ...]
    body: bytes
    decided_at: int
    attempts: int
    """Tries, the present one included."""
    known: Told
    """What the channel knows once it is delivered."""
    thread: str | None
    """Where the channel tells of the group; None where it has not begun to, or has no such places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutEvent:
    """An event that Kafka shall have."""

    seq: int
    topic: str
    key: str
    value: bytes
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Cause:
    """What an event is about, and what made it: the same cause makes the same id."""

    subject: str
    parts: tuple[str | int, ...]


class Batch:
    """What one transaction puts into the outboxes; written in one go at its end."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._notifications: list[dict[str, Any]] = []
        self._events: list[tuple[str, str, Event, Cause]] = []

    def notify(self, message: Notification, told: Told, *, state: str, error: str | None = None) -> None:
        """Add a notification: PENDING to be sent, SUPPRESSED for the record only, with the reason as its error."""
        self._notifications.append(
            {
                "notification_id": message.notification_id,
                "group_key": message.group_key,
                "channel": message.channel,
                "kind": message.kind,
                "status": message.status.value,
                "reason": message.reason,
                "alert_ids": orjson.dumps(message.alert_ids).decode(),
                "firing": ids_text(told.firing),
                "resolved": ids_text(told.resolved),
                "body": orjson.dumps(message.body),
                "state": state,
                "decided_at": self._now,
                "due_at": self._now,
                "attempts": 0,
                "error": error,
                "finished_at": None if state == PENDING else self._now,
            }
        )

    def tell(self, event: AlertEvent | NotificationEvent, *cause: str | int) -> None:
        """Add an event about an alert or a notification, under its group's key."""
        if isinstance(event, AlertEvent):
            self.tell_to(ALERTS, event.group_key, event, Cause(event.alert_id, cause))
        else:
            self.tell_to(NOTIFICATIONS, event.group_key, event, Cause(event.notification_id, cause))

    def tell_to(self, topic: str, key: str, event: Event, cause: Cause) -> None:
        """Add an event for a topic."""
        self._events.append((topic, key, event, cause))

    def write(self, tx: Connection) -> None:
        """Put everything into the outboxes; an event that stands there already stays as it is.

        Where the database keeps no events they are dropped.
        """
        _ADD_NOTIFICATION.run(tx, self._notifications)
        if not tx.get_execution_options().get(KEEPS_EVENTS, True):
            return
        events = {row["event_id"]: row for row in map(self._event_values, self._events)}
        for event_id in tx.execute(_WAITING, {"ids": list(events)}).scalars().all() if events else ():
            del events[event_id]
        _ADD_EVENT.run(tx, list(events.values()))

    def _event_values(self, told: tuple[str, str, Event, Cause]) -> dict[str, Any]:
        topic, key, event, cause = told
        name = type(event).__name__
        return {
            "event_id": deterministic_id(SOURCE, name, *cause.parts),
            "topic": topic,
            "key": key,
            "type": name,
            "subject": cause.subject,
            "at": self._now,
            "value": codec.encode(event),
        }


# Statements are built once: building one costs more than running it.
_ADD_NOTIFICATION = Many(insert(outbox))
_ADD_EVENT = Many(insert(event_outbox))
_WAITING = select(event_outbox.c.event_id).where(event_outbox.c.event_id.in_(bindparam("ids", expanding=True)))
_THESE: BindParameter[list[int]] = bindparam("numbers", expanding=True)
_TAKE = update(outbox).where(outbox.c.seq == bindparam("number"))
_CLAIM = Many(_TAKE.values(attempts=outbox.c.attempts + 1, due_at=bindparam("until")))
_STATES = select(outbox.c.seq, outbox.c.state).where(outbox.c.seq.in_(_THESE))  # by state SQLite would read all that wait
_SET = Many(update(outbox).where(outbox.c.seq == bindparam("number")))


def last_ids(tx: Connection, keys: Collection[str]) -> dict[tuple[str, str], str]:
    """Id of the last notification of each group and channel, for some groups."""
    return {(row.group_key, row.channel): row.notification_id for row in tx.execute(_LAST_IDS, {"keys": list(keys)})}


_LAST = select(func.max(outbox.c.seq)).where(outbox.c.group_key.in_(bindparam("keys", expanding=True)))
_LAST_IDS = select(outbox.c.group_key, outbox.c.channel, outbox.c.notification_id).where(
    outbox.c.seq.in_(_LAST.group_by(outbox.c.group_key, outbox.c.channel).scalar_subquery())
)


def claim(tx: Connection, channel: str, *, now: int, lease_us: int, limit: int) -> list[Parcel]:
    """Take due notifications of a channel, the oldest of each group only, and count the try.

    A claim that is not answered within the lease is due again.
    """
    rows = tx.execute(_READY, {"name": channel, "now": now, "most": limit}).all()
    _CLAIM.run(tx, [{"number": row.seq, "until": now + lease_us} for row in rows])
    return [_parcel(row) for row in rows]


def next_due(tx: Connection, channel: str) -> int | None:
    """When a channel has something to do next; what waits for an earlier one of its group does not count."""
    return tx.execute(_NEXT_READY, {"name": channel}).scalar_one_or_none()


def release_claims(tx: Connection, now: int) -> None:
    """Make everything pending due now; for the start of a single replica, whose predecessor's claims are void."""
    waiting = (outbox.c.state == PENDING) & (outbox.c.due_at > now)
    tx.execute(update(outbox).where(waiting).values(due_at=now))


def still_pending(tx: Connection, parcels: Collection[Parcel]) -> frozenset[int]:
    """Numbers of those parcels whose end nobody has noted yet; it is for this transaction to do so."""
    rows = tx.execute(_STATES, {"numbers": [parcel.seq for parcel in parcels]})
    return frozenset(row.seq for row in rows if row.state == PENDING)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one try of a parcel."""

    seq: int
    code: int | None
    error: str | None


def finish(tx: Connection, results: Collection[Result], *, state: str, now: int) -> None:
    """Note the end of notifications that were still pending."""
    rows = [_result_values(one, state=state, finished_at=now) for one in results]
    _SET.run(tx, rows)


def postpone(tx: Connection, result: Result, *, due_at: int) -> None:
    """Note a failed try of a notification that was still pending, and when the next one is due."""
    _SET.run(tx, [_result_values(result, due_at=due_at)])


def _result_values(one: Result, **others: Any) -> dict[str, Any]:
    return {"number": one.seq, "response_code": one.code, "error": one.error, **others}


def pending_elsewhere(tx: Connection, channels: Collection[str]) -> list[Parcel]:
    """Pending notifications of channels that are not configured any more."""
    query = _PARCELS.where(outbox.c.state == PENDING, outbox.c.channel.not_in(list(channels)))
    return [_parcel(row) for row in tx.execute(query)]


def oldest_pending(tx: Connection) -> int | None:
    """When the oldest notification that is still to be sent was decided."""
    return tx.execute(_OLDEST).scalar_one_or_none()


_FIRST_PENDING = select(func.min(outbox.c.seq)).where(outbox.c.state == PENDING).scalar_subquery()  # an index has all of it
_OLDEST = select(outbox.c.decided_at).where(outbox.c.seq == _FIRST_PENDING)


def page(tx: Connection, *, filters: dict[str, str], limit: int, offset: int) -> Sequence[Row[Any]]:
    """Notifications without their bodies, the latest first; `filters` are column names and values."""
    columns = [column for column in outbox.c if column.name not in ("body", "firing", "resolved")]
    query = select(*columns).order_by(outbox.c.seq.desc()).limit(limit).offset(offset)
    for name, value in filters.items():
        query = query.where(outbox.c[name] == value)
    return tx.execute(query).all()


def find(tx: Connection, notification_id: str) -> Row[Any] | None:
    """A notification by its id."""
    return tx.execute(select(outbox).where(outbox.c.notification_id == notification_id)).one_or_none()


def failed_before(tx: Connection, parcel: Parcel) -> frozenset[str]:
    """Alerts of the notification that its group and channel had before a parcel, where that one failed."""
    before = tx.execute(_BEFORE, {"number": parcel.seq, "key": parcel.group_key, "name": parcel.channel}).one_or_none()
    return frozenset(orjson.loads(before.alert_ids)) if before is not None and before.state == FAILED else frozenset()


_BEFORE = (
    select(outbox.c.state, outbox.c.alert_ids)
    .where(outbox.c.group_key == bindparam("key"), outbox.c.channel == bindparam("name"), outbox.c.seq < bindparam("number"))
    .order_by(outbox.c.seq.desc())
    .limit(1)
)


def forget_finished(tx: Connection, before: int) -> int:
    """Drop finished notifications of before a time; returns how many. They stay on the topic `notifications`."""
    return tx.execute(delete(outbox).where(outbox.c.state != PENDING, outbox.c.finished_at < before)).rowcount


def pending_events(tx: Connection, limit: int) -> list[OutEvent]:
    """Events for Kafka in the order of their decisions."""
    return [
        OutEvent(
            seq=row.seq,
            topic=row.topic,
            key=row.key,
            value=row.value,
            envelope=Envelope(id=row.event_id, type=row.type, source=SOURCE, time_us=row.at, subject=row.subject),
        )
        for row in tx.execute(_EVENTS, {"most": limit})
    ]


def remove_events(tx: Connection, seqs: Sequence[int]) -> None:
    """Forget events that Kafka has acknowledged."""
    tx.execute(_REMOVE_EVENTS, {"numbers": list(seqs)})


_EVENTS = select(event_outbox).order_by(event_outbox.c.seq).limit(bindparam("most"))
_REMOVE_EVENTS = delete(event_outbox).where(event_outbox.c.seq.in_(_THESE))


def take_turn(tx: Connection, *, mine: int, now: int, until: int) -> bool:
    """Let this replica publish up to a time; False while another does. `mine` is the end of its own turn as it noted it last."""
    noted = tx.execute(select(flags.c.at).where(_TURN)).scalar_one_or_none()
    if noted is None:
        tx.execute(insert(flags), {"name": _PUBLISHING, "at": until})
    elif noted == mine or noted <= now:
        tx.execute(update(flags).where(_TURN).values(at=until))
    else:
        return False
    return True


def end_turn(tx: Connection, mine: int) -> None:
    """Let another replica go on at once."""
    tx.execute(update(flags).where(_TURN, flags.c.at == mine).values(at=_NOBODYS))


_PUBLISHING, _NOBODYS = "publishing", 0
_TURN = flags.c.name == _PUBLISHING


def oldest_event(tx: Connection) -> int | None:
    """Since when the oldest event waits for Kafka."""
    return tx.execute(select(func.min(event_outbox.c.at))).scalar_one_or_none()


def count_pending(tx: Connection) -> int:
    """How many notifications are still to be sent."""
    return tx.execute(select(func.count()).where(outbox.c.state == PENDING)).scalar_one()


def _first_of_group() -> ColumnElement[bool]:
    earlier = outbox.alias("earlier")
    return ~exists().where(
        earlier.c.state == PENDING,
        earlier.c.group_key == outbox.c.group_key,
        earlier.c.channel == outbox.c.channel,
        earlier.c.seq < outbox.c.seq,
    )


_PARCELS = select(outbox, threads.c.thread).outerjoin(
    threads, (threads.c.group_key == outbox.c.group_key) & (threads.c.channel == outbox.c.channel)
)
_READY = (
    _PARCELS.where(outbox.c.state == PENDING, outbox.c.channel == bindparam("name"), outbox.c.due_at <= bindparam("now"))
    .where(_first_of_group())
    .order_by(outbox.c.due_at, outbox.c.seq)
    .limit(bindparam("most"))
)
_NEXT_READY = select(func.min(outbox.c.due_at)).where(
    outbox.c.state == PENDING, outbox.c.channel == bindparam("name"), _first_of_group()
)


def _parcel(row: Row[Any]) -> Parcel:
    return Parcel(
        seq=row.seq,
        notification_id=row.notification_id,
        group_key=row.group_key,
        channel=row.channel,
        kind=row.kind,
        status=row.status,
        alert_ids=tuple(orjson.loads(row.alert_ids)),
        body=row.body,
        decided_at=row.decided_at,
        attempts=row.attempts + 1,
        thread=row.thread,
        known=replace(NOTHING_TOLD, firing=frozenset(orjson.loads(row.firing)), resolved=frozenset(orjson.loads(row.resolved))),
    )
