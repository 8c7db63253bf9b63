"""Notifications to try a text on: made by the code that makes the real ones."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from driftline.alerting.alert import Alert, AlertType, Posted, Priority, fingerprint
from driftline.alerting.channels.message import read
from driftline.alerting.decisions import NotifyReason
from driftline.alerting.enrichment import Links
from driftline.alerting.grouping import Group, Member
from driftline.alerting.notification import message_body
from driftline.alerting.templates.context import Context, context

_SEPTEMBER = 1_756_684_800_000_000
"""2025-09-01 UTC, in microseconds."""
_HOUR = 3_600_000_000
_LINKS = Links(runbooks="https://wiki.example.org", dashboards="https://dash.example.org")


class _AnyLabel(dict[str, str]):
    """Labels of the sample: which there are is not known before there are alerts, so all are."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (super().__contains__(name) or not name.startswith("_"))

    def __missing__(self, name: str) -> str:
        return name

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - there is no label that is not there
        return self[name]


def sample_contexts() -> Sequence[Context]:
    """Two alerts about a model, and one that others posted and that is over; any label may be asked for."""
    drift = Alert(
        alert_id=fingerprint({"kind": "feature", "model_id": "flights.delay"}),
        labels={"model_id": "flights.delay", "model_version": "3", "kind": "feature", "granularity": "1 day"},
        alert_type=AlertType.DRIFT_DETECTION,
        title="Feature drift detected: delay 3",
        model_id="flights.delay",
        model_version="3",
        priority=Priority.HIGH,
        severity="HIGH",
        risk_score=75.5,
        details="2 of 12 checks beyond their limits\ndistance psi = 0.41 (limit 0.2)\ncarrier js = 0.3 (limit 0.1)",
        affected_segments=("carrier=AA",),
        starts_at=_SEPTEMBER,
        ends_at=None,
        fired_at=_SEPTEMBER + _HOUR,
        episode_id="sample",
        sequence=1,
        source_event_id="sample",
    )
    return [_open(context_of([drift, _disk(ends_at=None)])), _open(context_of([_disk(ends_at=_SEPTEMBER + _HOUR)]))]


def _disk(*, ends_at: int | None) -> Alert:
    labels = {"alertname": "DiskFull", "instance": "db-1", "severity": "page"}
    return Alert(
        alert_id=fingerprint(labels),
        labels=labels,
        alert_type=AlertType.GENERAL,
        title="Disk full",
        model_id="",
        model_version="",
        priority=Priority.CRITICAL,
        severity="page",
        risk_score=None,
        details="4 % are left",
        affected_segments=(),
        starts_at=_SEPTEMBER,
        ends_at=ends_at,
        fired_at=_SEPTEMBER,
        episode_id="",
        sequence=0,
        source_event_id="",
        posted=Posted(
            annotations={"summary": "Disk full"}, generator_url="https://prometheus.example.org/graph", expires_at=_SEPTEMBER
        ),
    )


def context_of(alerts: Sequence[Alert], *, receiver: str = "sample", labels: Mapping[str, str] | None = None) -> Context:
    """What a text knows of a notification about these alerts; `labels` are those of its group."""
    group = Group(
        key='{}:{alertname="sample"}',
        route_key="{}",
        receiver=receiver,
        labels=labels if labels is not None else {"alertname": alerts[0].routing_labels.get("alertname", "")},
        interval=0,
        next_look_at=None,
    )
    firing = any(alert.ends_at is None for alert in alerts)
    reason = NotifyReason.FIRST if firing else NotifyReason.ALL_RESOLVED
    body = json.loads(json.dumps(message_body(group, [Member(alert) for alert in alerts], reason, _LINKS)))
    return context(body, read("msg_sample", body))


def _open(known: Context) -> Context:
    for part in (known, *known["alerts"]):
        for name in ("labels", "annotations", "groupLabels", "commonLabels", "commonAnnotations"):
            if name in part:
                part[name] = _AnyLabel(part[name])
    return known
