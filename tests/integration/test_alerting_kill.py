"""SIGKILL at random, again and again: nothing is lost, nothing is told under two ids."""

import json
import os
import random
import threading
import time
from collections import Counter

import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.confluent import ConfluentCluster
from tests.integration.alerting_harness import Receiver, Service, create_topics, produce, read_topic, wait_for
from tests.unit.alerting.builders import cleared, detected

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(900)]

MODELS = int(os.environ.get("DRIFTLINE_TEST_ALERTS", "150"))
KILLS = int(os.environ.get("DRIFTLINE_TEST_KILLS", "3"))
"""Kills in each of the two halves: while alerts begin, and while they end."""


def half(service, bootstrap, events, rate, seed) -> None:
    """Produce events at a rate while the service is killed at random moments, and leave it running."""
    cluster = ConfluentCluster.at(bootstrap)
    chance = random.Random(seed)

    def write() -> None:
        producer = cluster.producer()
        for event in events:
            produce(producer, event)
            producer.poll(0)
            time.sleep(1 / rate)
        assert producer.flush(30) == 0

    writer = threading.Thread(target=write)
    writer.start()
    for kill in range(KILLS):
        if kill % 3 == 2:  # while it starts: inside the reading of history, or while Faust joins its group
            time.sleep(chance.uniform(1, 4))
        else:
            service.wait_ready(120)
            time.sleep(chance.uniform(0, 1.5))
        service.kill()
        service.start(wait=False)
    writer.join()
    service.wait_ready(120)


def test_every_alert_is_told_once_per_state_through_sigkill(tmp_path) -> None:
    with EmbeddedBroker(tmp_path / "kafka") as broker, Receiver() as receiver:
        create_topics(broker.bootstrap)
        with Service(broker.bootstrap, tmp_path / "alerting") as service:
            service.environment["DRIFTLINE_ALERTING_WEBHOOK_URL"] = receiver.url
            service.start()
            names = [f"model.{number}" for number in range(MODELS)]
            half(service, broker.bootstrap, [detected(model_id=name, episode_id=name) for name in names], 30, seed=1)
            wait_for(lambda: firing(receiver) == set(names), 120, "all alerts to be told")
            half(service, broker.bootstrap, [cleared(model_id=name, episode_id=name) for name in names], 30, seed=2)
            wait_for(lambda: resolved(receiver) == set(names), 120, "all ends to be told")
            wait_for(lambda: service.get("/v1/groups")["groups"] == [], 60, "the groups to be forgotten")
            assert service.terminate() == 0

        ids: dict[str, set[str]] = {}
        bodies: dict[str, str] = {}
        for hook in receiver.hooks:
            ids.setdefault(f"{hook.body['alert_data']['model_name']} {hook.body['status']}", set()).add(hook.id)
            assert bodies.setdefault(hook.id, json.dumps(hook.body)) == json.dumps(hook.body)
        assert {len(one) for one in ids.values()} == {1}, "a state was told under two ids"
        assert len(ids) == 2 * MODELS

        events = read_topic(broker.bootstrap, "alerts")
        kinds = Counter(type(event).__name__ for event in dict(events).values())
        assert kinds == {"AlertFired": MODELS, "AlertResolved": MODELS}
        notes = read_topic(broker.bootstrap, "notifications")
        sent = [event for event in dict(notes).values() if type(event).__name__ == "NotificationSent"]
        assert Counter(event.notification_id for event in sent) == Counter(bodies.keys())
        print(
            f"{2 * KILLS} kills, {2 * MODELS} events: {len(receiver.hooks) - len(bodies)} webhooks repeated under their id, "
            f"{len(events) - len(dict(events))} alert events and {len(notes) - len(dict(notes))} notification events repeated"
        )


def firing(receiver) -> set[str]:
    return {hook.body["alert_data"]["model_name"] for hook in list(receiver.hooks) if hook.body["status"] == "firing"}


def resolved(receiver) -> set[str]:
    return {hook.body["alert_data"]["model_name"] for hook in list(receiver.hooks) if hook.body["status"] == "resolved"}
