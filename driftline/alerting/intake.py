"""What an event means for the alerts: one fires, changes, resolves, or nothing happens, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from driftline.alerting import compliance_rules
from driftline.alerting.alert import PRIORITY_OF_SEVERITY, Alert, AlertType, Priority, fingerprint, short_name
from driftline.alerting.sparkline import sparkline
from driftline.events import ComplianceReported, DriftCleared, DriftDetected, HealthCleared, HealthOpened
from driftline.wording import amount

Event = DriftDetected | DriftCleared | HealthOpened | HealthCleared | ComplianceReported

_SHOWN_COLUMNS = 5
"""Columns named in the details; the rest are counted."""

_PICTURED_COLUMNS = 3
"""From so many columns on a picture shows more than their figures."""

_TYPE_OF_FAMILY: Mapping[str, AlertType] = {
    "feature": AlertType.DRIFT_DETECTION,
    "prediction": AlertType.DRIFT_DETECTION,
    "label": AlertType.DRIFT_DETECTION,
    "feature_change": AlertType.DRIFT_DETECTION,
    "prediction_change": AlertType.DRIFT_DETECTION,
    "multivariate": AlertType.DRIFT_DETECTION,
    "performance": AlertType.PERFORMANCE_DEGRADATION,
    "performance_change": AlertType.PERFORMANCE_DEGRADATION,
    "estimate": AlertType.PERFORMANCE_DEGRADATION,
    "fairness": AlertType.PERFORMANCE_DEGRADATION,
    "outcome_fairness": AlertType.PERFORMANCE_DEGRADATION,
    "business": AlertType.PERFORMANCE_DEGRADATION,
    "outcome_business": AlertType.PERFORMANCE_DEGRADATION,
    "quality": AlertType.DATA_QUALITY,
}

_DATA_QUALITY_HEALTH = frozenset({"stalled_partition"})
"""Kinds of `health` that say the input is bad; a critical one is a critical failure all the same."""


class Ignored(StrEnum):
    """Why an event changed nothing."""

    NOT_ALERTING = "not_alerting"
    """The episode's granularity does not alert (`alert: false`)."""
    STALE = "stale"
    """The alert already reflects this event, or a later one."""
    UNKNOWN_ALERT = "unknown_alert"
    """The end of something that never fired here."""
    UNCHANGED = "unchanged"
    """It says again what is known."""


@dataclass(frozen=True, slots=True)
class Fired:
    """The alert began, or changed while it holds."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class Resolved:
    """The alert ended; `reason` is clean or superseded."""

    alert: Alert
    reason: str


Change = Fired | Resolved | Ignored


def identity(event: Event) -> Mapping[str, str]:
    """The labels that identify the alert of an event: its episode, what a health event is about, or a model's compliance."""
    if isinstance(event, DriftDetected | DriftCleared):
        labels = {
            "model_id": event.model_id,
            "model_version": event.model_version,
            "slice": event.slice,
            "granularity": event.granularity,
            "kind": event.kind,
            "reference": event.reference.value.lower(),
        }
    elif isinstance(event, ComplianceReported):
        labels = {"model_id": event.model_id, "kind": "compliance"}
    else:
        labels = {**event.labels, "source": event.source, "subject": event.subject, "kind": event.kind}
    return {name: value for name, value in labels.items() if value}


def receive(event: Event, known: Alert | None, *, event_id: str, now: int) -> Change:
    """What to do about an event, given the alert of the same fingerprint that is known, if any."""
    match event:
        case DriftDetected():
            return _drift_detected(event, known, event_id, now)
        case DriftCleared():
            return _drift_cleared(event, known, event_id)
        case HealthOpened():
            return _health_opened(event, known, event_id, now)
        case HealthCleared():
            return _health_cleared(event, known, event_id)
        case ComplianceReported():
            return _compliance_reported(event, known, event_id, now)


def _drift_detected(event: DriftDetected, known: Alert | None, event_id: str, now: int) -> Change:
    if not event.alert:
        return Ignored.NOT_ALERTING
    same_episode = known is not None and known.episode_id == event.episode_id
    if known is not None and same_episode and event.sequence <= known.sequence:
        return Ignored.STALE
    if known is not None and not same_episode and event.since < known.starts_at:
        return Ignored.STALE
    labels = identity(event)
    return Fired(
        Alert(
            alert_id=fingerprint(labels),
            labels=labels,
            alert_type=_TYPE_OF_FAMILY.get(event.kind, AlertType.DRIFT_DETECTION),
            title=_drift_title(event),
            model_id=event.model_id,
            model_version=event.model_version,
            priority=_priority(event.severity),
            severity=event.severity,
            risk_score=event.risk_score,
            details=_drift_details(event),
            affected_segments=(event.slice,) if event.slice else (),
            starts_at=event.since,
            ends_at=None,
            fired_at=known.fired_at if known is not None and same_episode else now,
            episode_id=event.episode_id,
            sequence=event.sequence,
            source_event_id=event_id,
        )
    )


