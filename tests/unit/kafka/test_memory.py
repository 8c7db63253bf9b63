"""The handles of the in-memory twin that simulations pull."""

from __future__ import annotations

import pytest

from driftline.clock import ManualClock
from driftline.kafka.errors import Fenced, KafkaUnavailable, OffsetOutOfRange, OutcomeUnknown, StaleGeneration
from driftline.kafka.memory import OFFSETS, MemoryCluster
from driftline.kafka.ports import Isolation, NewTopic, StartAt, TopicPartition

IN, OUT = TopicPartition("in", 0), TopicPartition("out", 0)


@pytest.fixture
def clock():
    return ManualClock(1_700_000_000_000_000)


@pytest.fixture
def cluster(clock):
    made = MemoryCluster(clock)
    made.admin().create([NewTopic("in", 2), NewTopic("out", 1)])
    return made


def _producer(cluster, name="t"):
    producer = cluster.transactional_producer(name)
    producer.init_transactions()
    return producer


def _read(cluster, place, at=0):
    consumer = cluster.consumer()
    consumer.assign({place: at})
    return [message.value() for message in consumer.consume(100, 0)]


def test_append_time_is_the_clocks(cluster, clock):
    producer = cluster.producer()
    producer.produce("out", b"a")
    clock.advance(5_000_000)
    producer.produce("out", b"b")
    assert [r.timestamp() for r in cluster.records("out")] == [(2, 1_700_000_000_000), (2, 1_700_000_005_000)]


def test_a_held_marker_keeps_one_partition_at_its_stable_end_while_another_moves_on(cluster):
    producer = _producer(cluster)
    reader = cluster.consumer("g")
    cluster.hold_markers(lambda place: place == OUT)
    producer.begin()
    producer.produce("out", b"state")
    producer.send_offsets({IN: 3}, reader.group_metadata())
    producer.commit()
    assert reader.committed([IN]) == {IN: 3}
    assert _read(cluster, OUT) == []
    assert cluster.admin().end_offsets([OUT], Isolation.READ_COMMITTED) == {OUT: 0}
    assert cluster.admin().end_offsets([OUT], Isolation.READ_UNCOMMITTED) == {OUT: 1}
    cluster.release_markers()
    assert _read(cluster, OUT) == [b"state"]


def test_offsets_are_unstable_until_their_marker_is_written(cluster):
    producer = _producer(cluster)
    reader = cluster.consumer("g")
    cluster.hold_markers(lambda place: place.topic == OFFSETS)
    producer.begin()
    producer.send_offsets({IN: 3}, reader.group_metadata())
    producer.commit()
    with pytest.raises(KafkaUnavailable):
        reader.committed([IN])
    cluster.release_markers()
    assert reader.committed([IN]) == {IN: 3}


def test_a_transaction_open_too_long_is_aborted_and_its_producer_fenced(cluster, clock):
    producer = _producer(cluster)
    producer.begin()
    producer.produce("out", b"late")
    clock.advance(15_000_000)
    cluster.expire_transactions()
    with pytest.raises(Fenced):
        producer.commit()
    assert cluster.records("out") == []
    assert len(cluster.records("out", committed_only=False)) == 1


@pytest.mark.parametrize(("after", "expected"), [(False, []), (True, [b"x"])])
def test_a_commit_whose_answer_is_lost_may_have_happened(cluster, after, expected):
    producer = _producer(cluster)
    producer.begin()
    producer.produce("out", b"x")
    cluster.fail_next("commit", OutcomeUnknown("no answer"), after=after)
    with pytest.raises(OutcomeUnknown):
        producer.commit()
    _producer(cluster)
    assert _read(cluster, OUT) == expected


def test_nothing_is_acknowledged_while_the_cluster_is_away_and_all_of_it_arrives_once_afterwards(cluster):
    producer = cluster.producer()
    reports = []
    cluster.set_available(False)
    producer.produce("out", b"x", on_delivery=reports.append)
    assert producer.flush(1) == 1
    assert reports == []
    cluster.set_available(True)
    assert producer.flush(1) == 0
    assert [r.offset for r in reports] == [0]
    assert _read(cluster, OUT) == [b"x"]


def test_retention_past_a_position_is_a_hole(cluster):
    producer = cluster.producer()
    for number in range(5):
        producer.produce("out", b"%d" % number)
    cluster.truncate(OUT, 3)
    assert cluster.admin().begin_offsets([OUT]) == {OUT: 3}
    with pytest.raises(OffsetOutOfRange):
        _read(cluster, OUT, at=1)
    assert _read(cluster, OUT, at=3) == [b"3", b"4"]


def test_a_static_member_that_died_keeps_its_partitions_until_its_session_ends(cluster, clock):
    one = cluster.consumer("g", instance_id="one", start_at=StartAt.EARLIEST)
    two = cluster.consumer("g", instance_id="two", start_at=StartAt.EARLIEST)
    for consumer in (one, two):
        consumer.subscribe(["in"])
    for _ in range(3):
        one.consume(1, 0)
        two.consume(1, 0)
    stale = one.group_metadata()
    one.crash()
    two.consume(1, 0)
    assert len(two.assignment()) == 1
    clock.advance(10_000_000)
    for _ in range(3):
        two.consume(1, 0)
    assert len(two.assignment()) == 2
    producer = _producer(cluster)
    producer.begin()
    with pytest.raises(StaleGeneration):
        producer.send_offsets({IN: 1}, stale)


def test_a_rebalance_by_hand_revokes_and_assigns_again(cluster):
    told = []

    class Listener:
        def on_assign(self, partitions):
            told.append(("assign", len(partitions)))

        def on_revoke(self, partitions):
            told.append(("revoke", len(partitions)))

        on_lost = on_revoke

    consumer = cluster.consumer("g", instance_id="one", start_at=StartAt.EARLIEST)
    consumer.subscribe(["in"], Listener())
    consumer.consume(1, 0)
    before = consumer.group_metadata()
    cluster.rebalance("g")
    consumer.consume(1, 0)
    assert told == [("assign", 2), ("revoke", 2), ("assign", 2)]
    assert consumer.group_metadata().generation == before.generation + 1
