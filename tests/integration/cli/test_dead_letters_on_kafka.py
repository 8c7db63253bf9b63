"""`driftline topics` and `dead-letters` against a real broker, as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from driftline import topics
from driftline.errors import Reason
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import TopicPartition
from driftline.runtime.dead_letters import REPLAYED_FROM, dead_letter_from, dead_letter_record

pytestmark = pytest.mark.integration


@pytest.fixture
def driftline(own_broker):
    own_broker.start()

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "driftline.cli", *words],
            env={**os.environ, "DRIFTLINE_KAFKA_BOOTSTRAP": own_broker.bootstrap, "DRIFTLINE_ACTOR": "ana"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout

    return run


def _read(cluster, place, count):
    consumer = cluster.consumer()
    consumer.assign({place: 0})
    found = []
    for _ in range(200):
        found += consumer.consume(100, 0.1)
        if len(found) >= count:
            break
    consumer.close()
    return found


def test_topics_are_applied_and_a_dead_letter_goes_back_where_it_came_from(driftline, own_broker):
    cluster = ConfluentCluster.at(own_broker.bootstrap)
    assert driftline("topics", "diff")[0] == 1
    assert driftline("topics", "apply")[0] == 0
    assert driftline("topics", "diff")[0] == 0
    source = TopicPartition(topics.name("predictions"), 6)
    producer = cluster.producer()
    producer.produce(source.topic, b"row", key=b"id-1", headers=[("h", b"1")], partition=6)
    producer.flush(10)
    (message,) = _read(cluster, source, 1)
    record = dead_letter_record(dead_letter_from(message, Reason.UNKNOWN_MODEL, "no monitor yet", rejected_by="drift"))
    producer.produce(record.topic, record.value, key=record.key, headers=record.headers)
    producer.flush(10)
    code, out = driftline("dead-letters", "list", "--json")
    (letter,) = json.loads(out)
    assert (code, letter["reason"], letter["source_partition"]) == (1, "unknown_model", 6)
    assert driftline("dead-letters", "replay", letter["place"])[0] == 0
    original, replayed = _read(cluster, source, 2)
    assert (replayed.key(), replayed.value()) == (original.key(), original.value())
    assert dict(replayed.headers())[REPLAYED_FROM].endswith(letter["place"].encode())
    assert driftline("dead-letters", "list")[0] == 0
