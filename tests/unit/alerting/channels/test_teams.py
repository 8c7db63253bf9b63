import json

import pytest
from hypothesis import given, settings

from driftline.alerting.alert import Priority
from driftline.alerting.channels.teams import escape, message_card
from driftline.alerting.channels.texts import encoded
from tests.unit.alerting.builders import alert
from tests.unit.alerting.channels.notices import example, hostile, message, pictured, posted, resolved, schema, texts

TEAMS = schema("teams")


def card(told):
    return message_card(told)["attachments"][0]["content"]


def test_the_example_says_what_it_must() -> None:
    made = card(example())
    assert made["fallbackText"] == "🔴 MLOps Alert: Model Performance Degradation Detected"
    assert made["body"][0]["style"] == "attention"
    assert {fact["title"]: fact["value"] for fact in made["body"][1]["facts"]} == {
        "Model": "telecom.prod.churn_model",
        "Priority": "HIGH",
        "Alert Type": "performance_degradation",
        "Risk Score": "75.5/100",
        "Since": "1970-01-11 00:00:00 UTC",
    }
    assert [(action["title"], action["url"]) for action in made["actions"]] == [
        ("View Dashboard", "https://dash.example.org/model-monitoring-churn_model"),
        ("View Runbook", "https://wiki.example.org/mlops/performance-runbook"),
    ]
    said = texts(made["body"])
    assert "F1 score dropped below 0.65 threshold. Expected loss increased by 40%." in said
    assert "Affected segments: senior_citizens, fiber_optic_customers" in said


@pytest.mark.parametrize(
    ("priority", "style"), [("low", "accent"), ("medium", "warning"), ("high", "attention"), ("critical", "attention")]
)
def test_each_priority_has_its_style(priority, style) -> None:
    assert card(example(priority=Priority(priority)))["body"][0]["style"] == style


def test_an_end_is_good_and_says_since_and_until_when() -> None:
    made = card(resolved())
    assert made["body"][0]["style"] == "good"
    assert [fact["title"] for fact in made["body"][1]["facts"]][-2:] == ["Since", "Until"]


def test_markdown_of_others_is_text_and_names_stay_readable() -> None:
    assert escape("churn_model v*1* [x](y) _z_") == r"churn_model v\*1\* \[x\](y) \_z\_"


def test_an_alert_that_others_posted_shows_its_labels() -> None:
    facts = card(posted("a_1"))["body"][1]["facts"]
    assert [(fact["title"], fact["value"]) for fact in facts][:4] == [
        ("alertname", "Disk"),
        ("Priority", "MEDIUM"),
        ("instance", "a_1"),
        ("severity", "page"),
    ]


def test_the_others_are_named_and_then_counted() -> None:
    alerts = [alert(f"a{number}", title=f"Drift {number}") for number in range(30)]
    assert "+19 more" in texts(card(message(*alerts)))


@given(hostile())
@settings(max_examples=60, deadline=None)
def test_every_card_keeps_to_the_published_limits(told) -> None:
    payload = message_card(told)
    TEAMS.validate(payload)
    assert len(encoded(payload)) <= 25_000
    assert len(json.dumps(payload, ensure_ascii=False).encode()) < 28 * 1024


def test_a_picture_that_teams_can_fetch_is_shown_with_its_words() -> None:
    payload = message_card(pictured(example()))
    TEAMS.validate(payload)
    body = card(pictured(example()))["body"]
    (image,) = [part for part in body if part["type"] == "Image"]
    assert image["url"] == "https://alerts.example.org/v1/pictures/msg_1.png"
    assert image["altText"] in texts(body)
    assert "Image" not in json.dumps(message_card(pictured(example(), url=None)))
