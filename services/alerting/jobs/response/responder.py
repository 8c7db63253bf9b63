"""Decides and drives plans, one model and one database transaction at a time: a restart neither forgets nor repeats anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection

from driftline.alerting.alert import AlertType
from driftline.alerting.response.deciding import Outcome, begin, switched_off, verify
from driftline.alerting.response.escalation import Level
from driftline.alerting.response.evidence import Assessment, Observation, Standing, assess, chosen
from driftline.alerting.response.plan import AUTOMATION, Plan, State, Step, incident_id_of, move, recorded
from driftline.alerting.response.policy import DAY, Mode, ModelPolicy, ResponsePolicy
from driftline.alerting.response.record import RUNBOOKS, digest
from driftline.alerting.response.responding import Answer, Facts, look, overtaken, situation_of
from driftline.alerting.response.workflow import next_scheduled
from driftline.alerting.silences import silencing
from driftline.clock import Clock
from driftline.events import ResponseStep
from driftline.topics import name as topic_name
from services.alerting.jobs.response import calling, executing
from services.alerting.jobs.response.modes import tell_mode
from services.alerting.metrics import RESPONSE_PLANS, RESPONSE_SWITCHED_OFF
from services.alerting.store import alerts, outbox, silences
from services.alerting.store.database import Database
from services.alerting.store.response import calls, effects, plans, serving, windows

_LOG = structlog.get_logger("driftline.alerting")
_RESPONSES = topic_name("responses")
_SWITCHED_OFF = "switched_off"
"""Incident of the call that says that automation is off."""


class Responder:
    """The work of a beat."""

    def __init__(
        self, database: Database, policy: Callable[[], ResponsePolicy], clock: Clock, on_decided: Callable[[], None]
    ) -> None:
        """`policy` says what holds now; `on_decided` wakes those who tell of it."""
        self._database = database
        self._policy = policy
        self._clock = clock
        self._on_decided = on_decided
        self._sweep_at = 0

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Look at every model of which something is new or due; all of them by the schedule."""
        now = self._clock.now_us()
        everything = now >= self._sweep_at
        with self._database.read() as tx:
            due = set(windows.unlooked(tx)) | set(plans.pressing(tx, now)) | (set(windows.models(tx)) if everything else set())
            late = [call.model_id for call in calls.due(tx, now)]
            off = sum(1 for one in calls.all_settings(tx) if one.off_reason)
        RESPONSE_SWITCHED_OFF.set(off)
        for model_id in sorted(due | set(late)):
            self._look_at(model_id, now, everything=everything)
        if everything:
            self._sweep_at = next_scheduled(now)
        if due or late:
            self._on_decided()
        return None

    def close(self) -> None:
        """Nothing is left under way between two runs."""

    def _look_at(self, model_id: str, now: int, *, everything: bool) -> None:
        with self._database.write() as tx:
            plans.take_fence(tx)
            work = Work(tx, self._policy(), model_id, now)
            work.answer_calls()
            work.drive()
            work.decide(everything=everything)
            work.finish()
        for state in work.states:
            RESPONSE_PLANS.labels(state).inc()
            _LOG.info("response", model_id=model_id, plan=work.plan_id, state=state)


@dataclass(frozen=True, slots=True)
class _Version:
    windows: list[Observation]

    @property
    def newest(self) -> Observation:
        return self.windows[-1]


