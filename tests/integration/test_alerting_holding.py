"""Silences, inhibition and a YAML in the alerting process on a real Kafka, through a kill."""

import json
import os
import subprocess
import sys

import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.tokens import create_token
from tests.integration.alerting_harness import (
    ROOT,
    Receiver,
    Service,
    create_topics,
    produce,
    read_topic,
    wait_for,
)
from tests.unit.alerting.builders import cleared, detected, health_cleared, health_opened

pytestmark = pytest.mark.integration

CONFIG = """
route:
  receiver: hook
  group_by: [model_id, alertname]
inhibit_rules:
  - source_matchers: [kind="stalled_partition"]
    target_matchers: [alertname="drift_detection"]
    equal: [model_id]
receivers:
  - name: hook
    webhook_configs: [{url: "%s"}]
"""


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def service(receiver, tmp_path):
    folder = tmp_path / "alerting"
    folder.mkdir()
    config = tmp_path / "alerts.yml"
    config.write_text(CONFIG % receiver.url, encoding="utf-8")
    with EmbeddedBroker(tmp_path / "kafka") as broker:
        create_topics(broker.bootstrap)
        token = create_token(folder / "tokens.json", "ann", ["operator"])
        with Service(broker.bootstrap, folder, token=token) as service:
            service.environment["DRIFTLINE_ALERTING_CONFIG"] = str(config)
            yield service


def command(service, *words):
    environment = {**os.environ, "DRIFTLINE_TOKEN": service.token, "DRIFTLINE_ALERTING_URL": f"http://127.0.0.1:{service.port}"}
    done = subprocess.run(
        [sys.executable, "-m", "driftline.cli", "alert", *words, "--json"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode < 2, done.stderr
    return json.loads(done.stdout)


def test_what_is_held_back_is_told_when_that_has_passed_also_after_a_kill(receiver, service) -> None:
    service.start()
    producer = ConfluentCluster.at(service.bootstrap).producer()

    def tell(*events):
        for event in events:
            produce(producer, event)
        producer.flush(10)

    def suppressed():
        told = service.get("/v1/notifications", state="suppressed")["notifications"]
        return sorted(one["group_key"].partition("model_id=")[2] for one in told)

    def hooks():
        return [(hook.body["status"], hook.body["alert_data"]["model_name"]) for hook in receiver.hooks]

    silence = command(service, "silences", "add", "model_id=shop.churn", "--for", "2h", "--comment", "retraining")
    tell(health_opened())
    wait_for(lambda: len(hooks()) == 1, what="the cause")
    tell(detected(), detected(model_id="shop.churn", episode_id="b"), detected(model_id="bank.fraud", episode_id="c"))
    wait_for(lambda: len(suppressed()) == 2, what="the two that are held back to be recorded")
    wait_for(lambda: len(hooks()) == 2, what="the third to be told")
    assert hooks()[1] == ("firing", "bank.fraud")
    assert suppressed() == ['"flights.delay"}', '"shop.churn"}']

    service.kill()
    service.start()
    command(service, "silences", "end", silence["silence_id"])
    wait_for(lambda: ("firing", "shop.churn") in hooks(), what="what was silenced")
    assert ("firing", "flights.delay") not in hooks()[1:]
    tell(health_cleared())
    wait_for(lambda: ("firing", "flights.delay") in hooks()[1:], what="what was inhibited")

    command(service, "silences", "add", "model_id=flights.delay", "--for", "2h", "--comment", "known")
    tell(cleared())
    wait_for(lambda: hooks().count(("resolved", "flights.delay")) == 2, what="the ends of the cause and of its effect")
    reasons = [event.reason for _, event in read_topic(service.bootstrap, "notifications") if hasattr(event, "suppressed_at")]
    assert sorted(reasons) == ["inhibited", "silenced"]
    assert service.terminate() == 0
