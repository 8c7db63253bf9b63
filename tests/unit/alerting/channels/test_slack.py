import json
import re

import pytest
from hypothesis import given, settings

from driftline.alerting.alert import Acknowledgement, Priority
from driftline.alerting.channels import slack
from driftline.alerting.channels.texts import units
from driftline.alerting.decisions import NotifyReason
from tests.unit.alerting.builders import alert
from tests.unit.alerting.channels.notices import EXAMPLE, example, hostile, message, pictured, posted, resolved, schema, texts

SLACK = schema("slack")


def blocks(payload, kind):
    found = payload.get("blocks", []) + [block for one in payload.get("attachments", []) for block in one["blocks"]]
    return [block for block in found if block["type"] == kind]


def test_the_example_says_what_it_must() -> None:
    payload = slack.webhook(example())
    assert payload["text"] == "🔴 MLOps Alert: Model Performance Degradation Detected"
    assert payload["attachments"][0]["color"] == "#f44336"
    fields = [field["text"] for field in blocks(payload, "section")[0]["fields"]]
    assert fields == [
        "*Model*\ntelecom.prod.churn_model",
        "*Priority*\nHIGH",
        "*Alert Type*\nperformance_degradation",
        "*Risk Score*\n75.5/100",
    ]
    buttons = [(button["text"]["text"], button["url"]) for button in blocks(payload, "actions")[0]["elements"]]
    assert buttons == [
        ("View Dashboard", "https://dash.example.org/model-monitoring-churn_model"),
        ("View Runbook", "https://wiki.example.org/mlops/performance-runbook"),
    ]
    details = blocks(payload, "section")[1]["text"]
    assert details == {"type": "plain_text", "text": EXAMPLE["details"], "emoji": False}
    footer = [element["text"] for element in blocks(payload, "context")[0]["elements"]]
    assert footer[0] == "MLOps Monitoring System · first"
    assert footer[1] == "since <!date^864000^{date_num} {time_secs}|1970-01-11T00:00:00.000000Z>"
    assert "senior_citizens, fiber_optic_customers" in json.dumps(payload)


@pytest.mark.parametrize(
    ("priority", "sign", "colour"),
    [("low", "🟡", "#ffeb3b"), ("medium", "🟠", "#ff9800"), ("high", "🔴", "#f44336"), ("critical", "🚨", "#d32f2f")],
)
def test_each_priority_has_its_sign_and_colour(priority, sign, colour) -> None:
    payload = slack.webhook(example(priority=Priority(priority)))
    assert payload["text"].startswith(f"{sign} MLOps Alert: ")
    assert payload["attachments"][0]["color"] == colour


def test_an_alert_without_a_title_model_or_score_has_the_words_for_that() -> None:
    payload = slack.webhook(example(title="", model_id="", risk_score=None))
    assert payload["text"] == "🔴 MLOps Alert: Model Issue Detected"
    assert [field["text"] for field in blocks(payload, "section")[0]["fields"]][::3] == [
        "*Model*\nUnknown",
        "*Risk Score*\nn/a",
    ]


def test_an_alert_that_others_posted_shows_its_labels_and_their_runbook() -> None:
    payload = slack.webhook(posted("a:1", "b:1"))
    fields = [field["text"] for field in blocks(payload, "section")[0]["fields"]]
    assert fields == ["*alertname*\nDisk", "*Priority*\nMEDIUM", "*instance*\na:1", "*severity*\npage"]
    assert blocks(payload, "section")[-1]["text"]["text"] == "• Disk full (instance=b:1)"
    (button,) = blocks(payload, "actions")[0]["elements"]
    assert button["url"] == "https://wiki.example.org/disk"


def test_labels_beyond_what_slack_shows_are_counted() -> None:
    labels = {"alertname": "x", **{f"l{number}": "v" for number in range(12)}}
    fields = blocks(slack.webhook(posted("a", labels=labels)), "section")[0]["fields"]
    assert len(fields) == 10
    assert fields[-1]["text"] == "*Labels*\n+5 more"


def test_markup_of_others_is_text() -> None:
    payload = slack.webhook(example(title="<!channel> a & b", model_id="<@U1>", details="<!here> *x*"))
    assert payload["text"] == "🔴 MLOps Alert: &lt;!channel&gt; a &amp; b"
    assert payload["blocks"][0]["text"]["text"] == "🔴 MLOps Alert: <!channel> a & b"  # plain text knows no markup
    assert blocks(payload, "section")[0]["fields"][0]["text"] == "*Model*\n&lt;@U1&gt;"


