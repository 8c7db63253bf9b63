"""The response as a workflow of six tasks in a chain, for notebooks and schedulers: the same decisions as the service makes.

The tasks run every six hours and whenever a window is decided. Escalation follows the decision, not the remediation: people are
called whether or not an action works.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from driftline.alerting.response import policy_file
from driftline.alerting.response.actions import REMEDIES, Action, Band
from driftline.alerting.response.escalation import CHANNELS, CONTACTS, Level, escalate
from driftline.alerting.response.evidence import RISK_MODEL, TIME_WINDOW_HOURS, Observation, Standing
from driftline.alerting.response.plan import Step, idempotency_key, incident_id_of
from driftline.alerting.response.policy import EMERGENCY_ANSWER, ModelPolicy, ResponsePolicy, Thresholds
from driftline.alerting.response.responding import Answer, Facts, look
from driftline.alerting.response.serving import Desired, Order, after, command
from driftline.events import ServingCommand

SCHEDULE = "0 */6 * * *"
"""Minute 0 of every sixth hour, UTC; decided windows are looked at at once."""
_SIX_HOURS = 21_600_000_000

_Config = Mapping[str, Any]


def next_scheduled(now: int) -> int:
    """The first moment of `SCHEDULE` after a time, microseconds."""
    return (now // _SIX_HOURS + 1) * _SIX_HOURS


def default_response_config() -> dict[str, Any]:
    """Thresholds and actions that hold where nothing else is said."""
    t = Thresholds()
    return {
        "thresholds": {
            "auto_remediation": {"risk_score": t.auto_risk, "confidence": t.confidence},
            "human_escalation": {"risk_score": t.human_risk, "business_impact": t.business_impact},
            "emergency_response": {"risk_score": t.emergency_risk, "critical_feature_drift": t.critical_feature_drift},
        },
        "remediation_actions": {category.value: [action.value for action in actions] for category, actions in REMEDIES.items()},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of the chain."""

    key: Step
    parameters: Mapping[str, str]
    condition: Mapping[str, str] | None = None
    """Of what the evaluation found; the tasks behind it are left out where it does not hold."""
    depends_on: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseWorkflow:
    """The response to one model."""

    model_name: str
    policy: ModelPolicy
    schedule: str = SCHEDULE

    @property
    def name(self) -> str:
        """`MLOps Response - <short name>`."""
        return f"MLOps Response - {self.model_name.rpartition('.')[2]}"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The six tasks."""
        chain = tuple(Step)
        parameters: Mapping[Step, Mapping[str, str]] = {
            Step.ASSESS: {"time_window_hours": str(TIME_WINDOW_HOURS), "include_business_metrics": "true"},
            Step.EVALUATE: {"risk_model_version": RISK_MODEL, "include_external_factors": "true"},
            Step.REMEDIATE: {"remediation_mode": "{{tasks.evaluate_risk.values.recommended_action}}", "safety_checks": "true"},
            Step.DOCUMENT: {"include_metrics": "true", "update_runbook": "true"},
        }
        conditions = {
            Step.DECIDE: _at_least(self.policy.thresholds.auto_risk),
            Step.ESCALATE: _at_least(self.policy.thresholds.human_risk),
        }
        return tuple(
            Task(
                key=step,
                parameters=parameters.get(step, {}),
                condition=conditions.get(step),
                depends_on=chain[number - 1 : number] if number else (),
            )
            for number, step in enumerate(chain)
        )

    def as_dict(self) -> dict[str, Any]:
        """Name, schedule and tasks as a job scheduler takes them."""
        return {"name": self.name, "schedule": self.schedule, "tasks": [_described(task) for task in self.tasks]}

    def run(self, windows: Sequence[Observation], facts: Facts, *, now: int, standing: Standing | None = None) -> Answer:
        """Assess, evaluate and decide on the windows of one version, the oldest first, all within the model's policy."""
        policy = ResponsePolicy(models={windows[-1].model_id: replace(self.policy, mode=facts.mode)})
        return look(windows, standing or Standing(), facts, policy, now)


