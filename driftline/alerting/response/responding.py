"""One look at a model: its standing, who is called, and the plan that follows, if any."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from driftline.alerting.response.actions import Action, Band
from driftline.alerting.response.deciding import OF_THE_ACTION, candidates, decide, propose, vetoed_by
from driftline.alerting.response.escalation import Level, level_of
from driftline.alerting.response.evidence import Assessment, Observation, Standing, assess
from driftline.alerting.response.guards import Deed, Situation
from driftline.alerting.response.plan import AUTOMATION, Plan, State, Step, incident_id_of, move, recorded
from driftline.alerting.response.policy import Mode, ResponsePolicy
from driftline.events import ResponseStep

_OVERTAKEN = {
    State.AWAITING_APPROVAL: State.REJECTED,
    State.APPROVED: State.VETOED,
    State.EXECUTING: State.FAILED,
    State.VERIFYING: State.INEFFECTIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a model beside its windows."""

    mode: Mode
    switched_off: str = ""
    newest_end: int = 0
    bad_input: tuple[str, ...] = ()
    silenced_by: tuple[str, ...] = ()
    deeds: tuple[Deed, ...] = ()
    affected: frozenset[str] = frozenset()
    last_good: str | None = None
    stable: Observation | None = None
    open_plan: Plan | None = None
    """The plan of the model that is not over."""
    plans: tuple[Plan, ...] = ()
    """Plans of the incident, the oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one look leads to."""

    standing: Standing
    assessment: Assessment
    incident_id: str | None
    """None: there is no incident."""
    plan: Plan | None = None
    steps: tuple[ResponseStep, ...] = ()
    """Of the plan, to be told."""
    level: Level | None = None
    """Who must be called, if they are not yet."""


def situation_of(
    assessment: Assessment, facts: Facts, policy: ResponsePolicy, actions: tuple[Action, ...], now: int
) -> Situation:
    """What the guards look at."""
    running = facts.open_plan
    return Situation(
        now=now,
        policy=policy,
        mode=facts.mode,
        switched_off=facts.switched_off,
        actions=actions,
        assessment=assessment,
        newest_end=max(facts.newest_end, assessment.newest.end),
        bad_input=facts.bad_input,
        silenced_by=facts.silenced_by,
        running=None if running is None else running.plan_id,
        deeds=facts.deeds,
        affected=facts.affected,
        last_good=facts.last_good,
        stable=facts.stable,
    )


def look(windows: Sequence[Observation], standing: Standing, facts: Facts, policy: ResponsePolicy, now: int) -> Answer:
    """Assess, evaluate, decide. `windows` are those of one version and granularity, the oldest first; at least one."""
    of = policy.of(windows[-1].model_id)
    assessment = assess(windows, standing, of)
    newest = assessment.newest
    since = None if assessment.band is Band.RECORD else standing.since or newest.end
    following = Standing(band=assessment.band, since=since)
    if since is None:
        return Answer(standing=following, assessment=assessment, incident_id=None)
    incident_id = incident_id_of(newest.model_id, newest.model_version, since)
    found = Answer(standing=following, assessment=assessment, incident_id=incident_id, level=level_of(assessment.band))
    if facts.mode is Mode.OFF or facts.open_plan is not None or _shadowed(facts, assessment.band):
        return found
    plan = _plan(assessment, facts, policy, incident_id, now)
    if plan is None:
        return found
    plan, steps = _told(plan, now)
    return replace(found, plan=plan, steps=steps)


def overtaken(plan: Plan, band: Band) -> Plan | None:
    """A plan ends where the incident outgrows it; None where it may go on."""
    if band <= plan.band or plan.state not in _OVERTAKEN:
        return None
    return move(plan, _OVERTAKEN[plan.state], reason=f"the incident reached the band {band.word}")


def _shadowed(facts: Facts, band: Band) -> bool:
    """Whether it is said already what would have been done: a plan that has no effect is no reason for the next."""
    return facts.mode is Mode.SHADOW and any(one.state is State.SHADOWED and one.band >= band for one in facts.plans)


def _plan(assessment: Assessment, facts: Facts, policy: ResponsePolicy, incident_id: str, now: int) -> Plan | None:
    """The first candidate that passes its guards, else the first that a guard holds back and that was not told yet."""
    of = policy.of(assessment.newest.model_id)
    tried = [plan.actions for plan in facts.plans if plan.state is not State.VETOED]
    held: Plan | None = None
    for actions in candidates(assessment, of, tried, facts.last_good):
        before = [plan for plan in facts.plans if plan.actions == actions]
        situation = situation_of(assessment, facts, policy, actions, now)
        plan = decide(propose(situation, incident_id=incident_id, attempt=len(before) + 1), situation)
        guard = vetoed_by(plan)
        if guard is None:
            return plan
        if held is None and not (before and vetoed_by(before[-1]) == guard):
            held = plan
        if guard not in OF_THE_ACTION:
            break
    return held


def _told(plan: Plan, now: int) -> tuple[Plan, tuple[ResponseStep, ...]]:
    """The steps up to the decision."""
    steps = []
    decided = plan
    for step in (Step.ASSESS, Step.EVALUATE, Step.DECIDE):
        shown = decided if step is Step.DECIDE else replace(decided, state=State.PROPOSED)
        recorded_plan, event = recorded(shown, step, actor=AUTOMATION, now=now)
        decided = replace(decided, sequence=recorded_plan.sequence)
        steps.append(event)
    return decided, tuple(steps)
