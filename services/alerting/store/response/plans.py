"""Plans as rows, their history, and what a model's and a tenant's plans did before."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from driftline.alerting.response.actions import Action, Band, Category
from driftline.alerting.response.guards import Deed
from driftline.alerting.response.plan import Plan, State
from driftline.alerting.response.policy import Mode
from driftline.alerting.response.record import Line
from driftline.events import ActionResult, GuardVerdict, ResponseStep
from services.alerting.store.response.tables import effects, fence, history, plans

OPEN = [state.value for state in State if not state.over]


class Overtaken(Exception):
    """Somebody else changed the plan meanwhile; nothing of this transaction may stay."""


def take_fence(tx: Connection) -> None:
    """Wait for the other replicas' changes, and keep them out until this transaction ends."""
    taken = update(fence).where(fence.c.name == "response").values(epoch=fence.c.epoch + 1)
    if tx.execute(taken).rowcount:
        return
    try:
        with tx.begin_nested():
            tx.execute(insert(fence).values(name="response", epoch=1))
    except IntegrityError:  # another replica's first transaction put it there meanwhile
        tx.execute(taken)


def tenant_of(model_id: str) -> str:
    """Namespace of a model."""
    return model_id.rpartition(".")[0]


def save(tx: Connection, plan: Plan, before: int | None, now: int) -> None:
    """Write a plan over its state at the sequence `before`; None: it is new. Raises Overtaken where that is not its state."""
    values = {
        "incident_id": plan.incident_id,
        "tenant": tenant_of(plan.model_id),
        "model_id": plan.model_id,
        "category": plan.category.value,
        "state": plan.state.value,
        "sequence": plan.sequence,
        "due_at": plan.due_at,
        "created_at": plan.created_at,
        "executed_at": plan.executed_at,
        "ended_at": now if plan.state.over else None,
        "body": json.dumps({**asdict(plan), "band": plan.band.value}, ensure_ascii=False),
    }
    if before is None:
        tx.execute(insert(plans).values(plan_id=plan.plan_id, **values))
        return
    here = update(plans).where(plans.c.plan_id == plan.plan_id, plans.c.sequence == before)
    if not tx.execute(here.values(**values)).rowcount:
        raise Overtaken(plan.plan_id)


def note(tx: Connection, steps: Iterable[ResponseStep]) -> None:
    """Add steps to the history."""
    rows = [
        {"plan_id": s.plan_id, "sequence": s.sequence, "at": s.at, "step": s.step, "state": s.state, "actor": s.actor}
        | {"reason": s.reason}
        for s in steps
    ]
    if rows:
        tx.execute(insert(history), rows)


def history_of(tx: Connection, plan_id: str) -> list[Line]:
    """Steps of a plan in order."""
    rows = tx.execute(select(history).where(history.c.plan_id == plan_id).order_by(history.c.sequence))
    return [Line(at=row.at, step=row.step, state=row.state, actor=row.actor, reason=row.reason) for row in rows]


def find(tx: Connection, plan_id: str) -> Plan | None:
    """A plan by its id."""
    row = tx.execute(select(plans.c.body).where(plans.c.plan_id == plan_id)).one_or_none()
    return None if row is None else _plan(row)


def open_of(tx: Connection, model_id: str) -> Plan | None:
    """The plan of a model that is not over; there is never a second."""
    row = tx.execute(select(plans.c.body).where(plans.c.model_id == model_id, plans.c.state.in_(OPEN))).one_or_none()
    return None if row is None else _plan(row)


def of_incident(tx: Connection, incident_id: str) -> tuple[Plan, ...]:
    """Plans of an incident, the oldest first."""
    query = select(plans.c.body).where(plans.c.incident_id == incident_id).order_by(plans.c.created_at, plans.c.plan_id)
    return tuple(_plan(row) for row in tx.execute(query))


def pressing(tx: Connection, now: int) -> Sequence[str]:
    """Models with a plan that has something to do now."""
    working = [State.APPROVED.value, State.EXECUTING.value]
    due = plans.c.state.in_(OPEN) & (plans.c.due_at <= now)
    return tx.execute(select(plans.c.model_id).where(plans.c.state.in_(working) | due).distinct()).scalars().all()


def judged_since(tx: Connection, model_id: str, since: int) -> tuple[list[Plan], Mapping[str, int]]:
    """Plans of a model that ended since, and when each did."""
    rows = tx.execute(select(plans).where(plans.c.model_id == model_id, plans.c.ended_at >= since)).all()
    return [_plan(row) for row in rows], {row.plan_id: row.ended_at for row in rows}


def deeds(tx: Connection, model_id: str, since: int) -> tuple[Deed, ...]:
    """Every action that was begun in the model's tenant since a time."""
    query = select(plans.c.body).where(plans.c.tenant == tenant_of(model_id), plans.c.executed_at > since)
    found = []
    for row in tx.execute(query.order_by(plans.c.executed_at)):
        plan = _plan(row)
        found += [
            Deed(
                model_id=plan.model_id,
                action=action,
                at=plan.executed_at or 0,
                target_version=plan.target_version,
                from_version=plan.model_version,
            )
            for action in plan.actions
        ]
    return tuple(found)


def page(tx: Connection, *, filters: Mapping[str, str], limit: int, offset: int) -> list[Plan]:
    """Plans, the latest first; `filters` are column names and values."""
    query = select(plans.c.body).order_by(plans.c.created_at.desc(), plans.c.plan_id).limit(limit).offset(offset)
    for name, value in filters.items():
        query = query.where(plans.c[name] == value)
    return [_plan(row) for row in tx.execute(query)]


def forget_old(tx: Connection, before: int) -> None:
    """Drop plans that ended before a time, with their steps and deliveries; Kafka and the ledger keep them."""
    over = select(plans.c.plan_id).where(plans.c.ended_at < before)
    for table in (history, effects):
        tx.execute(delete(table).where(table.c.plan_id.in_(over)))
    tx.execute(delete(plans).where(plans.c.ended_at < before))


def _plan(row: Row[Any]) -> Plan:
    body = json.loads(row.body)
    return Plan(
        **{
            **body,
            "category": Category(body["category"]),
            "actions": tuple(map(Action, body["actions"])),
            "mode": Mode(body["mode"]),
            "band": Band(body["band"]),
            "state": State(body["state"]),
            "guards": tuple(GuardVerdict(**one) for one in body["guards"]),
            "results": tuple(ActionResult(**one) for one in body["results"]),
        }
    )
