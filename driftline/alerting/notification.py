"""What a notification says, and the id by which a receiver recognises a repeat of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftline.alerting.alert import Acknowledgement, Alert, Status
from driftline.alerting.decisions import Notify, NotifyReason, Suppress, SuppressReason
from driftline.alerting.enrichment import DEFAULT_TITLE, Links, enrich
from driftline.alerting.grouping import Group, Member
from driftline.alerting.pipeline import Look, subject
from driftline.envelope import iso_time

SOURCE = "mlops_monitoring"
VERSION = "1.0"

MAX_ALERTS = 20
"""Alerts written out in one notification; the others are counted. Standard Webhooks asks for bodies below 20 kB."""

MAX_DETAILS = 2_000
"""Characters of an alert's details that are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one channel, decided."""

    notification_id: str
    group_key: str
    channel: str
    """Name of the channel."""
    kind: str
    """Its kind, as in events and metrics."""
    status: Status
    reason: str
    alert_ids: tuple[str, ...]
    """Every alert it tells of, those beyond MAX_ALERTS too."""
    body: Mapping[str, Any]
    """The payload as JSON values; empty where nothing is sent."""


def notification_id(group: Group, look: Look) -> str:
    """`msg_` and 32 hex digits of a hash over the channel, the state it tells of, and the notification before it.

    A second attempt at the same decision has the same id, also after the state was lost and read again; a repeat of the
    same state has another.
    """
    state = sorted(f"{member.alert.alert_id} {member.alert.status} {member.alert.starts_at}" for member in look.members)
    text = "\x1f".join((look.previous_id, group.key, look.channel.name, *state))
    return "msg_" + hashlib.sha256(text.encode()).hexdigest()[:32]


def compose(group: Group, look: Look, decision: Notify | Suppress, links: Links) -> Notification:
    """The message that a decision calls for, or that it suppresses."""
    reason = decision.reason if isinstance(decision, Notify) else decision.instead_of or decision.reason
    members = subject(look, decision)
    firing = tuple(member for member in members if member.alert.status is Status.FIRING)
    ended = tuple(member for member in members if member.alert.status is Status.RESOLVED)
    told = _by_urgency(firing) + _by_urgency(ended)
    status = Status.FIRING if firing else Status.RESOLVED
    return Notification(
        notification_id=notification_id(group, look),
        group_key=group.key,
        channel=look.channel.name,
        kind=look.channel.kind,
        status=status,
        reason=reason.value,
        alert_ids=tuple(member.alert.alert_id for member in told),
        body=message_body(group, told, reason, links) if isinstance(decision, Notify) else {},
    )


def message_body(
    group: Group, members: Sequence[Member], reason: NotifyReason | SuppressReason, links: Links
) -> dict[str, Any]:
    """What is said of these members of a group, the leading one first, as JSON values."""
    alerts = [member.alert for member in members]
    status = Status.FIRING if any(alert.status is Status.FIRING for alert in alerts) else Status.RESOLVED
    described = [{**describe(one.alert, links), "speaks_for": one.speaks_for} for one in members[:MAX_ALERTS]]
    return {
        "alert_data": described[0],
        "source": SOURCE,
        "version": VERSION,
        "status": status.value,
        "reason": reason.value,
        "receiver": group.receiver,
        "groupKey": group.key,
        "groupLabels": dict(group.labels),
        "commonLabels": _common([alert.routing_labels for alert in alerts]),
        "commonAnnotations": _common([_annotations(alert) for alert in alerts]),
        "externalURL": links.dashboards,
        "alerts": described,
        "truncatedAlerts": max(0, len(alerts) - MAX_ALERTS),
    }


def describe(alert: Alert, links: Links) -> dict[str, Any]:
    """One alert as people's tools read it: the fields of ALR-19, those of ALR-06, and what tells a repeat from a new one."""
    more = enrich(alert, links)
    return {
        "title": alert.title or DEFAULT_TITLE,
        "model_name": alert.model_id,
        "model_version": alert.model_version,
        "alert_type": alert.alert_type.value,
        "risk_score": alert.risk_score,
        "severity_level": alert.severity,
        "details": alert.details[:MAX_DETAILS],
        "affected_segments": list(alert.affected_segments),
        "timestamp": iso_time(alert.fired_at),
        "priority": alert.priority.value,
        "emoji": more.emoji,
        "color": more.color,
        "tags": list(more.tags),
        "runbook_url": more.runbook_url,
        "dashboard_url": more.dashboard_url,
        "status": alert.status.value,
        "labels": dict(alert.labels),
        "annotations": dict(_annotations(alert)),
        "generatorURL": "" if alert.posted is None else alert.posted.generator_url,
        "startsAt": iso_time(alert.starts_at),
        "endsAt": None if alert.ends_at is None else iso_time(alert.ends_at),
        "fingerprint": alert.alert_id,
        "acknowledged": None if alert.acknowledged is None else _acknowledged(alert.acknowledged),
    }


def _acknowledged(given: Acknowledgement) -> dict[str, Any]:
    until = None if given.until is None else iso_time(given.until)
    return {"by": given.by, "at": iso_time(given.at), "until": until, "comment": given.comment}


def _by_urgency(members: tuple[Member, ...]) -> list[Member]:
    def key(member: Member) -> tuple[int, float, int, str]:
        alert = member.alert
        return (-alert.priority.rank, -(alert.risk_score or 0.0), alert.starts_at, alert.alert_id)

    return sorted(members, key=key)


def _annotations(alert: Alert) -> Mapping[str, str]:
    """Those that it was posted with; else what stands for them."""
    return {"summary": alert.title or DEFAULT_TITLE} if alert.posted is None else alert.posted.annotations


def _common(of_alerts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = of_alerts
    if not others:
        return dict(first)
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
