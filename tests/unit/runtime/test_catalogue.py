import dataclasses
import json

import pytest

from driftline.clock import ManualClock
from driftline.codec import encode, fingerprint
from driftline.drift.baseline import fit_baseline
from driftline.events import ColumnKind as Kind
from driftline.events import MonitorColumn, SchemaRegistered
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.runtime.catalogue import TOPICS, Catalogue, CatalogueBehind
from driftline.schemas import avro_schema
from driftline.topics import name
from tests.builders import monitor_of

BASELINE = fit_baseline("m", {"x": [1.0, 2.0]}, {"x": Kind.NUMERIC})
MONITOR = monitor_of(columns=(MonitorColumn(name="x", kind=Kind.NUMERIC),), baseline_id=BASELINE.baseline_id)
SCHEMA = {"type": "record", "name": "Mine", "fields": [{"name": "x", "type": "double"}]}
NOW = 1_000_000_000


class World:
    def __init__(self):
        self.clock = ManualClock(NOW)
        self.cluster = MemoryCluster(self.clock)
        self.cluster.admin().create([NewTopic(name(topic), 1) for topic in TOPICS])
        self.catalogue = Catalogue(self.cluster.consumer())

    def put(self, topic, event, producer=None):
        producer = self.cluster.producer() if producer is None else producer
        producer.produce(f"driftline.{topic}", None if event is None else encode(event), key=b"k")
        producer.flush(1)


def test_a_refresh_learns_everything_there_is_with_its_append_times():
    world = World()
    world.put("baselines", BASELINE)
    world.put("monitors", MONITOR)
    text = json.dumps(SCHEMA)
    world.put("schemas", SchemaRegistered(fingerprint=f"{fingerprint(SCHEMA):016x}", name="Mine", schema=text, sha256=""))
    world.catalogue.refresh()
    book = world.catalogue.book
    assert book.versions("m") == (MONITOR,)
    assert [entry.append_time for entry in book.entries("m")] == [NOW]
    assert book.baseline(BASELINE.baseline_id) == BASELINE
    assert book.schema_for(fingerprint(SCHEMA), NOW - 1) is None
    assert book.schema_for(fingerprint(SCHEMA), NOW) == SCHEMA


def test_a_second_refresh_reads_on_where_the_first_one_ended():
    world = World()
    world.put("baselines", BASELINE)
    world.put("monitors", MONITOR)
    world.catalogue.refresh()
    world.catalogue.refresh()
    world.put("monitors", dataclasses.replace(MONITOR, monitor_version=2))
    world.catalogue.refresh()
    assert [monitor.monitor_version for monitor in world.catalogue.book.versions("m")] == [1, 2]


def test_shipped_schemas_are_known_from_the_beginning():
    assert World().catalogue.book.schema_for(fingerprint(avro_schema("Prediction")), -(2**62)) is not None


def test_tombstones_are_passed_over():
    world = World()
    world.put("monitors", None)
    world.catalogue.refresh()
    assert world.catalogue.book.model_ids() == ()


def test_an_open_transaction_on_the_way_to_the_end_stops_the_stage_instead_of_guessing():
    world = World()
    producer = world.cluster.transactional_producer("governance")
    producer.init_transactions()
    producer.begin()
    world.put("monitors", MONITOR, producer)
    with pytest.raises(CatalogueBehind, match=r"driftline\.monitors at 0 of 1"):
        world.catalogue.refresh()
    producer.commit()
    world.put("baselines", BASELINE)
    world.catalogue.refresh()
    assert world.catalogue.book.versions("m") == (MONITOR,)


def test_who_follows_learns_what_comes_after_the_first_refresh():
    world = World()
    world.catalogue.refresh()
    world.put("baselines", BASELINE)
    world.put("monitors", MONITOR)
    assert world.catalogue.follow(0.1) == 2
    assert world.catalogue.book.versions("m") == (MONITOR,)


def test_a_topic_that_is_not_asked_for_need_not_be_there():
    cluster = MemoryCluster(ManualClock(NOW))
    cluster.admin().create([NewTopic(name(topic), 1) for topic in ("baselines", "monitors")])
    Catalogue(cluster.consumer(), topics=("baselines", "monitors")).refresh()
