import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from driftline.alerting.channels import pagerduty, plain, slack, teams
from driftline.alerting.channels.email import Envelope, compose
from driftline.alerting.channels.message import Message, OwnWords
from driftline.alerting.config import load
from driftline.alerting.delivery import Delivered, Outcome
from driftline.alerting.templates.own_texts import OwnTexts
from driftline.clock import ManualClock
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.adapters.channels.registry import build_channels
from services.alerting.adapters.channels.worded import WordedChannel
from services.alerting.settings import AlertingSettings
from tests.unit.alerting.builders import alert
from tests.unit.alerting.channels.notices import EXAMPLE, ROUTING_KEY, body, hostile, hostile_bodies, schema, texts

ENVELOPE = Envelope(sender="a@example.org", recipients=("b@example.org",))


class Recorder:
    """A channel that keeps what it is sent."""

    host = "example.org"
    shows_care = True

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.closed = False

    def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        return Delivered(200)

    def close(self) -> None:
        self.closed = True


def said(sources: dict[str, str], **changes: Any) -> Message:
    channel = Recorder()
    assert WordedChannel(channel, OwnTexts(sources, {}), "all").send(
        Outgoing(*body(alert(**{**EXAMPLE, **changes})), "t 1")
    ) == Delivered(200)
    assert channel.sent[0].thread == "t 1"
    return channel.sent[0].message


def count(receiver: str) -> float:
    return REGISTRY.get_sample_value("driftline_alerting_template_failures_total", {"receiver": receiver}) or 0.0


def test_a_text_replaces_its_part_and_nothing_else() -> None:
    usual = Outgoing(*body()).message
    own = said({"title": "T {{ model }}", "text": "<{{ priority }}>"})
    ours, theirs = slack.post(usual, "C"), slack.post(own, "C")
    assert theirs["blocks"][0]["text"]["text"] == "T telecom.prod.churn_model"
    (mine,) = [block for block in theirs["attachments"][0]["blocks"] if block not in ours["attachments"][0]["blocks"]]
    assert mine["text"] == {"type": "mrkdwn", "text": "&lt;high&gt;", "verbatim": True}
    kept = [block["type"] for block in ours["attachments"][0]["blocks"] if block in theirs["attachments"][0]["blocks"]]
    assert kept == ["section", "actions", "context"]
    assert theirs["metadata"] == ours["metadata"]
    card = json.dumps(teams.message_card(own))
    assert "T telecom.prod.churn_model" in card
    assert "<high>" in card
    assert EXAMPLE["details"].split(".")[0] not in card
    title, text = plain.plain(own)
    assert title == "T telecom.prod.churn_model"
    assert text.endswith("View Runbook: https://wiki.example.org/mlops/performance-runbook")
    assert "\n<high>\n" in text


def test_a_description_is_the_summary_of_an_incident() -> None:
    event = pagerduty.event(said({"description": "D {{ risk }}"}), ROUTING_KEY)
    assert event["payload"]["summary"] == "D 75.5/100"
    assert event["payload"]["custom_details"]["details"]


def test_a_mail_has_a_subject_a_text_and_a_page_of_its_own() -> None:
    harm = "<script>x</script>\r\nBcc: all@example.org"
    mail = compose(said({"subject": "{{ title }}", "text": "own {{ title }}"}, title=harm), ENVELOPE, now=1)
    assert mail["Subject"] == "<script>x</script> Bcc: all@example.org"
    assert mail["Bcc"] is None
    plain_part, page = mail.iter_parts()
    assert "own <script>x</script>" in plain_part.get_content()
    assert "<p>own &lt;script&gt;x&lt;/script&gt;" in page.get_content()
    html = said({"html": "<i>{{ title }}</i>"}, title=harm)
    _, page = compose(html, ENVELOPE, now=1).iter_parts()
    assert "<i>&lt;script&gt;x&lt;/script&gt;" in page.get_content()
    assert "https://wiki.example.org/mlops/performance-runbook" in page.get_content()


def test_a_text_that_fails_loses_nothing() -> None:
    before = count("all")
    with capture_logs() as logs:
        own = said({"title": "{{ commonLabels.nothing }}", "text": "own"})
    assert own.headline == Outgoing(*body()).message.headline
    assert own.own.text == "own"
    assert count("all") == before + 1
    assert (logs[0]["field"], logs[0]["problem"]) == ("title", "there is no 'nothing'")


def test_a_text_that_says_nothing_leaves_the_usual_one() -> None:
    own = said({"title": "{% if false %}x{% endif %} ", "text": "\n"})
    assert own == Outgoing(*body()).message


@pytest.mark.parametrize("source", [" ", "{{ commonLabels.nothing }}", "{{ alerts[99].title }}", "{{ 1 // 0 }}"])
@given(told=hostile_bodies())
@settings(max_examples=25)
def test_without_words_of_its_own_a_message_is_as_it_was(source: str, told: tuple[str, bytes]) -> None:
    channel = Recorder()
    with capture_logs():
        WordedChannel(channel, OwnTexts({"title": source, "text": source, "html": source}, {}), "all").send(Outgoing(*told))
    assert channel.sent[0].message == Outgoing(*told).message


def test_the_channels_of_a_configuration_have_its_texts() -> None:
    address = "webhook_url: https://teams.example.org/x"
    text = f"route: {{receiver: a/b}}\nreceivers:\n- {{name: a/b, msteamsv2_configs: [{{{address}, title: x}}, {{{address}}}]}}"
    settings = AlertingSettings(tokens_file=Path("t"))
    own, usual = build_channels(load(text).channels, settings, ManualClock()).values()
    assert isinstance(own, WordedChannel)
    assert not isinstance(usual, WordedChannel)
    assert REGISTRY.get_sample_value("driftline_alerting_template_failures_total", {"receiver": "a/b"}) == 0


def test_what_the_channel_is_shows_through() -> None:
    channel = Recorder()
    worded = WordedChannel(channel, OwnTexts({"title": "x"}, {}), "all")
    assert (worded.host, worded.shows_care) == ("example.org", True)
    worded.close()
    assert channel.closed


@given(hostile())
@settings(max_examples=40)
def test_texts_of_others_stay_within_the_rules_of_each_channel(message: Message) -> None:
    found = "".join((message.lead.title, *message.lead.segments, message.lead.details)) or "x"
    own = replace(message, own=OwnWords(title=message.lead.title or "x", text=found))
    schema("slack").validate(slack.post(own, "C"))
    assert all(
        "<!channel>" not in text and "<@" not in text for text in texts(slack.post(own, "C")["attachments"][0]["blocks"])
    )
    assert len(json.dumps(teams.message_card(own), ensure_ascii=False).encode()) < 28_000
    compose(own, ENVELOPE, now=1).as_bytes()


@given(hostile_bodies())
@settings(max_examples=20)
def test_own_texts_of_hostile_values_say_something_or_leave_the_usual_words(told: tuple[str, bytes]) -> None:
    channel = Recorder()
    sources = {
        "title": "{{ title }}",
        "text": "{% for alert in alerts %}{{ alert.labels | dictsort | length }}{{ details }}{% endfor %}",
    }
    with capture_logs():
        WordedChannel(channel, OwnTexts({**sources, "html": "<b>{{ title }}</b>"}, {}), "all").send(Outgoing(*told))
    message = channel.sent[0].message
    schema("slack").validate(slack.post(message, "C"))
    schema("teams").validate(teams.message_card(message))
    page = compose(message, ENVELOPE, now=1).as_string()
    assert "\nBcc:" not in page
