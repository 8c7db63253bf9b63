"""Alerts that others send over HTTP, as Prometheus sends them to Alertmanager, and what they mean for the alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from driftline.alerting.alert import Alert, AlertType, Posted, Priority, fingerprint
from driftline.alerting.intake import Change, Fired, Ignored, Resolved

_PRIORITY_OF_WORD = {
    "critical": Priority.CRITICAL,
    "page": Priority.CRITICAL,
    "error": Priority.HIGH,
    "high": Priority.HIGH,
    "warning": Priority.MEDIUM,
    "medium": Priority.MEDIUM,
}
"""What people write as the label `priority` or `severity`; anything else is low: it is told, but wakes nobody."""

_TYPE_OF_WORD = {kind.value: kind for kind in AlertType}

_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedAlert:
    """One alert of a request, with its times filled in; microseconds since 1970 UTC. Raises ValueError where it is none."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: int
    ends_at: int
    """When it counts as over unless it is sent again; over already where that is past."""
    generator_url: str = ""
    alert_id: str = field(init=False)
    """Fingerprint, the same as in Alertmanager."""

    def __post_init__(self) -> None:
        if not self.labels:
            raise ValueError("at least one label pair required")
        if "" in self.labels or "" in self.annotations:
            raise ValueError('invalid label set: invalid name ""')
        if self.ends_at < self.starts_at:
            raise ValueError("start time must be before end time")
        object.__setattr__(self, "alert_id", fingerprint(self.labels))

    @property
    def source(self) -> Posted:
        """What the alert keeps of where it came from."""
        return Posted(annotations=self.annotations, generator_url=self.generator_url, expires_at=self.ends_at)


def posted_alert(
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    *,
    starts_at: int | None,
    ends_at: int | None,
    generator_url: str,
    now: int,
    resolve_timeout: int,
) -> PostedAlert:
    """Fill in what a sender may leave out, as Alertmanager does. Raises ValueError."""
    start = starts_at if starts_at is not None else now if ends_at is None else min(now, ends_at)
    return PostedAlert(
        labels={name: value for name, value in labels.items() if value},
        annotations={name: value for name, value in annotations.items() if value},
        starts_at=start,
        ends_at=now + resolve_timeout if ends_at is None else ends_at,
        generator_url=generator_url,
    )


def receive_posted(given: PostedAlert, known: Alert | None, *, now: int) -> Change:
    """What a posted alert means, given the alert of the same fingerprint that is known, if any."""
    if known is not None and known.posted is None:
        return Ignored.STALE  # it has a life of its own, by events
    firing = known is not None and known.ends_at is None
    if given.ends_at <= now:
        if known is None:
            return Ignored.UNKNOWN_ALERT
        return Resolved(replace(known, ends_at=given.ends_at), "clean") if firing else Ignored.UNCHANGED
    alert = _alert(given, known if firing else None, now)
    if known is not None and firing and _same(alert, known):
        return Ignored.UNCHANGED
    return Fired(alert)


def timed_out(known: Alert) -> Change:
    """It was not sent again in time."""
    if known.posted is None or known.ends_at is not None:
        return Ignored.STALE
    return Resolved(replace(known, ends_at=known.posted.expires_at), "clean")


def _same(alert: Alert, known: Alert) -> bool:
    assert known.posted is not None
    return alert.starts_at == known.starts_at and (alert.title, alert.details) == (known.title, known.details)


def _alert(given: PostedAlert, firing: Alert | None, now: int) -> Alert:
    labels, annotations = given.labels, given.annotations
    name = labels.get("alertname", "Alert")
    return Alert(
        alert_id=given.alert_id,
        labels=labels,
        alert_type=_TYPE_OF_WORD.get(labels.get("alert_type", ""), AlertType.GENERAL),
        title=annotations.get("summary") or annotations.get("title") or name,
        model_id=labels.get("model_id", "")[:_LONGEST_NAME],
        model_version=labels.get("model_version", "")[:_LONGEST_NAME],
        priority=_PRIORITY_OF_WORD.get((labels.get("priority") or labels.get("severity", "")).lower(), Priority.LOW),
        severity=labels.get("severity", "")[:40],
        risk_score=None,
        details=annotations.get("description") or annotations.get("message") or "",
        affected_segments=(),
        starts_at=given.starts_at if firing is None else min(firing.starts_at, given.starts_at),
        ends_at=None,
        fired_at=now if firing is None else firing.fired_at,
        episode_id="",
        sequence=0,
        source_event_id="",
        posted=given.source,
    )
