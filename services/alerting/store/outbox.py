"""What leaves the service: notifications for the channels, events for Kafka. Both are written with the decision that they follow."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, select, update

from driftline import codec, topics
from driftline.alerting.notification import Notification
from driftline.alerting.pipeline import NOTHING_TOLD, Told
from driftline.envelope import Envelope, deterministic_id
from driftline.events import (
    AlertFired,
    AlertResolved,
    HealthCleared,
    HealthOpened,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
)
from services.alerting.store.groups import ids_text
from services.alerting.store.tables import event_outbox, outbox

SOURCE = "/alerting"
PENDING, SENT, FAILED, SUPPRESSED = "pending", "sent", "failed", "suppressed"

ALERTS, NOTIFICATIONS = topics.name("alerts"), topics.name("notifications")

AlertEvent = AlertFired | AlertResolved
NotificationEvent = NotificationSent | NotificationFailed | NotificationSuppressed
Event = AlertEvent | NotificationEvent | HealthOpened | HealthCleared


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OutEvent:
    """An event that Kafka shall have."""

    seq: int
    topic: str
    key: str
    value: bytes
    envelope: Envelope


def add_notification(tx: Connection, message: Notification, told: Told, *, state: str, now: int) -> None:
    """Put a notification into the outbox: PENDING to be sent, SUPPRESSED for the record only."""
    tx.execute(
        insert(outbox).values(
            notification_id=message.notification_id,
            group_key=message.group_key,
            channel=message.channel,
            kind=message.kind,
            status=message.status.value,
            reason=message.reason,
            alert_ids=json.dumps(message.alert_ids),
            firing=ids_text(told.firing),
            resolved=ids_text(told.resolved),
            body=json.dumps(message.body, ensure_ascii=False, separators=(",", ":")).encode(),
            state=state,
            decided_at=now,
            due_at=now,
            attempts=0,
            finished_at=None if state == PENDING else now,
        )
    )


def last_id(tx: Connection, group_key: str, channel: str) -> str:
    """Id of the last notification of a group and channel; empty where there is none."""
    query = select(outbox.c.notification_id).where(outbox.c.group_key == group_key, outbox.c.channel == channel)
    return tx.execute(query.order_by(outbox.c.seq.desc()).limit(1)).scalar_one_or_none() or ""


def claim(tx: Connection, channel: str, *, now: int, lease_us: int, limit: int) -> list[Parcel]:
    """Take due notifications of a channel, the oldest of each group only, and count the try.

    A claim that is not answered within the lease is due again; whoever claims by the count of tries wins.
    """
    query = (
        select(outbox)
        .where(outbox.c.state == PENDING, outbox.c.channel == channel, outbox.c.due_at <= now, _first_of_group())
        .order_by(outbox.c.due_at, outbox.c.seq)
        .limit(limit)
    )
    parcels = []
    for row in tx.execute(query).all():
        mine = (outbox.c.seq == row.seq) & (outbox.c.attempts == row.attempts) & (outbox.c.state == PENDING)
        changed = update(outbox).where(mine).values(attempts=row.attempts + 1, due_at=now + lease_us)
        if tx.execute(changed).rowcount:
            parcels.append(_parcel(row))
    return parcels


def next_due(tx: Connection, channel: str) -> int | None:
    """When a channel has something to do next; what waits for an earlier one of its group does not count."""
    waiting = (outbox.c.state == PENDING) & (outbox.c.channel == channel)
    query = select(func.min(outbox.c.due_at)).where(waiting, _first_of_group())
    return tx.execute(query).scalar_one_or_none()


def release_claims(tx: Connection, now: int) -> None:
    """Make everything pending due now; for the start of a single replica, whose predecessor's claims are void."""
    waiting = (outbox.c.state == PENDING) & (outbox.c.due_at > now)
    tx.execute(update(outbox).where(waiting).values(due_at=now))


def finish(tx: Connection, parcel: Parcel, *, state: str, code: int | None, error: str | None, now: int) -> bool:
    """Note the end of a notification; False where another replica did so before."""
    mine = (outbox.c.seq == parcel.seq) & (outbox.c.state == PENDING)
    values = {"state": state, "response_code": code, "error": error, "finished_at": now}
    return bool(tx.execute(update(outbox).where(mine).values(values)).rowcount)


