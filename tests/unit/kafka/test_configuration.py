"""Client settings: what stands between two thirds of the throughput, or an exact count, and us."""

from __future__ import annotations

import pytest

from driftline.errors import ConfigurationError
from driftline.kafka.configuration import (
    StartAt,
    client_properties,
    consumer_properties,
    producer_properties,
    transactional_properties,
)


def test_security_settings_pass_through_from_the_environment():
    found = client_properties(
        {
            "DRIFTLINE_KAFKA_BOOTSTRAP": " k1:9092 ",
            "DRIFTLINE_KAFKA_SASL_PASSWORD": "secret",
            "DRIFTLINE_KAFKA_SSL_CA_LOCATION": "/ca.pem",
            "OTHER": "x",
        }
    )
    assert found == {"bootstrap.servers": "k1:9092", "sasl.password": "secret", "ssl.ca.location": "/ca.pem"}


def test_a_missing_bootstrap_address_is_named():
    with pytest.raises(ConfigurationError, match="DRIFTLINE_KAFKA_BOOTSTRAP"):
        client_properties({})


def test_a_consumer_reads_committed_records_and_commits_nothing_by_itself():
    found = consumer_properties({"bootstrap.servers": "x"}, group="g", instance_id="i-1", start_at=StartAt.STOP)
    assert found["isolation.level"] == "read_committed"
    assert found["enable.auto.commit"] is False
    assert found["enable.auto.offset.store"] is False
    assert found["auto.offset.reset"] == "error"
    assert found["group.instance.id"] == "i-1"
    assert found["group.protocol"] == "classic"
    assert found["partition.assignment.strategy"] == "range"
    assert found["session.timeout.ms"] == 10_000
    assert int(found["fetch.queue.backoff.ms"]) <= 10


def test_without_an_instance_there_is_no_static_membership():
    found = consumer_properties({}, group="g", instance_id=None, start_at=StartAt.EARLIEST)
    assert "group.instance.id" not in found


def test_a_producer_partitions_by_murmur2_and_waits_for_all_replicas():
    found = producer_properties({"bootstrap.servers": "x"})
    assert (found["partitioner"], found["acks"], found["enable.idempotence"]) == ("murmur2_random", "all", True)


def test_a_hung_transaction_ends_within_fifteen_seconds():
    found = transactional_properties({}, transactional_id="t")
    assert found["transactional.id"] == "t"
    assert 10_000 <= int(found["transaction.timeout.ms"]) <= 15_000


def test_what_the_operator_sets_wins():
    assert producer_properties({"linger.ms": "50"})["linger.ms"] == "50"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISOLATION_LEVEL", "read_uncommitted"),
        ("ENABLE_AUTO_COMMIT", "true"),
        ("PARTITIONER", "consistent_random"),
        ("ACKS", "1"),
        ("GROUP_PROTOCOL", "consumer"),
    ],
)
def test_a_setting_that_would_break_exactness_is_refused_by_name(name, value):
    variable = f"DRIFTLINE_KAFKA_{name}"
    with pytest.raises(ConfigurationError, match=variable):
        client_properties({"DRIFTLINE_KAFKA_BOOTSTRAP": "k", variable: value})


def test_saying_what_is_needed_anyway_is_no_offence():
    found = client_properties({"DRIFTLINE_KAFKA_BOOTSTRAP": "k", "DRIFTLINE_KAFKA_ACKS": "-1"})
    assert found["acks"] == "-1"
