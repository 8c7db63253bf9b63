"""People who were called, and what people have set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from driftline.alerting.response.policy import Mode
from services.alerting.store.response.tables import calls, settings

EVERYBODY = "*"
"""Stands for all models."""
OPEN, ANSWERED, UNANSWERED, CLOSED = "open", "answered", "unanswered", "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An alert by which the response calls people."""

    call_id: str
    kind: str
    incident_id: str
    model_id: str
    level: str
    reason: str
    opened_at: int
    due_at: int | None = None
    state: str = OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What was set for a model."""

    model_id: str
    mode: Mode | None = None
    """None: as the policy says."""
    off_reason: str = ""
    by: str = ""
    at: int = 0


def add(tx: Connection, call: Call) -> bool:
    """Keep a call; False where the same kind of the same incident, or model without one, is out already."""
    same = (calls.c.kind == call.kind) & (calls.c.model_id == call.model_id) & (calls.c.incident_id == call.incident_id)
    if tx.execute(select(calls.c.call_id).where(same, calls.c.state != CLOSED)).first() is not None:
        return False
    values = {name: getattr(call, name) for name in calls.c.keys()}  # noqa: SIM118  names of columns
    tx.execute(insert(calls).values(**values))
    return True


def due(tx: Connection, now: int) -> list[Call]:
    """Calls that nobody has answered in time."""
    return [_call(row) for row in tx.execute(select(calls).where(calls.c.state == OPEN, calls.c.due_at <= now))]


def out_of(tx: Connection, model_id: str, incident_id: str | None = None) -> list[Call]:
    """Calls of a model, or of one incident of it, that are not closed."""
    query = select(calls).where(calls.c.model_id == model_id, calls.c.state != CLOSED)
    if incident_id is not None:
        query = query.where(calls.c.incident_id == incident_id)
    return [_call(row) for row in tx.execute(query)]


def set_state(tx: Connection, call_id: str, state: str) -> None:
    """Note what became of a call."""
    tx.execute(update(calls).where(calls.c.call_id == call_id).values(state=state))


def forget_old(tx: Connection, before: int) -> None:
    """Drop calls from before a time that are closed."""
    tx.execute(delete(calls).where(calls.c.state == CLOSED, calls.c.opened_at < before))


def page(tx: Connection, limit: int) -> Sequence[Call]:
    """Calls, the latest first."""
    return [_call(row) for row in tx.execute(select(calls).order_by(calls.c.opened_at.desc(), calls.c.call_id).limit(limit))]


def setting(tx: Connection, model_id: str) -> Setting:
    """What is set for a model."""
    row = tx.execute(select(settings).where(settings.c.model_id == model_id)).one_or_none()
    return Setting(model_id=model_id) if row is None else _setting(row)


def set_to(tx: Connection, wanted: Setting) -> None:
    """Set something for a model."""
    mode = None if wanted.mode is None else wanted.mode.value
    values = {"mode": mode, "off_reason": wanted.off_reason, "by": wanted.by, "at": wanted.at}
    if not tx.execute(update(settings).where(settings.c.model_id == wanted.model_id).values(**values)).rowcount:
        tx.execute(insert(settings).values(model_id=wanted.model_id, **values))


def all_settings(tx: Connection) -> list[Setting]:
    """Everything that is set."""
    return [_setting(row) for row in tx.execute(select(settings).order_by(settings.c.model_id))]


def _call(row: Row[Any]) -> Call:
    return Call(**row._mapping)  # noqa: SLF001  SQLAlchemy's own name for it


def _setting(row: Row[Any]) -> Setting:
    mode = None if row.mode is None else Mode(row.mode)
    return Setting(model_id=row.model_id, mode=mode, off_reason=row.off_reason, by=row.by, at=row.at)
