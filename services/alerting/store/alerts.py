"""Alerts as rows."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, func, insert, select, update

from driftline.alerting.alert import Acknowledgement, Alert, AlertType, Posted, Priority, Status
from services.alerting.store.many import Many
from services.alerting.store.tables import acknowledgements, alerts

_AT_ONCE = 10_000
"""Alerts that are asked for in one statement; databases allow 30,000 parameters or more."""

# Statements are built once: building one costs more than running it.
# Rows are read by the order of their columns: asking a row for each by its name takes longer than fetching it.
_TO_READ = ("labels", "alert_type", "priority", "affected_segments", "annotations", "generator_url", "expires_at")
_ACKNOWLEDGED = ("by", "at", "until", "comment")
_AS_THEY_ARE = (
    *("alert_id", "title", "model_id", "model_version", "severity", "risk_score", "details"),
    *("starts_at", "ends_at", "fired_at", "episode_id", "sequence", "source_event_id"),
)
_ALERTS = select(
    *(alerts.c[name] for name in _TO_READ),
    *(acknowledgements.c[name] for name in _ACKNOWLEDGED),
    *(alerts.c[name] for name in _AS_THEY_ARE),
)
_ALERTS = _ALERTS.outerjoin(acknowledgements, acknowledgements.c.alert_id == alerts.c.alert_id)
_FIND = _ALERTS.where(alerts.c.alert_id.in_(bindparam("ids", expanding=True)))
_FIRING = _ALERTS.where(alerts.c.ends_at.is_(None)).order_by(alerts.c.starts_at, alerts.c.alert_id)
_CHANGED = _ALERTS.where(alerts.c.updated_at > bindparam("since")).order_by(alerts.c.updated_at, alerts.c.alert_id)
_LAST_CHANGE = select(func.max(alerts.c.updated_at))
_FIRING_OF = _ALERTS.where(alerts.c.model_id.in_(bindparam("models", expanding=True)), alerts.c.ends_at.is_(None))
_INSERT = Many(insert(alerts))
_UPDATE = Many(update(alerts).where(alerts.c.alert_id == bindparam("key")))


def find(tx: Connection, alert_id: str) -> Alert | None:
    """The last occurrence of an alert."""
    return find_all(tx, [alert_id]).get(alert_id)


def find_all(tx: Connection, alert_ids: Iterable[str]) -> dict[str, Alert]:
    """Those of some alerts that are known, by id."""
    ids = list(alert_ids)
    found: dict[str, Alert] = {}
    for start in range(0, len(ids), _AT_ONCE):
        rows = tx.execute(_FIND, {"ids": ids[start : start + _AT_ONCE]}).all()
        found |= {alert.alert_id: alert for alert in map(_alert, rows)}
    return found


def firing(tx: Connection) -> list[Alert]:
    """Every alert that holds, oldest first."""
    return [_alert(row) for row in tx.execute(_FIRING).all()]


def firing_of(tx: Connection, models: Collection[str]) -> list[Alert]:
    """Every alert that holds of some models."""
    return [_alert(row) for row in tx.execute(_FIRING_OF, {"models": list(models)}).all()]


def save(tx: Connection, changed: Iterable[Alert], known: Collection[str], now: int) -> None:
    """Write alerts over their last state; `known` are the ids of those that have one."""
    at = max(now, last_change(tx) + 1)  # clocks of replicas differ
    values = [_values(alert, at) for alert in changed]
    _INSERT.run(tx, [row for row in values if row["alert_id"] not in known])
    _UPDATE.run(tx, [{**row, "key": row["alert_id"]} for row in values if row["alert_id"] in known])


def page(tx: Connection, *, filters: dict[str, str], limit: int, offset: int) -> Sequence[tuple[Alert, int]]:
    """Alerts with the time of their last change, the latest change first; `filters` are column names and values."""
    query = (
        _ALERTS.add_columns(alerts.c.updated_at)
        .order_by(alerts.c.updated_at.desc(), alerts.c.alert_id)
        .limit(limit)
        .offset(offset)
    )
    for name, value in filters.items():
        query = query.where(alerts.c[name] == value)
    return [(_alert(values), updated_at) for *values, updated_at in tx.execute(query)]


def changed_since(tx: Connection, since: int) -> list[Alert]:
    """Alerts that changed after a change, those that ended among them."""
    return [_alert(row) for row in tx.execute(_CHANGED, {"since": since}).all()]


def last_change(tx: Connection) -> int:
    """When an alert last changed; every change is later than those before it."""
    return tx.execute(_LAST_CHANGE).scalar_one_or_none() or 0


def count_firing(tx: Connection) -> dict[str, int]:
    """How many alerts hold, by priority."""
    return {row[0]: row[1] for row in tx.execute(_COUNT_FIRING)}


_COUNT_FIRING = select(alerts.c.priority, func.count()).where(alerts.c.status == Status.FIRING.value)
_COUNT_FIRING = _COUNT_FIRING.group_by(alerts.c.priority)


def _values(alert: Alert, now: int) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "status": alert.status.value,
        "model_id": alert.model_id,
        "model_version": alert.model_version,
        "alert_type": alert.alert_type.value,
        "priority": alert.priority.value,
        "severity": alert.severity,
        "risk_score": alert.risk_score,
        "title": alert.title,
        "details": alert.details,
        "labels": orjson.dumps(dict(alert.labels)).decode(),
        "affected_segments": orjson.dumps(alert.affected_segments).decode(),
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
        "fired_at": alert.fired_at,
        "updated_at": now,
        "episode_id": alert.episode_id,
        "sequence": alert.sequence,
        "source_event_id": alert.source_event_id,
        **posted_values(alert.posted),
    }


def posted_values(posted: Posted | None) -> dict[str, Any]:
    """The columns of what only an alert has that came over HTTP."""
    if posted is None:
        return {"annotations": None, "generator_url": None, "expires_at": None}
    annotations = orjson.dumps(dict(posted.annotations)).decode()
    return {"annotations": annotations, "generator_url": posted.generator_url, "expires_at": posted.expires_at}


def _alert(row: Iterable[Any]) -> Alert:
    labels, alert_type, priority, segments, annotations, generator_url, expires_at, by, at, until, comment, *plain = row
    return Alert(
        labels=orjson.loads(labels),
        alert_type=AlertType(alert_type),
        priority=Priority(priority),
        affected_segments=tuple(orjson.loads(segments)),
        acknowledged=None if at is None else Acknowledgement(by=by, at=at, until=until, comment=comment),
        posted=None
        if expires_at is None
        else Posted(annotations=orjson.loads(annotations), generator_url=generator_url, expires_at=expires_at),
        **dict(zip(_AS_THEY_ARE, plain, strict=True)),
    )