def _drift_cleared(event: DriftCleared, known: Alert | None, event_id: str) -> Change:
    if known is None:
        return Ignored.UNKNOWN_ALERT
    if known.ends_at is not None or known.episode_id != event.episode_id or event.sequence <= known.sequence:
        return Ignored.STALE
    ended = replace(known, ends_at=event.window_end, sequence=event.sequence, source_event_id=event_id)
    return Resolved(ended, event.reason.value.lower())


def _health_opened(event: HealthOpened, known: Alert | None, event_id: str, now: int) -> Change:
    if known is not None and event.at < (known.ends_at or known.starts_at):
        return Ignored.STALE
    condition = _Condition(
        alert_type=_health_type(event),
        title=f"{event.kind.replace('_', ' ').capitalize()}: {event.subject}",
        model_id=event.labels.get("model_id", ""),
        model_version=event.labels.get("model_version", ""),
        severity=event.severity,
        details=event.detail,
    )
    return _lasting(event, condition, known, event_id, now)


def _health_cleared(event: HealthCleared, known: Alert | None, event_id: str) -> Change:
    if known is None:
        return Ignored.UNKNOWN_ALERT
    if known.ends_at is not None or event.at < known.starts_at:
        return Ignored.STALE
    return Resolved(replace(known, ends_at=event.at, source_event_id=event_id), "clean")


def _compliance_reported(event: ComplianceReported, known: Alert | None, event_id: str, now: int) -> Change:
    if known is not None and event.at < (known.ends_at or known.starts_at):
        return Ignored.STALE
    if compliance_rules.is_met(event):
        if known is None or known.ends_at is not None:
            return Ignored.UNKNOWN_ALERT if known is None else Ignored.UNCHANGED
        reason = "clean" if event.total_checks else "superseded"
        return Resolved(replace(known, ends_at=event.at, source_event_id=event_id), reason)
    condition = _Condition(
        alert_type=AlertType.COMPLIANCE,
        title=compliance_rules.title(event),
        model_id=event.model_id,
        model_version="",
        severity=compliance_rules.severity(event),
        details=compliance_rules.details(event),
    )
    return _lasting(event, condition, known, event_id, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Condition:
    """What is told of something that lasts until another event ends it."""

    alert_type: AlertType
    title: str
    model_id: str
    model_version: str
    severity: str
    details: str


def _lasting(
    event: HealthOpened | ComplianceReported, condition: _Condition, known: Alert | None, event_id: str, now: int
) -> Change:
    """The alert about a condition; one that fires already goes on, and is told again only with other words."""
    firing = known if known is not None and known.ends_at is None else None
    if firing is not None and (firing.severity, firing.details) == (condition.severity, condition.details):
        return Ignored.UNCHANGED
    labels = identity(event)
    return Fired(
        Alert(
            alert_id=fingerprint(labels),
            labels=labels,
            alert_type=condition.alert_type,
            title=condition.title,
            model_id=condition.model_id,
            model_version=condition.model_version,
            priority=_priority(condition.severity),
            severity=condition.severity,
            risk_score=None,
            details=condition.details,
            affected_segments=(),
            starts_at=event.at if firing is None else firing.starts_at,
            ends_at=None,
            fired_at=now if firing is None else firing.fired_at,
            episode_id="",
            sequence=0,
            source_event_id=event_id,
        )
    )


def _priority(severity: str) -> Priority:
    """A severity that nobody knows is told, but wakes nobody."""
    return PRIORITY_OF_SEVERITY.get(severity, Priority.LOW)


def _health_type(event: HealthOpened) -> AlertType:
    if event.severity == "CRITICAL":
        return AlertType.CRITICAL_FAILURE
    return AlertType.DATA_QUALITY if event.kind in _DATA_QUALITY_HEALTH else AlertType.GENERAL


def _drift_title(event: DriftDetected) -> str:
    what = {
        AlertType.PERFORMANCE_DEGRADATION: "Performance degradation",
        AlertType.DATA_QUALITY: "Data quality problem",
    }.get(
        _TYPE_OF_FAMILY.get(event.kind, AlertType.DRIFT_DETECTION), f"{event.kind.removesuffix('_change').capitalize()} drift"
    )
    where = f" in {event.slice}" if event.slice else ""
    return f"{what} detected: {short_name(event.model_id)} {event.model_version}{where}"


def _drift_details(event: DriftDetected) -> str:
    lines = [event.summary] if event.summary else []
    for check in event.columns[:_SHOWN_COLUMNS]:
        subject = f"{check.column} " if check.column is not None else ""
        lines.append(f"{subject}{check.measure} = {check.value:.4g} (limit {check.limit:.4g})")
    if len(event.columns) >= _PICTURED_COLUMNS:
        beyond = [abs(check.value - check.limit) / (abs(check.limit) or 1.0) for check in event.columns]
        lines.append(f"{sparkline(beyond)} how far beyond their limits, worst first")
    if len(event.columns) > _SHOWN_COLUMNS:
        lines.append(f"and {amount(len(event.columns) - _SHOWN_COLUMNS, 'more check')}")
    return "\n".join(lines)
