"""From a message to its dead letter and back."""

from __future__ import annotations

import pytest

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.errors import Reason
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.dead_letters import REPLAYED_FROM, dead_letter_from, dead_letter_record, replay_record


@pytest.fixture
def message():
    cluster = MemoryCluster(ManualClock(1_700_000_000_000_000))
    cluster.admin().create([NewTopic("driftline.predictions", 8)])
    cluster.producer().produce(
        "driftline.predictions", b"\xff broken", key=b"id-1", headers=[("ce_id", b"7"), ("x", b"\xff")], partition=5
    )
    consumer = cluster.consumer()
    consumer.assign({TopicPartition("driftline.predictions", 5): 0})
    return consumer.consume(1, 0)[0]


def _letter(message, **options):
    return dead_letter_from(message, Reason.MALFORMED_AVRO, "not Avro", rejected_by="drift", **options)


def test_a_dead_letter_keeps_the_message_and_says_where_it_came_from(message):
    record = dead_letter_record(_letter(message))
    letter = codec.decode(record.value or b"")
    assert record.topic == topics.name("dead-letters")
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == ("driftline.predictions", 5, 0)
    assert (letter.source_key, letter.source_value, letter.source_time) == (b"id-1", b"\xff broken", 1_700_000_000_000_000)
    assert (letter.reason, letter.detail) == ("malformed_avro", "not Avro")


def test_the_same_refusal_is_the_same_record_byte_for_byte(message):
    assert dead_letter_record(_letter(message)) == dead_letter_record(_letter(message))


def test_other_rows_of_the_same_message_are_another_dead_letter(message):
    first, second = (dead_letter_record(_letter(message, rows=rows)) for rows in ((1,), (2,)))
    assert dict(first.headers)["ce_id"] != dict(second.headers)["ce_id"]


def test_a_replay_is_the_original_with_a_mark(message):
    record = replay_record(_letter(message), at="driftline.dead-letters/0/3")
    assert (record.topic, record.partition, record.key, record.value) == ("driftline.predictions", 5, b"id-1", b"\xff broken")
    assert list(record.headers) == [("ce_id", b"7"), ("x", b"\xff"), (REPLAYED_FROM, b"driftline.dead-letters/0/3")]


@pytest.mark.parametrize("source", ["predictions", "labels"])
def test_a_broken_value_as_large_as_its_topic_takes_fits_into_a_dead_letter(source):
    """H15"""
    cluster = MemoryCluster(ManualClock(1_700_000_000_000_000))
    declared = [topics.catalogue()[topic] for topic in (source, "dead-letters")]
    cluster.admin().create([NewTopic(topic.name, 1, topic.config) for topic in declared])
    producer = cluster.producer()
    value = b"x" * (int(declared[0].config["max.message.bytes"]) - len(b"id-1"))
    producer.produce(declared[0].name, value, key=b"id-1")
    (broken,) = cluster.records(declared[0].name)
    record = dead_letter_record(_letter(broken, model_id="m" * 128, field="prediction_id"))
    producer.produce(record.topic, record.value, key=record.key, headers=record.headers)
    (refused,) = cluster.records(declared[1].name)
    assert codec.decode(refused.value() or b"").source_value == value


@pytest.mark.parametrize("source", ["predictions", "labels"])
def test_a_broken_record_whose_key_is_as_large_as_its_topic_takes_fits_into_a_dead_letter_too(source):
    """H15: the letter has the key; its record is keyed by the hash."""
    cluster = MemoryCluster(ManualClock(1_700_000_000_000_000))
    declared = [topics.catalogue()[topic] for topic in (source, "dead-letters")]
    cluster.admin().create([NewTopic(topic.name, 1, topic.config) for topic in declared])
    producer = cluster.producer()
    key = b"k" * (int(declared[0].config["max.message.bytes"]) - 100)
    producer.produce(declared[0].name, b"broken", key=key)
    (broken,) = cluster.records(declared[0].name)
    record = dead_letter_record(_letter(broken))
    producer.produce(record.topic, record.value, key=record.key, headers=record.headers)
    (refused,) = cluster.records(declared[1].name)
    letter = codec.decode(refused.value() or b"")
    assert (letter.source_key, len(refused.key() or b"")) == (key, 32)
    assert replay_record(letter, at="driftline.dead-letters/0/0").key == key
