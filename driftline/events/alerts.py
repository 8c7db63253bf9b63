"""What people are told."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFired:
    """An alert began or changed."""

    alert_id: str
    """Fingerprint of its labels."""
    group_key: str
    """Group it is notified with."""
    alert_type: str
    """drift_detection, performance_degradation, data_quality, critical_failure, forecast_alert, compliance or general."""
    title: str
    """One line."""
    model_id: str
    """Model."""
    model_version: str
    """Model version."""
    priority: str
    """low, medium, high or critical."""
    severity: str
    """MINIMAL, LOW, MEDIUM, HIGH or CRITICAL."""
    risk_score: float | None = None
    """0 to 100."""
    labels: Mapping[str, str]
    """Identity of the alert."""
    tags: tuple[str, ...]
    """alert type, model:<short>, severity:<lower>."""
    channels: tuple[str, ...]
    """Channels of its priority."""
    emoji: str
    """Sign of the priority."""
    color: str
    """Colour of the priority."""
    runbook_url: str
    """What to do."""
    dashboard_url: str
    """Where to look."""
    details: str
    """In words."""
    affected_segments: tuple[str, ...]
    """Slices concerned."""
    starts_at: int
    """Since when it holds, microseconds."""
    source_event_id: str
    """ce_id of the event that caused it."""
    happening: str = "fired"
    """fired, reopened, raised or lowered; "" = the same in other words."""
    action: str = ""
    """DRIFT_ALERT, or CRITICAL_DRIFT_DETECTED for a critical one; "" for anything but drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAcknowledged:
    """Somebody takes care of an alert."""

    alert_id: str
    """Fingerprint of its labels."""
    group_key: str
    """Group."""
    model_id: str
    """Model; "" = none."""
    by: str
    """Who."""
    until: int | None = None
    """When it counts no longer, microseconds; null = when the alert ends."""
    comment: str
    """For the others."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertUnacknowledged:
    """Nobody takes care of an alert any more."""

    alert_id: str
    """Fingerprint of its labels."""
    group_key: str
    """Group."""
    model_id: str
    """Model; "" = none."""
    by: str
    """Who took it back; "" = its time was over."""
    reason: str
    """Why, in words."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEscalated:
    """Another level of an escalation is told of an alert."""

    alert_id: str
    """Fingerprint of its labels."""
    group_key: str
    """Group."""
    model_id: str
    """Model; "" = none."""
    level: int
    """From 1."""
    receiver: str
    """Who is told too."""
    reason: str
    """Why, in words."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSilenced:
    """For a while alerts that fulfil matchers are told to nobody, or that was ended early."""

    silence_id: str
    """Silence."""
    ended: bool
    """Whether it was ended by hand; otherwise it was made."""
    matchers: tuple[str, ...]
    """All must match, such as model_id="a"."""
    starts_at: int
    """From when, microseconds."""
    ends_at: int
    """Until when, microseconds."""
    alert_ids: tuple[str, ...]
    """Alerts that fire and that it keeps quiet, at most 1,000."""
    by: str
    """Who."""
    comment: str
    """Why."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertResolved:
    """An alert ended."""

    alert_id: str
    """Fingerprint of its labels."""
    group_key: str
    """Group."""
    model_id: str
    """Model."""
    labels: Mapping[str, str]
    """Identity."""
    starts_at: int
    """Since when it held."""
    ends_at: int
    """Until when."""
    reason: str
    """clean or superseded."""
    source_event_id: str
    """ce_id of the event that caused it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSent:
    """A channel took a notification."""

    notification_id: str
    """Deduplication id, the same in every repeat."""
    group_key: str
    """Group."""
    channel: str
    """Channel."""
    status: str
    """firing or resolved."""
    alert_ids: tuple[str, ...]
    """Alerts told of."""
    attempts: int
    """Tries it took."""
    response_code: int | None = None
    """What the channel answered."""
    sent_at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFailed:
    """A try failed."""

    notification_id: str
    """Deduplication id."""
    group_key: str
    """Group."""
    channel: str
    """Channel."""
    status: str
    """firing or resolved."""
    alert_ids: tuple[str, ...]
    """Alerts it was about."""
    attempts: int
    """Tries so far."""
    error: str
    """What happened."""
    retry_at: int | None = None
    """Next try, microseconds; null = given up."""
    failed_at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSuppressed:
    """A notification that was deliberately not sent."""

    notification_id: str
    """Deduplication id."""
    group_key: str
    """Group."""
    channel: str
    """Channel."""
    status: str
    """firing or resolved."""
    alert_ids: tuple[str, ...]
    """Alerts it was about."""
    reason: str
    """not_configured, ..."""
    suppressed_at: int
    """When, microseconds."""
