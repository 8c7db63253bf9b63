"""Slack, Teams and PagerDuty over real sockets: what they are sent, and what their answers mean."""

import json

import pytest

from driftline.alerting.addresses import parse_allow_list
from driftline.alerting.channels.ticket import TicketForm, Tracker
from driftline.alerting.decisions import NotifyReason
from driftline.alerting.delivery import Delivered, Refused, TryAgain
from driftline.alerting.escalation import RotaSource
from driftline.clock import ManualClock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.apprise import AppriseChannel, AppriseUrl
from services.alerting.adapters.channels.json_post import Place, Reach
from services.alerting.adapters.channels.pagerduty import PagerDutyChannel, PagerDutyService
from services.alerting.adapters.channels.port import Channel, Outgoing
from services.alerting.adapters.channels.slack import SlackBot, SlackBotChannel, SlackWebhookChannel
from services.alerting.adapters.channels.splunk import SplunkChannel, SplunkCollector
from services.alerting.adapters.channels.teams import TeamsChannel
from services.alerting.adapters.channels.ticket import TicketChannel, TicketDesk
from services.alerting.jobs.rota_sources import SourceReader
from tests.integration.alerting_sinks import HttpSink
from tests.unit.alerting.builders import DAY, alert
from tests.unit.alerting.channels.notices import EXAMPLE, ROUTING_KEY, body, schema

pytestmark = pytest.mark.integration
FIRED = Outgoing(*body())
ENDED = Outgoing(*body(alert(**EXAMPLE, ends_at=12 * DAY), reason=NotifyReason.ALL_RESOLVED))


@pytest.fixture
def sink():
    with HttpSink() as sink:
        yield sink


@pytest.fixture
def clock():
    return ManualClock(1_000_000_000)


@pytest.fixture
def reach(clock):
    return Reach(allowed=parse_allow_list(["127.0.0.1"]), clock=clock, timeout_seconds=5)


def said(code=200, **values):
    return lambda _: (code, {}, json.dumps(values).encode())


def threaded(message, thread):
    return Outgoing(message.notification_id, message.body, thread)


def test_splunk_takes_one_event_with_its_token_and_a_busy_one_is_tried_again(sink, reach) -> None:
    place = Place(sink.url + "/services/collector/event", "the URL")
    channel = SplunkChannel(SplunkCollector(place=place, token="t"), reach)
    sink.answer = said(text="Success")
    assert channel.send(FIRED) == Delivered(200)
    (request,) = sink.requests
    assert (request.path, request.headers["Authorization"]) == ("/services/collector/event", "Splunk t")
    assert request.body["event"] == json.loads(FIRED.body)
    sink.answer = said(503, text="Server is busy")
    assert isinstance(channel.send(FIRED), TryAgain)
    sink.answer = said(403, text="Invalid token")
    assert isinstance(channel.send(FIRED), Refused)
    channel.close()


def apprise(sink, reach, *, scheme="json", path="/hook"):
    return AppriseChannel(AppriseUrl(sink.url.replace("http", scheme, 1) + path, "team/apprise/0: url"), reach)


def test_apprise_sends_a_title_and_plain_text_and_says_how_urgent_it_is(sink, reach) -> None:
    channel = apprise(sink, reach)
    assert channel.send(FIRED) == Delivered()
    assert channel.send(ENDED) == Delivered()
    fired, ended = sink.requests
    assert fired.path == "/hook"
    assert fired.body["title"] == "🔴 MLOps Alert: Model Performance Degradation Detected"
    assert "f1 = 0.61 (limit 0.65)" in fired.body["message"]
    assert "View Dashboard: https://dash.example.org/model-monitoring-churn_model" in fired.body["message"]
    assert (fired.body["type"], ended.body["type"]) == ("failure", "success")
    channel.close()


