"""How far each alert that fires has been escalated, and when it goes on."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, func, insert, select, update

from driftline.alerting.escalation import Climb, Step
from services.alerting.store.tables import acknowledgements, escalations

_OF = select(escalations).where(escalations.c.alert_id.in_(bindparam("ids", expanding=True)))
_HERE = (escalations.c.alert_id == bindparam("id")) & (escalations.c.route_key == bindparam("key"))
_ADD = insert(escalations)
_SET = update(escalations).where(_HERE, escalations.c.level == bindparam("level_seen"))
_SET = _SET.where(escalations.c.fired_at == bindparam("fired_at_seen"))
_REMOVE = delete(escalations).where(_HERE)
_FORGET = delete(escalations).where(escalations.c.alert_id.in_(bindparam("ids", expanding=True)))
_UNHEEDED = ~exists().where(acknowledgements.c.alert_id == escalations.c.alert_id)
_DUE = select(escalations).where(escalations.c.due_at <= bindparam("now"), _UNHEEDED)
_DUE = _DUE.order_by(escalations.c.due_at, escalations.c.alert_id).limit(bindparam("most"))
_NEXT_DUE = select(func.min(escalations.c.due_at)).where(_UNHEEDED)
_SHIFT = update(escalations).where(escalations.c.alert_id == bindparam("id"), escalations.c.due_at.is_not(None))
_SHIFT = _SHIFT.values(due_at=escalations.c.due_at + bindparam("later"))


def of(tx: Connection, alert_id: str) -> dict[str, Climb]:
    """The climbs of an alert by the key of their route."""
    return of_all(tx, [alert_id]).get(alert_id, {})


def of_all(tx: Connection, alert_ids: Collection[str]) -> dict[str, dict[str, Climb]]:
    """The same of several alerts, by their ids."""
    found: dict[str, dict[str, Climb]] = {}
    for row in tx.execute(_OF, {"ids": list(alert_ids)}):
        found.setdefault(row.alert_id, {})[row.route_key] = _climb(row)
    return found


def add(tx: Connection, climb: Climb) -> None:
    """Begin to climb."""
    tx.execute(
        _ADD,
        {
            "alert_id": climb.alert_id,
            "route_key": climb.route_key,
            "fired_at": climb.fired_at,
            "steps": _steps(climb),
            **_values(climb),
        },
    )


def save(tx: Connection, climb: Climb, *, seen: Climb) -> bool:
    """Note how far it has come since it was `seen`; False where another replica did so before, or it began anew."""
    before = {"level_seen": seen.level, "fired_at_seen": seen.fired_at}
    return bool(tx.execute(_SET, {"id": climb.alert_id, "key": climb.route_key, **before, **_values(climb)}).rowcount)


def remove(tx: Connection, climb: Climb) -> None:
    """It is over, or of no meaning any more."""
    tx.execute(_REMOVE, {"id": climb.alert_id, "key": climb.route_key})


def forget(tx: Connection, alert_ids: Collection[str]) -> None:
    """These alerts ended."""
    if alert_ids:
        tx.execute(_FORGET, {"ids": list(alert_ids)})


def due(tx: Connection, now: int, limit: int) -> Sequence[Climb]:
    """Those of which nobody takes care and whose time has come, the longest first."""
    return [_climb(row) for row in tx.execute(_DUE, {"now": now, "most": limit})]


def next_due(tx: Connection) -> int | None:
    """When the next one goes on."""
    return tx.execute(_NEXT_DUE).scalar_one_or_none()


def put_off(tx: Connection, alert_id: str, later: int) -> None:
    """The time for which somebody took care does not count."""
    tx.execute(_SHIFT, {"id": alert_id, "later": later})


def _steps(climb: Climb) -> str:
    return json.dumps([asdict(step) for step in climb.steps], ensure_ascii=False)


def _step(values: dict[str, Any]) -> Step:
    names = ("mute_time_intervals", "active_time_intervals")
    return Step(**{**values, **{name: tuple(values[name]) for name in names}})


def _values(climb: Climb) -> dict[str, Any]:
    return {"level": climb.level, "due_at": climb.due_at, "reached": json.dumps(climb.reached)}


def _climb(row: Row[Any]) -> Climb:
    return Climb(
        alert_id=row.alert_id,
        route_key=row.route_key,
        fired_at=row.fired_at,
        level=row.level,
        due_at=row.due_at,
        steps=tuple(map(_step, json.loads(row.steps))),
        reached=tuple(json.loads(row.reached)),
    )
