"""The response on a real Kafka: decided windows in, a command out once, over a kill -9."""

import time

import pytest

from driftline import codec, topics
from driftline.broker.embedded import EmbeddedBroker
from driftline.events import Stage, StageChanged
from driftline.kafka.confluent import ConfluentCluster
from tests.integration.alerting_harness import Service, create_topics, read_topic, wait_for
from tests.unit.alerting.response.builders import DAY, MODEL, report

pytestmark = pytest.mark.integration

POLICY = f"models: {{{MODEL}: {{mode: auto, endpoint: flights-delay}}}}"


@pytest.fixture
def broker(tmp_path_factory):
    with EmbeddedBroker(tmp_path_factory.mktemp("kafka")) as broker:
        create_topics(broker.bootstrap)
        yield broker


def test_windows_lead_to_one_command_although_the_process_is_killed(broker, tmp_path) -> None:
    producer = ConfluentCluster.at(broker.bootstrap).producer()

    def say(topic: str, event: object, key: str) -> None:
        producer.produce(topics.name(topic), codec.encode(event), key=key.encode())
        producer.flush(10)

    def window(day: int) -> None:
        start = time.time_ns() // 1_000 // DAY * DAY + day * DAY
        say("windows", report(risk_score=95.0, start=start, end=start + DAY), f"{MODEL}/2//1 day/{start}")

    changed = StageChanged(
        model_id=MODEL, model_version="1", from_stage=Stage.STAGING, to_stage=Stage.PRODUCTION, reason="r", actor="a", at=1
    )
    say("governance", changed, MODEL)
    window(-9)  # before the first start: history is no reason to act
    policy = tmp_path / "response.yml"
    policy.write_text(POLICY, encoding="utf-8")
    with Service(broker.bootstrap, tmp_path / "alerting") as service:
        service.environment["DRIFTLINE_ALERTING_RESPONSE_POLICY"] = str(policy)
        service.start()
        wait_for(lambda: "response" in service.log or service.get("/v1/responses") == {"plans": []})
        window(-3)
        wait_for(lambda: len(service.get("/v1/responses/modes")["models"]) == 1, what="the first window")
        service.kill()
        window(-2)
        service.start()
        wait_for(lambda: len(service.get("/v1/responses", state="verifying")["plans"]) == 1, what="the plan")
        wait_for(lambda: len(read_topic(broker.bootstrap, "serving-commands")) == 2, what="the commands")
        service.kill()
        service.start()
        wait_for(lambda: len(service.get("/v1/responses")["plans"]) == 1, what="the plan after a restart")
        assert service.terminate() == 0
        commands = [event for _, event in read_topic(broker.bootstrap, "serving-commands")]
        assert [(one.action, one.traffic) for one in commands] == [("pause_predictions", {}), ("use_backup_model", {"1": 1.0})]
        steps = [event for _, event in read_topic(broker.bootstrap, "responses")]
        assert [one.sequence for one in steps] == list(range(1, len(steps) + 1))
        emergencies = [event for _, event in read_topic(broker.bootstrap, "health")]
        assert [one.kind for one in emergencies] == ["response_emergency"]
