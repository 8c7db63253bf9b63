"""Groups: range assignment, eager rebalances, static members, stale generations."""

from __future__ import annotations

import pytest

from driftline.kafka.errors import Fenced, OffsetOutOfRange, StaleGeneration
from driftline.kafka.ports import StartAt, TopicPartition


class Listener:
    """Notes what it is told; begins at given offsets."""

    def __init__(self, starts=None):
        self.told = []
        self.starts = starts

    def on_assign(self, partitions):
        self.told.append(("assign", sorted(partitions)))
        return self.starts

    def on_revoke(self, partitions):
        self.told.append(("revoke", sorted(partitions)))

    def on_lost(self, partitions):
        self.told.append(("lost", sorted(partitions)))


def _member(bench, topics, listener=None, *, instance=None, start_at=StartAt.EARLIEST, group="g"):
    consumer = bench.cluster.consumer(bench.group(group), instance_id=instance, start_at=start_at)
    bench.closing.append(consumer)
    consumer.subscribe(topics, listener)
    return consumer


def _places(topic, *numbers):
    return [TopicPartition(topic, number) for number in numbers]


def test_range_gives_both_topics_of_a_member_the_same_partitions(bench):
    left, right = bench.topic("left", 4), bench.topic("right", 4)
    one = _member(bench, [left, right], instance="one")
    two = _member(bench, [left, right], instance="two")
    bench.settle([one, two], lambda: len(one.assignment()) == len(two.assignment()) == 4)
    for member in (one, two):
        numbers = {t: [p for name, p in member.assignment() if name == t] for t in (left, right)}
        assert numbers[left] == numbers[right]


def test_a_second_member_makes_the_first_give_up_everything_first(bench):
    topic = bench.topic("in", 2)
    first_told = Listener()
    first = _member(bench, [topic], first_told, instance="one")
    bench.settle([first], lambda: len(first.assignment()) == 2)
    second = _member(bench, [topic], instance="two")
    bench.settle([first, second], lambda: len(first.assignment()) == 1 and len(second.assignment()) == 1)
    both = _places(topic, 0, 1)
    assert first_told.told[:2] == [("assign", both), ("revoke", both)]
    assert first_told.told[-1] == ("assign", first.assignment())
    assert sorted(first.assignment() + second.assignment()) == both


def test_on_assign_says_where_reading_begins(bench):
    topic = bench.topic("in")
    producer = bench.cluster.producer()
    for number in range(4):
        producer.produce(topic, b"%d" % number)
    producer.flush(10)
    place = TopicPartition(topic, 0)
    consumer = _member(bench, [topic], Listener({place: 3}))
    assert [m.value() for m in bench.read(consumer, 1)] == [b"3"]
    assert consumer.positions([place]) == {place: 4}


def test_committed_offsets_are_where_the_next_instance_begins(bench):
    topic = bench.topic("in")
    place = TopicPartition(topic, 0)
    producer = bench.cluster.producer()
    for number in range(4):
        producer.produce(topic, b"%d" % number)
    producer.flush(10)
    first = _member(bench, [topic], instance="one")
    assert len(bench.read(first, 4)) == 4
    first.commit({place: 2})
    assert first.committed([place]) == {place: 2}
    second = _member(bench, [topic], instance="one", start_at=StartAt.STOP)
    assert [m.value() for m in bench.read(second, 2)] == [b"2", b"3"]


def test_without_a_committed_offset_a_strict_consumer_stops(bench):
    topic = bench.topic("in")
    strict = _member(bench, [topic], start_at=StartAt.STOP)
    with pytest.raises(OffsetOutOfRange):
        bench.read(strict, 1)


def test_a_new_holder_of_a_static_id_fences_the_old_one_at_once(bench):
    topic = bench.topic("in", 2)
    old_told = Listener()
    old = _member(bench, [topic], old_told, instance="one")
    bench.settle([old], lambda: len(old.assignment()) == 2)
    new = _member(bench, [topic], instance="one")
    bench.settle([new], lambda: len(new.assignment()) == 2)
    with pytest.raises(Fenced):
        bench.read(old, 1)


def test_stale_group_metadata_cannot_carry_offsets(bench):
    topic, out = bench.topic("in", 2), bench.topic("out")
    first = _member(bench, [topic], instance="one")
    bench.settle([first], lambda: len(first.assignment()) == 2)
    stale = first.group_metadata()
    second = _member(bench, [topic], instance="two")
    bench.settle([first, second], lambda: len(first.assignment()) == 1 and len(second.assignment()) == 1)
    producer = bench.cluster.transactional_producer(bench.prefix + "t")
    producer.init_transactions()
    producer.begin()
    producer.produce(out, b"x")
    with pytest.raises(StaleGeneration):
        producer.send_offsets({TopicPartition(topic, 0): 1}, stale)
    producer.abort()
    producer.begin()
    producer.send_offsets({TopicPartition(topic, 0): 1}, first.group_metadata())
    producer.commit()
    assert first.committed([TopicPartition(topic, 0)]) == {TopicPartition(topic, 0): 1}


def test_offsets_can_be_committed_in_a_transaction_during_on_revoke(bench):
    topic, out = bench.topic("in", 2), bench.topic("out")
    producer = bench.cluster.transactional_producer(bench.prefix + "t")
    producer.init_transactions()

    class Committing(Listener):
        def on_revoke(self, partitions):
            super().on_revoke(partitions)
            producer.begin()
            producer.produce(out, b"last")
            producer.send_offsets(dict.fromkeys(partitions, 5), first.group_metadata())
            producer.commit()

    told = Committing()
    first = _member(bench, [topic], told, instance="one")
    bench.settle([first], lambda: len(first.assignment()) == 2)
    second = _member(bench, [topic], instance="two", start_at=StartAt.LATEST)
    bench.settle([first, second], lambda: len(first.assignment()) == 1 and len(second.assignment()) == 1)
    assert second.committed(_places(topic, 0, 1)) == dict.fromkeys(_places(topic, 0, 1), 5)
    told.on_revoke = lambda partitions: None
