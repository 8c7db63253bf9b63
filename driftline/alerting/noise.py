"""What is held back because it would be noise: what flaps, and drift that a change of the model explains.

Nothing of it is lost: what is held is told if it still holds afterwards, and stands in the history of its alert in any case.
A critical alert is never held for flapping.
"""

from dataclasses import dataclass
from enum import StrEnum

from driftline.alerting.alert import Alert, AlertType, Priority
from driftline.alerting.inhibition import InhibitRule
from driftline.alerting.matcher_syntax import parse_matchers
from driftline.envelope import moment
from driftline.events import Monitor, Stage, StageChanged
from driftline.wording import amount

ChangeEvent = StageChanged | Monitor
"""Events that say that a model changed."""

_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FlappingRule:
    """When an alert flaps: it began again so often, each time soon after its end. Times in microseconds."""

    times: int = 3
    """New beginnings in a row that are told; 0: every one is."""
    within: int = 24 * _HOUR
    """From an end to the next beginning, by the times of the data."""
    steady: int = _HOUR
    """So long it must hold before it is told again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseControl:
    """What is held back without a rule that says so."""

    flapping: FlappingRule = FlappingRule()
    quiet_after_change: int = _HOUR
    """For how long a deployment or another baseline holds back the drift of its model, microseconds; 0: not at all."""
    data_quality_explains_drift: bool = True
    """Whether a data-quality alert inhibits the drift of its model version."""
    most_urgent_speaks: bool = True
    """Whether of what drifts in a model in one window the most urgent is told, and the rest only to those who do not hear of that."""

    @property
    def inhibit_rules(self) -> tuple[InhibitRule, ...]:
        """The rules that hold beside those of the configuration."""
        return (DATA_QUALITY_EXPLAINS_DRIFT,) if self.data_quality_explains_drift else ()


DATA_QUALITY_EXPLAINS_DRIFT = InhibitRule(
    source=tuple(parse_matchers('alert_type="data_quality"')),
    target=tuple(parse_matchers('alert_type="drift_detection"')),
    equal=("model_id", "model_version"),
    name="data quality explains drift",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaps:
    """How often an alert began again soon after its end."""

    alert_id: str
    times: int = 0
    until: int = 0
    """Before this its present occurrence is not told of, microseconds; 0: it is told as usual."""


def flaps_after(alert: Alert, known: Alert, former: Flaps | None, *, rule: FlappingRule, now: int) -> Flaps:
    """What another beginning means; `known` is the occurrence before, `former` what was counted up to that."""
    calm = known.ends_at is not None and alert.starts_at - known.ends_at > rule.within
    times = 0 if calm else (0 if former is None else former.times) + 1
    held = 0 < rule.times < times
    return Flaps(alert_id=alert.alert_id, times=times, until=now + rule.steady if held else 0)


def flapping_note(flaps: Flaps) -> str:
    """What people read of an alert that is held because it flaps."""
    return f"It flaps ({amount(flaps.times, 'new beginning')} in a row): it is told if it still holds at {moment(flaps.until)}."


class ChangeKind(StrEnum):
    """What changed about a model."""

    DEPLOYMENT = "deployment"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """Something was done to a model that may make it drift. Times are microseconds since 1970 UTC."""

    change_id: str
    model_id: str
    kind: ChangeKind
    at: int
    """When it came into force, by the time of the data."""
    quiet: int
    """For how long drift that began around it is not told of."""
    until: int
    """Before this it is not told of: `quiet` after the change, or after that was learnt."""
    detail: str
    """One sentence for people."""

    def explains(self, alert: Alert, now: int) -> bool:
        """Whether an alert is drift of this model that began about when it changed.

        Data that is replayed from long before or after has nothing to do with the change.
        """
        if alert.alert_type is not AlertType.DRIFT_DETECTION or alert.posted is not None or alert.model_id != self.model_id:
            return False
        return now < self.until and abs(alert.starts_at - self.at) <= self.quiet


def deployment(event: StageChanged, *, quiet: int, now: int) -> ModelChange | None:
    """The change that a change of stage is; None where nothing was deployed, or that is long ago."""
    if event.to_stage is not Stage.PRODUCTION or event.at + quiet <= now:
        return None
    return ModelChange(
        change_id=f"deployment/{event.model_id}/{event.model_version}/{event.at}",
        model_id=event.model_id,
        kind=ChangeKind.DEPLOYMENT,
        at=event.at,
        quiet=quiet,
        until=max(event.at, now) + quiet,
        detail=f"Version {event.model_version} went to production at {moment(event.at)} ({event.actor}).",
    )


def refit(event: Monitor, former_baseline: str | None, *, quiet: int, now: int) -> ModelChange | None:
    """The change that a monitor with another baseline is; None for the first one, the same one, or where that is long ago."""
    since = event.effective_from
    if former_baseline in (None, event.baseline_id) or since + quiet <= now:
        return None
    number = event.monitor_version
    return ModelChange(
        change_id=f"baseline/{event.model_id}/{number}",
        model_id=event.model_id,
        kind=ChangeKind.BASELINE,
        at=since,
        quiet=quiet,
        until=max(since, now) + quiet,
        detail=f"Monitor version {number} compares with another baseline since {moment(since)} ({event.actor}).",
    )


def window_of(alert: Alert) -> tuple[str, str, int] | None:
    """What has one cause: drift of one model version that began in the same window, of any family; None for other alerts."""
    if alert.posted is not None or not alert.episode_id:
        return None
    return alert.model_id, alert.model_version, alert.starts_at


def may_flap(alert: Alert) -> bool:
    """Whether it can be held for flapping: what is critical is told always, what others post is as they send it."""
    return alert.posted is None and alert.priority is not Priority.CRITICAL