def test_the_others_are_named_and_then_counted() -> None:
    alerts = [alert(f"a{number}", title=f"Drift {number}") for number in range(30)]
    lines = blocks(slack.webhook(message(*alerts)), "section")[-1]["text"]["text"].splitlines()
    assert len(lines) == 11
    assert lines[-1] == "+19 more"


def test_an_end_is_green_and_says_so() -> None:
    payload = slack.webhook(resolved())
    assert payload["text"] == "✅ MLOps Alert resolved: Model Performance Degradation Detected"
    assert payload["attachments"][0]["color"] == "#4caf50"
    assert " until <!date^1036800^" in json.dumps(payload)


CARE = Acknowledgement(by="slack:<!here>", at=1, until=86_400_000_000)


def choices(payload):
    return [(one["action_id"], one["value"]) for one in blocks(payload, "actions")[0]["elements"] if "value" in one]


def test_buttons_answer_for_the_group_and_are_gone_with_its_end() -> None:
    key = example().group_key
    assert choices(slack.webhook(example())) == []
    assert choices(slack.webhook(example(), buttons=True)) == [("acknowledge", key), ("silence", key)]
    taken = message(alert(**EXAMPLE, acknowledged=CARE), reason=NotifyReason.ACKNOWLEDGED)
    assert choices(slack.update(taken, "C1", "1.0", buttons=True)) == [("unacknowledge", key), ("silence", key)]
    assert choices(slack.webhook(resolved(), buttons=True)) == []
    SLACK.validate(slack.webhook(taken, buttons=True))


def test_who_takes_care_is_shown_and_said_in_the_thread() -> None:
    taken = message(alert(**EXAMPLE, acknowledged=CARE), reason=NotifyReason.ACKNOWLEDGED)
    said = "*Taken care of by*\nslack:&lt;!here&gt; until 1970-01-02T00:00:00.000000Z"
    assert said in [block["text"]["text"] for block in blocks(slack.post(taken, "C1"), "section") if "text" in block]
    assert "(acknowledged by slack:&lt;!here&gt; until" in slack.reply(taken, "C1", "1.0")["text"]
    some = message(alert("a", acknowledged=CARE), alert("b"), reason=NotifyReason.ACKNOWLEDGED)
    assert (some.cared_for, some.care) == (False, "slack:<!here> until 1970-01-02T00:00:00.000000Z (1 of 2)")


def test_a_repeat_can_be_recognised() -> None:
    told = example()
    for payload in (slack.post(told, "C1"), slack.update(told, "C1", "1.2"), slack.reply(told, "C1", "1.2")):
        assert payload["metadata"]["event_payload"] == {"notification_id": told.notification_id}
        assert told.notification_id in [
            block.get("block_id") for kind in ("context", "section") for block in blocks(payload, kind)
        ]


def test_what_got_worse_is_said_to_the_channel_too() -> None:
    raised = message(alert(**EXAMPLE), reason=NotifyReason.RAISED)
    assert slack.reply(raised, "C1", "1.2")["reply_broadcast"] is True
    assert slack.reply(example(), "C1", "1.2")["reply_broadcast"] is False


@given(hostile())
@settings(max_examples=60, deadline=None)
def test_every_payload_keeps_to_the_published_limits_and_holds_no_markup_of_others(told) -> None:
    for payload in (
        slack.webhook(told),
        slack.webhook(told, buttons=True),
        slack.post(told, "C1"),
        slack.update(told, "C1", "1700000000.000100"),
        slack.reply(told, "C1", "1700000000.000100"),
    ):
        SLACK.validate(payload)
        json.dumps(payload, ensure_ascii=False).encode()
        assert all(units(text) <= 3000 for text in texts(payload))
        marked = [payload["text"]] + [
            part["text"]
            for block in blocks(payload, "section") + blocks(payload, "context")
            for part in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
            if part is not None and part["type"] == "mrkdwn"
        ]
        for text in marked:
            assert not re.search("[<>]", re.sub(r"<!date\^[0-9]+\^[^|<>]*\|[^<>]*>", "", text))


def test_a_picture_that_slack_can_fetch_is_an_attachment_of_its_own() -> None:
    payload = slack.webhook(pictured(example()))
    SLACK.validate(payload)
    picture = payload["attachments"][1]
    assert picture["image_url"] == "https://alerts.example.org/v1/pictures/msg_1.png"
    assert picture["text"].startswith("psi of &lt;!channel&gt; &amp; *b*, the last 3 windows")
    assert picture["mrkdwn_in"] == []
    assert len(slack.webhook(pictured(example(), url=None))["attachments"]) == 1
