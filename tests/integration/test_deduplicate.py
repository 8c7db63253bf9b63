"""`deduplicate: id` on a real broker: a new process refuses what the one before it counted, behind what a producer took back."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from driftline.clock import SystemClock
from driftline.codec import decode, encode
from driftline.events import DeadLetter, Deduplicate, Prediction, ProfileSet
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
from tests.chaos.traffic import BASELINE, MONITOR, PARTITIONS, PREDICTIONS, START

pytestmark = pytest.mark.integration
ROWS = 500


def prediction(i: int) -> Prediction:
    features: dict[str, float | str | None] = {"wind": 1.0, "origin": "EWR"}
    return Prediction(
        model_id="flights",
        model_version="7",
        prediction_id=f"f-{i}",
        event_time=START + i,
        prediction="late",
        features=features,
    )


class Place:
    """A broker with a monitor that wants each id once."""

    def __init__(self, bootstrap: str) -> None:
        self.kafka = ConfluentCluster.at(bootstrap)
        self.kafka.admin().create([NewTopic(t.name, t.partitions, t.config) for t in catalogue().values()])
        self.producer = self.kafka.producer()
        for topic, event in (("baselines", BASELINE), ("monitors", replace(MONITOR, deduplicate=Deduplicate.ID))):
            self.producer.produce(topic_name(topic), encode(event), key=b"k", partition=0)
            self.producer.flush(10)

    def send(self, *, taken_back: bool = False) -> None:
        producer = self.kafka.transactional_producer("a-producer")
        producer.init_transactions()
        producer.begin()
        for i in range(ROWS):
            event = prediction(i)
            producer.produce(PREDICTIONS, encode(event), partition=partition_for(event.prediction_id.encode(), PARTITIONS))
        producer.flush(30)
        if taken_back:
            producer.abort()
        else:
            producer.commit()
        producer.close()

    def read(self, loop: BatchLoop) -> None:
        """Step until everything is committed."""
        loop.start()
        reader = self.kafka.consumer()
        ends = reader.ends([TopicPartition(PREDICTIONS, p) for p in range(PARTITIONS)])
        reader.close()
        while not self._committed(ends):
            loop.step()
        loop.drain()

    def _committed(self, ends: dict[TopicPartition, int]) -> bool:
        try:
            done = self.kafka.admin().group_offsets(Stage.PROFILE.group)
        except KafkaUnavailable:
            return False
        return all(done.get(place, 0) >= end for place, end in ends.items())

    def told(self, topic: str, partitions: int) -> list[object]:
        reader = self.kafka.consumer(start_at=StartAt.EARLIEST)
        places = [TopicPartition(topic_name(topic), p) for p in range(partitions)]
        ends = reader.ends(places)
        reader.assign(dict.fromkeys(places, 0))
        found: list[object] = []
        while any(reader.positions(places).get(place, 0) < end for place, end in ends.items()):
            found += [decode(message.value() or b"") for message in reader.consume(1000, 0.2)]
        reader.close()
        return found


def test_a_new_process_refuses_what_the_one_before_it_counted_within_the_hour(own_broker, tmp_path):
    own_broker.start()
    place = Place(own_broker.bootstrap)
    settings = Settings(data_dir=tmp_path, instance_id="a", http_port=0)
    place.send()
    place.send(taken_back=True)
    for _ in range(2):
        surroundings = Surroundings(SystemClock(), Health(), LoopMetrics(CollectorRegistry()))
        place.read(make_loop(Stage.PROFILE, settings, look_around(place.kafka), surroundings))
        place.send()
        place.send(taken_back=True)
    sets = [each for each in place.told("profiles", 4) if isinstance(each, ProfileSet)]
    assert sum(pane.rows for each in sets for pane in each.panes) == ROWS
    dead = [each for each in place.told("dead-letters", catalogue()["dead-letters"].partitions) if isinstance(each, DeadLetter)]
    assert [each.reason for each in dead] == ["duplicate_id"] * ROWS
