"""Groups, who is in them, and what their channels were told."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, delete, func, insert, select, update

from driftline.alerting.alert import Alert, Priority
from driftline.alerting.escalation import Climb
from driftline.alerting.grouping import Group, Member, group_key, group_labels, new_group, tick_for
from driftline.alerting.pipeline import NOTHING_TOLD, Told, settled
from driftline.alerting.routing import Route, Routing
from services.alerting.store import alerts, escalations
from services.alerting.store.tables import groups, members, threads, told, withheld

# Statements are built once: building one costs more than running it.
_THIS_GROUP = groups.c.group_key == bindparam("key")
_THESE: BindParameter[list[str]] = bindparam("keys", expanding=True)
_THIS_MEMBER = (members.c.group_key == bindparam("key")) & (members.c.alert_id == bindparam("id"))
_THIS_TOLD = (told.c.group_key == bindparam("key")) & (told.c.channel == bindparam("name"))

_GROUP = select(groups).where(_THIS_GROUP)
_ADD_GROUP = insert(groups)
_GROUPS_OF_ALERT = select(groups, members.c.leaving).join(members, members.c.group_key == groups.c.group_key)
_GROUPS_OF_ALERT = _GROUPS_OF_ALERT.where(members.c.alert_id == bindparam("id"))
_KEY_OF_ALERT = select(members.c.group_key).where(members.c.alert_id == bindparam("id"))
_KEY_OF_ALERT = _KEY_OF_ALERT.order_by(members.c.leaving, members.c.group_key).limit(1)
_DUE = select(groups).where(groups.c.next_look_at <= bindparam("now")).order_by(groups.c.next_look_at).limit(bindparam("most"))
_CLAIM = update(groups).where(_THIS_GROUP, groups.c.epoch == bindparam("seen")).values(epoch=bindparam("seen") + 1)
_LOOK_AT = update(groups).where(_THIS_GROUP).values(next_look_at=bindparam("at"))
_LOOKED = update(groups).where(_THIS_GROUP)
_LOOKED = _LOOKED.values(last_look_at=bindparam("tick"), next_look_at=bindparam("at"), interval=bindparam("every"))
_ADD_MEMBER = insert(members)
_SET_LEAVING = update(members).where(_THIS_MEMBER).values(leaving=bindparam("left"))
_MEMBERS = select(members).where(members.c.group_key.in_(_THESE))
_TOLD = select(told).where(told.c.group_key.in_(_THESE))
_ADD_TOLD = insert(told)
_SET_TOLD = update(told).where(_THIS_TOLD)


def place(tx: Connection, alert: Alert, routing: Routing, now: int) -> str:
    """Put a firing alert into the groups of its routes, and on its way out of all others; returns the first group's key.

    Each of these groups is looked at on its next tick.
    """
    present = {row.group_key: (_group(row), row.leaving) for row in tx.execute(_GROUPS_OF_ALERT, {"id": alert.alert_id})}
    matched = routing.root.match(alert.routing_labels)
    levels = _levels(tx, alert, matched, routing, now) if routing.escalates else []
    wanted = {key_for(route, alert): route for route in (*matched, *levels)}
    for key, route in wanted.items():
        if key in present:
            group, leaving = present[key]
            if leaving:
                tx.execute(_SET_LEAVING, {"key": key, "id": alert.alert_id, "left": False})
            _look_by(tx, group, now)
        else:
            _join(tx, new_group(route, alert, now), alert, now)
    for key, (group, leaving) in present.items():
        if key not in wanted:
            if not leaving:
                tx.execute(_SET_LEAVING, {"key": key, "id": alert.alert_id, "left": True})
            _look_by(tx, group, now)
    return next(iter(wanted))


def _levels(tx: Connection, alert: Alert, matched: Collection[Route], routing: Routing, now: int) -> list[Route]:
    """The routes of the levels that the alert has reached on those that it matches; where it is new, the climb begins."""
    known = escalations.of(tx, alert.alert_id)
    by_key = {route.key: route for route in matched if route.levels}
    for key, climb in known.items():
        if key not in by_key or climb.fired_at != alert.fired_at:
            escalations.remove(tx, climb)
    reached: list[Route] = []
    for key, route in by_key.items():
        present = known.get(key)
        if present is None or present.fired_at != alert.fired_at:
            due_at = now + route.levels[0].wait
            escalations.add(tx, Climb(alert_id=alert.alert_id, route_key=key, fired_at=alert.fired_at, due_at=due_at))
        else:
            reached += [level for name in present.reached if (level := routing.route(name)) is not None]
    return reached


def look_soon(tx: Connection, alert_id: str, now: int) -> None:
    """An alert ended: look at each of its groups at its next tick."""
    for row in tx.execute(_GROUPS_OF_ALERT, {"id": alert_id}).all():
        _look_by(tx, _group(row), now)


def look_at_once(tx: Connection, alert_id: str, now: int) -> None:
    """Somebody takes care of an alert: look at those of its groups that have been looked at, so that their channels show it."""
    for row in tx.execute(_GROUPS_OF_ALERT, {"id": alert_id}).all():
        if row.last_look_at is not None and (row.next_look_at is None or now < row.next_look_at):
            tx.execute(_LOOK_AT, {"key": row.group_key, "at": now})


def key_for(route: Route, alert: Alert) -> str:
    """The key that an alert's group has on a route."""
    return group_key(route, group_labels(alert, route))


