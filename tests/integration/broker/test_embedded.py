"""The embedded broker as an operator meets it: start, kill, restart, and what it says when it cannot."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.broker.errors import DataInUse, DownloadFailed, JarsDiffer, PortInUse
from driftline.broker.jars import ensure_jars
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import NewTopic, TopicPartition

pytestmark = pytest.mark.integration


def _read(cluster, place, count):
    consumer = cluster.consumer()
    consumer.assign({place: 0})
    found = []
    deadline = time.monotonic() + 20
    while len(found) < count and time.monotonic() < deadline:
        found += [m.value() for m in consumer.consume(100, 0.1)]
    consumer.close()
    return found


@pytest.fixture(params=["kill", "stop"])
def end(request):
    return request.param


def test_what_was_acknowledged_survives_an_end_of_the_broker(own_broker, end):
    own_broker.start()
    cluster = ConfluentCluster.at(own_broker.bootstrap)
    place = TopicPartition("t", 0)
    cluster.admin().create([NewTopic("t", 1)])
    producer = cluster.producer()
    producer.produce("t", b"before")
    assert producer.flush(10) == 0
    bootstrap, topic_id = own_broker.bootstrap, cluster.admin().describe(["t"])["t"].topic_id
    getattr(own_broker, end)()
    assert own_broker.pid is None
    own_broker.start()
    assert own_broker.bootstrap == bootstrap
    producer.produce("t", b"after")
    assert producer.flush(20) == 0
    assert _read(cluster, place, 2) == [b"before", b"after"]
    assert cluster.admin().describe(["t"])["t"].topic_id == topic_id
    assert 50e6 < own_broker.peak_rss() < 900e6


def test_a_frozen_broker_acknowledges_nothing_and_everything_after_the_thaw(own_broker):
    own_broker.start()
    cluster = ConfluentCluster.at(own_broker.bootstrap)
    cluster.admin().create([NewTopic("t", 1)])
    producer = cluster.producer()
    producer.produce("t", b"warm")
    assert producer.flush(10) == 0
    own_broker.freeze()
    for number in range(10):
        producer.produce("t", b"%d" % number)
    assert producer.flush(1.0) == 10
    own_broker.thaw()
    assert producer.flush(30) == 0
    assert _read(cluster, TopicPartition("t", 0), 11) == [b"warm", *(b"%d" % n for n in range(10))]


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)):
            EmbeddedBroker(tmp_path, port).start()


def test_a_data_directory_has_one_owner(own_broker):
    own_broker.start()
    with pytest.raises(DataInUse, match="held by another process"):
        EmbeddedBroker(own_broker.data_dir).start()


def test_a_broker_whose_owner_was_killed_gives_way_to_the_next(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from driftline.broker.embedded import EmbeddedBroker\n"
        "b = EmbeddedBroker(Path(sys.argv[1])); b.start(); print(b.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    orphan = int(owner.stdout.readline())
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    os.kill(orphan, 0)
    with EmbeddedBroker(tmp_path) as heir:
        assert heir.pid not in {None, orphan}
        with pytest.raises(ProcessLookupError):
            os.kill(orphan, 0)


def test_a_tampered_jar_stops_the_start(tmp_path):
    copy = tmp_path / "cache" / ensure_jars().name
    shutil.copytree(ensure_jars(), copy)
    (copy / "slf4j-simple-1.7.36.jar").write_bytes(b"tampered")
    with pytest.raises(JarsDiffer, match=r"slf4j-simple-1\.7\.36\.jar"):
        EmbeddedBroker(tmp_path / "data", cache=tmp_path / "cache").start()


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DownloadFailed, match="DRIFTLINE_KAFKA_BOOTSTRAP"):
        ensure_jars(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
