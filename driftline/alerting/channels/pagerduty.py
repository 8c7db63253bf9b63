"""PagerDuty Events API v2: one incident per group, triggered, acknowledged and resolved under the same dedup_key.

Limits: developer.pagerduty.com, "Events API v2": routing_key 32, dedup_key 255, summary 1024 characters, 512 KB in all.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from driftline.alerting.channels.message import Item, Message
from driftline.alerting.channels.texts import clip, encoded

MAX_BYTES = 512_000
_SUMMARY, _NAME, _DETAIL = 1_024, 255, 2_000
_SEVERITY: Mapping[str, str] = {"low": "info", "medium": "warning", "high": "error", "critical": "critical"}


class Action(StrEnum):
    """What an event does to its incident."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


def severity(priority: str) -> str:
    """PagerDuty's word for a priority; `warning` for one that nobody knows (ALR-17)."""
    return _SEVERITY.get(priority, "warning")


def dedup_key(group_key: str) -> str:
    """64 hex digits that stand for a group: the same incident as long as it is open."""
    return hashlib.sha256(group_key.encode("utf-8", "surrogatepass")).hexdigest()


def event(message: Message, routing_key: str) -> dict[str, Any]:
    """What the notification does: trigger, also of what is open already, acknowledge once somebody takes care of all, or resolve."""
    if not message.firing:
        return answer(message.group_key, routing_key, Action.RESOLVE)
    if message.reason == "acknowledged" and message.cared_for:
        return answer(message.group_key, routing_key, Action.ACKNOWLEDGE)
    lead = message.lead
    payload = {
        "routing_key": routing_key,
        "event_action": Action.TRIGGER.value,
        "dedup_key": dedup_key(message.group_key),
        "client": "Driftline",
        "payload": {
            "summary": clip(message.own.title or f"MLOps Alert: {lead.title}", _SUMMARY),
            "source": clip(lead.model_name or "MLOps", _NAME),
            "severity": severity(lead.priority),
            "class": clip(lead.alert_type, _NAME),
            "component": clip(lead.model_version or "MLOps", _NAME),
            "custom_details": _details(message),
        },
        "links": [{"href": url, "text": words} for words, url in lead.links],
    }
    if lead.dashboard_url is not None:
        payload["client_url"] = lead.dashboard_url
    return _fitting(payload)


def answer(group_key: str, routing_key: str, action: Action) -> dict[str, Any]:
    """Acknowledge or resolve a group's incident; PagerDuty drops it where none is open."""
    return {"routing_key": routing_key, "event_action": action.value, "dedup_key": dedup_key(group_key)}


def _details(message: Message) -> dict[str, Any]:
    lead = message.lead
    labels = {"labels": {name: clip(value, _NAME) for name, value in lead.labels}} if lead.labels else {}
    return {
        **labels,
        "model_name": None if lead.model_name is None else clip(lead.model_name, _DETAIL),
        "alert_type": clip(lead.alert_type, _NAME),
        "risk_score": lead.risk_score,
        "dashboard_url": lead.dashboard_url,
        "runbook_url": lead.runbook_url,
        "model_version": clip(lead.model_version, _NAME),
        "details": clip(lead.details, _DETAIL),
        "affected_segments": [clip(segment, _NAME) for segment in lead.segments[:20]],
        "since": lead.since,
        "reason": message.reason,
        "notification_id": message.notification_id,
        "other_alerts": [_line(item) for item in message.others],
        "more_alerts": message.uncounted,
    }


def _line(item: Item) -> str:
    return clip(f"{'' if item.firing else 'resolved: '}{item.scored}", _NAME)


def _fitting(payload: dict[str, Any]) -> dict[str, Any]:
    """Every part is cut already; should the whole be too large nevertheless, the other alerts are only counted."""
    details = payload["payload"]["custom_details"]
    while len(encoded(payload)) > MAX_BYTES and details["other_alerts"]:
        details["other_alerts"].pop()
        details["more_alerts"] += 1
    return payload
