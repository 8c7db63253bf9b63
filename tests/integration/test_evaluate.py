"""Stage evaluate on a real Kafka: windows closed, state restored by a second instance, the transaction that never ends."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry

from driftline.clock import SystemClock
from driftline.codec import decode, encode
from driftline.drift.windows import Rules
from driftline.events import DriftDetected, Group, ProfileSet, WindowReport
from driftline.kafka.configuration import StartAt
from driftline.kafka.ports import TopicPartition
from driftline.runtime.health import Health
from driftline.runtime.loop import BatchLoop, Surroundings
from driftline.runtime.metrics import LoopMetrics
from services.drift.evaluate.cache import StateCache
from services.drift.evaluate.handler import EvaluateHandler, EvaluateTopics, StateWithoutOffsets
from services.drift.evaluate.states import States
from tests.unit.drift.windows.building import HOUR, MINUTE, MONITOR, START, Feed, book_of, change

pytestmark = pytest.mark.integration
HOURLY = change(MONITOR, granularities=("1 hour",), alert_on="1 hour", labels=False)


class Writer(Feed):
    """Stage 1: every transaction goes to the topic `profiles`."""

    def __init__(self, producer, topic):
        super().__init__(None, HOURLY)  # type: ignore[arg-type]
        self.producer, self.topic, self.open = producer, topic, []

    def send(self, record):
        self.open.append(record)
        if not isinstance(record, ProfileSet):
            self.producer.begin()
            for one in self.open:
                self.producer.produce(self.topic, encode(one), key=b"m", partition=0)
            self.producer.commit()
            self.open = []


class Rig:
    def __init__(self, kafka, make_topic, prefix):
        self.kafka, self.prefix = kafka, prefix
        self.profiles = make_topic("profiles")
        self.states = make_topic("states", 1, **{"cleanup.policy": "compact"})
        self.topics = EvaluateTopics(*(make_topic(name) for name in ("windows", "drift", "status", "health")))
        producer = kafka.cluster.transactional_producer(prefix + "stage1")
        producer.init_transactions()
        self.writer = Writer(producer, self.profiles)
        self.book = book_of(HOURLY, append_time=1)
        self.registry = CollectorRegistry()
        self.surroundings = Surroundings(SystemClock(), Health(), LoopMetrics(self.registry))

    def loop(self, name: str, cache: StateCache | None = None) -> BatchLoop:
        source = ("predictions", 0)
        states = States(self.kafka.cluster.consumer(), self.states, "T", cache)
        handler = EvaluateHandler(
            Rules(self.book),
            states,
            {Group.PROFILE: [source], Group.JOIN: [source, ("labels", 0)]},
            instance=name,
            partitions=1,
            refresh=lambda: None,
            topics=self.topics,
        )
        loop = BatchLoop(
            "evaluate",
            handler,
            consumer=self.kafka.cluster.consumer(self.prefix + "evaluate", instance_id=name),
            producer=self.kafka.cluster.transactional_producer(f"{self.prefix}evaluate-{name}"),
            topics=[self.profiles],
            surroundings=self.surroundings,
        )
        loop.start()
        return loop

    def told(self, topic):
        consumer = self.kafka.cluster.consumer(start_at=StartAt.EARLIEST)
        consumer.assign({TopicPartition(topic, 0): 0})
        end = consumer.watermarks(TopicPartition(topic, 0)).end
        found = []
        while consumer.positions([TopicPartition(topic, 0)]).get(TopicPartition(topic, 0), 0) < end:
            found += [decode(message.value()) for message in consumer.consume(100, 0.5)]
        consumer.close()
        return found

    def run(self, loop, seconds: float, until=lambda: False):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not until():
            loop.step()


@pytest.fixture
def rig(kafka, make_topic, topic_prefix):
    return Rig(kafka, make_topic, topic_prefix)


def test_a_second_instance_goes_on_with_the_state_of_the_first(rig, tmp_path):
    rig.writer.rows(START, {"AA": 300})
    first = rig.loop("a", StateCache(tmp_path / "a.sqlite"))
    rig.run(first, 20, until=lambda: rig.surroundings.metrics.transactions.labels("evaluate", "committed")._value.get() >= 2)
    first.drain()
    rig.writer.rows(START + 65 * MINUTE, {"AA": 5})
    second = rig.loop("a")
    rig.run(second, 20, until=lambda: len(rig.told(rig.topics.windows)) > 0)
    second.drain()
    (report,) = rig.told(rig.topics.windows)
    (event,) = rig.told(rig.topics.drift_events)
    assert isinstance(report, WindowReport)
    assert isinstance(event, DriftDetected)
    assert (report.n, report.exact, event.n) == (300, True, 300)


def test_offsets_that_were_deleted_are_noticed(rig):
    from confluent_kafka import ConsumerGroupTopicPartitions
    from confluent_kafka import TopicPartition as Place
    from confluent_kafka.admin import AdminClient

    rig.writer.rows(START, {"AA": 300})
    rig.writer.rows(START + 2 * HOUR, {"AA": 5})
    loop = rig.loop("a")
    rig.run(loop, 20, until=lambda: len(rig.told(rig.topics.windows)) > 0)
    loop.drain()
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    group = rig.prefix + "evaluate"
    moved = ConsumerGroupTopicPartitions(group, [Place(rig.profiles, 0, 0)])
    deadline = time.monotonic() + 30
    while any(place.error for place in admin.alter_consumer_group_offsets([moved])[group].result().topic_partitions):
        assert time.monotonic() < deadline  # a static member keeps the group alive until its session ends
        time.sleep(1)
    again = rig.loop("a")
    with pytest.raises(StateWithoutOffsets, match="reset-offsets"):
        rig.run(again, 20)
    again.abandon()
