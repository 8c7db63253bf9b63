"""The reference adapter on the in-memory Kafka, with the response in front of it: a rollback changes the traffic."""

from collections import Counter

import pytest

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import ServingCommand, ServingObserved
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import TopicPartition
from driftline.runtime.preflight import new_topic
from examples.serving.adapter import Adapter
from examples.serving.router import Paused, Router
from tests.unit.alerting.response.builders import MODEL, policy
from tests.unit.services.alerting.response.house import House
from tests.unit.services.alerting.response.test_responder import AGREE

IDS = [f"p{number}" for number in range(200)]


def command(revision=1, **changes) -> ServingCommand:
    values = {
        "idempotency_key": f"k{revision}",
        "model_id": MODEL,
        "endpoint": "flights-delay",
        "revision": revision,
        "paused": False,
        "traffic": {},
        "action": "rollback_model",
        "plan_id": "rsp_1",
        "reason": "r",
        "actor": "driftline",
        "at": 1,
    }
    return ServingCommand(**{**values, **changes})


@pytest.fixture
def router():
    found = Router(MODEL, "flights-delay", {"2": 1.0})
    found.load("1")
    return found


def served(router):
    return Counter(router.version_for(one) for one in IDS)


def test_a_command_holds_until_a_later_one(router):
    assert router.apply(command(2, model_version="1", traffic={"1": 1.0}))
    assert served(router) == {"1": 200}
    assert not router.apply(command(1, paused=True))
    assert not router.apply(command(2, paused=True))
    assert served(router) == {"1": 200}
    assert router.apply(command(3))
    assert served(router) == {"2": 200}


def test_a_command_for_another_endpoint_is_not_obeyed(router):
    assert not router.apply(command(endpoint="flights-delay-2", paused=True))
    assert served(router) == {"2": 200}


def test_a_pause_answers_nobody(router):
    router.apply(command(paused=True))
    with pytest.raises(Paused):
        router.version_for("p1")


def test_a_version_that_is_not_loaded_does_not_serve_and_that_is_said(router):
    router.apply(command(model_version="0", traffic={"0": 1.0}))
    said = router.observed(1)
    assert (said.revision, said.traffic) == (0, {"2": 1.0})
    assert said.error == "revision 1: version 0 is not loaded"


def test_shares_are_kept_and_an_id_stays_with_its_version():
    router = Router(MODEL, "e", {"2": 0.8, "3": 0.2})
    assert 20 < served(router)["3"] < 60
    assert served(router) == served(router)


def test_work_is_asked_for_once(router):
    router.apply(command(1, request="retrain_model"))
    router.apply(command(1, request="retrain_model"))
    assert router.requests == ["retrain_model"]


@pytest.fixture
def cluster():
    found = MemoryCluster(ManualClock(1))
    found.admin().create([new_topic(topics.catalogue()[name]) for name in ("serving-commands", "serving-status")])
    return found


def test_a_rollback_changes_the_traffic_and_counts_only_once_it_does(tmp_path, cluster, router):
    house = House(tmp_path, policy())
    house.promote("1", at=1)
    house.window(95, measures=AGREE)
    house.work()
    assert served(router) == {"2": 200}

    producer = cluster.producer()
    for made in house.commands():
        producer.produce(topics.name("serving-commands"), codec.encode(made), key=MODEL.encode())
    producer.flush(1)
    adapter = Adapter(cluster, {MODEL: router}, ManualClock(5))
    assert adapter.step(0) == 2
    assert served(router) == {"1": 200}, "the rollback is in effect"

    consumer = cluster.consumer()
    consumer.assign({TopicPartition(topics.name("serving-status"), 0): 0})
    *_, last = (codec.decode(message.value() or b"") for message in consumer.consume(10, 0))
    assert isinstance(last, ServingObserved)
    house.window(10, version="1")
    house.window(10, version="1")
    house.work()
    assert house.states()[-1] == "verifying"
    house.read("serving-status", last)
    house.work()
    assert house.states()[-1] == "effective"
    house.close()
