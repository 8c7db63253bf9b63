"""What a text knows: the notification by Alertmanager's names, and what we know of models besides."""

from collections.abc import Mapping
from typing import Any

from driftline.alerting.channels.message import Item, Message

Context = dict[str, Any]


def context(body: Mapping[str, Any], message: Message) -> Context:
    """Texts, lists and mappings alone, as many as the notification holds. `body` is what `message` was read from."""
    alerts = [_alert(alert, item) for alert, item in zip(body["alerts"], message.items, strict=True)]
    lead = {name: value for name, value in alerts[0].items() if name in _OF_THE_LEAD}
    return {
        **lead,
        "status": body["status"],
        "reason": message.reason,
        "receiver": str(body.get("receiver", "")),
        "groupKey": message.group_key,
        "groupLabels": _texts(body.get("groupLabels")),
        "commonLabels": _texts(body.get("commonLabels")),
        "commonAnnotations": _texts(body.get("commonAnnotations")),
        "externalURL": str(body.get("externalURL", "")),
        "alerts": alerts,
        "truncatedAlerts": message.uncounted,
    }


_OF_THE_LEAD = frozenset({"model", "modelVersion", "priority", "risk", "title", "details", "columns", "runbook", "dashboard"})
NAMES = _OF_THE_LEAD | {
    "status",
    "reason",
    "receiver",
    "groupKey",
    "groupLabels",
    "commonLabels",
    "commonAnnotations",
    "externalURL",
    "alerts",
    "truncatedAlerts",
}
"""What a text may name."""


def _alert(alert: Mapping[str, Any], item: Item) -> Context:
    posted = "alertname" in _texts(alert.get("labels"))
    known = {"alertname": item.alert_type, "alert_type": item.alert_type, "priority": item.priority, "severity": item.severity}
    return {
        "status": "firing" if item.firing else "resolved",
        "labels": _texts(alert.get("labels")) if posted else {**_texts(alert.get("labels")), **known},
        "annotations": _texts(alert.get("annotations")),
        "startsAt": item.since,
        "endsAt": item.until or "",
        "generatorURL": str(alert.get("generatorURL") or ""),
        "fingerprint": str(alert.get("fingerprint", "")),
        "title": item.title,
        "model": item.model_name or "",
        "modelVersion": item.model_version,
        "priority": item.priority,
        "risk": item.risk,
        "details": item.details,
        "columns": [] if posted else [line for line in item.details.splitlines() if " (limit " in line],
        "segments": list(item.segments),
        "runbook": item.runbook_url or "",
        "dashboard": item.dashboard_url or "",
    }


def _texts(given: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
