"""What names its own content is published once: a repeat would take its append time with it when the topic is compacted."""

import dataclasses

import pytest

from driftline.cli.baseline import publish_baseline
from driftline.cli.publishing import publish_once
from driftline.cli.schema import publish_schema
from driftline.clock import ManualClock
from driftline.codec import decode
from driftline.drift.baseline import fit_baseline
from driftline.envelope import Envelope
from driftline.events import ColumnKind, SchemaRegistered
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic

BASELINE = fit_baseline("m", {"x": [1.0, 2.0]}, {"x": ColumnKind.NUMERIC})
SCHEMA = SchemaRegistered(fingerprint="00ff", name="Churn", schema="{}", sha256="aa")


@pytest.fixture
def cluster():
    found = MemoryCluster(ManualClock(1_000_000))
    found.admin().create([NewTopic("driftline.baselines", 1), NewTopic("driftline.schemas", 1)])
    return found


@pytest.mark.parametrize(
    ("publish", "event", "topic"),
    [(publish_baseline, BASELINE, "driftline.baselines"), (publish_schema, SCHEMA, "driftline.schemas")],
)
def test_what_is_there_is_not_sent_again(cluster, publish, event, topic):
    assert publish(cluster, event)
    assert not publish(cluster, event)
    (record,) = cluster.records(topic)
    assert decode(record.value() or b"") == event


def test_another_schema_is_sent(cluster):
    assert publish_schema(cluster, SCHEMA)
    assert publish_schema(cluster, dataclasses.replace(SCHEMA, fingerprint="01ff"))
    assert len(cluster.records("driftline.schemas")) == 2


def test_what_was_deleted_is_sent_again(cluster):
    publish_schema(cluster, SCHEMA)
    producer = cluster.producer()
    producer.produce("driftline.schemas", None, key=b"00ff", partition=0)
    producer.flush(1)
    assert publish_schema(cluster, SCHEMA)
    assert [record.value() is None for record in cluster.records("driftline.schemas")] == [False, True, False]


def test_the_record_has_the_key_and_the_envelope_that_were_given(cluster):
    envelope = Envelope(id="i", type="SchemaRegistered", source="/cli", time_us=1, subject="Churn")
    publish_once(cluster, "schemas", SCHEMA, key="00ff", envelope=envelope)
    (record,) = cluster.records("driftline.schemas")
    assert (record.key(), record.headers()) == (b"00ff", envelope.headers())
