import pytest

from driftline.alerting.alert import Posted
from driftline.alerting.enrichment import (
    Links,
    color,
    dashboard_url,
    default_channels,
    emoji,
    enrich,
    runbook_url,
    tags,
)
from tests.unit.alerting.builders import alert

LINKS = Links(runbooks="https://wiki", dashboards="https://dash")


@pytest.mark.parametrize(
    ("priority", "channels", "sign", "colour"),
    [
        ("low", ("email",), "🟡", "#ffeb3b"),
        ("medium", ("slack", "email"), "🟠", "#ff9800"),
        ("high", ("slack", "email", "teams"), "🔴", "#f44336"),
        ("critical", ("slack", "email", "teams", "pagerduty"), "🚨", "#d32f2f"),
        ("else", ("email",), "\u2139\ufe0f", "#2196f3"),
    ],
)
def test_channels_emoji_and_colour_of_each_priority(priority, channels, sign, colour) -> None:
    assert (default_channels(priority), emoji(priority), color(priority)) == (channels, sign, colour)


def test_tags_name_type_model_and_severity() -> None:
    assert tags(alert_type="data_quality", model_id="a.b.churn", severity="HIGH") == (
        "data_quality",
        "model:churn",
        "severity:high",
    )
    assert tags(alert_type=None, model_id=None, severity=None) == ("unknown",)


@pytest.mark.parametrize(
    ("alert_type", "page"),
    [
        ("drift_detection", "drift-runbook"),
        ("performance_degradation", "performance-runbook"),
        ("data_quality", "data-quality-runbook"),
        ("critical_failure", "general-runbook"),
        (None, "general-runbook"),
    ],
)
def test_runbook_of_each_type(alert_type, page) -> None:
    assert runbook_url(alert_type, LINKS) == f"https://wiki/mlops/{page}"


def test_dashboard_is_the_models_own_or_the_overview() -> None:
    assert dashboard_url("a.b.churn", LINKS) == "https://dash/model-monitoring-churn"
    assert dashboard_url("", LINKS) == "https://dash/mlops-overview"
    assert dashboard_url(None, LINKS) == "https://dash/mlops-overview"


def test_a_posted_alert_says_itself_what_to_do_and_where_to_look() -> None:
    def found(annotations, source="", model=""):
        posted = Posted(annotations=annotations, generator_url=source, expires_at=1)
        more = enrich(alert(posted=posted, model_id=model), LINKS)
        return more.runbook_url, more.dashboard_url

    both = {"runbook_url": "https://a/r", "dashboard_url": "https://a/d"}
    assert found(both, "https://prometheus/graph") == ("https://a/r", "https://a/d")
    assert found({}, "https://prometheus/graph") == ("", "https://prometheus/graph")
    assert found({}) == ("", "")
    assert found({}, model="flights.delay") == ("https://wiki/mlops/drift-runbook", "https://dash/model-monitoring-delay")


def test_enrich_takes_everything_from_the_alert() -> None:
    more = enrich(alert(severity="HIGH"), LINKS)
    assert more.tags == ("drift_detection", "model:delay", "severity:high")
    assert more.channels == ("slack", "email")
    assert more.dashboard_url == "https://dash/model-monitoring-delay"