class Work:
    """Everything about one model within one transaction, which holds the fence."""

    def __init__(self, tx: Connection, policy: ResponsePolicy, model_id: str, now: int) -> None:
        self._tx = tx
        self._policy = policy
        self._of: ModelPolicy = policy.of(model_id)
        self._model_id = model_id
        self._now = now
        self._batch = outbox.Batch(now)
        self._setting = calls.setting(tx, model_id)
        everybody = calls.setting(tx, calls.EVERYBODY)
        self._off = everybody.off_reason or self._setting.off_reason
        self._mode = self._setting.mode or self._of.mode
        self._plan = plans.open_of(tx, model_id)
        self._seen = self._windows()
        self.states: list[str] = []
        self.plan_id = ""

    def answer_calls(self) -> None:
        """Whoever was called and whose time is over."""
        for late in calls.due(self._tx, self._now):
            if late.model_id == self._model_id:
                calling.unanswered(self._tx, self._batch, late, self._of, self._now)

    def drive(self) -> None:
        """Take the open plan as far as it goes now."""
        while self._plan is not None:
            before = self._plan
            following = self._next(before)
            if following is None:
                return
            self._record(before, following)

    def decide(self, *, everything: bool) -> None:
        """Look at every version of which something is new; with `everything` at all of them."""
        new = windows.looked(self._tx, self._model_id)
        for version in sorted((self._fresh() if everything else set()) | (new & self._seen.keys())):
            self._look(version)
            self.drive()

    def decided(self, following: Plan, actor: str, words: str) -> None:
        """A person decided about the open plan, and said why."""
        assert self._plan is not None
        self._record(self._plan, replace(following, reason=f"{following.reason}: {words}"), actor=actor)
        self.drive()

    def switched_on(self) -> None:
        """A person set the mode: whoever was called because automation was off need not care any more."""
        self._end_calls(_SWITCHED_OFF)

    def finish(self) -> None:
        """Write what is to be told."""
        self._batch.write(self._tx)

    @property
    def plan(self) -> Plan | None:
        """The plan that is not over."""
        return self._plan

    def _windows(self) -> dict[str, _Version]:
        kept = windows.of_model(self._tx, self._model_id)
        granularity = chosen({one.granularity for one in kept}, self._of)
        found: dict[str, _Version] = {}
        for one in kept:
            if one.granularity == granularity:
                found.setdefault(one.model_version, _Version([])).windows.append(one)
        return found

    def _fresh(self) -> set[str]:
        """Versions that are not long gone."""
        newest = max((seen.newest.end for seen in self._seen.values()), default=0)
        most = self._of.limits.fresh_windows
        return {
            version
            for version, seen in self._seen.items()
            if newest - seen.newest.end < most * (seen.newest.end - seen.newest.start)
        }

    def _look(self, version: str) -> None:
        before = windows.standing(self._tx, self._model_id, version)
        seen = self._seen[version].windows
        answer = look(seen, before, self._facts(version, before), self._policy, self._now)
        windows.set_standing(self._tx, self._model_id, version, answer.standing)
        if self._plan is not None and (ended := overtaken(self._plan, answer.assessment.band)) is not None:
            effects.cancel(self._tx, self._plan.plan_id, ended.reason)
            self._record(self._plan, ended)
            answer = look(seen, before, self._facts(version, before), self._policy, self._now)
        if before.since is not None and answer.incident_id is None:
            self._end_incident(version, before)
        if answer.plan is not None:
            self._keep(answer.plan, answer.steps)
        if answer.incident_id is not None:
            self._escalate(answer, answer.incident_id)
        if self._plan is not None and self._plan.state.over:
            self._document(self._plan)

    def _facts(self, version: str, standing: Standing) -> Facts:
        tx, model_id, now = self._tx, self._model_id, self._now
        seen = self._seen[version]
        last_good = serving.versions_of(tx, model_id).last_good(version)
        stable = [one for one in self._seen[last_good].windows if one.labelled] if last_good in self._seen else []
        firing = [alert for alert in alerts.firing(tx) if alert.model_id == model_id]
        alike = [one.end for other in self._seen.values() for one in other.windows if one.labelled == seen.newest.labelled]
        # A new incident has no plans; its id is that of the newest window.
        since = standing.since if standing.since is not None else seen.newest.end
        return Facts(
            mode=self._mode,
            switched_off=self._off,
            newest_end=max(alike),
            bad_input=tuple(alert.title for alert in firing if alert.alert_type is AlertType.DATA_QUALITY),
            silenced_by=silencing(silences.active(tx, now), {"model_id": model_id, "model_version": version}, now),
            deeds=plans.deeds(tx, model_id, now - max(DAY, self._of.limits.cool_down)),
            affected=serving.affected(tx, model_id),
            last_good=last_good,
            stable=stable[-1] if stable else None,
            open_plan=self._plan,
            plans=plans.of_incident(tx, incident_id_of(model_id, version, since)),
        )

    def _keep(self, plan: Plan, steps: Sequence[ResponseStep]) -> None:
        plans.save(self._tx, plan, None, self._now)
        self._tell(steps)
        self._plan = plan
        if plan.state is State.AWAITING_APPROVAL:
            reason = (
                f"{', '.join(plan.actions)} of {plan.plan_id} waits for approval: driftline response approve {plan.plan_id}"
            )
            self._call(calling.APPROVAL_WANTED, plan.incident_id, Level.HUMAN, reason)

    def _record(self, before: Plan, following: Plan, *, actor: str = AUTOMATION) -> None:
        """Write a step of the open plan, and what it brings with it."""
        if following.state is State.EXECUTING and before.state is State.APPROVED:
            following = executing.execute(self._tx, self._batch, following, self._of, self._now)
        kept, step = recorded(following, Step.REMEDIATE, actor=actor, now=self._now)
        plans.save(self._tx, kept, before.sequence, self._now)
        self._tell([step])
        self._plan = kept
        if before.state is State.AWAITING_APPROVAL:
            self._end_calls(kept.incident_id, calling.APPROVAL_WANTED)
        if kept.state.over:
            self._ended(kept)

    def _next(self, plan: Plan) -> Plan | None:
        match plan.state:
            case State.AWAITING_APPROVAL:
                return self._expired(plan)
            case State.APPROVED:
                return self._begun(plan)
            case State.EXECUTING:
                following = executing.delivered(self._tx, plan, self._of, self._now)
                return following if following != plan else None
            case State.VERIFYING:
                return verify(plan, self._outcome(plan), self._of)
        return None

    def _expired(self, plan: Plan) -> Plan | None:
        """Nobody approved it: it is never executed, people are called instead."""
        if plan.due_at is None or self._now < plan.due_at:
            return None
        reason = f"nobody approved {', '.join(plan.actions)} of {plan.plan_id} in time"
        self._call(calling.APPROVAL_EXPIRED, plan.incident_id, Level.HUMAN, reason)
        return move(plan, State.EXPIRED, reason="nobody approved it in time")

    def _begun(self, plan: Plan) -> Plan:
        version = self._seen.get(plan.model_version)
        if version is None:
            return move(plan, State.VETOED, reason="evidence: there are no windows any more")
        standing = windows.standing(self._tx, self._model_id, plan.model_version)
        facts = replace(self._facts(plan.model_version, standing), open_plan=None)
        # The band that was decided on holds: a later one overtakes the plan or verifies it.
        assessment: Assessment = replace(assess(version.windows, standing, self._of), band=plan.band)
        situation = situation_of(assessment, facts, self._policy, plan.actions, self._now)
        target_gone = plan.target_version is not None and facts.last_good != plan.target_version
        if target_gone:
            return move(plan, State.VETOED, reason="precondition: the version to go back to is another by now")
        return begin(plan, replace(situation, approved_by=plan.approved_by))

    def _outcome(self, plan: Plan) -> Outcome:
        """Windows that began after the execution: of the version that shall serve, else of any."""
        wanted = plan.target_version
        since = [
            one
            for version, seen in self._seen.items()
            for one in seen.windows
            if one.start >= plan.window_end and wanted in (None, version)
        ]
        since.sort(key=lambda one: (one.end, one.model_version))
        return Outcome(now=self._now, windows=tuple(since), applied=serving.applied(self._tx, self._model_id))

    def _ended(self, plan: Plan) -> None:
        self._plan = None
        if plan.state in (State.INEFFECTIVE, State.FAILED):
            judged, ends = plans.judged_since(self._tx, self._model_id, self._now - DAY)
            reason = switched_off(judged, ends, self._of, self._now)
            if reason is not None and not self._setting.off_reason:
                self._switch_off(reason)
        if plan.state is State.EFFECTIVE and plan.target_version is not None:
            before = windows.standing(self._tx, self._model_id, plan.model_version)
            windows.set_standing(self._tx, self._model_id, plan.model_version, Standing())
            if before.since is not None:
                self._end_incident(plan.model_version, before)
        self._document(plan)

    def _document(self, plan: Plan) -> None:
        self._plan = None
        history = plans.history_of(self._tx, plan.plan_id)
        more = {"record_sha256": digest(plan, history), "runbook": RUNBOOKS[plan.category]}
        kept, step = recorded(plan, Step.DOCUMENT, actor=AUTOMATION, now=self._now, more=more)
        plans.save(self._tx, kept, plan.sequence, self._now)
        self._tell([step])

    def _switch_off(self, reason: str) -> None:
        before = self._setting
        self._setting = replace(before, off_reason=reason, by=AUTOMATION, at=self._now)
        tell_mode(self._batch, before, self._setting, self._policy, by=AUTOMATION, reason=reason)
        calls.set_to(self._tx, self._setting)
        self._off = reason
        self._call(calling.SWITCHED_OFF, _SWITCHED_OFF, Level.HUMAN, f"automation of this model is switched off: {reason}")

    def _escalate(self, answer: Answer, incident_id: str) -> None:
        """Call people as soon as the band says so, whatever becomes of the plan; in shadow nobody is called."""
        if answer.level is None or self._mode not in (Mode.APPROVE, Mode.AUTO):
            return
        a = answer.assessment
        reason = f"risk {a.risk:.1f}, band {a.band.word}, business impact {a.impact:.0f}"
        kind = calling.EMERGENCY if answer.level is Level.EMERGENCY else calling.NEEDED
        if self._call(kind, incident_id, answer.level, reason) and self._plan is not None:
            kept, step = recorded(self._plan, Step.ESCALATE, actor=AUTOMATION, now=self._now)
            plans.save(self._tx, kept, self._plan.sequence, self._now)
            self._tell([step])
            self._plan = kept

    def _call(self, kind: str, incident_id: str, level: Level, reason: str) -> bool:
        wanted = calling.called(kind, incident_id, self._model_id, level, reason=reason, now=self._now)
        return calling.call(self._tx, self._batch, wanted, self._of)

    def _end_incident(self, version: str, standing: Standing) -> None:
        assert standing.since is not None
        self._end_calls(incident_id_of(self._model_id, version, standing.since))

    def _end_calls(self, incident_id: str, *kinds: str) -> None:
        for one in calls.out_of(self._tx, self._model_id, incident_id):
            if not kinds or one.kind in kinds:
                calling.end(self._tx, self._batch, one, self._now)

    def _tell(self, steps: Sequence[ResponseStep]) -> None:
        plans.note(self._tx, steps)
        for step in steps:
            self._batch.tell_to(_RESPONSES, step.model_id, step, outbox.Cause(step.plan_id, (step.plan_id, step.sequence)))
            if step.step in (Step.DECIDE, Step.REMEDIATE):
                self.states.append(step.state)
                self.plan_id = step.plan_id
