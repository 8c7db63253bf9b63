"""An alert: the thing people are told about, with an identity that survives changes of its severity."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3


class AlertType(StrEnum):
    """What an alert is about (ALR-21, ALR-27); decides its runbook."""

    DRIFT_DETECTION = "drift_detection"
    PERFORMANCE_DEGRADATION = "performance_degradation"
    DATA_QUALITY = "data_quality"
    CRITICAL_FAILURE = "critical_failure"
    FORECAST_ALERT = "forecast_alert"
    COMPLIANCE = "compliance"
    GENERAL = "general"


class Action(StrEnum):
    """What an alert about drift is called where audit trails speak of actions."""

    DRIFT_ALERT = "DRIFT_ALERT"
    CRITICAL_DRIFT_DETECTED = "CRITICAL_DRIFT_DETECTED"


class Priority(StrEnum):
    """How urgent it is; decides the default channels."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low up to 3 for critical."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(Priority)}


class Status(StrEnum):
    """Whether it still holds."""

    FIRING = "firing"
    RESOLVED = "resolved"


PRIORITY_OF_SEVERITY: Mapping[str, Priority] = {
    "MINIMAL": Priority.LOW,
    "LOW": Priority.LOW,
    "MEDIUM": Priority.MEDIUM,
    "HIGH": Priority.HIGH,
    "CRITICAL": Priority.CRITICAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Somebody takes care of an alert. Times are microseconds since 1970 UTC."""

    by: str
    at: int
    until: int | None
    """When it counts no longer; None: when the alert ends."""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What only an alert has that came over HTTP."""

    annotations: Mapping[str, str]
    generator_url: str
    expires_at: int
    """When it counts as over unless it is sent again, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it stands now. Times are microseconds since 1970 UTC.

    `labels` are its identity; severity is not among them, so that a worse drift is the same alert.
    """

    alert_id: str
    """Fingerprint of `labels`."""
    labels: Mapping[str, str]
    alert_type: AlertType
    title: str
    model_id: str
    """Empty where no model is concerned."""
    model_version: str
    priority: Priority
    severity: str
    risk_score: float | None
    """0 to 100; None where there is no score (health)."""
    details: str
    affected_segments: tuple[str, ...]
    starts_at: int
    """Event time since when it holds."""
    ends_at: int | None
    """Event time until when it held; None while it fires."""
    fired_at: int
    """When it was learnt of."""
    episode_id: str
    """Episode it came from; empty for health."""
    sequence: int
    """Last event of the episode that it reflects; 0 for health."""
    source_event_id: str
    """ce_id of the last event that changed it."""
    acknowledged: Acknowledgement | None = None
    """Who takes care; None where nobody does."""
    posted: Posted | None = None
    """None for alerts that come from events."""

    @property
    def status(self) -> Status:
        """Firing until it has an end."""
        return Status.FIRING if self.ends_at is None else Status.RESOLVED

    @property
    def action(self) -> Action | None:
        """Its name in audit trails; None for anything but drift."""
        if self.alert_type is not AlertType.DRIFT_DETECTION:
            return None
        return Action.CRITICAL_DRIFT_DETECTED if self.priority is Priority.CRITICAL else Action.DRIFT_ALERT

    @property
    def routing_labels(self) -> Mapping[str, str]:
        """What routes match on: the identity, and what may change about the alert; of a posted one its own labels win."""
        if self.posted is not None:
            return {"alert_type": self.alert_type.value, "priority": self.priority.value, **self.labels}
        return {
            "alertname": self.alert_type.value,
            **self.labels,
            "alert_type": self.alert_type.value,
            "priority": self.priority.value,
            "severity": self.severity,
        }


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hex digits: FNV-1a 64 over `name 0xff value 0xff`, sorted by name, as Alertmanager does it.

    An empty label counts as absent.
    """
    text = b"".join(b"%b\xff%b\xff" % (name.encode(), labels[name].encode()) for name in sorted(labels) if labels[name])
    digest = _FNV_OFFSET
    for byte in text:
        digest = (digest ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"


def short_name(model_id: str) -> str:
    """The model without its namespace: what follows the last dot."""
    return model_id.rpartition(".")[2]
