"""What goes to the outside other than through Kafka: claimed, tried, and noted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from services.alerting.store.response.tables import effects

PENDING, SENT, FAILED = "pending", "sent", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One delivery of one action."""

    effect_id: str
    idempotency_key: str
    plan_id: str
    delivery: str
    state: str = PENDING
    attempts: int = 0
    due_at: int
    decided_at: int
    body: str
    error: str | None = None


def add(tx: Connection, effect: Effect) -> None:
    """Have it delivered; its id is one of a kind."""
    tx.execute(insert(effects).values(**{name: getattr(effect, name) for name in effects.c.keys()}))  # noqa: SIM118


def claim(tx: Connection, *, now: int, lease_us: int) -> Effect | None:
    """Take the one that is due longest and count the try; it is due again after the lease. Who claims by the count of tries wins."""
    due = select(effects).where(effects.c.state == PENDING, effects.c.due_at <= now)
    row = tx.execute(due.order_by(effects.c.due_at, effects.c.effect_id).limit(1)).one_or_none()
    if row is None:
        return None
    this = (effects.c.effect_id == row.effect_id) & (effects.c.attempts == row.attempts) & (effects.c.state == PENDING)
    taken = update(effects).where(this).values(attempts=row.attempts + 1, due_at=now + lease_us)
    return _effect(row, attempts=row.attempts + 1) if tx.execute(taken).rowcount else None


def finish(tx: Connection, effect: Effect, *, state: str, error: str | None, due_at: int) -> None:
    """Note what came of a try, unless it was settled otherwise meanwhile."""
    this = (effects.c.effect_id == effect.effect_id) & (effects.c.state == PENDING)
    tx.execute(update(effects).where(this).values(state=state, error=error, due_at=due_at))


def of_plan(tx: Connection, plan_id: str) -> Sequence[Effect]:
    """Every delivery of a plan."""
    return [_effect(row) for row in tx.execute(select(effects).where(effects.c.plan_id == plan_id))]


def cancel(tx: Connection, plan_id: str, reason: str) -> None:
    """Deliver nothing more of a plan."""
    waiting = (effects.c.plan_id == plan_id) & (effects.c.state == PENDING)
    tx.execute(update(effects).where(waiting).values(state=FAILED, error=reason))


def next_due(tx: Connection) -> int | None:
    """When the next try is."""
    return tx.execute(select(func.min(effects.c.due_at)).where(effects.c.state == PENDING)).scalar_one_or_none()


def _effect(row: Row[Any], **changes: Any) -> Effect:
    return Effect(**{**row._mapping, **changes})  # noqa: SLF001  SQLAlchemy's own name for it