@pytest.mark.parametrize(
    ("code", "kind"), [(401, Refused), (404, Refused), (302, Refused), (429, TryAgain), (500, TryAgain), (503, TryAgain)]
)
def test_what_a_service_behind_apprise_answers_is_final_or_tried_again(sink, reach, code, kind) -> None:
    sink.answer = lambda _: (code, {"Location": sink.url + "/elsewhere"}, b"")
    outcome = apprise(sink, reach).send(FIRED)
    assert isinstance(outcome, kind)
    assert outcome.code == code
    assert [request.path for request in sink.requests] == ["/hook"]


def test_apprise_reaches_nothing_that_is_not_permitted(sink, clock) -> None:
    nobody = Reach(allowed=parse_allow_list([]), clock=clock, timeout_seconds=5)
    outcome = apprise(sink, nobody).send(FIRED)
    assert isinstance(outcome, Refused)
    assert "127.0.0.1, which is not public" in outcome.error
    assert sink.requests == []


def test_a_service_that_apprise_cannot_reach_is_tried_again(reach) -> None:
    with HttpSink() as gone:
        channel = apprise(gone, reach, scheme="ntfy", path="/topic")
        assert channel.send(FIRED) == Delivered()
        assert gone.requests[0].body["topic"] == "topic"
    assert isinstance(channel.send(FIRED), TryAgain)


def test_a_webhook_of_slack_takes_blocks_and_answers_200(sink, reach) -> None:
    channel = SlackWebhookChannel(Place(sink.url + "/services/T0/B0/x", "the URL"), reach)
    assert channel.send(FIRED) == Delivered(200)
    (request,) = sink.requests
    schema("slack").validate(request.body)
    assert request.path == "/services/T0/B0/x"
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.body["text"] == "🔴 MLOps Alert: Model Performance Degradation Detected"
    assert FIRED.notification_id in json.dumps(request.body)
    channel.close()


@pytest.mark.parametrize(
    ("code", "text", "outcome"),
    [
        (400, b"invalid_payload", Refused("answered 400: invalid_payload", 400)),
        (404, b"no_service", Refused("answered 404: no_service", 404)),
        (410, b"channel_is_archived", Refused("answered 410: channel_is_archived", 410)),
        (403, b"<html>Something T0/B0/x</html>", Refused("answered 403", 403)),
        (500, b"rollup_error", TryAgain("answered 500: rollup_error", 500)),
        (302, b"", Refused("answered 302: redirects are not followed; configure the final address", 302)),
        (201, b"", Refused("answered 201; as delivered count 200", 201)),
    ],
)
def test_what_else_a_webhook_of_slack_answers_is_final_or_tried_again(sink, reach, code, text, outcome) -> None:
    sink.answer = lambda _: (code, {}, text)
    assert SlackWebhookChannel(Place(sink.url + "/services/T0/B0/x", "the URL"), reach).send(FIRED) == outcome


@pytest.fixture
def bot(sink, reach):
    return SlackBotChannel(SlackBot(token="xoxb-hush", channel="#alerts", api_url=sink.url + "/api/"), reach)


