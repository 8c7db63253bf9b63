"""Groups, who is in them, and what their channels were told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import BindParameter, Connection, Row, bindparam, delete, func, insert, select, update

from driftline.alerting.alert import Alert, Priority
from driftline.alerting.grouping import Group, Member, group_key, group_labels, tick_for
from driftline.alerting.pipeline import NOTHING_TOLD, Told, settled
from driftline.alerting.routing import Route
from services.alerting.store import alerts
from services.alerting.store.many import Many
from services.alerting.store.tables import groups, members, threads, told, withheld

# Statements are built once: building one costs more than running it.
_THIS_GROUP = groups.c.group_key == bindparam("key")
_THESE: BindParameter[list[str]] = bindparam("keys", expanding=True)
_THIS_TOLD = (told.c.group_key == bindparam("key")) & (told.c.channel == bindparam("name"))

_GROUP = select(groups).where(_THIS_GROUP)
_GROUPS_OF_ALERT = select(groups, members.c.leaving).join(members, members.c.group_key == groups.c.group_key)
_GROUPS_OF_ALERT = _GROUPS_OF_ALERT.where(members.c.alert_id == bindparam("id"))
_KEYS_OF_ALERTS = select(members.c.alert_id, members.c.group_key)
_KEYS_OF_ALERTS = _KEYS_OF_ALERTS.where(members.c.alert_id.in_(bindparam("ids", expanding=True)))
_KEYS_OF_ALERTS = _KEYS_OF_ALERTS.order_by(members.c.leaving, members.c.group_key)
_DUE = select(groups).where(groups.c.next_look_at <= bindparam("now")).order_by(groups.c.next_look_at).limit(bindparam("most"))
LOOK_AT = Many(update(groups).where(_THIS_GROUP).values(next_look_at=bindparam("at")))
_LOOKED = Many(
    update(groups)
    .where(_THIS_GROUP)
    .values(last_look_at=bindparam("tick"), next_look_at=bindparam("at"), interval=bindparam("every"), epoch=groups.c.epoch + 1)
)
_MEMBERS = select(members).where(members.c.group_key.in_(_THESE))
_TOLD = select(told).where(told.c.group_key.in_(_THESE))
_ADD_TOLD = Many(insert(told))
_SET_TOLD = Many(update(told).where(_THIS_TOLD))


def key_for(route: Route, alert: Alert) -> str:
    """The key that an alert's group has on a route."""
    return group_key(route, group_labels(alert, route))


def key_of(tx: Connection, alert_id: str) -> str | None:
    """The group that tells of an alert, one that it is not leaving first."""
    return keys_of(tx, [alert_id]).get(alert_id)


def keys_of(tx: Connection, alert_ids: Collection[str]) -> dict[str, str]:
    """The same of several alerts, by their ids."""
    found: dict[str, str] = {}
    for row in tx.execute(_KEYS_OF_ALERTS, {"ids": list(alert_ids)}) if alert_ids else ():
        found.setdefault(row.alert_id, row.group_key)
    return found


def of_alert(tx: Connection, alert_id: str) -> list[tuple[Group, bool]]:
    """The groups that an alert is in, and whether it is leaving them."""
    return [(group_of(row), row.leaving) for row in tx.execute(_GROUPS_OF_ALERT, {"id": alert_id})]


def due(tx: Connection, now: int, limit: int) -> list[Group]:
    """Groups whose look is due; the transaction that looks notes it, so that no replica does so too."""
    return [group_of(row) for row in tx.execute(_DUE, {"now": now, "most": limit}).all()]


def next_due(tx: Connection) -> int | None:
    """When the next look is due."""
    return tx.execute(_NEXT_DUE).scalar_one_or_none()


_NEXT_DUE = select(func.min(groups.c.next_look_at))


def note_looks(tx: Connection, looked: Iterable[Group]) -> None:
    """Note when groups were looked at and when they are next."""
    rows = [
        {"key": group.key, "tick": group.last_look_at, "at": group.next_look_at, "every": group.interval} for group in looked
    ]
    _LOOKED.run(tx, rows)


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
    _ADD_TOLD.run(tx, new)
    _SET_TOLD.run(tx, old)


def note_delivered(tx: Connection, channel: str, known: Iterable[tuple[str, Told]]) -> None:
    """Note what a channel now really knows of some groups."""
    rows = [
        {
            "key": key,
            "name": channel,
            "delivered_firing": ids_text(told.firing),
            "delivered_resolved": ids_text(told.resolved),
        }
        for key, told in known
    ]
    _SET_TOLD.run(tx, rows)


def take_back(tx: Connection, key: str, channel: str, notification_id: str, now: int) -> None:
    """Undo a decision that could not be delivered, unless a later one stands: the next look then decides afresh."""
    here = (told.c.group_key == key) & (told.c.channel == channel) & (told.c.notification_id == notification_id)
    tx.execute(update(told).where(here).values(firing=told.c.delivered_firing, resolved=told.c.delivered_resolved))
    if (group := find(tx, key)) is not None and (tick := earlier_tick(group, now)) is not None:
        LOOK_AT.run(tx, [{"key": key, "at": tick}])


def forget_settled(tx: Connection, key: str, channels: Collection[str]) -> None:
    """Let go of members that every channel knows to be over; a group goes with its last one."""
    present = members_of(tx, [key])[key]
    told_here = told_of(tx, [key])
    known = [told_here.get((key, name), Knowledge(NOTHING_TOLD, NOTHING_TOLD)) for name in channels]
    # What is on its way will be believed: who is leaving meanwhile stays until the channel hears of it.
    beliefs = [told for one in known for told in (one.decided, one.delivered)]
    gone = [member.alert.alert_id for member in present if settled(member, beliefs)]
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
    return None if row is None else group_of(row)


def keys(tx: Connection) -> Sequence[str]:
    """The keys of all groups."""
    return tx.execute(select(groups.c.group_key)).scalars().all()


def page(tx: Connection, *, limit: int, offset: int) -> Sequence[Group]:
    """Groups in the order of their keys."""
    query = select(groups).order_by(groups.c.group_key).limit(limit).offset(offset)
    return [group_of(row) for row in tx.execute(query)]


def ids_text(ids: frozenset[str]) -> str:
    """Alert ids as a JSON list; they are hex digits, so that nothing needs to be escaped."""
    return '["' + '", "'.join(sorted(ids)) + '"]' if ids else "[]"


def earlier_tick(group: Group, at: int) -> int | None:
    """The first tick at or after a time, where the next look at the group comes later than that or never."""
    tick = tick_for(group, at)
    return tick if group.next_look_at is None or tick < group.next_look_at else None


def group_of(row: Row[Any]) -> Group:
    """A row of `groups` as the core knows it."""
    return Group(
        key=row.group_key,
        route_key=row.route_key,
        receiver=row.receiver,
        labels=orjson.loads(row.labels),
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
        "acknowledged": ids_text(decided.acknowledged),
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
        firing=frozenset(orjson.loads(firing)),
        resolved=frozenset(orjson.loads(resolved)),
        priority=Priority(row.priority),
        acknowledged=frozenset(orjson.loads(row.acknowledged)),
        at=row.at,
        notification_id=row.notification_id,
        sent=row.sent,
    )
