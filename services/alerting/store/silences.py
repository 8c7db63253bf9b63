"""Silences in SQL; those that are over are kept for a while, so that people see why nobody was told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from driftline.alerting.alert import Alert
from driftline.alerting.life import Entry, Happening
from driftline.alerting.matchers import Matcher, Operator
from driftline.alerting.silences import Silence, SilenceState
from driftline.envelope import moment
from driftline.events import AlertSilenced
from services.alerting.store import alerts, history, outbox
from services.alerting.store.tables import silences

KEPT_US = 120 * 3_600_000_000
"""How long after its end a silence is kept, as Alertmanager does."""

_MOST_NAMED = 1_000
"""Alerts that the event of a silence names; records of Kafka have an end."""

_THIS = silences.c.silence_id == bindparam("id")
_FIND = select(silences).where(_THIS)
_ACTIVE = select(silences).where(silences.c.starts_at <= bindparam("now"), silences.c.ends_at > bindparam("now"))
_ACTIVE = _ACTIVE.order_by(silences.c.silence_id)
_PAGE = select(silences).order_by(silences.c.ends_at.desc(), silences.c.silence_id)
_END = update(silences).where(_THIS)
_END = _END.values(starts_at=bindparam("start"), ends_at=bindparam("at"), updated_at=bindparam("at"))
_FORGET = delete(silences).where(silences.c.ends_at < bindparam("before"))


def add(tx: Connection, silence: Silence, now: int) -> None:
    """Keep a new silence."""
    values = {
        "silence_id": silence.silence_id,
        "matchers": json.dumps([[one.name, one.operator.value, one.value] for one in silence.matchers], ensure_ascii=False),
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "created_by": silence.created_by,
        "comment": silence.comment,
        "updated_at": now,
    }
    tx.execute(insert(silences), values)
    kept = [alert for alert in alerts.firing(tx) if silence.holds(alert.routing_labels, max(now, silence.starts_at))]
    detail = f"silence {silence.silence_id} until {moment(silence.ends_at)}: {silence.comment}"
    history.add(tx, [_line(alert, silence.created_by, detail, now) for alert in kept])
    _tell(tx, silence, kept, by=silence.created_by, ended=False, now=now)


def active(tx: Connection, now: int) -> tuple[Silence, ...]:
    """Those that hold now."""
    return tuple(_silence(row) for row in tx.execute(_ACTIVE, {"now": now}))


def find(tx: Connection, silence_id: str) -> Silence | None:
    """A silence by its id."""
    row = tx.execute(_FIND, {"id": silence_id}).one_or_none()
    return None if row is None else _silence(row)


def end(tx: Connection, silence: Silence, *, by: str, now: int) -> Silence:
    """End a silence now; one that has not begun never will, and one that is over stays as it is."""
    if silence.state(now) is SilenceState.EXPIRED:
        return silence
    ended = replace(silence, starts_at=min(silence.starts_at, now), ends_at=now)
    tx.execute(_END, {"id": ended.silence_id, "start": ended.starts_at, "at": now})
    _tell(tx, ended, (), by=by, ended=True, now=now)
    return ended


def page(tx: Connection, *, limit: int, offset: int) -> Sequence[Silence]:
    """Silences, the one that ends last first."""
    return [_silence(row) for row in tx.execute(_PAGE.limit(limit).offset(offset))]


def forget_old(tx: Connection, now: int) -> None:
    """Let go of those that ended long ago."""
    tx.execute(_FORGET, {"before": now - KEPT_US})


def _line(alert: Alert, by: str, detail: str, now: int) -> Entry:
    return Entry(alert_id=alert.alert_id, at=now, happening=Happening.SILENCED, by=by, detail=detail)


def _tell(tx: Connection, silence: Silence, kept: Sequence[Alert], *, by: str, ended: bool, now: int) -> None:
    event = AlertSilenced(
        silence_id=silence.silence_id,
        ended=ended,
        matchers=tuple(map(str, silence.matchers)),
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        alert_ids=tuple(alert.alert_id for alert in kept[:_MOST_NAMED]),
        by=by,
        comment=silence.comment,
        at=now,
    )
    batch = outbox.Batch(now)
    batch.tell_to(outbox.ALERTS, silence.silence_id, event, outbox.Cause(silence.silence_id, (silence.silence_id, str(ended))))
    batch.write(tx)


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        silence_id=row.silence_id,
        matchers=tuple(Matcher(name, Operator(operator), value) for name, operator, value in json.loads(row.matchers)),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        created_by=row.created_by,
        comment=row.comment,
    )