def key_of(tx: Connection, alert_id: str) -> str | None:
    """The group that tells of an alert, one that it is not leaving first."""
    return tx.execute(_KEY_OF_ALERT, {"id": alert_id}).scalar_one_or_none()


def of_alert(tx: Connection, alert_id: str) -> list[tuple[Group, bool]]:
    """The groups that an alert is in, and whether it is leaving them."""
    return [(_group(row), row.leaving) for row in tx.execute(_GROUPS_OF_ALERT, {"id": alert_id})]


def claim_due(tx: Connection, now: int, limit: int) -> list[Group]:
    """Groups whose look is due; each is claimed by moving its epoch, so that no replica takes it too."""
    due = [_group(row) for row in tx.execute(_DUE, {"now": now, "most": limit})]
    return [group for group in due if tx.execute(_CLAIM, {"key": group.key, "seen": group.epoch}).rowcount]


def next_due(tx: Connection) -> int | None:
    """When the next look is due."""
    return tx.execute(_NEXT_DUE).scalar_one_or_none()


_NEXT_DUE = select(func.min(groups.c.next_look_at))


def note_looks(tx: Connection, looked: Iterable[Group]) -> None:
    """Note when groups were looked at and when they are next."""
    rows = [
        {"key": group.key, "tick": group.last_look_at, "at": group.next_look_at, "every": group.interval} for group in looked
    ]
    if rows:
        tx.execute(_LOOKED, rows)