def test_a_bot_opens_a_thread_updates_it_in_place_and_tells_its_followers(sink, bot) -> None:
    sink.answer = said(ok=True, channel="C024BE91L", ts="1700000000.000100")
    opened = bot.send(FIRED)
    assert opened == Delivered(200, "C024BE91L 1700000000.000100")
    assert bot.send(threaded(ENDED, opened.thread)) == Delivered(200)
    assert [request.path for request in sink.requests] == ["/api/chat.postMessage", "/api/chat.update", "/api/chat.postMessage"]
    first, update, reply = (request.body for request in sink.requests)
    for request in sink.requests:
        schema("slack").validate(request.body)
        assert request.headers["Authorization"] == "Bearer xoxb-hush"
    assert (first["channel"], "thread_ts" in first) == ("#alerts", False)
    assert (update["channel"], update["ts"]) == ("C024BE91L", "1700000000.000100")
    assert update["attachments"][0]["color"] == "#4caf50"
    assert (reply["channel"], reply["thread_ts"]) == ("C024BE91L", "1700000000.000100")
    assert {request.body["metadata"]["event_payload"]["notification_id"] for request in sink.requests[1:]} == {
        ENDED.notification_id
    }


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_where_the_first_message_is_gone_a_new_thread_begins(sink, bot, error) -> None:
    def answer(request):
        good = request.path.endswith("postMessage")
        told = {"ok": True, "channel": "C1", "ts": "2.2"} if good else {"ok": False, "error": error}
        return 200, {}, json.dumps(told).encode()

    sink.answer = answer
    assert bot.send(threaded(FIRED, "C1 1.1")) == Delivered(200, "C1 2.2")
    assert "thread_ts" not in sink.requests[-1].body


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("channel_not_found", Refused("channel_not_found", 200)),
        ("invalid_auth", Refused("invalid_auth", 200)),
        ("not_in_channel", Refused("not_in_channel", 200)),
        ("internal_error", TryAgain("internal_error", 200)),
        ("ratelimited", TryAgain("ratelimited", 200)),
        ("Token xoxb-hush is bad", Refused("unknown error", 200)),
    ],
)
def test_an_answer_200_that_is_not_ok_is_no_delivery(sink, bot, error, outcome) -> None:
    sink.answer = said(ok=False, error=error)
    assert bot.send(FIRED) == outcome
    assert bot.send(threaded(FIRED, "C1 1.1")) == outcome


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b'"ok"', b"\xff\xfe"])
def test_an_answer_200_that_nobody_can_read_is_tried_again(sink, bot, text) -> None:
    sink.answer = lambda _: (200, {}, text)
    assert isinstance(bot.send(FIRED), TryAgain)


def test_a_reply_that_fails_is_tried_again_with_the_whole_message(sink, bot) -> None:
    def answer(request):
        if request.path.endswith("update"):
            return 200, {}, b'{"ok": true, "channel": "C1", "ts": "1.1"}'
        return 429, {"Retry-After": "7"}, b""

    sink.answer = answer
    assert bot.send(threaded(FIRED, "C1 1.1")) == TryAgain("answered 429", 429, 7_000_000)


@pytest.mark.parametrize("code", [200, 202])
def test_a_workflow_of_teams_takes_a_card(sink, reach, code) -> None:
    sink.answer = lambda _: (code, {}, b"")
    assert TeamsChannel(Place(sink.url + "/workflows/w?sig=hush", "the URL"), reach).send(FIRED) == Delivered(code)
    (request,) = sink.requests
    schema("teams").validate(request.body)
    assert request.path == "/workflows/w?sig=hush"
    assert request.headers["x-ms-client-tracking-id"] == FIRED.notification_id


@pytest.mark.parametrize(
    ("code", "text", "outcome"),
    [
        (429, b"", TryAgain("answered 429", 429)),
        (200, b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x",
         TryAgain("answered 429", 429)),
        (200, b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x",
         Refused("answered 413", 413)),
        (401, b"", Refused("answered 401", 401)),
        (404, b"", Refused("answered 404", 404)),
        (502, b"", TryAgain("answered 502", 502)),
    ],
)  # fmt: skip
def test_what_else_a_workflow_answers_is_final_or_tried_again(sink, reach, code, text, outcome) -> None:
    sink.answer = lambda _: (code, {}, text)
    assert TeamsChannel(Place(sink.url, "the URL"), reach).send(FIRED) == outcome


@pytest.fixture
def pagerduty(sink, reach):
    return PagerDutyChannel(PagerDutyService(routing_key=ROUTING_KEY, place=Place(sink.url + "/v2/enqueue", "the URL")), reach)


def test_pagerduty_opens_and_closes_the_same_incident(sink, pagerduty) -> None:
    sink.answer = said(202, status="success", message="Event processed")
    assert pagerduty.send(FIRED) == Delivered(202)
    assert pagerduty.send(ENDED) == Delivered(202)
    opened, closed = (request.body for request in sink.requests)
    schema("pagerduty").validate(opened)
    schema("pagerduty").validate(closed)
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]
    assert opened["payload"]["custom_details"]["notification_id"] == FIRED.notification_id


