"""A notification as the channels read it: the stored body, with every text made harmless."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from driftline.alerting.channels.texts import clean, clip, color, link, one_line
from driftline.alerting.enrichment import DEFAULT_TITLE
from driftline.alerting.trend import Trend, read_trend

FOOTER = "MLOps Monitoring System"
RESOLVED_SIGN = "✅"
RESOLVED_COLOR = "#4caf50"
_OTHER_COLOR = "#2196f3"
_LABELS = 9
"""Labels of an alert that are told: with its priority as many as Slack shows beside each other."""
_LABEL, _APART = 60, 200
_LONGEST = 10_000
"""Characters of one text that are looked at; no channel shows as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One alert of a notification. Texts hold no control characters; links are clickable or None."""

    title: str
    model: str
    """`Unknown` where no model is concerned."""
    model_name: str | None
    model_version: str
    alert_type: str
    risk_score: float | None
    priority: str
    severity: str
    emoji: str
    color: str
    details: str
    """Summary, then one line for each of the worst columns, and for how many other alerts it speaks."""
    segments: tuple[str, ...]
    since: str
    """ISO 8601, UTC."""
    until: str | None
    told_at: str
    firing: bool
    runbook_url: str | None
    dashboard_url: str | None
    care: str | None
    """Who takes care of it; None where nobody does."""
    labels: tuple[tuple[str, str], ...] = ()
    """Of an alert that others posted, its name first: it is about whatever they watch. Empty for those about models."""
    apart: str = ""
    """Those of them that tell it from the others of the notification, as text."""
    trend: Trend | None = None
    """Its measure over the last windows, for those that draw a picture."""
    picture_url: str | None = None
    """Where others fetch the picture; None where they cannot."""

    @property
    def risk(self) -> str:
        """`75.5/100` as people read it; `n/a` where there is no score."""
        return "n/a" if self.risk_score is None else f"{self.risk_score:.1f}/100"

    @property
    def about(self) -> tuple[tuple[str, str], ...]:
        """Names and values of what it is about."""
        return self.labels or (("Model", self.model), ("Alert Type", self.alert_type), ("Risk Score", self.risk))

    @property
    def name(self) -> str:
        """Its title among others."""
        return f"{self.title} ({self.apart})" if self.apart else self.title

    @property
    def scored(self) -> str:
        """Its title among others, with the risk where it is of the kind that has one."""
        return self.name if self.labels else f"{self.name} (risk {self.risk})"

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Words and address of what can be clicked."""
        both = (("View Dashboard", self.dashboard_url), ("View Runbook", self.runbook_url))
        return tuple((words, url) for words, url in both if url is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWords:
    """What people had their own texts say in the place of ours, cleaned but not escaped; None where ours stand."""

    title: str | None = None
    """In the place of the headline."""
    text: str | None = None
    """In the place of what drifted: the details, the segments and the other alerts."""
    html: str | None = None
    """The same in the HTML of a mail; its values are escaped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Everything a channel tells of a group at once."""

    notification_id: str
    group_key: str
    firing: bool
    reason: str
    items: tuple[Item, ...]
    """The firing ones first, the most urgent first; at least one."""
    uncounted: int
    """Alerts that are not among the items."""
    own: OwnWords = OwnWords()

    @property
    def lead(self) -> Item:
        """The alert that stands for all."""
        return self.items[0]

    @property
    def headline(self) -> str:
        """One line: what it is about."""
        if self.own.title is not None:
            return self.own.title
        if self.reason == "digest":
            count = len(self.items) + self.uncounted
            return f"{self.lead.emoji} MLOps digest: {count} alert{'s' if count > 1 else ''}, such as {self.lead.title}"
        if not self.firing:
            return f"{RESOLVED_SIGN} MLOps Alert resolved: {self.lead.title}"
        return f"{self.lead.emoji} MLOps Alert: {self.lead.title}"

    @property
    def care(self) -> str | None:
        """Who takes care of the leading alert, and whether of all that fire; None where nobody does."""
        firing = [item for item in self.items if item.firing]
        taken = [item for item in firing if item.care is not None]
        if not taken:
            return None
        return taken[0].care if self.cared_for else f"{taken[0].care} ({len(taken)} of {len(firing) + self.uncounted})"

    @property
    def cared_for(self) -> bool:
        """Whether somebody takes care of everything that fires."""
        firing = [item for item in self.items if item.firing]
        return bool(firing) and not self.uncounted and all(item.care is not None for item in firing)

    @property
    def color(self) -> str:
        """The colour of the most urgent alert; green once all is over."""
        return self.lead.color if self.firing else RESOLVED_COLOR

    @property
    def others(self) -> tuple[Item, ...]:
        """What stands beside the leading alert."""
        return self.items[1:]


def read(notification_id: str, body: Mapping[str, Any]) -> Message:
    """The message in a notification's body, as `driftline.alerting.notification` composes it."""
    return Message(
        notification_id=notification_id,
        group_key=str(body.get("groupKey", "")),
        firing=body["status"] == "firing",
        reason=one_line(str(body.get("reason", ""))).replace("_", " "),
        items=tuple(_item(alert, body.get("commonLabels", {})) for alert in body["alerts"]),
        uncounted=int(body.get("truncatedAlerts", 0)),
    )


def _item(alert: Mapping[str, Any], common: Mapping[str, str]) -> Item:
    name = _line(alert, "model_name")
    drawn = alert.get("trend") or {}
    score = alert.get("risk_score")
    labels = _labels(alert)
    return Item(
        title=_line(alert, "title") or DEFAULT_TITLE,
        model=name or "Unknown",
        model_name=name or None,
        model_version=_line(alert, "model_version"),
        alert_type=_line(alert, "alert_type") or "Unknown",
        risk_score=float(score) if score is not None and math.isfinite(score) else None,
        priority=_line(alert, "priority"),
        severity=_line(alert, "severity_level"),
        emoji=_line(alert, "emoji"),
        color=color(alert.get("color"), _OTHER_COLOR),
        details=_details(alert),
        segments=tuple(one_line(str(segment)[:_LONGEST]) for segment in alert.get("affected_segments", ())),
        since=_line(alert, "startsAt"),
        until=_line(alert, "endsAt") or None,
        told_at=_line(alert, "timestamp"),
        firing=alert.get("status") == "firing",
        runbook_url=link(alert.get("runbook_url")),
        dashboard_url=link(alert.get("dashboard_url")),
        care=_care(alert.get("acknowledged")),
        labels=labels if len(labels) <= _LABELS else (*labels[: _LABELS - 1], ("Labels", f"+{len(labels) - _LABELS + 1} more")),
        apart=clip(", ".join(f"{name}={value}" for name, value in labels if name not in common), _APART),
        trend=read_trend(drawn, one_line),
        picture_url=link(drawn.get("picture_url")),
    )


def _labels(alert: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Those of a posted alert. `alertname` is no part of the identity of any other."""
    labels = alert.get("labels") or {}
    if "alertname" not in labels:
        return ()
    names = sorted(labels, key=lambda name: (name != "alertname", name))
    return tuple((clip(one_line(name), _LABEL) or "-", one_line(str(labels[name])[:_LONGEST])) for name in names)


def _details(alert: Mapping[str, Any]) -> str:
    text = clean(str(alert.get("details") or "")[:_LONGEST]).strip()
    others = int(alert.get("speaks_for") or 0)
    if not others:
        return text
    said = f"Speaks for {others} less urgent {'alert' if others == 1 else 'alerts'} of the same window, not told apart."
    return f"{text}\n{said}".strip()


def _care(given: object) -> str | None:
    if not isinstance(given, dict):
        return None
    until = _line(given, "until")
    return _line(given, "by") + (f" until {until}" if until else "")


def _line(alert: Mapping[str, Any], name: str) -> str:
    """A field as one line; empty where it is missing."""
    return one_line(str(alert.get(name) or "")[:_LONGEST])