def postpone(tx: Connection, parcel: Parcel, *, due_at: int, code: int | None, error: str) -> None:
    """Note a failed try and when the next one is due."""
    mine = (outbox.c.seq == parcel.seq) & (outbox.c.state == PENDING)
    tx.execute(update(outbox).where(mine).values(due_at=due_at, response_code=code, error=error))


def pending_elsewhere(tx: Connection, channels: Collection[str]) -> list[Parcel]:
    """Pending notifications of channels that are not configured any more."""
    query = select(outbox).where(outbox.c.state == PENDING, outbox.c.channel.not_in(list(channels)))
    return [_parcel(row) for row in tx.execute(query)]


def oldest_pending(tx: Connection) -> int | None:
    """When the oldest notification that is still to be sent was decided."""
    return tx.execute(select(func.min(outbox.c.decided_at)).where(outbox.c.state == PENDING)).scalar_one_or_none()


def page(tx: Connection, *, filters: dict[str, str], limit: int, offset: int) -> Sequence[Row[Any]]:
    """Notifications without their bodies, the latest first; `filters` are column names and values."""
    columns = [column for column in outbox.c if column.name not in ("body", "firing", "resolved")]
    query = select(*columns).order_by(outbox.c.seq.desc()).limit(limit).offset(offset)
    for name, value in filters.items():
        query = query.where(outbox.c[name] == value)
    return tx.execute(query).all()


def forget_finished(tx: Connection, before: int) -> int:
    """Drop finished notifications of before a time; returns how many. They stay on the topic `notifications`."""
    return tx.execute(delete(outbox).where(outbox.c.state != PENDING, outbox.c.finished_at < before)).rowcount


@dataclass(frozen=True, slots=True)
class Cause:
    """What an event is about, and what made it: the same cause makes the same id."""

    subject: str
    parts: tuple[str | int, ...]


def add_event(tx: Connection, event: AlertEvent | NotificationEvent, *cause: str | int, now: int) -> None:
    """Put an event about an alert or a notification into the outbox for Kafka, under its group's key."""
    if isinstance(event, AlertFired | AlertResolved):
        add_event_to(tx, ALERTS, event.group_key, event, Cause(event.alert_id, cause), now=now)
    else:
        add_event_to(tx, NOTIFICATIONS, event.group_key, event, Cause(event.notification_id, cause), now=now)


def add_event_to(tx: Connection, topic: str, key: str, event: Event, cause: Cause, *, now: int) -> None:
    """Put an event into the outbox for a topic; it stands there once, also where it is asked for twice."""
    event_id = deterministic_id(SOURCE, type(event).__name__, *cause.parts)
    if tx.execute(select(event_outbox.c.seq).where(event_outbox.c.event_id == event_id)).one_or_none() is not None:
        return
    tx.execute(
        insert(event_outbox).values(
            event_id=event_id,
            topic=topic,
            key=key,
            type=type(event).__name__,
            subject=cause.subject,
            at=now,
            value=codec.encode(event),
        )
    )


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
        for row in tx.execute(select(event_outbox).order_by(event_outbox.c.seq).limit(limit))
    ]


def remove_events(tx: Connection, seqs: Sequence[int]) -> None:
    """Forget events that Kafka has acknowledged."""
    tx.execute(delete(event_outbox).where(event_outbox.c.seq.in_(seqs)))


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


def _parcel(row: Row[Any]) -> Parcel:
    return Parcel(
        seq=row.seq,
        notification_id=row.notification_id,
        group_key=row.group_key,
        channel=row.channel,
        kind=row.kind,
        status=row.status,
        alert_ids=tuple(json.loads(row.alert_ids)),
        body=row.body,
        decided_at=row.decided_at,
        attempts=row.attempts + 1,
        known=replace(NOTHING_TOLD, firing=frozenset(json.loads(row.firing)), resolved=frozenset(json.loads(row.resolved))),
    )
