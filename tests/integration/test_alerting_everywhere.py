"""One critical drift, told by every channel at once, and its end: the real service between a real Kafka and real sockets."""

import email
import email.policy
import json
import time

import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.events import NotificationSent, NotificationSuppressed
from driftline.kafka.confluent import ConfluentCluster
from tests.integration.alerting_harness import Service, create_topics, produce, read_topic, wait_for
from tests.integration.alerting_sinks import HttpSink, MailSink
from tests.unit.alerting.builders import cleared, detected
from tests.unit.alerting.channels.notices import ROUTING_KEY, schema

pytestmark = pytest.mark.integration
SECRETS = ("xoxb-hush", "sig=hush", ROUTING_KEY)


@pytest.fixture
def broker(tmp_path):
    with EmbeddedBroker(tmp_path / "kafka") as broker:
        create_topics(broker.bootstrap)
        yield broker


@pytest.fixture
def outside():
    """Slack, Teams and PagerDuty in one, and a relay."""

    def answer(request):
        if request.path.startswith("/slack"):
            return 200, {}, json.dumps({"ok": True, "channel": "C1", "ts": "1700000000.000100"}).encode()
        return 202, {}, b""

    with HttpSink(answer) as web, MailSink() as relay:
        yield web, relay


@pytest.fixture
def service(broker, outside, tmp_path):
    web, relay = outside
    with Service(broker.bootstrap, tmp_path / "alerting") as service:
        values = {
            "SLACK_BOT_TOKEN": "xoxb-hush",
            "SLACK_CHANNEL": "#alerts",
            "SLACK_API_URL": f"{web.url}/slack",
            "TEAMS_WEBHOOK_URL": f"{web.url}/teams?sig=hush",
            "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
            "PAGERDUTY_URL": f"{web.url}/pagerduty",
            "EMAIL_FROM": "mlops@example.com",
            "EMAIL_TO": "ml-team@example.com,data@example.com",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(relay.port),
            "SMTP_TLS": "none",
        }
        service.environment.update({f"DRIFTLINE_ALERTING_{name}": value for name, value in values.items()})
        yield service


def paths(web, name):
    return [request for request in web.requests if request.path.startswith(f"/{name}")]


def test_a_critical_drift_and_its_end_are_told_by_every_channel_also_over_a_restart(broker, outside, service) -> None:
    web, relay = outside
    service.start()
    producer = ConfluentCluster.at(broker.bootstrap).producer()
    produce(producer, detected(severity="CRITICAL", risk_score=91.0, slice="fiber_optic_customers"))
    producer.flush(10)
    wait_for(lambda: len(web.requests) == 3 and len(relay.mails) == 1, what="the four notifications")
    wait_for(lambda: len(service.get("/v1/notifications", state="sent")["notifications"]) == 4, what="the record")
    assert service.terminate() == 0

    service.start()
    produce(producer, cleared(slice="fiber_optic_customers"))
    producer.flush(10)
    wait_for(lambda: len(web.requests) == 7 and len(relay.mails) == 2, what="the four ends")
    wait_for(lambda: service.get("/v1/groups")["groups"] == [], what="the group to be forgotten")
    assert service.terminate() == 0

    slack, teams, pagerduty = (paths(web, name) for name in ("slack", "teams", "pagerduty"))
    assert [request.path for request in slack] == ["/slack/chat.postMessage", "/slack/chat.update", "/slack/chat.postMessage"]
    assert slack[0].body["text"].startswith("🚨 MLOps Alert: Feature drift detected: delay 1 in fiber_optic_customers")
    assert slack[1].body["ts"] == slack[2].body["thread_ts"] == "1700000000.000100"
    assert [request.body["event_action"] for request in pagerduty] == ["trigger", "resolve"]
    assert pagerduty[0].body["payload"]["severity"] == "critical"
    for name, requests in (("slack", slack), ("teams", teams), ("pagerduty", pagerduty)):
        for request in requests:
            schema(name).validate(request.body)
    first, last = (email.message_from_bytes(mail.content, policy=email.policy.default) for mail in relay.mails)
    assert last["In-Reply-To"] == first["Message-ID"]
    assert "temp psi = 1.25 (limit 0.2)" in first.get_body(("plain",)).get_content()

    events = [event for _, event in read_topic(broker.bootstrap, "notifications")]
    sent = [(event.channel, event.status) for event in events if isinstance(event, NotificationSent)]
    assert sorted(sent) == sorted(
        (name, status) for name in ("slack", "email", "teams", "pagerduty") for status in ("firing", "resolved")
    )
    assert not [event for event in events if isinstance(event, NotificationSuppressed)]
    assert "alerting starts" in service.log
    assert not [secret for secret in SECRETS if secret in service.log or secret in str(events)]


def test_one_channel_that_fails_and_one_that_asks_for_quiet_do_not_keep_the_others_from_telling(
    broker, outside, service
) -> None:
    web, relay = outside
    answer, asked = web.answer, []

    def troubled(request):
        if request.path.startswith("/teams"):
            return 500, {}, b""
        if request.path.startswith("/slack"):
            asked.append(time.monotonic())
            if len(asked) == 1:
                return 429, {"Retry-After": "2"}, b""
        return answer(request)

    web.answer = troubled
    service.start()
    producer = ConfluentCluster.at(broker.bootstrap).producer()
    produce(producer, detected(severity="CRITICAL"))
    producer.flush(10)
    wait_for(lambda: bool(paths(web, "pagerduty") and relay.mails), what="the two notifications without trouble")
    wait_for(lambda: len(asked) >= 2, what="the one that was asked to wait")
    assert 2.0 <= asked[1] - asked[0] < 3.0
    wait_for(lambda: len(paths(web, "teams")) >= 2, what="a second try")
    web.answer = answer
    wait_for(lambda: bool(service.get("/v1/notifications", state="sent", kind="teams")["notifications"]), what="the fourth")
    # What comes besides tells that the channel `teams` fails: another group.
    tries = [request.headers["x-ms-client-tracking-id"] for request in paths(web, "teams")]
    assert tries[0] in tries[1:]
    repeats = [request.body["metadata"]["event_payload"]["notification_id"] for request in paths(web, "slack")]
    assert repeats[0] in repeats[1:]
    assert service.terminate() == 0
