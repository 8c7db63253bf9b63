"""A plan: what shall be done about an incident, how far that has come, and which steps there are."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from driftline.alerting.response.actions import Action, Band, Category
from driftline.alerting.response.evidence import RISK_MODEL
from driftline.alerting.response.policy import Mode
from driftline.events import ActionResult, GuardVerdict, ResponseStep


class State(StrEnum):
    """How far a plan has come."""

    PROPOSED = "proposed"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    EFFECTIVE = "effective"
    INEFFECTIVE = "ineffective"
    FAILED = "failed"
    """An action could not be delivered."""
    EXPIRED = "expired"
    """Nobody approved it in time; it was never executed."""
    REJECTED = "rejected"
    VETOED = "vetoed"
    """A guard held it back."""
    SHADOWED = "shadowed"
    """It would have been done."""

    @property
    def over(self) -> bool:
        """Whether nothing follows."""
        return not STEPS[self]

    @property
    def under_way(self) -> bool:
        """Whether it has effects that are not judged yet."""
        return self in (State.EXECUTING, State.VERIFYING)


STEPS: Mapping[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.AWAITING_APPROVAL, State.APPROVED, State.VETOED, State.SHADOWED}),
    State.AWAITING_APPROVAL: frozenset({State.APPROVED, State.REJECTED, State.EXPIRED}),
    State.APPROVED: frozenset({State.EXECUTING, State.VETOED}),
    State.EXECUTING: frozenset({State.VERIFYING, State.FAILED}),
    State.VERIFYING: frozenset({State.EFFECTIVE, State.INEFFECTIVE}),
    **dict.fromkeys((State.EFFECTIVE, State.INEFFECTIVE, State.FAILED), frozenset()),
    **dict.fromkeys((State.EXPIRED, State.REJECTED, State.VETOED, State.SHADOWED), frozenset()),
}


class Step(StrEnum):
    """The six tasks, in a chain (RSP-03); escalation does not wait for remediation."""

    ASSESS = "assess_monitoring_state"
    EVALUATE = "evaluate_risk"
    DECIDE = "decision_matrix"
    REMEDIATE = "automated_remediation"
    ESCALATE = "escalate_to_humans"
    DOCUMENT = "document_actions"


AUTOMATION = "driftline"
"""Who plans and executes; no person may have this name as approver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One answer to one incident. Times are microseconds."""

    plan_id: str
    sequence: int = 0
    """Steps recorded; the fence of every change."""
    incident_id: str
    model_id: str
    model_version: str
    category: Category
    actions: tuple[Action, ...]
    target_version: str | None
    """Version that shall serve, for actions that change what serves."""
    endpoint: str | None
    attempt: int
    mode: Mode
    band: Band
    risk: float
    confidence: float
    policy_version: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    """What it was decided on, in words."""
    state: State = State.PROPOSED
    created_at: int
    due_at: int | None = None
    """When waiting for approval, delivery or outcome ends."""
    executed_at: int | None = None
    window_end: int
    """End of the newest window when it was decided, later: when it was executed."""
    window_length: int
    """Of the windows that it was decided on."""
    requested_by: str = AUTOMATION
    approved_by: str | None = None
    guards: tuple[GuardVerdict, ...] = ()
    results: tuple[ActionResult, ...] = ()
    """Every action with what became of it."""
    reason: str = ""
    """Of its present state."""


class NotAllowed(Exception):
    """The step does not exist, or this person may not take it."""


class NotNow(Exception):
    """The step exists, but its time has passed or has not come."""


def idempotency_key(action: Action, model_id: str, model_version: str, incident_id: str, attempt: int) -> str:
    """The same for every repeat of one effect."""
    return hashlib.sha256("|".join((action, model_id, model_version, incident_id, str(attempt))).encode()).hexdigest()


def plan_id_of(incident_id: str, actions: Sequence[Action], attempt: int) -> str:
    """The same however often it is planned."""
    return f"rsp_{hashlib.sha256('|'.join((incident_id, *actions, str(attempt))).encode()).hexdigest()[:24]}"


def incident_id_of(model_id: str, model_version: str, since: int) -> str:
    """Of what began with the window that ended then."""
    return f"inc_{hashlib.sha256(f'{model_id}|{model_version}|{since}'.encode()).hexdigest()[:16]}"


def move(plan: Plan, to: State, *, reason: str, due_at: int | None = None) -> Plan:
    """The plan in another state. Raises NotAllowed where there is no such step."""
    if to not in STEPS[plan.state]:
        message = f"a plan that is {plan.state.value} cannot become {to.value}"
        raise NotAllowed(message)
    return replace(plan, state=to, reason=reason, due_at=due_at)


def approve(plan: Plan, by: str) -> Plan:
    """Let it be executed, if the guards still allow it then. Raises NotAllowed for whoever asked for it."""
    if by in (plan.requested_by, AUTOMATION):
        message = f"{by} asked for it and cannot approve it too"
        raise NotAllowed(message)
    return replace(move(plan, State.APPROVED, reason=f"approved by {by}"), approved_by=by)


def settle(plan: Plan, key: str, *, error: str | None) -> Plan:
    """Note what became of the action with this key."""
    results = tuple(
        replace(one, status="success" if error is None else "error", error=error) if one.idempotency_key == key else one
        for one in plan.results
    )
    return replace(plan, results=results)


def recorded(
    plan: Plan, step: Step, *, actor: str, now: int, more: Mapping[str, str] | None = None
) -> tuple[Plan, ResponseStep]:
    """The plan with one more step recorded, and the event that tells of it, with `more` among its details."""
    plan = replace(plan, sequence=plan.sequence + 1)
    return plan, ResponseStep(
        plan_id=plan.plan_id,
        sequence=plan.sequence,
        incident_id=plan.incident_id,
        model_id=plan.model_id,
        model_version=plan.model_version,
        step=step.value,
        state=plan.state.value,
        mode=plan.mode.value,
        band=plan.band.word,
        category=plan.category.value,
        risk_score=plan.risk,
        confidence=plan.confidence,
        risk_model_version=RISK_MODEL,
        policy_version=plan.policy_version,
        attempt=plan.attempt,
        guards=plan.guards if step in (Step.DECIDE, Step.REMEDIATE) else (),
        results=plan.results,
        actor=actor,
        reason=plan.reason,
        details={**(plan.evidence if step in (Step.ASSESS, Step.EVALUATE) else _details(plan)), **(more or {})},
        at=now,
    )


def _details(plan: Plan) -> dict[str, str]:
    found = {"endpoint": plan.endpoint, "target_version": plan.target_version, "approved_by": plan.approved_by}
    return {name: value for name, value in found.items() if value is not None}
