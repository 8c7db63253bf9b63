"""The census over a store filled from the twin."""

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import ModelRegistered, ModelVersionRegistered
from driftline.kafka.memory import MemoryCluster
from driftline.runtime.preflight import new_topic
from driftline.runtime.topic_cache import open_engine
from services.governance import metrics
from services.governance.adapters.journal import TOPICS, Journal
from services.governance.consumer import Desk
from services.governance.jobs import EVERY_US, Census
from services.governance.store import Store


def test_the_gauges_follow_what_is_registered_and_not_more_often_than_needed(tmp_path):
    clock = ManualClock(1)
    cluster = MemoryCluster(clock)
    cluster.admin().create([new_topic(topics.catalogue()[name]) for name in TOPICS])
    store = Store(open_engine(f"sqlite:///{tmp_path / 'governance.db'}"))
    desk = Desk(Journal(cluster, clock), store)
    desk.open()
    census = Census(store, clock)
    assert census.take_if_due()
    assert metrics.MODELS._value.get() == 0

    producer = cluster.producer()
    for event in (
        ModelRegistered(model_id="m", description="", owner="", tags={}, actor="a", at=1),
        ModelVersionRegistered(model_id="m", model_version="1", description="", tags={}, actor="a", at=1),
    ):
        producer.produce(topics.name("governance"), codec.encode(event), key=b"m")
    producer.flush(1)
    desk.step()
    assert not census.take_if_due()
    clock.advance(EVERY_US)
    assert census.take_if_due()
    assert metrics.MODELS._value.get() == 1
    assert metrics.VERSIONS.labels(stage="DEVELOPMENT")._value.get() == 1
    assert metrics.MONITORS.labels(state="FAILED")._value.get() == 0