def create_intelligent_response_workflow(model_name: str, response_config: _Config | None = None) -> ResponseWorkflow:
    """The workflow of a model. `response_config` has `thresholds`, `remediation_actions` and whatever else a policy may say.

    What it leaves out is as in `default_response_config`. Raises InvalidAlertingConfig with every fault.
    """
    text = json.dumps({"defaults": response_config or {}})
    return ResponseWorkflow(model_name=model_name, policy=policy_file.load(text, source="response_config").defaults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """What an emergency needs to be answered."""

    model_id: str
    model_version: str
    risk_score: float
    title: str
    last_good: str | None
    """Approved version to go back to."""
    now: int


Notify = Callable[[Emergency, Sequence[str], str], None]
"""Tells an emergency on these channels with this priority; raises where it cannot."""


def execute_emergency_response(
    emergency: Emergency, policy: ModelPolicy, *, send: Callable[[ServingCommand], None], notify: Notify
) -> list[dict[str, Any]]:
    """Act at once: from the pause threshold on pause serving and activate the backup; always tell and escalate.

    Returns every action with `action`, `status` and, where one failed, `error`; a failure of one does not keep the others back.
    """
    done = []
    if policy.thresholds.band(emergency.risk_score) is Band.PAUSE:
        done += _serving_results(emergency, policy, send)
    told: dict[str, Any] = {"action": "notify", "channels": list(CHANNELS), "priority": "critical"}
    done.append(_attempted(told, "sent", lambda: notify(emergency, CHANNELS, "critical")))
    incident = incident_id_of(emergency.model_id, emergency.model_version, emergency.now)
    called = escalate(incident, emergency.model_id, Level.EMERGENCY, reason=emergency.title, now=emergency.now)
    done.append(
        {
            "action": "emergency_escalation",
            "status": "triggered",
            "escalation_id": called.escalation_id,
            "escalation_level": called.level.value,
            "required_response_time": f"{EMERGENCY_ANSWER // 60_000_000} minutes",
            "due_at": called.due_at,
            "escalation_contacts": list(policy.contacts or CONTACTS),
        }
    )
    return done


def _serving_results(emergency: Emergency, policy: ModelPolicy, send: Callable[[ServingCommand], None]) -> list[dict[str, Any]]:
    desired = Desired(model_id=emergency.model_id)
    incident = incident_id_of(emergency.model_id, emergency.model_version, emergency.now)
    results = []
    for action, name in ((Action.PAUSE_PREDICTIONS, "pause_serving"), (Action.USE_BACKUP_MODEL, "activate_backup")):
        result: dict[str, Any] = {"action": name, "endpoint": policy.endpoint}
        if policy.endpoint is None:
            results.append({**result, "status": "no_endpoint_found"})
            continue
        if action is Action.USE_BACKUP_MODEL:
            if emergency.last_good in (None, emergency.model_version):
                results.append({**result, "status": "error", "error": "no approved version to go back to"})
                continue
            result["backup_version"] = emergency.last_good
        desired = after(desired, action, emergency.last_good)
        order = Order(
            key=idempotency_key(action, emergency.model_id, emergency.model_version, incident, 1),
            action=action.value,
            endpoint=policy.endpoint,
            plan_id="",
            reason=emergency.title,
            actor="emergency",
            at=emergency.now,
        )
        results.append(_attempted(result, "success", partial(send, command(desired, order))))
    return results


def _attempted(result: dict[str, Any], status: str, attempt: Callable[[], object]) -> dict[str, Any]:
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - of whoever sends; the caller gets it in words and the rest goes on
        return {**result, "status": "error", "error": str(error)}
    return {**result, "status": status}


def _at_least(risk: float) -> Mapping[str, str]:
    return {
        "op": "GREATER_THAN_OR_EQUAL",
        "left": "{{tasks.evaluate_risk.values.overall_risk_score}}",
        "right": f"{risk:g}",
    }


def _described(task: Task) -> dict[str, Any]:
    what = {"condition_task": dict(task.condition)} if task.condition is not None else {"parameters": dict(task.parameters)}
    return {"task_key": task.key.value, **what, "depends_on": [{"task_key": key.value} for key in task.depends_on]}
