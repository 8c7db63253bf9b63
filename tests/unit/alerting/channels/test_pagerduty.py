import pytest
from hypothesis import given, settings

from driftline.alerting.alert import Acknowledgement
from driftline.alerting.channels import pagerduty
from driftline.alerting.channels.pagerduty import Action
from driftline.alerting.channels.texts import encoded, units
from driftline.alerting.decisions import NotifyReason
from tests.unit.alerting.builders import alert
from tests.unit.alerting.channels.notices import ROUTING_KEY, example, hostile, message, posted, resolved, schema

PAGERDUTY = schema("pagerduty")


def test_the_example_says_what_it_must() -> None:
    event = pagerduty.event(example(), ROUTING_KEY)
    assert (event["routing_key"], event["event_action"]) == (ROUTING_KEY, "trigger")
    payload = event["payload"]
    assert payload["summary"] == "MLOps Alert: Model Performance Degradation Detected"
    assert payload["source"] == "telecom.prod.churn_model"
    assert payload["severity"] == "error"
    details = payload["custom_details"]
    assert (details["model_name"], details["alert_type"], details["risk_score"], details["dashboard_url"]) == (
        "telecom.prod.churn_model",
        "performance_degradation",
        75.5,
        "https://dash.example.org/model-monitoring-churn_model",
    )
    assert details["affected_segments"] == ["senior_citizens", "fiber_optic_customers"]
    assert details["since"] == "1970-01-11T00:00:00.000000Z"
    assert event["links"] == [
        {"href": "https://dash.example.org/model-monitoring-churn_model", "text": "View Dashboard"},
        {"href": "https://wiki.example.org/mlops/performance-runbook", "text": "View Runbook"},
    ]


@pytest.mark.parametrize(
    ("priority", "severity"),
    [("low", "info"), ("medium", "warning"), ("high", "error"), ("critical", "critical"), ("odd", "warning")],
)
def test_each_priority_has_its_severity(priority, severity) -> None:
    assert pagerduty.severity(priority) == severity


def test_without_a_model_the_source_is_ours() -> None:
    assert pagerduty.event(example(model_id=""), ROUTING_KEY)["payload"]["source"] == "MLOps"


def test_an_alert_that_others_posted_brings_its_labels() -> None:
    details = pagerduty.event(posted("a", "b"), ROUTING_KEY)["payload"]["custom_details"]
    assert details["labels"] == {"alertname": "Disk", "instance": "a", "severity": "page"}
    assert details["other_alerts"] == ["Disk full (instance=b)"]
    assert "labels" not in pagerduty.event(example(), ROUTING_KEY)["payload"]["custom_details"]


def test_all_events_of_a_group_have_its_key_and_those_of_others_have_not() -> None:
    key = pagerduty.event(example(), ROUTING_KEY)["dedup_key"]
    assert len(key) == 64
    assert pagerduty.event(resolved(), ROUTING_KEY) == {"routing_key": ROUTING_KEY, "event_action": "resolve", "dedup_key": key}
    assert pagerduty.event(message(alert(), key="other"), ROUTING_KEY)["dedup_key"] != key
    told = pagerduty.answer(example().group_key, ROUTING_KEY, Action.ACKNOWLEDGE)
    assert (told["event_action"], told["dedup_key"]) == ("acknowledge", key)
    PAGERDUTY.validate(told)


def test_an_incident_is_acknowledged_once_somebody_takes_care_of_all_that_fires() -> None:
    care = Acknowledgement(by="ada", at=1, until=None)
    mine, other = alert("a", acknowledged=care), alert("b")
    told = pagerduty.event(message(mine, reason=NotifyReason.ACKNOWLEDGED), ROUTING_KEY)
    assert (told["event_action"], told["dedup_key"]) == ("acknowledge", pagerduty.dedup_key(message(mine).group_key))
    assert pagerduty.event(message(mine, other, reason=NotifyReason.ACKNOWLEDGED), ROUTING_KEY)["event_action"] == "trigger"
    assert pagerduty.event(message(mine, reason=NotifyReason.RAISED), ROUTING_KEY)["event_action"] == "trigger"


@given(hostile())
@settings(max_examples=60, deadline=None)
def test_every_event_keeps_to_the_published_limits(told) -> None:
    event = pagerduty.event(told, ROUTING_KEY)
    PAGERDUTY.validate(event)
    assert len(encoded(event)) <= 512_000
    assert b"NaN" not in encoded(event) or any("NaN" in item.title + item.details for item in told.items)
    if "payload" in event:
        assert units(event["payload"]["summary"]) <= 1024
