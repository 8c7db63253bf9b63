"""Groups, who is in them, and what their channels were told."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from driftline.alerting.alert import Alert, Priority
from driftline.alerting.grouping import Group, Member, group_key, group_labels, new_group, tick_for
from driftline.alerting.pipeline import NOTHING_TOLD, Told, settled
from driftline.alerting.routing import Route, Routing
from services.alerting.store import alerts
from services.alerting.store.tables import groups, members, told


def place(tx: Connection, alert: Alert, routing: Routing, now: int) -> str:
    """Put a firing alert into the groups of its routes, and on its way out of all others; returns the first group's key."""
    keys = []
    for route in routing.root.match(alert.routing_labels):
        group = new_group(route, alert, now)
        if group.key in keys:
            continue
        keys.append(group.key)
        timers = update(groups).where(groups.c.group_key == group.key).values(interval=group.interval)
        if not tx.execute(timers).rowcount:
            tx.execute(insert(groups).values(_group_values(group)))
        _join(tx, group.key, alert.alert_id)
    elsewhere = (members.c.alert_id == alert.alert_id) & members.c.group_key.not_in(keys)
    tx.execute(update(members).where(elsewhere).values(leaving=True))
    look_soon(tx, alert.alert_id, now)
    return keys[0]


def look_soon(tx: Connection, alert_id: str, now: int) -> None:
    """An alert changed: look at each of its groups at its next tick."""
    mine = select(members.c.group_key).where(members.c.alert_id == alert_id)
    for row in tx.execute(select(groups).where(groups.c.group_key.in_(mine))).all():
        _look_by(tx, _group(row), now)


def key_for(route: Route, alert: Alert) -> str:
    """The key that an alert's group has on a route."""
    return group_key(route, group_labels(alert, route))


def key_of(tx: Connection, alert_id: str) -> str | None:
    """The group that tells of an alert, one that it is not leaving first."""
    query = select(members.c.group_key).where(members.c.alert_id == alert_id)
    return tx.execute(query.order_by(members.c.leaving, members.c.group_key).limit(1)).scalar_one_or_none()


def claim_due(tx: Connection, now: int, limit: int) -> list[Group]:
    """Groups whose look is due; each is claimed by moving its epoch, so that no replica takes it too."""
    query = select(groups).where(groups.c.next_look_at <= now).order_by(groups.c.next_look_at).limit(limit)
    claimed = []
    for row in tx.execute(query).all():
        mine = (groups.c.group_key == row.group_key) & (groups.c.epoch == row.epoch)
        if tx.execute(update(groups).where(mine).values(epoch=row.epoch + 1)).rowcount:
            claimed.append(_group(row))
    return claimed


def next_due(tx: Connection) -> int | None:
    """When the next look is due."""
    return tx.execute(select(func.min(groups.c.next_look_at))).scalar_one_or_none()


def note_look(tx: Connection, group: Group) -> None:
    """Note when a group was looked at and when it is next."""
    values = {"last_look_at": group.last_look_at, "next_look_at": group.next_look_at, "interval": group.interval}
    tx.execute(update(groups).where(groups.c.group_key == group.key).values(values))


def members_of(tx: Connection, key: str) -> tuple[Member, ...]:
    """Everybody in a group."""
    rows = tx.execute(select(members).where(members.c.group_key == key)).all()
    leaving = {row.alert_id: row.leaving for row in rows}
    return tuple(Member(alert, leaving=leaving[alert.alert_id]) for alert in alerts.find_all(tx, leaving))


def remove(tx: Connection, key: str) -> None:
    """Forget a whole group."""
    for table in (members, told, groups):
        tx.execute(delete(table).where(table.c.group_key == key))


def told_of(tx: Connection, key: str) -> dict[str, tuple[Told, Told]]:
    """By channel: what it was told as decided, and as delivered."""
    rows = tx.execute(select(told).where(told.c.group_key == key)).all()
    return {
        row.channel: (_told(row, row.firing, row.resolved), _told(row, row.delivered_firing, row.delivered_resolved))
        for row in rows
    }


