"""The alerting process on a real Kafka: what a person, a receiver and the other services see of it."""

import time

import httpx
import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.errors import KafkaFailure
from tests.integration.alerting_harness import (
    TOPICS,
    Receiver,
    Service,
    create_topics,
    delete_topics,
    produce,
    read_topic,
    wait_for,
)
from tests.unit.alerting.builders import cleared, detected, health_opened

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def module_broker(tmp_path_factory):
    """One broker for this file: the names of the topics are fixed, and one test freezes it."""
    with EmbeddedBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def broker(module_broker):
    create_topics(module_broker.bootstrap)
    yield module_broker
    delete_topics(module_broker.bootstrap)


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def service(broker, receiver, tmp_path):
    with Service(broker.bootstrap, tmp_path / "alerting") as service:
        service.environment["DRIFTLINE_ALERTING_WEBHOOK_URL"] = receiver.url
        yield service


def test_a_drift_event_is_told_once_resolved_once_and_recorded(broker, receiver, service) -> None:
    service.start()
    producer = ConfluentCluster.at(broker.bootstrap).producer()
    cause = produce(producer, detected(severity="HIGH", risk_score=75.5))
    producer.flush(10)
    wait_for(lambda: len(receiver.hooks) == 1, what="the notification")
    body = receiver.hooks[0].body
    assert (body["status"], body["source"], body["version"]) == ("firing", "mlops_monitoring", "1.0")
    assert body["alert_data"]["risk_score"] == 75.5
    (alert,) = service.get("/v1/alerts", status="firing")["alerts"]
    assert service.get(f"/v1/alerts/{alert['fingerprint']}")["notifications"]

    produce(producer, cleared())
    producer.flush(10)
    wait_for(lambda: len(receiver.hooks) == 2, what="the end")
    assert receiver.hooks[1].body["status"] == "resolved"
    wait_for(lambda: service.get("/v1/groups")["groups"] == [], what="the group to be forgotten")
    assert service.terminate() == 0

    told = [(event.source_event_id, type(event).__name__) for _, event in read_topic(broker.bootstrap, "alerts")]
    assert told[0] == (cause, "AlertFired")
    assert [name for _, name in told] == ["AlertFired", "AlertResolved"]
    notifications = [event for _, event in read_topic(broker.bootstrap, "notifications")]
    sent = [event.notification_id for event in notifications if type(event).__name__ == "NotificationSent"]
    assert sent == [hook.id for hook in receiver.hooks]
    suppressed = {event.channel for event in notifications if type(event).__name__ == "NotificationSuppressed"}
    assert suppressed == {"slack", "email", "teams"}
    assert sorted(ConfluentCluster.at(broker.bootstrap).admin().topic_names()) == sorted(f"driftline.{name}" for name in TOPICS)


def test_http_wants_a_token_and_shows_health_and_metrics_without(service) -> None:
    service.start()
    base = f"http://127.0.0.1:{service.port}"
    refused = httpx.get(f"{base}/v1/alerts")
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert httpx.get(f"{base}/healthz").status_code == 200
    metrics = httpx.get(f"{base}/metrics").text
    assert 'driftline_alerting_alerts_active{priority="critical"}' in metrics
    assert "driftline_alerting_outbox_age_seconds" in metrics
    missing = httpx.get(f"{base}/v1/alerts/none", headers={"Authorization": f"Bearer {service.token}"})
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_alert")


def test_sigterm_ends_it_at_once_with_0(service) -> None:
    service.start()
    began = time.monotonic()
    assert service.terminate() == 0
    assert time.monotonic() - began < 10


def test_a_missing_topic_is_said_and_it_does_not_start(module_broker, tmp_path) -> None:
    with Service(module_broker.bootstrap, tmp_path / "alerting") as service:
        service.start(wait=False)
        assert service.process is not None
        assert service.process.wait(60) == 2
        assert "driftline.drift-events" in service.log
        assert "driftline topics apply" in service.log
        assert "Traceback" not in service.log


def test_a_second_replica_on_sqlite_refuses_to_start(broker, service) -> None:
    service.start()
    assert "one replica of alerting runs" in service.log
    with Service(broker.bootstrap, service.folder, token=service.token) as second:
        second.start(wait=False)
        assert second.process is not None
        assert second.process.wait(60) == 2
    assert "with SQLite one replica runs" in service.log


def test_an_empty_database_tells_of_open_episodes_only(broker, receiver, service) -> None:
    producer = ConfluentCluster.at(broker.bootstrap).producer()
    for number in range(20):
        produce(producer, detected(model_id=f"m{number}", episode_id=f"e{number}"))
        if number % 2:
            produce(producer, cleared(model_id=f"m{number}", episode_id=f"e{number}"))
    produce(producer, health_opened(labels={"model_id": "sick"}))
    producer.flush(10)
    service.start()
    wait_for(lambda: len(receiver.hooks) >= 11, what="the notifications")
    assert service.terminate() == 0
    told = {hook.body["alert_data"]["model_name"] for hook in receiver.hooks}
    assert told == {f"m{number}" for number in range(0, 20, 2)} | {"sick"}
    before = {(hook.id, hook.body["groupKey"]) for hook in receiver.hooks}
    events = {event_id for event_id, _ in read_topic(broker.bootstrap, "alerts")}
    assert len(events) == 11

    for file in service.folder.glob("alerting.db*"):
        file.unlink()
    receiver.hooks.clear()
    service.start()
    wait_for(lambda: len(receiver.hooks) >= 11, what="the notifications again")
    assert service.terminate() == 0
    assert {(hook.id, hook.body["groupKey"]) for hook in receiver.hooks} == before
    assert {event_id for event_id, _ in read_topic(broker.bootstrap, "alerts")} == events


def test_a_channel_that_is_away_gets_everything_once_it_is_back(broker, receiver, service) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "1"})
    service.start()
    producer = ConfluentCluster.at(broker.bootstrap).producer()
    produce(producer, detected())
    producer.flush(10)
    wait_for(lambda: len(receiver.attempts) >= 2, what="a second try")
    receiver.answer = lambda _: (202, {})
    wait_for(lambda: len(receiver.hooks) == 1, what="the notification")
    assert set(receiver.attempts) == {receiver.hooks[0].id}
    (row,) = service.get("/v1/notifications", kind="webhook")["notifications"]
    assert (row["state"], row["response_code"]) == ("sent", 202)


def test_the_broker_away_holds_events_back_and_loses_none(broker, receiver, service) -> None:
    service.start()
    producer = ConfluentCluster.at(broker.bootstrap).producer()
    produce(producer, detected())
    producer.flush(10)
    wait_for(lambda: len(receiver.hooks) == 1, what="the notification")
    broker.freeze()
    time.sleep(12)
    broker.thaw()
    produce(producer, detected(model_id="later", episode_id="later"))
    producer.flush(30)
    wait_for(lambda: len(receiver.hooks) == 2, seconds=60, what="the notification after the pause")
    wait_for(lambda: _ids(broker, "alerts") == 2, seconds=60, what="both events")
    assert service.terminate() == 0


def _ids(broker, topic):
    try:
        return len({event_id for event_id, _ in read_topic(broker.bootstrap, topic)})
    except KafkaFailure:  # a broker that was away has no leaders for a moment
        return -1
