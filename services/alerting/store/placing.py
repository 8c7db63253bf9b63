"""Which groups alerts are in: whole batches of alerts are placed with a handful of statements."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, bindparam, insert, select, update

from driftline.alerting.alert import Alert
from driftline.alerting.escalation import Climb
from driftline.alerting.grouping import Group, new_group
from driftline.alerting.routing import Route, Routing, level_route
from services.alerting.store import escalations
from services.alerting.store.groups import LOOK_AT, earlier_tick, group_of, key_for
from services.alerting.store.many import Many
from services.alerting.store.tables import groups, members

T = TypeVar("T")

Climbs = Mapping[str, Mapping[str, Climb]]
"""Of some alerts, by the keys of their routes."""

_AT_ONCE = 1_000
"""Alerts whose rows are asked for in one statement."""

_OF_ALERTS = select(groups, members.c.alert_id, members.c.leaving).join(members, members.c.group_key == groups.c.group_key)
_OF_ALERTS = _OF_ALERTS.where(members.c.alert_id.in_(bindparam("ids", expanding=True)))
_OF_KEYS = select(groups).where(groups.c.group_key.in_(bindparam("keys", expanding=True)))
_ADD_GROUP = Many(insert(groups))
_ADD_MEMBER = Many(insert(members))
_SET_LEAVING = Many(
    update(members)
    .where(members.c.group_key == bindparam("key"), members.c.alert_id == bindparam("id"))
    .values(leaving=bindparam("left"))
)


def place(tx: Connection, alerts: Sequence[Alert], routing: Routing, now: int) -> None:
    """Put firing alerts, each of them once, into the groups of their routes, and on their way out of all others.

    Each of these groups is looked at on its next tick.
    """
    for some in _slices(alerts):
        _Placing(tx, now).place(some, routing)


def look_soon(tx: Connection, alert_ids: Sequence[str], now: int) -> None:
    """These alerts changed: look at each of their groups at its next tick."""
    for some in _slices(alert_ids):
        _Placing(tx, now).look_soon(some)


def look_at_once(tx: Connection, alert_id: str, now: int) -> None:
    """Somebody takes care of an alert: look at those of its groups that have been looked at, so that their channels show it."""
    for row in tx.execute(_OF_ALERTS, {"ids": [alert_id]}).all():
        if row.last_look_at is not None and (row.next_look_at is None or now < row.next_look_at):
            LOOK_AT.run(tx, [{"key": row.group_key, "at": now}])


class _Placing:
    """The groups of some alerts as they become; written at the end."""

    def __init__(self, tx: Connection, now: int) -> None:
        self._tx = tx
        self._now = now
        self._groups: dict[str, Group] = {}
        self._looks: dict[str, int] = {}
        self._new: list[str] = []
        self._joining: list[dict[str, Any]] = []
        self._turning: list[dict[str, Any]] = []

    def place(self, alerts: Sequence[Alert], routing: Routing) -> None:
        alert_ids = [alert.alert_id for alert in alerts]
        present = self._present(alert_ids)
        climbs = escalations.of_all(self._tx, alert_ids) if routing.escalates else None
        wanted = [(alert, self._wanted(alert, routing, climbs)) for alert in alerts]
        self._read(key for alert, routes in wanted for key in routes if key not in present.get(alert.alert_id, ()))
        for alert, routes in wanted:
            self._place(alert, routes, present.get(alert.alert_id, {}))
        self._write()

    def _wanted(self, alert: Alert, routing: Routing, climbs: Climbs | None) -> dict[str, Route]:
        """The routes that tell of an alert, by the key of its group there."""
        matched = routing.root.match(alert.routing_labels)
        levels = [] if climbs is None else _levels(self._tx, alert, matched, climbs.get(alert.alert_id, {}), self._now)
        return {key_for(route, alert): route for route in (*matched, *levels)}

    def look_soon(self, alert_ids: Sequence[str]) -> None:
        self._present(alert_ids)
        for key in self._groups:
            self._look(key)
        self._write()

    def _place(self, alert: Alert, routes: dict[str, Route], present: dict[str, bool]) -> None:
        for key, route in routes.items():
            if key not in self._groups:
                self._groups[key] = new_group(route, alert, self._now)
                self._new.append(key)
            if key not in present:
                self._joining.append({"group_key": key, "alert_id": alert.alert_id, "leaving": False})
        for key, leaving in present.items():
            if leaving is (key in routes):
                self._turning.append({"key": key, "id": alert.alert_id, "left": not leaving})
        for key in routes.keys() | present.keys():
            self._look(key)

    def _present(self, alert_ids: Sequence[str]) -> dict[str, dict[str, bool]]:
        """The keys of the groups that alerts are in, and whether they are leaving."""
        found: dict[str, dict[str, bool]] = {}
        for row in self._tx.execute(_OF_ALERTS, {"ids": alert_ids}):
            self._groups.setdefault(row.group_key, group_of(row))
            found.setdefault(row.alert_id, {})[row.group_key] = row.leaving
        return found

    def _read(self, keys: Iterable[str]) -> None:
        for some in _slices([key for key in dict.fromkeys(keys) if key not in self._groups]):
            self._groups |= {row.group_key: group_of(row) for row in self._tx.execute(_OF_KEYS, {"keys": some})}

    def _look(self, key: str) -> None:
        if (tick := earlier_tick(self._groups[key], self._now)) is not None:
            self._groups[key] = replace(self._groups[key], next_look_at=tick)
            self._looks[key] = tick

    def _write(self) -> None:
        new = [_values(self._groups[key]) for key in self._new]
        looks = [{"key": key, "at": at} for key, at in self._looks.items()]
        for statement, rows in (
            (_ADD_GROUP, new),
            (_ADD_MEMBER, self._joining),
            (_SET_LEAVING, self._turning),
            (LOOK_AT, looks),
        ):
            statement.run(self._tx, rows)


def _levels(tx: Connection, alert: Alert, matched: Collection[Route], known: Mapping[str, Climb], now: int) -> list[Route]:
    """The routes of the levels that the alert has reached on those that it matches; where it is new, the climb begins."""
    by_key = {route.key: route for route in matched}
    for key, climb in known.items():
        if key not in by_key or climb.fired_at != alert.fired_at:
            escalations.remove(tx, climb)
    reached: list[Route] = []
    for key, route in by_key.items():
        present = known.get(key)
        if present is not None and present.fired_at == alert.fired_at:
            told = zip(present.steps, present.reached, strict=False)
            reached += [level_route(route, number, step, name) for number, (step, name) in enumerate(told, 1)]
        elif route.levels:
            steps = tuple(level.step for level in route.levels)
            due_at = now + steps[0].wait
            climb = Climb(alert_id=alert.alert_id, route_key=key, fired_at=alert.fired_at, due_at=due_at, steps=steps)
            escalations.add(tx, climb)
    return reached


def _values(group: Group) -> dict[str, Any]:
    return {
        "group_key": group.key,
        "route_key": group.route_key,
        "receiver": group.receiver,
        "labels": orjson.dumps(dict(group.labels)).decode(),
        "interval": group.interval,
        "next_look_at": group.next_look_at,
        "last_look_at": group.last_look_at,
        "epoch": group.epoch,
    }


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