def save_told(tx: Connection, key: str, channel: str, now_told: Told) -> None:
    """Note what was decided; what is delivered stays as it was."""
    values = {
        "firing": ids_text(now_told.firing),
        "resolved": ids_text(now_told.resolved),
        "priority": now_told.priority.value,
        "at": now_told.at,
        "notification_id": now_told.notification_id,
        "sent": now_told.sent,
    }
    here = (told.c.group_key == key) & (told.c.channel == channel)
    if not tx.execute(update(told).where(here).values(values)).rowcount:
        tx.execute(
            insert(told).values(group_key=key, channel=channel, delivered_firing="[]", delivered_resolved="[]", **values)
        )


def note_delivered(tx: Connection, key: str, channel: str, known: Told) -> None:
    """Note what a channel now really knows."""
    here = (told.c.group_key == key) & (told.c.channel == channel)
    values = {"delivered_firing": ids_text(known.firing), "delivered_resolved": ids_text(known.resolved)}
    tx.execute(update(told).where(here).values(values))


def forget_settled(tx: Connection, key: str, channels: Collection[str]) -> None:
    """Let go of members that every channel knows to be over; a group goes with its last one."""
    present = members_of(tx, key)
    told_here = told_of(tx, key)
    delivered = [told_here[channel][1] if channel in told_here else NOTHING_TOLD for channel in channels]
    gone = [member.alert.alert_id for member in present if settled(member, delivered)]
    if gone or not present:
        _remove_members(tx, key, gone)


def take_back(tx: Connection, key: str, channel: str, notification_id: str, now: int) -> None:
    """Undo a decision that could not be delivered, unless a later one stands: the next look then decides afresh."""
    here = (told.c.group_key == key) & (told.c.channel == channel) & (told.c.notification_id == notification_id)
    tx.execute(update(told).where(here).values(firing=told.c.delivered_firing, resolved=told.c.delivered_resolved))
    if (group := find(tx, key)) is not None:
        _look_by(tx, group, now)


def find(tx: Connection, key: str) -> Group | None:
    """A group by its key."""
    row = tx.execute(select(groups).where(groups.c.group_key == key)).one_or_none()
    return None if row is None else _group(row)


def page(tx: Connection, *, limit: int, offset: int) -> list[Group]:
    """Groups in the order of their keys."""
    query = select(groups).order_by(groups.c.group_key).limit(limit).offset(offset)
    return [_group(row) for row in tx.execute(query)]


def ids_text(ids: frozenset[str]) -> str:
    """Alert ids as a JSON list."""
    return json.dumps(sorted(ids))


def _look_by(tx: Connection, group: Group, at: int) -> None:
    tick = tick_for(group, at)
    if group.next_look_at is None or tick < group.next_look_at:
        tx.execute(update(groups).where(groups.c.group_key == group.key).values(next_look_at=tick))


def _join(tx: Connection, key: str, alert_id: str) -> None:
    here = (members.c.group_key == key) & (members.c.alert_id == alert_id)
    if not tx.execute(update(members).where(here).values(leaving=False)).rowcount:
        tx.execute(insert(members).values(group_key=key, alert_id=alert_id, leaving=False))


def _remove_members(tx: Connection, key: str, alert_ids: Sequence[str]) -> None:
    """Forget some; a group without members goes with all that its channels were told."""
    tx.execute(delete(members).where((members.c.group_key == key) & members.c.alert_id.in_(alert_ids)))
    if tx.execute(select(members.c.alert_id).where(members.c.group_key == key).limit(1)).one_or_none() is None:
        remove(tx, key)


def _group_values(group: Group) -> dict[str, Any]:
    return {
        "group_key": group.key,
        "route_key": group.route_key,
        "receiver": group.receiver,
        "labels": json.dumps(dict(group.labels), ensure_ascii=False),
        "interval": group.interval,
        "next_look_at": group.next_look_at,
        "last_look_at": group.last_look_at,
        "epoch": group.epoch,
    }


def _group(row: Row[Any]) -> Group:
    return Group(
        key=row.group_key,
        route_key=row.route_key,
        receiver=row.receiver,
        labels=json.loads(row.labels),
        interval=row.interval,
        next_look_at=row.next_look_at,
        last_look_at=row.last_look_at,
        epoch=row.epoch,
    )


def _told(row: Row[Any], firing: str, resolved: str) -> Told:
    return Told(
        firing=frozenset(json.loads(firing)),
        resolved=frozenset(json.loads(resolved)),
        priority=Priority(row.priority),
        at=row.at,
        notification_id=row.notification_id,
        sent=row.sent,
    )
