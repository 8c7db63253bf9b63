"""Records, positions and ends, outside transactions."""

from __future__ import annotations

import pytest

from driftline.kafka.errors import OffsetOutOfRange, RecordTooLarge, TopicExists
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Delivery, NewTopic, TopicPartition


def test_a_record_arrives_as_it_was_sent(bench):
    topic = bench.topic("in", 2)
    producer = bench.cluster.producer()
    reports: list[Delivery] = []
    headers = [("ce_id", b"1"), ("ce_id", b"2"), ("empty", b"")]
    producer.produce(topic, b"body", key=b"k", headers=headers, partition=1, on_delivery=reports.append)
    assert producer.flush(10) == 0
    assert reports == [Delivery(topic, 1, 0)]
    (message,) = bench.read(bench.by_hand(TopicPartition(topic, 1)), 1)
    assert (message.topic(), message.partition(), message.offset()) == (topic, 1, 0)
    assert (message.key(), message.value(), message.headers()) == (b"k", b"body", headers)
    assert message.timestamp()[0] == 2
    assert message.error() is None


def test_a_record_without_value_or_headers_has_none(bench):
    topic = bench.topic("in")
    producer = bench.cluster.producer()
    producer.produce(topic, None, key=b"k")
    producer.flush(10)
    (message,) = bench.read(bench.by_hand(TopicPartition(topic, 0)), 1)
    assert message.value() is None
    assert not message.headers()


def test_a_key_goes_to_its_murmur2_partition(bench):
    topic = bench.topic("in", 7)
    producer = bench.cluster.producer()
    places: dict[bytes, int] = {}
    keys = [b"a", b"flight-1", b"\xff\x00", "schön".encode(), b"x" * 128, *(b"%d" % n for n in range(200))]
    for key in keys:
        producer.produce(topic, b"", key=key, on_delivery=lambda d, key=key: places.__setitem__(key, d.partition))
    producer.flush(10)
    assert places == {key: partition_for(key, 7) for key in keys}


def test_a_record_for_a_missing_topic_is_reported(bench):
    reports: list[Delivery] = []
    producer = bench.cluster.producer()
    producer.produce(bench.prefix + "nowhere", b"x", key=b"k", on_delivery=reports.append)
    for _ in bench.tries(40):
        producer.poll(0.1)
        if reports:
            break
    assert reports[0].error in {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"}


def test_a_record_without_key_is_refused_by_a_compacted_topic(bench):
    topic = bench.topic("compact", 1, {"cleanup.policy": "compact"})
    reports: list[Delivery] = []
    producer = bench.cluster.producer()
    producer.produce(topic, b"x", on_delivery=reports.append)
    producer.flush(10)
    assert reports[0].error == "INVALID_RECORD"


def test_a_record_larger_than_the_topic_takes_is_reported(bench):
    topic = bench.topic("small", 1, {"max.message.bytes": "2000"})
    reports: list[Delivery] = []
    producer = bench.cluster.producer()
    noise = bytes(range(256)) * 40
    producer.produce(topic, noise[:7000] + noise[::-3], key=b"k", on_delivery=reports.append)
    producer.flush(10)
    assert reports[0].error in {"MSG_SIZE_TOO_LARGE", None}
    producer.produce(topic, __import__("random").Random(1).randbytes(9000), key=b"k", on_delivery=reports.append)
    producer.flush(10)
    assert reports[1].error == "MSG_SIZE_TOO_LARGE"


def test_a_record_larger_than_the_producer_sends_is_refused_at_once(bench):
    topic = bench.topic("in")
    with pytest.raises(RecordTooLarge):
        bench.cluster.producer().produce(topic, b"x" * 9_000_000)


def test_a_position_is_where_reading_begins_and_then_follows(bench):
    place = TopicPartition(bench.topic("in"), 0)
    producer = bench.cluster.producer()
    for number in range(5):
        producer.produce(place.topic, b"%d" % number)
    producer.flush(10)
    consumer = bench.by_hand(place, at=2)
    assert consumer.positions([place]) == {place: 2}
    assert [m.value() for m in bench.read(consumer, 3)] == [b"2", b"3", b"4"]
    assert consumer.positions([place]) == {place: 5}
    consumer.seek(place, 4)
    assert [m.value() for m in bench.read(consumer, 1)] == [b"4"]


def test_a_paused_partition_gives_nothing_until_resumed(bench):
    place = TopicPartition(bench.topic("in"), 0)
    producer = bench.cluster.producer()
    producer.produce(place.topic, b"x")
    producer.flush(10)
    consumer = bench.by_hand(place)
    consumer.pause([place])
    assert bench.drain(consumer) == []
    consumer.resume([place])
    assert len(bench.read(consumer, 1)) == 1


def test_a_position_beyond_the_log_is_a_hole(bench):
    place = TopicPartition(bench.topic("in"), 0)
    consumer = bench.by_hand(place, at=50)
    with pytest.raises(OffsetOutOfRange):
        bench.read(consumer, 1)


def test_offsets_are_found_by_append_time(bench):
    place = TopicPartition(bench.topic("in"), 0)
    producer = bench.cluster.producer()
    producer.produce(place.topic, b"x")
    producer.flush(10)
    consumer = bench.by_hand(place)
    (message,) = bench.read(consumer, 1)
    at = message.timestamp()[1]
    assert consumer.offsets_for_times({place: at}) == {place: 0}
    assert consumer.offsets_for_times({place: at + 3_600_000}) == {place: 1}


def test_topics_are_created_described_configured_and_deleted(bench):
    admin = bench.cluster.admin()
    name = bench.topic("declared", 3, {"cleanup.policy": "compact", "retention.ms": "1000"})
    found = admin.describe([name, bench.prefix + "absent"])
    assert list(found) == [name]
    assert found[name].partitions == 3
    assert found[name].config["cleanup.policy"] == "compact"
    assert found[name].config["message.timestamp.type"] == "LogAppendTime"
    assert name in admin.topic_names()
    with pytest.raises(TopicExists):
        admin.create([NewTopic(name, 3)])
    admin.configure(name, {"retention.ms": "2000"})
    changed = admin.describe([name])[name]
    assert (changed.config["retention.ms"], changed.config["cleanup.policy"]) == ("2000", "compact")


def test_a_topic_created_again_has_another_id(bench):
    admin = bench.cluster.admin()
    name = bench.topic("again")
    first = admin.describe([name])[name].topic_id
    admin.delete([name])
    assert name not in admin.topic_names()
    bench.topic("again")
    assert admin.describe([name])[name].topic_id != first


def test_the_broker_remembers_offsets_longer_than_sources_are_kept(bench):
    found = bench.cluster.admin().broker_config(["offsets.retention.minutes", "no.such.setting"])
    assert list(found) == ["offsets.retention.minutes"]
