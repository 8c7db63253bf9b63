"""The eleven guards, asked in their order; every verdict is recorded, and the first that holds an action back decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from driftline.alerting.response.actions import Action
from driftline.alerting.response.evidence import Assessment, Observation, degradation
from driftline.alerting.response.policy import Mode, ResponsePolicy
from driftline.events import GuardVerdict
from driftline.wording import amount

NO_ENDPOINT = "no_endpoint_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """An action that was begun before."""

    model_id: str
    action: Action
    at: int
    target_version: str | None = None
    from_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that guards look at. Times are microseconds."""

    now: int
    policy: ResponsePolicy
    mode: Mode
    """That holds for the model: of the policy, or as a person has set it."""
    switched_off: str = ""
    """Why automation is off, by hand or by itself; empty where it is on."""
    actions: tuple[Action, ...]
    assessment: Assessment
    newest_end: int
    """End of the newest window of the model that was decided in the same way."""
    bad_input: tuple[str, ...] = ()
    """Alerts about the model's data or ingest that fire."""
    silenced_by: tuple[str, ...] = ()
    """Silences that hold for the model: somebody works on it."""
    running: str | None = None
    """Another plan of the model that is under way."""
    deeds: tuple[Deed, ...] = ()
    """Actions of the tenant that were begun in the last day, or within the cool-down."""
    affected: frozenset[str] = frozenset()
    """Models of the tenant that are paused or rolled back now."""
    last_good: str | None = None
    """Approved version to go back to."""
    stable: Observation | None = None
    """Its last window with outcomes."""
    approved_by: str | None = None

    @property
    def model_id(self) -> str:
        """Model that it is about."""
        return self.assessment.newest.model_id


def judge_all(situation: Situation) -> tuple[GuardVerdict, ...]:
    """Every guard's verdict, in order."""
    verdicts = []
    for name, guard in GUARDS.items():
        held = guard(situation)
        verdicts.append(GuardVerdict(guard=name, passed=held is None, reason=held or "nothing speaks against it"))
    return tuple(verdicts)


def first_held(verdicts: Sequence[GuardVerdict], *but: str) -> GuardVerdict | None:
    """The guard that decides, leaving out some."""
    return next((one for one in verdicts if not one.passed and one.guard not in but), None)


def _kill_switch(s: Situation) -> str | None:
    if s.policy.kill_switch:
        return "the policy stops all automation (kill_switch)"
    return f"automation is switched off: {s.switched_off}" if s.switched_off else None


def _mode(s: Situation) -> str | None:
    return f"the mode is {s.mode.value}" if s.mode in (Mode.OFF, Mode.SHADOW) else None


def _evidence(s: Situation) -> str | None:
    of = s.policy.of(s.model_id)
    newest = s.assessment.newest
    length = newest.end - newest.start
    if newest.n < of.limits.min_samples:
        return f"{amount(newest.n, 'row is', 'rows are')} fewer than {of.limits.min_samples}"
    if max(s.newest_end - newest.end, s.now - newest.learnt_at) >= of.limits.fresh_windows * length:
        return f"the evidence is {of.limits.fresh_windows} windows old or more"
    if s.assessment.confidence < of.thresholds.confidence:
        return f"confidence {s.assessment.confidence:.2f} is below {of.thresholds.confidence:.2f}"
    return None


def _cause(s: Situation) -> str | None:
    if s.bad_input and any(action.blames_model for action in s.actions):
        return f"bad input is no bad model; firing: {', '.join(s.bad_input)}"
    return None


def _maintenance(s: Situation) -> str | None:
    return f"silenced by {', '.join(s.silenced_by)}" if s.silenced_by else None


def _target_lock(s: Situation) -> str | None:
    return f"plan {s.running} of this model is under way" if s.running is not None else None


def _cool_down(s: Situation) -> str | None:
    pause = s.policy.of(s.model_id).limits.cool_down
    for deed in s.deeds:
        if deed.model_id == s.model_id and deed.action in s.actions and s.now < deed.at + pause:
            return f"{deed.action.value} was done {(s.now - deed.at) // 1_000_000} s ago, less than {pause // 1_000_000} s"
    return None


def _budget(s: Situation) -> str | None:
    limits = s.policy.of(s.model_id).limits
    wanted = len(s.actions)
    today = sum(deed.model_id == s.model_id and s.now < deed.at + 86_400_000_000 for deed in s.deeds)
    if today + wanted > limits.per_model_day:
        return f"{today} actions in 24 hours and {wanted} more exceed the {limits.per_model_day} of a model"
    hour = sum(s.now < deed.at + 3_600_000_000 for deed in s.deeds)
    if hour + wanted > limits.per_tenant_hour:
        return f"{hour} actions in an hour and {wanted} more exceed the {limits.per_tenant_hour} of a tenant"
    return None


def _blast_radius(s: Situation) -> str | None:
    most = s.policy.of(s.model_id).limits.models_at_once
    if any(action.serves for action in s.actions) and len(s.affected | {s.model_id}) > most:
        return f"{amount(len(s.affected), 'model is', 'models are')} paused or rolled back, {most} may be at once"
    return None


def _precondition(s: Situation) -> str | None:
    if not any(action.serves for action in s.actions):
        return None
    of = s.policy.of(s.model_id)
    if of.endpoint is None:
        return f"{NO_ENDPOINT}: the policy names no endpoint of this model"
    if s.last_good is not None:
        return _way_back(s, s.last_good)
    if Action.PAUSE_PREDICTIONS in s.actions and of.accept_no_fallback:
        return None
    return "no approved version to go back to"


def _way_back(s: Situation, last_good: str) -> str | None:
    if last_good == s.assessment.newest.model_version:
        return "the approved version is the one that serves"
    if _undoes(s):
        return f"version {last_good} was rolled back within the cool-down"
    if Action.ROLLBACK_MODEL not in s.actions:
        return None
    least = s.policy.of(s.model_id).rollback
    spike, drop = degradation(s.assessment.newest, s.stable)
    if spike >= least.error_rate_spike or drop >= least.performance_degradation:
        return None
    return f"it is not worse enough: errors +{spike:.4f}, performance -{drop:.4f}"


def _undoes(s: Situation) -> bool:
    pause = s.policy.of(s.model_id).limits.cool_down
    return any(
        deed.model_id == s.model_id and deed.action.serves and deed.from_version == s.last_good and s.now < deed.at + pause
        for deed in s.deeds
    )


def _approval(s: Situation) -> str | None:
    needed = s.mode is Mode.APPROVE or bool(s.policy.of(s.model_id).approval_required & set(s.actions))
    return "a person must approve it" if needed and s.approved_by is None else None


GUARDS: Mapping[str, Callable[[Situation], str | None]] = {
    "kill_switch": _kill_switch,
    "mode": _mode,
    "evidence": _evidence,
    "cause": _cause,
    "maintenance": _maintenance,
    "target_lock": _target_lock,
    "cool_down": _cool_down,
    "budget": _budget,
    "blast_radius": _blast_radius,
    "precondition": _precondition,
    "approval": _approval,
}
"""By name, in order; a guard says why it holds the actions back, or None."""
