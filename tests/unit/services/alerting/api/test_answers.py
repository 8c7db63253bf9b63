"""Buttons and webhooks of channels, without a token."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest

from driftline.alerting.channels.pagerduty import dedup_key
from services.alerting.api.answers import Secrets, answer_routes
from services.alerting.store import alerts, escalations, groups, silences
from tests.unit.alerting.builders import detected
from tests.unit.services.alerting.bench_of_parts import by_priority

SECOND = 1_000_000


@pytest.fixture
def parts(make_parts):
    made = make_parts(by_priority())
    made.channel.shows_care = True
    made.take(detected(), detected(model_version="2", episode_id="e2"))
    made.pass_time(30)
    made.deliver("slack")
    return made


@pytest.fixture
def desk(parts, door):
    return door(lambda _: (answer_routes(parts.database, Secrets("hush", "hush"), parts.clock, lambda: None),))


def key_of(parts):
    with parts.database.read() as tx:
        (key,) = groups.keys(tx)
    return key


def press(desk, parts, action, *, value=None, secret="hush", ago=0):
    payload = {"user": {"username": "ada"}, "actions": [{"action_id": action, "value": value or key_of(parts)}]}
    body = urlencode({"payload": json.dumps(payload)}).encode()
    stamp = str(parts.clock.now_us() // SECOND - ago)
    signed = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed}"}
    return desk.app, body, headers


def post(path, sent):
    import asyncio

    import httpx

    app, body, headers = sent

    async def request():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://alerting") as client:
            return await client.post(path, content=body, headers=headers)

    return asyncio.run(request())


def interact(desk, parts, action, **options):
    return post("/v1/slack/interactions", press(desk, parts, action, **options))


def firing(parts):
    with parts.database.read() as tx:
        return alerts.firing(tx)


def told(parts):
    parts.pass_time(0)
    return [row.reason for row in parts.notifications(channel="slack")]


def test_pressing_acknowledge_takes_care_of_the_group_and_the_message_shows_it_at_once(parts, desk) -> None:
    assert interact(desk, parts, "acknowledge").json() == {"done": 1}
    assert {alert.acknowledged.by for alert in firing(parts)} == {"slack:ada"}
    assert told(parts) == ["first", "acknowledged"]
    assert interact(desk, parts, "acknowledge").json() == {"done": 0}
    assert told(parts) == ["first", "acknowledged"]
    interact(desk, parts, "unacknowledge")
    parts.pass_time(300)
    assert told(parts) == ["first", "acknowledged", "unacknowledged"]


def test_pressing_silence_keeps_the_group_quiet_for_two_hours(parts, desk) -> None:
    assert interact(desk, parts, "silence").json() == {"done": 1}
    with parts.database.read() as tx:
        (made,) = silences.active(tx, parts.clock.now_us())
    assert [str(matcher) for matcher in made.matchers] == ['model_id="flights.delay"']
    assert (made.ends_at - made.starts_at, made.created_by) == (7200 * SECOND, "slack:ada")


@pytest.mark.parametrize("options", [{"secret": "guessed"}, {"ago": 301}, {"ago": -301}])
def test_what_slack_did_not_sign_just_now_changes_nothing(parts, desk, options) -> None:
    assert interact(desk, parts, "acknowledge", **options).status_code == 401
    assert {alert.acknowledged for alert in firing(parts)} == {None}


def test_a_group_that_is_gone_and_a_body_that_is_none_are_answered(parts, desk) -> None:
    assert interact(desk, parts, "acknowledge", value="gone").json() == {"done": 0}
    app, _, _ = press(desk, parts, "acknowledge")
    stamp = str(parts.clock.now_us() // SECOND)
    signed = hmac.new(b"hush", f"v0:{stamp}:x".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed}"}
    assert post("/v1/slack/interactions", (app, b"x", headers)).status_code == 400


def test_without_a_secret_nobody_is_listened_to(parts, door) -> None:
    deaf = door(lambda _: (answer_routes(parts.database, Secrets(None, None), parts.clock, lambda: None),))
    assert interact(deaf, parts, "acknowledge").status_code == 404


def test_an_incident_acknowledged_in_pagerduty_stops_the_escalation_here(make_parts, door) -> None:
    parts = make_parts(by_priority())
    parts.take(detected(severity="CRITICAL"))
    desk = door(lambda _: (answer_routes(parts.database, Secrets(None, "hush"), parts.clock, lambda: None),))
    event = {
        "event_type": "incident.acknowledged",
        "agent": {"summary": "Ada"},
        "data": {"incident_key": dedup_key(key_of(parts))},
    }
    body = json.dumps({"event": event}).encode()
    signature = "v1=" + hmac.new(b"hush", body, hashlib.sha256).hexdigest()
    assert post("/v1/pagerduty/events", (desk.app, body, {"X-PagerDuty-Signature": "v1=00"})).status_code == 401
    assert post("/v1/pagerduty/events", (desk.app, body, {"X-PagerDuty-Signature": signature})).json() == {"done": 1}
    assert firing(parts)[0].acknowledged.by == "pagerduty:Ada"
    with parts.database.read() as tx:
        assert escalations.due(tx, parts.clock.now_us() + 10_000 * SECOND, 10) == []
