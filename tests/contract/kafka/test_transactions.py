"""Transactions, last stable offset, fencing."""

from __future__ import annotations

import pytest

from driftline.kafka.errors import Fenced, TransactionAborted
from driftline.kafka.ports import Isolation, TopicPartition


def _producer(bench, name="t"):
    producer = bench.cluster.transactional_producer(bench.prefix + name)
    producer.init_transactions()
    return producer


def _values(messages):
    return [message.value() for message in messages]


def test_committed_records_are_read_and_aborted_ones_never(bench):
    place = TopicPartition(bench.topic("out"), 0)
    producer = _producer(bench)
    for value, end in ((b"a", producer.commit), (b"b", producer.abort), (b"c", producer.commit)):
        producer.begin()
        producer.produce(place.topic, value)
        producer.flush(10)
        end()
    consumer = bench.by_hand(place)
    assert _values(bench.read(consumer, 2)) == [b"a", b"c"]
    assert bench.drain(consumer) == []


def test_a_position_passes_trailing_markers(bench):
    place = TopicPartition(bench.topic("out"), 0)
    producer = _producer(bench)
    producer.begin()
    producer.produce(place.topic, b"a")
    producer.commit()
    consumer = bench.by_hand(place)
    bench.read(consumer, 1)
    for _ in bench.tries():
        consumer.consume(10, 0.1)
        if consumer.positions([place]) == {place: 2}:
            break
    assert consumer.positions([place]) == {place: 2}
    assert consumer.ends([place]) == {place: 2}


def test_a_position_passes_trailing_aborted_records(bench):
    place = TopicPartition(bench.topic("out"), 0)
    producer = _producer(bench)
    producer.begin()
    producer.produce(place.topic, b"a")
    producer.commit()
    producer.begin()
    for _ in range(3):
        producer.produce(place.topic, b"never")
    producer.flush(10)
    producer.abort()
    consumer = bench.by_hand(place)
    assert _values(bench.read(consumer, 1)) == [b"a"]
    for _ in bench.tries():
        consumer.consume(10, 0.1)
        if consumer.positions([place]) == {place: 6}:
            break
    assert consumer.positions([place]) == {place: 6}


def test_an_open_transaction_holds_the_stable_end_below_the_end(bench):
    place = TopicPartition(bench.topic("out"), 0)
    plain = bench.cluster.producer()
    for _ in range(3):
        plain.produce(place.topic, b"plain")
    plain.flush(10)
    producer = _producer(bench)
    producer.begin()
    producer.produce(place.topic, b"open")
    producer.flush(10)
    plain.produce(place.topic, b"behind it")
    plain.flush(10)
    consumer = bench.by_hand(place)
    found = consumer.watermarks(place)
    assert (found.low, found.stable, found.end) == (0, 3, 5)
    admin = bench.cluster.admin()
    assert admin.end_offsets([place], Isolation.READ_COMMITTED) == {place: 3}
    assert admin.end_offsets([place], Isolation.READ_UNCOMMITTED) == {place: 5}
    assert admin.begin_offsets([place]) == {place: 0}
    assert _values(bench.read(consumer, 3)) == [b"plain"] * 3
    assert bench.drain(consumer) == []
    producer.commit()
    assert _values(bench.read(consumer, 2)) == [b"open", b"behind it"]


def test_a_zombie_is_fenced_and_its_transaction_hidden(bench):
    place = TopicPartition(bench.topic("out"), 0)
    zombie = _producer(bench)
    zombie.begin()
    zombie.produce(place.topic, b"zombie")
    zombie.flush(10)
    heir = _producer(bench)
    with pytest.raises(Fenced):
        zombie.commit()
    heir.begin()
    heir.produce(place.topic, b"heir")
    heir.commit()
    consumer = bench.by_hand(place)
    assert _values(bench.read(consumer, 1)) == [b"heir"]


def test_a_fenced_producer_hears_it_at_the_latest_when_it_commits_and_closes_quietly(bench):
    place = TopicPartition(bench.topic("out"), 0)
    zombie = _producer(bench)
    zombie.begin()
    zombie.produce(place.topic, b"zombie")
    zombie.flush(10)
    _producer(bench)

    def go_on():
        zombie.produce(place.topic, b"too late")
        zombie.flush(10)
        zombie.commit()

    with pytest.raises(Fenced):
        go_on()
    zombie.close()


def test_offsets_are_committed_with_the_records_or_not_at_all(bench):
    source, place = TopicPartition(bench.topic("in"), 0), TopicPartition(bench.topic("out"), 0)
    producer = _producer(bench)
    reader = bench.cluster.consumer(bench.group())
    bench.closing.append(reader)
    producer.begin()
    producer.produce(place.topic, b"a")
    producer.send_offsets({source: 7}, reader.group_metadata())
    producer.commit()
    assert reader.committed([source]) == {source: 7}
    producer.begin()
    producer.produce(place.topic, b"b")
    producer.send_offsets({source: 9}, reader.group_metadata())
    producer.abort()
    assert reader.committed([source]) == {source: 7}
    assert bench.cluster.admin().group_offsets(bench.group()) == {source: 7}


def test_a_group_without_offsets_has_none(bench):
    source = TopicPartition(bench.topic("in"), 0)
    reader = bench.cluster.consumer(bench.group())
    bench.closing.append(reader)
    assert reader.committed([source]) == {source: None}
    assert bench.cluster.admin().group_offsets(bench.group()) == {}


def test_a_refused_record_aborts_the_transaction(bench):
    topic = bench.topic("compact", 1, {"cleanup.policy": "compact"})
    producer = _producer(bench)
    producer.begin()
    producer.produce(topic, b"no key")
    with pytest.raises(TransactionAborted):
        producer.commit()
    producer.abort()
    heir = _producer(bench)
    heir.begin()
    heir.produce(topic, b"value", key=b"k")
    heir.commit()
    consumer = bench.by_hand(TopicPartition(topic, 0))
    assert _values(bench.read(consumer, 1)) == [b"value"]
