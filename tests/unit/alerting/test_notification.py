import json
from dataclasses import replace
from datetime import datetime

from driftline.alerting.alert import AlertType, Priority, Status
from driftline.alerting.decisions import Notify, NotifyReason, Suppress, SuppressReason
from driftline.alerting.enrichment import Links
from driftline.alerting.grouping import Group, Member
from driftline.alerting.notification import MAX_ALERTS, compose, notification_id
from driftline.alerting.pipeline import Look, decide, told_after
from driftline.alerting.routing import ChannelSpec
from tests.unit.alerting.builders import DAY, alert

LINKS = Links(runbooks="https://wiki", dashboards="https://dash")
GROUP = Group(key="{}:{}", route_key="{}", receiver="team", labels={"model_id": "flights.delay"}, interval=1, next_look_at=0)
FIRST = Notify(NotifyReason.FIRST)


def look(*alerts, told=None, channel="webhook"):
    return Look(
        now=0,
        members=tuple(map(Member, alerts)),
        told=told,
        repeat_interval=1,
        channel=ChannelSpec(kind="webhook", name=channel),
        configured=True,
    )


def test_the_payload_holds_the_alert_the_source_and_the_version() -> None:
    example = alert(
        title="Model Performance Degradation Detected",
        model_id="main.prod.churn_model",
        alert_type=AlertType.PERFORMANCE_DEGRADATION,
        priority=Priority.HIGH,
        severity="HIGH",
        risk_score=75.5,
        details="F1 score dropped below 0.65 threshold. Expected loss increased by 40%.",
        affected_segments=("senior_citizens", "fiber_optic_customers"),
    )
    body = compose(GROUP, look(example), FIRST, LINKS).body
    assert (body["source"], body["version"]) == ("mlops_monitoring", "1.0")
    data = body["alert_data"]
    assert data["model_name"] == "main.prod.churn_model"
    assert data["risk_score"] == 75.5
    assert data["affected_segments"] == ["senior_citizens", "fiber_optic_customers"]
    assert data["emoji"] == "🔴"
    assert data["color"] == "#f44336"
    assert data["tags"] == ["performance_degradation", "model:churn_model", "severity:high"]
    assert data["runbook_url"] == "https://wiki/mlops/performance-runbook"
    assert data["dashboard_url"] == "https://dash/model-monitoring-churn_model"
    assert json.loads(json.dumps(body)) == body


def test_every_timestamp_has_a_time_zone() -> None:
    data = compose(GROUP, look(replace(alert(), ends_at=14 * DAY)), FIRST, LINKS).body["alert_data"]
    for field in ("timestamp", "startsAt", "endsAt"):
        assert datetime.fromisoformat(data[field]).tzinfo is not None


def test_the_group_tells_what_fires_and_what_ended_the_most_urgent_first() -> None:
    fires, worse, over = alert("a"), alert("b", priority=Priority.HIGH), replace(alert("c"), ends_at=14 * DAY)
    message = compose(GROUP, look(fires, over, worse), FIRST, LINKS)
    assert message.status is Status.FIRING
    assert [item["fingerprint"] for item in message.body["alerts"]] == [worse.alert_id, fires.alert_id, over.alert_id]
    assert [item["status"] for item in message.body["alerts"]] == ["firing", "firing", "resolved"]
    assert message.body["alert_data"]["fingerprint"] == worse.alert_id
    assert message.body["commonLabels"]["model_id"] == "flights.delay"
    assert "priority" not in message.body["commonLabels"]


def test_when_all_ended_the_message_is_resolved() -> None:
    over = replace(alert("c"), ends_at=14 * DAY)
    message = compose(GROUP, look(over), Notify(NotifyReason.ALL_RESOLVED), LINKS)
    assert message.status is Status.RESOLVED
    assert message.body["alert_data"]["endsAt"] == "1970-01-15T00:00:00.000000Z"


def test_only_the_untold_ends_are_named_when_just_they_are_suppressed() -> None:
    over = replace(alert("c"), ends_at=14 * DAY)
    message = compose(GROUP, look(alert("a"), over), Suppress(SuppressReason.RESOLVED_BEFORE_TOLD), LINKS)
    assert message.alert_ids == (over.alert_id,)


def test_long_lists_and_texts_are_cut_and_counted() -> None:
    many = [alert(f"x{number}", details="z" * 5_000) for number in range(MAX_ALERTS + 5)]
    message = compose(GROUP, look(*many), FIRST, LINKS)
    assert len(message.body["alerts"]) == MAX_ALERTS
    assert message.body["truncatedAlerts"] == 5
    assert len(message.alert_ids) == MAX_ALERTS + 5
    assert len(message.body["alerts"][0]["details"]) == 2_000


def test_the_same_decision_has_the_same_id_and_a_repeat_another() -> None:
    seen = look(alert("a"), alert("b"))
    assert notification_id(GROUP, seen) == notification_id(GROUP, look(alert("b"), alert("a")))
    told = told_after(seen, FIRST, notification_id(GROUP, seen))
    again = replace(seen, told=told, previous_id=told.notification_id, now=5)
    assert decide(again) == Notify(NotifyReason.REPEAT)
    assert notification_id(GROUP, again) != notification_id(GROUP, seen)
    assert notification_id(GROUP, look(alert("a"), alert("b"), channel="other")) != notification_id(GROUP, seen)