@pytest.mark.parametrize(
    ("code", "text", "outcome"),
    [
        (200, b"", Refused("answered 200; as delivered count 202", 200)),
        (400, json.dumps({"errors": [f"Length of 'routing_key' {ROUTING_KEY} is incorrect"]}).encode(),
         Refused("answered 400: [\"Length of 'routing_key' *** is incorrect\"]", 400)),
        (400, b"nonsense", Refused("answered 400", 400)),
        (429, b"", TryAgain("answered 429", 429)),
        (500, b"", TryAgain("answered 500", 500)),
    ],
)  # fmt: skip
def test_what_else_pagerduty_answers_is_final_or_tried_again(sink, pagerduty, code, text, outcome) -> None:
    sink.answer = lambda _: (code, {}, text)
    assert pagerduty.send(FIRED) == outcome


def test_private_addresses_are_refused_here_too(sink, clock) -> None:
    reach = Reach(allowed=parse_allow_list([]), clock=clock)
    channels: list[Channel] = [
        SlackWebhookChannel(Place(sink.url, "the URL"), reach),
        SlackBotChannel(SlackBot(token="x", channel="C1", api_url=sink.url), reach),
        TeamsChannel(Place(sink.url, "the URL"), reach),
        PagerDutyChannel(PagerDutyService(routing_key="x", place=Place(sink.url, "the URL")), reach),
    ]
    outcomes = [channel.send(FIRED) for channel in channels]
    assert all(isinstance(outcome, Refused) and "DRIFTLINE_ALERTING_ALLOW_ADDRESSES" in outcome.error for outcome in outcomes)
    assert sink.requests == []


def tickets(sink, reach, **form):
    return TicketChannel(TicketDesk(place=Place(sink.url, "the URL"), form=TicketForm(**form), token="hush", user="bot"), reach)


def test_a_group_is_one_issue_of_jira_and_what_follows_comments_on_it(sink, reach) -> None:
    channel = tickets(sink, reach, tracker=Tracker.JIRA, project="MLOPS")
    sink.answer = said(201, id="10", key="MLOPS-7")
    assert channel.send(FIRED) == Delivered(201, "MLOPS-7")
    assert channel.send(threaded(ENDED, "MLOPS-7")) == Delivered(201)
    repeat = Outgoing(*body(reason=NotifyReason.REPEAT))
    assert channel.send(threaded(repeat, "MLOPS-7")) == Delivered()
    assert channel.send(ENDED) == Delivered()
    created, commented = sink.requests
    assert (created.path, commented.path) == ("/rest/api/2/issue", "/rest/api/2/issue/MLOPS-7/comment")
    assert created.headers["Authorization"] == "Basic Ym90Omh1c2g="
    assert created.body["fields"]["summary"] == "High performance degradation in telecom.prod.churn_model"
    assert commented.body["body"].startswith("✅")
    channel.close()


def test_an_issue_of_github_is_created_with_a_bearer_token_and_refusals_are_final(sink, reach) -> None:
    form = TicketForm(tracker=Tracker.GITHUB, project="acme/models")
    channel = TicketChannel(TicketDesk(place=Place(sink.url, "the URL"), form=form, token="hush"), reach)
    sink.answer = said(201, id=99, number=12)
    assert channel.send(FIRED) == Delivered(201, "12")
    assert (sink.requests[0].path, sink.requests[0].headers["Authorization"]) == ("/repos/acme/models/issues", "Bearer hush")
    sink.answer = said(422, message="Validation Failed")
    assert channel.send(FIRED) == Refused("answered 422", 422)
    sink.answer = said(503)
    assert isinstance(channel.send(FIRED), TryAgain)


def test_a_rota_is_read_from_allowed_addresses_only(sink) -> None:
    sink.answer = lambda _: (200, {}, b"shifts: []")
    source = RotaSource(url=sink.url + "/primary")
    assert SourceReader(parse_allow_list(["127.0.0.1"]))(source) == "shifts: []"
    with pytest.raises(ConfigurationError, match="is not public"):
        SourceReader(parse_allow_list([]))(source)
    sink.answer = lambda _: (302, {"Location": "/other"}, b"")
    with pytest.raises(ConfigurationError, match="answered 302"):
        SourceReader(parse_allow_list(["127.0.0.1"]))(source)
