"""Stage join on a real broker: what a rebuild knows, with transactions of producers that were aborted in between."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from prometheus_client import REGISTRY, CollectorRegistry
from structlog.testing import capture_logs

from driftline.broker.embedded import EmbeddedBroker
from driftline.clock import SystemClock
from driftline.codec import decode, encode
from driftline.drift.profile import Profile
from driftline.events import Label, PaneProfile, Part, Prediction, ProfileSet
from driftline.kafka.configuration import StartAt
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.errors import KafkaUnavailable
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.health import Health
from driftline.runtime.loop import BatchLoop, Surroundings
from driftline.runtime.metrics import LoopMetrics
from driftline.topics import catalogue
from driftline.topics import name as topic_name
from services.drift.app import look_around, make_loop
from services.drift.settings import Settings, Stage
from tests.chaos.counted import LAYOUT
from tests.chaos.traffic import BASELINE, HOUR, LABELS, MONITOR, PARTITIONS, PREDICTIONS, START

pytestmark = pytest.mark.integration
ROWS = 2000


def prediction(i: int) -> Prediction:
    return Prediction(
        model_id="flights",
        model_version="7",
        prediction_id=f"f-{i}",
        event_time=START + i,
        prediction="late" if i % 2 else "on time",
        score=0.5,
        features={"wind": 1.0, "origin": "EWR"},
    )


def label(i: int) -> Label:
    lag = 0 if i % 4 else 3 * HOUR
    return Label(model_id="flights", prediction_id=f"f-{i}", label_time=START + i + lag, label="late")


class Place:
    """A broker with a monitor on it."""

    def __init__(self, broker: EmbeddedBroker, folder: Path) -> None:
        broker.start()
        self.folder = folder
        self.kafka = ConfluentCluster.at(broker.bootstrap)
        self.kafka.admin().create([NewTopic(t.name, t.partitions, t.config) for t in catalogue().values()])
        self.producer = self.kafka.producer()
        self.put("baselines", BASELINE, 0)
        self.put("monitors", MONITOR, 0)

    def put(self, topic: str, event: object, partition: int) -> None:
        self.producer.produce(topic_name(topic), encode(event), key=b"k", partition=partition)
        self.producer.flush(10)

    def send(self, topic: str, events: list[Prediction] | list[Label]) -> None:
        for event in events:
            home = partition_for(event.prediction_id.encode(), PARTITIONS)
            self.producer.produce(topic, encode(event), key=event.prediction_id.encode(), partition=home)
        assert self.producer.flush(30) == 0

    def send_and_abort(self, topic: str, events: list[Label]) -> None:
        producer = self.kafka.transactional_producer("a-producer")
        producer.init_transactions()
        producer.begin()
        for event in events:
            producer.produce(topic, encode(event), partition=partition_for(event.prediction_id.encode(), PARTITIONS))
        producer.flush(10)
        producer.abort()
        producer.close()

    def loop(self) -> BatchLoop:
        settings = Settings(data_dir=self.folder, instance_id="a", http_port=0)
        surroundings = Surroundings(SystemClock(), Health(), LoopMetrics(CollectorRegistry()))
        return make_loop(Stage.JOIN, settings, look_around(self.kafka), surroundings)

    def caught_up(self) -> bool:
        try:
            done = self.kafka.admin().group_offsets(Stage.JOIN.group)
        except KafkaUnavailable:
            return False  # the coordinator of a broker that has just begun
        reader = self.kafka.consumer()
        ends = reader.ends([TopicPartition(t, p) for t in (PREDICTIONS, LABELS) for p in range(PARTITIONS)])
        reader.close()
        return all(done.get(place, 0) >= end for place, end in ends.items())

    def panes(self) -> Iterator[PaneProfile]:
        """All that was counted of labels."""
        reader = self.kafka.consumer(start_at=StartAt.EARLIEST)
        places = [TopicPartition(topic_name("profiles"), p) for p in range(4)]
        ends = reader.ends(places)
        reader.assign(dict.fromkeys(places, 0))
        while any(reader.positions(places).get(place, 0) < end for place, end in ends.items()):
            for message in reader.consume(1000, 0.2):
                event = decode(message.value() or b"")
                if isinstance(event, ProfileSet):
                    yield from event.panes
        reader.close()

    def pairs(self) -> Counter[Part]:
        found: Counter[Part] = Counter()
        for pane in self.panes():
            found[pane.part] += pane.rows
        return found

    def outcomes(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for pane in self.panes():
            matrix = LAYOUT.pairs.confusion(Profile.from_event(LAYOUT, pane).cells)
            found.update(dict(zip(LAYOUT.classes, matrix.sum(axis=0).tolist(), strict=False)))
        return found


def test_a_process_that_dies_is_followed_by_one_that_knows_what_was_committed(own_broker, tmp_path):
    place = Place(own_broker, tmp_path)
    place.send(PREDICTIONS, [prediction(i) for i in range(ROWS)])
    place.send_and_abort(LABELS, [label(i) for i in range(ROWS)])
    place.send(LABELS, [label(i) for i in range(0, ROWS, 2)])
    first = place.loop()
    first.start()
    while not place.caught_up():
        first.step()
    place.send(LABELS, [label(i) for i in range(1, ROWS, 2)])
    first._handler.handle(first._consumer.consume(1000, 5.0), 0)
    first.abandon()

    second = place.loop()
    second.start()
    while not place.caught_up():
        second.step()
    second.drain()
    assert place.pairs() == {Part.IN_TIME: ROWS * 3 // 4, Part.LATER: ROWS // 4}
    assert (REGISTRY.get_sample_value("driftline_drift_join_rebuild_seconds") or 0) > 0

    third = place.loop()
    place.send(LABELS, [replace(label(i), label="on time") for i in range(0, ROWS, 4)])
    structlog.reset_defaults()
    with capture_logs() as said:
        third.start()
        while not place.caught_up():
            third.step()
    third.drain()
    assert [line["rows"] for line in said if line["event"] == "remembered from the cache"] == [ROWS]
    assert not [line for line in said if line["event"] == "rebuilding"]  # the disk had everything
    assert place.pairs() == {Part.IN_TIME: ROWS * 3 // 4, Part.LATER: ROWS // 4}
    assert place.outcomes() == {"late": ROWS * 3 // 4, "on time": ROWS // 4}
