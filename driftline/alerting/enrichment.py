"""What people need beside the bare alert: its sign, colour, tags, channels, runbook and dashboard (ALR-04 to ALR-11)."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftline.alerting.alert import Alert, short_name

DEFAULT_TITLE = "Model Issue Detected"

_CHANNELS: Mapping[str, tuple[str, ...]] = {
    "low": ("email",),
    "medium": ("slack", "email"),
    "high": ("slack", "email", "teams"),
    "critical": ("slack", "email", "teams", "pagerduty"),
}
EMERGENCY_CHANNELS = ("pagerduty", "slack", "teams")
"""Who is told, whatever the priority, when nobody takes care of a critical alert (RSP-17)."""

_EMOJI: Mapping[str, str] = {"low": "🟡", "medium": "🟠", "high": "🔴", "critical": "🚨"}
_COLOR: Mapping[str, str] = {"low": "#ffeb3b", "medium": "#ff9800", "high": "#f44336", "critical": "#d32f2f"}
_RUNBOOK: Mapping[str, str] = {
    "drift_detection": "drift-runbook",
    "performance_degradation": "performance-runbook",
    "data_quality": "data-quality-runbook",
    "compliance": "compliance-runbook",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where runbooks and dashboards are served, without a slash at the end."""

    runbooks: str = "http://127.0.0.1:8080"
    dashboards: str = "http://127.0.0.1:8080"
    pictures: str | None = None
    """Where everybody reaches this service, Slack and Teams too; None: nobody does."""


def default_channels(priority: str) -> tuple[str, ...]:
    """Channels of a priority; an unknown one goes by e-mail."""
    return _CHANNELS.get(priority, ("email",))


def emoji(priority: str) -> str:
    """Sign of a priority."""
    return _EMOJI.get(priority, "ℹ️")  # noqa: RUF001 - the very sign that was asked for


def color(priority: str) -> str:
    """Colour of a priority, as #rrggbb."""
    return _COLOR.get(priority, "#2196f3")


def tags(*, alert_type: str | None, model_id: str | None, severity: str | None) -> tuple[str, ...]:
    """The alert type (`unknown` without one), then `model:<short name>` and `severity:<lower>` where they are known."""
    found = [alert_type or "unknown"]
    if model_id:
        found.append(f"model:{short_name(model_id)}")
    if severity:
        found.append(f"severity:{severity.lower()}")
    return tuple(found)


def runbook_url(alert_type: str | None, links: Links) -> str:
    """What to do about an alert of this type."""
    return f"{links.runbooks}/mlops/{_RUNBOOK.get(alert_type or '', 'general-runbook')}"


def dashboard_url(model_id: str | None, links: Links) -> str:
    """Where to look: the model's own page, else the overview."""
    return f"{links.dashboards}/model-monitoring-{short_name(model_id)}" if model_id else f"{links.dashboards}/mlops-overview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """Everything above for one alert."""

    channels: tuple[str, ...]
    emoji: str
    color: str
    tags: tuple[str, ...]
    runbook_url: str
    """Empty where there is none, as is the next."""
    dashboard_url: str


def enrich(alert: Alert, links: Links) -> Enrichment:
    """What belongs to this alert. Who posts one says what to do and where to look; our pages are about models."""
    runbook, dashboard = runbook_url(alert.alert_type, links), dashboard_url(alert.model_id, links)
    if alert.posted is not None:
        said = alert.posted.annotations
        runbook = said.get("runbook_url") or (runbook if alert.model_id else "")
        dashboard = said.get("dashboard_url") or alert.posted.generator_url or (dashboard if alert.model_id else "")
    return Enrichment(
        channels=default_channels(alert.priority),
        emoji=emoji(alert.priority),
        color=color(alert.priority),
        tags=tags(alert_type=alert.alert_type, model_id=alert.model_id, severity=alert.severity),
        runbook_url=runbook,
        dashboard_url=dashboard,
    )
