"""From an assessment to a plan, and from a plan to what follows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from driftline.alerting.response.actions import EMERGENCY_ACTIONS, Action, Band, Category
from driftline.alerting.response.evidence import HYSTERESIS, Assessment, Observation
from driftline.alerting.response.guards import NO_ENDPOINT, Situation, first_held, judge_all
from driftline.alerting.response.plan import Plan, State, idempotency_key, move, plan_id_of
from driftline.alerting.response.policy import Mode, ModelPolicy
from driftline.events import ActionResult
from driftline.wording import amount

OF_THE_ACTION = frozenset({"cause", "cool_down", "blast_radius", "precondition"})
"""Guards that may hold one action back and let the next one pass."""


def candidates(
    assessment: Assessment, policy: ModelPolicy, tried: Collection[tuple[Action, ...]], last_good: str | None
) -> list[tuple[Action, ...]]:
    """What may be tried next, the best first; `tried` are the actions that the incident has seen."""
    if assessment.band is Band.RECORD:
        return []
    done = {action for actions in tried for action in actions}
    found: list[tuple[Action, ...]] = []
    if assessment.band is Band.PAUSE and Action.PAUSE_PREDICTIONS not in done:
        # Without a version to go back to there is nothing but the pause.
        found.append(EMERGENCY_ACTIONS if last_good is not None else (Action.PAUSE_PREDICTIONS,))
    allowed = [action for action in policy.remedies.get(assessment.newest.category, ()) if action.least_band <= assessment.band]
    if assessment.band >= Band.EMERGENCY:
        allowed.sort(key=lambda action: action is not Action.ROLLBACK_MODEL)  # what helps at once comes first
    covered = {action for actions in found for action in actions}
    return found + [(action,) for action in allowed if action not in done | covered]


def propose(situation: Situation, *, incident_id: str, attempt: int) -> Plan:
    """A plan of what the situation asks about, not decided yet."""
    assessment, of = situation.assessment, situation.policy.of(situation.model_id)
    newest = assessment.newest
    serves = any(action.serves for action in situation.actions)
    return Plan(
        plan_id=plan_id_of(incident_id, situation.actions, attempt),
        incident_id=incident_id,
        model_id=newest.model_id,
        model_version=newest.model_version,
        category=newest.category,
        actions=situation.actions,
        target_version=situation.last_good if serves else None,
        endpoint=of.endpoint,
        attempt=attempt,
        mode=situation.mode,
        band=assessment.band,
        risk=assessment.risk,
        confidence=assessment.confidence,
        policy_version=situation.policy.version,
        evidence=described(situation),
        created_at=situation.now,
        window_end=newest.end,
        window_length=newest.end - newest.start,
        results=tuple(
            ActionResult(
                action=action.value,
                status="pending",
                idempotency_key=idempotency_key(action, newest.model_id, newest.model_version, incident_id, attempt),
            )
            for action in situation.actions
        ),
        reason=f"{', '.join(situation.actions)} recommended",
    )


def decide(plan: Plan, situation: Situation) -> Plan:
    """What becomes of a proposed plan."""
    verdicts = judge_all(situation)
    plan = replace(plan, guards=verdicts)
    shadow = situation.mode is Mode.SHADOW
    held = first_held(verdicts, "approval", *(("mode",) if shadow else ()))
    if held is not None:
        return _vetoed(plan, held.guard, held.reason)
    if shadow:
        results = tuple(replace(one, status="would_have_done") for one in plan.results)
        return replace(move(plan, State.SHADOWED, reason="would have been done"), results=results)
    if (held := first_held(verdicts)) is not None:
        timeout = situation.policy.of(plan.model_id).limits.approval_timeout
        return move(plan, State.AWAITING_APPROVAL, reason=held.reason, due_at=situation.now + timeout)
    return move(plan, State.APPROVED, reason="no guard holds it back")


def begin(plan: Plan, situation: Situation) -> Plan:
    """Ask all guards once more and begin to execute an approved plan, or give it up."""
    verdicts = judge_all(situation)
    plan = replace(plan, guards=verdicts)
    if (held := first_held(verdicts)) is not None:
        return _vetoed(plan, held.guard, held.reason)
    of = situation.policy.of(plan.model_id)
    begun = move(
        plan, State.EXECUTING, reason="its actions are on their way", due_at=situation.now + of.limits.execution_timeout
    )
    return replace(begun, executed_at=situation.now, window_end=max(plan.window_end, situation.newest_end))


def vetoed_by(plan: Plan) -> str | None:
    """The guard that held a plan back; None where none did."""
    return plan.reason.partition(":")[0] if plan.state is State.VETOED else None


def _vetoed(plan: Plan, guard: str, reason: str) -> Plan:
    status = NO_ENDPOINT if reason.startswith(NO_ENDPOINT) else "error"
    results = tuple(replace(one, status=status, error=f"{guard}: {reason}") for one in plan.results)
    return replace(move(plan, State.VETOED, reason=f"{guard}: {reason}"), results=results)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is seen after an action. Windows are those that began when it was in effect, the oldest first."""

    now: int
    windows: tuple[Observation, ...] = ()
    """Of the version that serves now, decided since."""
    applied: bool = False
    """The serving adapter says that the command is in effect; without an endpoint there is nothing to say."""


