"""Ingest as a process on a real Kafka: a request's way to the log, and what it needs to start."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import httpx
import orjson
import pytest

from bench.ingest_process import MODEL, ROOT, IngestProcess, prepare
from driftline import batches, codec, topics
from driftline.kafka.ports import TopicPartition

pytestmark = pytest.mark.integration


def events(first, count):
    now = time.time_ns() // 1000
    return [
        {
            "model_id": MODEL,
            "model_version": "1",
            "prediction_id": f"p{number}",
            "event_time": now,
            "score": 0.5,
            "features": {"num_0": float(number), "cat_0": "a"},
        }
        for number in range(first, first + count)
    ]


def read(cluster, topic):
    """Every event of a topic, with its partition."""
    consumer = cluster.consumer()
    places = [TopicPartition(topics.name(topic), n) for n in range(topics.catalogue()[topic].partitions)]
    consumer.assign(dict.fromkeys(places, 0))
    ends = {place: consumer.watermarks(place).stable for place in places}
    found = []
    deadline = time.monotonic() + 30
    while any(consumer.positions([place]).get(place, 0) < end for place, end in ends.items()):
        assert time.monotonic() < deadline
        found += [(m.partition(), codec.decode(m.value())) for m in consumer.consume(1000, 0.1)]
    consumer.close()
    return found


def stored_ids(cluster):
    return [raw.decode() for _, batch in read(cluster, "predictions") for raw in batches.to_columns(batch).prediction_ids]


@pytest.fixture
def broker(own_broker):
    own_broker.start()
    return own_broker


@pytest.fixture
def cluster(broker):
    from driftline.kafka.confluent import ConfluentCluster

    return ConfluentCluster.at(broker.bootstrap)


def test_predictions_and_labels_are_in_the_log_when_the_answer_is_there(broker, cluster, tmp_path):
    prepare(cluster)
    with IngestProcess(broker.bootstrap, tmp_path) as ingest:
        rows = events(0, 200)
        assert ingest.post(ingest.connect(), "/v1/predictions", orjson.dumps({"events": rows})) == (
            202,
            {"accepted": 200, "rejected": []},
        )
        assert sorted(stored_ids(cluster)) == sorted(row["prediction_id"] for row in rows)

        now = time.time_ns() // 1000
        labels = [{"model_id": MODEL, "prediction_id": f"p{n}", "label_time": now, "label": "no"} for n in range(50)]
        assert ingest.post(ingest.connect(), "/v1/labels", orjson.dumps({"events": labels}))[0] == 202
        homes = {
            raw: partition for partition, batch in read(cluster, "predictions")
            for raw in batches.to_columns(batch).prediction_ids
        }  # fmt: skip
        found = read(cluster, "labels")
        assert len(found) == 50
        assert all(homes[label.prediction_id.encode()] == partition for partition, label in found)

        status, answer = ingest.post(ingest.connect(), "/v1/predictions", orjson.dumps({"events": [*events(300, 1), {}]}))
        assert (status, answer["accepted"], answer["rejected"][0]["index"]) == (202, 1, 1)
        assert [dead.reason for _, dead in read(cluster, "dead-letters")] == ["missing_field"]

        repeated = orjson.dumps(events(400, 1)[0])
        for _ in range(3):
            assert ingest.post(ingest.connect(), "/v1/predictions", repeated, {"Idempotency-Key": "k"})[0] == 202
        assert stored_ids(cluster).count("p400") == 1

        url = f"http://127.0.0.1:{ingest.port}"
        assert httpx.get(f"{url}/readyz").status_code == 200
        exposed = httpx.get(f"{url}/metrics").text
        assert 'driftline_ingest_events_accepted_total{kind="prediction"} 202.0' in exposed
        assert 'driftline_ingest_events_refused_total{kind="prediction",reason="missing_field"} 1.0' in exposed


def test_a_body_of_more_than_10_mb_is_413_also_when_its_length_is_not_declared(broker, cluster, tmp_path):
    prepare(cluster)
    with IngestProcess(broker.bootstrap, tmp_path) as ingest:
        headers = {"Authorization": f"Bearer {ingest.token}"}
        url = f"http://127.0.0.1:{ingest.port}/v1/predictions"

        declared = httpx.post(url, content=b" " * (10 * 1024 * 1024 + 1), headers=headers)
        pieces = (b" " * 1024 * 1024 for _ in range(11))
        undeclared = httpx.post(url, content=pieces, headers=headers)

        assert (declared.status_code, undeclared.status_code) == (413, 413)
        assert declared.json()["code"] == undeclared.json()["code"] == "too_large"


def test_a_missing_topic_stops_the_start_with_what_to_do(broker, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "services.ingest"],
        cwd=ROOT,
        env={
            **os.environ,
            "DRIFTLINE_KAFKA_BOOTSTRAP": broker.bootstrap,
            "DRIFTLINE_TOKENS_FILE": str(tmp_path / "none"),
            "DRIFTLINE_DATA_DIR": str(tmp_path),
            "DRIFTLINE_HTTP_PORT": "0",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("driftline ingest: ")
    assert "driftline topics apply" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_new_monitor_is_known_without_a_restart(broker, cluster, tmp_path):
    from bench.ingest_process import baseline, monitor

    prepare(cluster)
    with IngestProcess(broker.bootstrap, tmp_path) as ingest:
        row = events(0, 1)[0] | {"model_id": "shop.new"}
        assert ingest.post(ingest.connect(), "/v1/predictions", orjson.dumps(row))[0] == 404

        watched = monitor(model_id="shop.new", baseline_id="b2")
        producer = cluster.producer()
        producer.produce(topics.name("baselines"), codec.encode(baseline(watched)), key=b"b2")
        producer.flush(10)
        producer.produce(topics.name("monitors"), codec.encode(watched), key=b"shop.new/1")
        producer.flush(10)
        deadline = time.monotonic() + 10
        while (status := ingest.post(ingest.connect(), "/v1/predictions", orjson.dumps(row))[0]) == 404:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert status == 202