def members_of(tx: Connection, keys: Collection[str]) -> dict[str, tuple[Member, ...]]:
    """Everybody in some groups, by group."""
    rows = tx.execute(_MEMBERS, {"keys": list(keys)}).all()
    known = alerts.find_all(tx, {row.alert_id for row in rows})
    found: dict[str, list[Member]] = {key: [] for key in keys}
    for row in rows:
        found[row.group_key].append(Member(known[row.alert_id], leaving=row.leaving))
    return {key: tuple(present) for key, present in found.items()}


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a channel was told of a group, as decided and as delivered."""

    decided: Told
    delivered: Told


def told_of(tx: Connection, keys: Collection[str]) -> dict[tuple[str, str], Knowledge]:
    """What the channels of some groups were told, by group and channel."""
    return {(row.group_key, row.channel): _knowledge(row) for row in tx.execute(_TOLD, {"keys": list(keys)})}


def save_told(tx: Connection, changed: Mapping[tuple[str, str], Knowledge], known: Collection[tuple[str, str]]) -> None:
    """Note what was decided and delivered; `known` are those of which something was noted before."""
    new = [
        {"group_key": key, "channel": name, **_told_values(state)}
        for (key, name), state in changed.items()
        if (key, name) not in known
    ]
    old = [{"key": key, "name": name, **_told_values(state)} for (key, name), state in changed.items() if (key, name) in known]
    if new:
        tx.execute(_ADD_TOLD, new)
    if old:
        tx.execute(_SET_TOLD, old)


def note_delivered(tx: Connection, key: str, channel: str, known: Told) -> None:
    """Note what a channel now really knows."""
    values = {"delivered_firing": ids_text(known.firing), "delivered_resolved": ids_text(known.resolved)}
    tx.execute(_SET_TOLD, {"key": key, "name": channel, **values})


def take_back(tx: Connection, key: str, channel: str, notification_id: str, now: int) -> None:
    """Undo a decision that could not be delivered, unless a later one stands: the next look then decides afresh."""
    here = (told.c.group_key == key) & (told.c.channel == channel) & (told.c.notification_id == notification_id)
    tx.execute(update(told).where(here).values(firing=told.c.delivered_firing, resolved=told.c.delivered_resolved))
    if (group := find(tx, key)) is not None:
        _look_by(tx, group, now)


def forget_settled(tx: Connection, key: str, channels: Collection[str]) -> None:
    """Let go of members that every channel knows to be over; a group goes with its last one."""
    present = members_of(tx, [key])[key]
    told_here = told_of(tx, [key])
    delivered = [told_here[key, name].delivered if (key, name) in told_here else NOTHING_TOLD for name in channels]
    gone = [member.alert.alert_id for member in present if settled(member, delivered)]
    if len(gone) == len(present):
        remove(tx, key)
    elif gone:
        tx.execute(delete(members).where((members.c.group_key == key) & members.c.alert_id.in_(gone)))


def remove(tx: Connection, key: str) -> None:
    """Forget a whole group."""
    for table in (members, told, threads, withheld, groups):
        tx.execute(delete(table).where(table.c.group_key == key))


def find(tx: Connection, key: str) -> Group | None:
    """A group by its key."""
    row = tx.execute(_GROUP, {"key": key}).one_or_none()
    return None if row is None else _group(row)


def page(tx: Connection, *, limit: int, offset: int) -> Sequence[Group]:
    """Groups in the order of their keys."""
    query = select(groups).order_by(groups.c.group_key).limit(limit).offset(offset)
    return [_group(row) for row in tx.execute(query)]


def ids_text(ids: frozenset[str]) -> str:
    """Alert ids as a JSON list."""
    return json.dumps(sorted(ids))


def _join(tx: Connection, group: Group, alert: Alert, now: int) -> None:
    existing = find(tx, group.key)
    if existing is None:
        tx.execute(_ADD_GROUP, _group_values(group))
    else:
        _look_by(tx, existing, now)
    tx.execute(_ADD_MEMBER, {"group_key": group.key, "alert_id": alert.alert_id, "leaving": False})


def _look_by(tx: Connection, group: Group, at: int) -> None:
    tick = tick_for(group, at)
    if group.next_look_at is None or tick < group.next_look_at:
        tx.execute(_LOOK_AT, {"key": group.key, "at": tick})


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


def _told_values(state: Knowledge) -> dict[str, Any]:
    decided, delivered = state.decided, state.delivered
    return {
        "firing": ids_text(decided.firing),
        "resolved": ids_text(decided.resolved),
        "priority": decided.priority.value,
        "at": decided.at,
        "notification_id": decided.notification_id,
        "sent": decided.sent,
        "delivered_firing": ids_text(delivered.firing),
        "delivered_resolved": ids_text(delivered.resolved),
    }


def _knowledge(row: Row[Any]) -> Knowledge:
    return Knowledge(_told(row, row.firing, row.resolved), _told(row, row.delivered_firing, row.delivered_resolved))


def _told(row: Row[Any], firing: str, resolved: str) -> Told:
    return Told(
        firing=frozenset(json.loads(firing)),
        resolved=frozenset(json.loads(resolved)),
        priority=Priority(row.priority),
        at=row.at,
        notification_id=row.notification_id,
        sent=row.sent,
    )