def verified_by(plan: Plan, policy: ModelPolicy, now: int) -> int:
    """Until when the outcome must be seen: the windows that it takes, one more, and the timeout."""
    return now + (policy.verification.windows + 1) * plan.window_length + policy.verification.timeout


def verify(plan: Plan, outcome: Outcome, policy: ModelPolicy) -> Plan | None:
    """The judged plan; None while it is too early. No data is never a pass, but of a pause without a fallback."""
    serves = any(action.serves for action in plan.actions)
    enough = policy.verification.windows
    borders = policy.thresholds.floor(plan.band) - HYSTERESIS
    # Bad results show only where outcomes are known.
    needs_labels = plan.category is Category.PERFORMANCE_DEGRADATION
    seen = [one for one in outcome.windows if one.labelled or not needs_labels][:enough]
    late = plan.due_at is not None and outcome.now >= plan.due_at
    if serves and plan.target_version is None:
        if outcome.applied:
            return move(plan, State.EFFECTIVE, reason="the adapter confirms that nothing is served")
        return move(plan, State.INEFFECTIVE, reason="no adapter confirmed the pause") if late else None
    worse = next((one for one in seen if one.risk >= borders), None)
    if worse is not None and len(seen) >= enough:
        return move(plan, State.INEFFECTIVE, reason=f"risk {worse.risk:.1f} is not below {borders:.1f}")
    if len(seen) >= enough and (outcome.applied or not serves):
        whom = f" and version {plan.target_version} serves" if serves else ""
        return move(plan, State.EFFECTIVE, reason=f"risk stays below {borders:.1f} for {amount(enough, 'window')}{whom}")
    if not late:
        return None
    missing = "no adapter confirmed it" if serves and not outcome.applied else f"{len(seen)} of {enough} windows came"
    return move(plan, State.INEFFECTIVE, reason=f"{missing}; no data is no pass")


def switched_off(plans: Sequence[Plan], ends: Mapping[str, int], policy: ModelPolicy, now: int) -> str | None:
    """Why the automation of a model must end: too many of its plans did not help. `ends` says when each was judged."""
    bad = [
        plan
        for plan in plans
        if plan.state in (State.INEFFECTIVE, State.FAILED) and now - 86_400_000_000 < ends.get(plan.plan_id, 0) <= now
    ]
    if len(bad) < policy.limits.ineffective:
        return None
    return f"{amount(len(bad), 'plan')} in 24 hours failed or did not help"


def described(situation: Situation) -> dict[str, str]:
    """The evidence in words, by name."""
    a = situation.assessment
    found = {
        "granularity": a.newest.granularity,
        "window_end": str(a.newest.end),
        "n": str(a.newest.n),
        "overall_risk_score": f"{a.risk:.2f}",
        "confidence": f"{a.confidence:.3f}",
        "band": a.band.word,
        "failing": ", ".join(a.newest.detectors),
        "business_impact": f"{a.impact:.2f}",
        "recommended_action": ", ".join(situation.actions),
        "external_factors": ", ".join((*situation.bad_input, *(f"silence {one}" for one in situation.silenced_by))),
    }
    if a.worst_feature is not None:
        found["critical_feature_drift"] = f"{a.worst_feature[0]} {a.worst_feature[1]:.3f}"
    return {name: value for name, value in found.items() if value}
