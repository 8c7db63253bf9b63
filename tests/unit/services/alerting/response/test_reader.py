"""Where the reader begins, and what it takes in, on the in-memory Kafka."""

import pytest

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import Decision
from driftline.kafka.memory import MemoryCluster
from driftline.runtime.health import Health
from driftline.runtime.preflight import new_topic
from services.alerting.jobs.response.reader import SOURCES, ResponseReader
from services.alerting.store.database import Database
from services.alerting.store.response import windows
from tests.unit.alerting.response.builders import DAY, MODEL, report


@pytest.fixture
def cluster():
    found = MemoryCluster(ManualClock(1))
    found.admin().create([new_topic(topics.catalogue()[name]) for name in SOURCES])
    return found


@pytest.fixture
def database(tmp_path):
    found = Database(f"sqlite:///{tmp_path / 'alerting.db'}")
    yield found
    found.close()


def say(cluster, day, slice_="", **changes):
    producer = cluster.producer()
    made = report(slice=slice_, start=day * DAY, end=(day + 1) * DAY, **changes)
    key = f"{MODEL}/2/{slice_}/1 day/{made.start}"
    producer.produce(topics.name("windows"), codec.encode(made), key=key.encode())
    producer.flush(1)


def read(cluster, database, say_more=lambda: None):
    """One life of a reader, from its start to the end of the topics; returns the days that are known then."""
    admin = cluster.admin()
    consumer = cluster.consumer()
    sources = admin.describe([topics.name(topic) for topic in SOURCES])
    reader = ResponseReader(
        database,
        admin=admin,
        consumer=consumer,
        sources=sources,
        clock=ManualClock(1),
        health=Health(),
        on_read=lambda: None,
    )
    consumer.assign(reader._starts())
    say_more()
    if messages := consumer.consume(1000, 0):
        reader.handle(messages)
    consumer.close()
    with database.read() as tx:
        return [one.start // DAY for one in windows.of_model(tx, MODEL)]


def test_history_is_no_reason_to_act_but_what_came_while_no_process_ran_is(cluster, database):
    for day in range(8):
        say(cluster, day)
    assert read(cluster, database) == []
    for day in range(8, 16):
        say(cluster, day)
    assert read(cluster, database) == list(range(8, 16))


def test_slices_and_undecided_windows_are_left_out(cluster, database):
    def more():
        say(cluster, 1)
        say(cluster, 2, slice_="carrier=UA")
        say(cluster, 3, decision=Decision.NONE)

    assert read(cluster, database, more) == [1]


def test_a_later_decision_replaces_the_earlier_and_an_older_revision_does_not(cluster, database):
    def more():
        say(cluster, 1, revision=2, risk_score=80.0)
        say(cluster, 1, revision=1, risk_score=10.0)

    read(cluster, database, more)
    with database.read() as tx:
        assert [one.risk for one in windows.of_model(tx, MODEL)] == [80.0]


def test_only_the_last_windows_of_a_version_are_kept(cluster, database):
    found = read(cluster, database, lambda: [say(cluster, day) for day in range(70)])
    assert found == list(range(6, 70))


def test_of_a_report_that_decides_nothing_no_more_is_read_than_that(cluster, database):
    def say_it():
        cut = codec.encode(report(decision=Decision.NONE))[:-20]
        cluster.producer().produce(topics.name("windows"), cut, key=f"{MODEL}/2//1 day/1".encode())
        say(cluster, 2)

    assert read(cluster, database, say_it) == [2]
