"""Executes an approved plan: each action leaves once, by its key, in the transaction that records that it was begun."""

import json
from dataclasses import replace

from sqlalchemy import Connection

from driftline import topics
from driftline.alerting.response.actions import Action
from driftline.alerting.response.deciding import verified_by
from driftline.alerting.response.escalation import Level
from driftline.alerting.response.plan import AUTOMATION, Plan, State, move, settle
from driftline.alerting.response.policy import Delivery, ModelPolicy
from driftline.alerting.response.serving import Order, after, command
from driftline.events import ServingCommand
from services.alerting.jobs.response import calling
from services.alerting.store import outbox
from services.alerting.store.response import effects, serving
from services.alerting.store.response.effects import FAILED, PENDING, Effect

_COMMANDS = topics.name("serving-commands")


def execute(tx: Connection, batch: outbox.Batch, plan: Plan, policy: ModelPolicy, now: int) -> Plan:
    """Send every action of a plan that was just begun; what only Kafka hears counts as done, for the outbox keeps it."""
    assert plan.state is State.EXECUTING
    for action, result in zip(plan.actions, plan.results, strict=True):
        key = result.idempotency_key
        if action is Action.ALERT_DATA_TEAM:
            reason = f"risk {plan.risk:.1f}: {plan.evidence.get('failing', 'bad input')}"
            team = calling.called(calling.DATA_TEAM, plan.incident_id, plan.model_id, Level.HUMAN, reason=reason, now=now)
            calling.call(tx, batch, team, policy)
            plan = settle(plan, key, error=None)
            continue
        made = _commanded(tx, plan, action, key, now)
        if Delivery.SERVING_COMMANDS in policy.deliver:
            tell_command(batch, made)
        elsewhere = [way for way in policy.deliver if _goes(way, made)]
        for way in elsewhere:
            effects.add(tx, _effect(way, made, policy, plan, now))
        if not elsewhere:
            plan = settle(
                plan, key, error=None if Delivery.SERVING_COMMANDS in policy.deliver else "the policy delivers it to nobody"
            )
    return plan


def tell_command(batch: outbox.Batch, made: ServingCommand) -> None:
    """Put a command on the topic; its key makes its id."""
    batch.tell_to(_COMMANDS, made.model_id, made, outbox.Cause(made.model_id, (made.idempotency_key,)))


def delivered(tx: Connection, plan: Plan, policy: ModelPolicy, now: int) -> Plan:
    """The plan after what is known of its deliveries: verifying once all are out, failed where one cannot be."""
    found = effects.of_plan(tx, plan.plan_id)
    for key in {effect.idempotency_key for effect in found}:
        own = [effect for effect in found if effect.idempotency_key == key]
        if all(effect.state != PENDING for effect in own):
            plan = settle(plan, key, error=next((one.error for one in own if one.state == FAILED), None))
    failed = [one for one in plan.results if one.status == "error"]
    if failed:
        effects.cancel(tx, plan.plan_id, "another action of the plan failed")
        return move(plan, State.FAILED, reason=f"{failed[0].action}: {failed[0].error}")
    if all(one.status == "success" for one in plan.results):
        return move(plan, State.VERIFYING, reason="its outcome is watched", due_at=verified_by(plan, policy, now))
    if plan.due_at is not None and now >= plan.due_at:
        effects.cancel(tx, plan.plan_id, "not delivered in time")
        results = tuple(
            one if one.status == "success" else replace(one, status="error", error="not delivered in time")
            for one in plan.results
        )
        return replace(move(plan, State.FAILED, reason="not delivered in time"), results=results)
    return plan


def _commanded(tx: Connection, plan: Plan, action: Action, key: str, now: int) -> ServingCommand:
    wanted = after(serving.desired(tx, plan.model_id), action, plan.target_version)
    endpoint = plan.endpoint or ""
    serving.set_desired(tx, wanted, endpoint)
    order = Order(
        key=key,
        action=action.value,
        endpoint=endpoint,
        plan_id=plan.plan_id,
        reason=f"risk {plan.risk:.1f}, band {plan.band.word}",
        actor=plan.approved_by or AUTOMATION,
        at=now,
    )
    return command(wanted, order)


def _goes(way: Delivery, made: ServingCommand) -> bool:
    """Whether something waits for an answer there; an alias needs a version to point at."""
    if way is Delivery.MLFLOW:
        return made.request is None and made.model_version is not None and not made.paused
    return way is Delivery.WEBHOOK


def _effect(way: Delivery, made: ServingCommand, policy: ModelPolicy, plan: Plan, now: int) -> Effect:
    body: dict[str, object]
    if way is Delivery.MLFLOW:
        name = policy.mlflow_name or made.model_id
        body = {"name": name, "alias": policy.mlflow_alias, "version": made.model_version}
    else:
        body = {
            "type": "driftline.serving-command",
            "idempotency_key": made.idempotency_key,
            "model_id": made.model_id,
            "endpoint": made.endpoint,
            "revision": made.revision,
            "action": made.action,
            "paused": made.paused,
            "model_version": made.model_version,
            "traffic": dict(made.traffic),
            "request": made.request,
            "plan_id": plan.plan_id,
            "reason": made.reason,
            "actor": made.actor,
            "at": made.at,
        }
    return Effect(
        effect_id=f"{made.idempotency_key}:{way.value}",
        idempotency_key=made.idempotency_key,
        plan_id=plan.plan_id,
        delivery=way.value,
        due_at=now,
        decided_at=now,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
    )
