"""The audit service as a process on real Kafka: killed, doubled, rolled back, and verified against the topics."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from driftline import codec, topics
from driftline.broker.embedded import EmbeddedBroker, free_port
from driftline.broker.errors import DownloadFailed
from driftline.clock import SystemClock
from driftline.envelope import Envelope
from driftline.events import HealthOpened
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import TopicPartition
from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.report import FindingKind, Verdict
from driftline.ledger.store import open_writer
from driftline.runtime.ledger_source import verify_source
from driftline.runtime.preflight import new_topic
from services.audit.consumer import Recorder
from tests.integration.ledger_place import LedgerPlace, ledgered
from tests.unit.services.audit.world import Between

pytestmark = pytest.mark.integration

HEALTH, PREDICTIONS = topics.name("health"), topics.name("predictions")
SETTLE_SECONDS = 180.0


class House(LedgerPlace):
    """A ledger, its audit services as processes, and a producer."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        super().__init__(folder, bootstrap)
        self.furnish()
        self.producer = self.cluster.producer()
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> tuple[subprocess.Popen[bytes], int]:
        port = free_port()
        with (self.folder / "audit.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.audit"],
                env={**self.environment, "DRIFTLINE_HTTP_PORT": str(port)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process, port

    def ask(self, port: int, path: str) -> Any:
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {self.token}"}, timeout=10.0)
        answer.raise_for_status()
        return answer.json()

    def wait_ready(self, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2.0).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        pytest.fail("audit does not become ready:\n" + (self.folder / "audit.log").read_text()[-4000:])

    def wait_recorded(self) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while not self.recorded():
            if time.monotonic() > deadline:
                pytest.fail("the ledger does not reach its topics' ends:\n" + (self.folder / "audit.log").read_text()[-4000:])
            time.sleep(0.2)

    def event(self, number: int, *, ce_id: str | None = None, partition: int | None = None) -> None:
        event = HealthOpened(
            source="drift",
            subject=f"s{number}",
            kind="stalled_partition",
            severity="LOW",
            detail="d" * 100,
            labels={},
            at=number,
        )
        said = Envelope(id=ce_id or f"{self.folder}-{number}", type="HealthOpened", source="/drift", time_us=number)
        part = number % 4 if partition is None else partition
        self.producer.produce(HEALTH, codec.encode(event), key=b"k", headers=said.headers(), partition=part)

    def predictions(self, count: int) -> None:
        for number in range(count):
            self.producer.produce(PREDICTIONS, b"prediction %d" % number, key=b"%d" % number)

    def transactions(self, count: int) -> int:
        """Write `count` transactions of three records to two topics, every second one aborted; returns the committed records."""
        producer = self.cluster.transactional_producer(f"{self.folder.name}-{random.random()}")
        producer.init_transactions()
        committed = 0
        for number in range(count):
            producer.begin()
            for _ in range(3):
                producer.produce(PREDICTIONS, b"in transaction %d" % number, key=b"t", partition=number % 8)
                producer.produce(HEALTH, b"not readable %d" % number, key=b"t", partition=number % 4)
            if number % 2:
                producer.commit()
                committed += 6
            else:
                producer.flush(5.0)
                producer.abort()
        producer.close()
        return committed

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.producer.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker of this module's own: the topics have their real names."""
    broker = EmbeddedBroker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
    except DownloadFailed as error:
        pytest.skip(f"no embedded Kafka: {error}")
    yield broker
    broker.stop()


@pytest.fixture
def house(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[House]:
    """A house on fresh topics."""
    admin = ConfluentCluster.at(broker.bootstrap).admin()
    declared = [*ledgered(), topics.catalogue()["checkpoints"]]
    admin.delete(admin.topic_names())
    admin.create([new_topic(each) for each in declared])
    house = House(tmp_path, broker.bootstrap)
    yield house
    house.end()


def test_a_ledger_of_real_topics_verifies_against_them(house: House) -> None:
    for number in range(200):
        house.event(number)
    house.event(7, partition=0)  # the same event in another partition
    house.predictions(3_000)
    house.producer.flush(30.0)
    committed = house.transactions(10)
    process, port = house.start()
    house.wait_ready(process, port)
    house.wait_recorded()
    stats = house.ask(port, "/v1/stats")
    assert stats["actions"]["health.opened"] == 200
    report = house.verify()
    assert (report["verdict"], report["first_bad"]) == ("valid", None)
    assert report["source"]["digested"] == 3_000 + committed // 2
    assert report["source"]["matched"] == 200 + committed // 2
    (explained,) = report["duplicates"]
    assert "duplicate of entry" in explained
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10.0).text
    assert "driftline_ledger_size_entries" in metrics
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert house.verify("full")["verdict"] == "valid"


def test_two_instances_killed_at_random_record_everything_once(house: House) -> None:
    chance = random.Random(11)
    running = [house.start(), house.start()]
    for process, port in running:
        house.wait_ready(process, port)
    sent = 0
    for _ in range(8):
        for _ in range(300):
            house.event(sent)
            sent += 1
        house.predictions(500)
        house.transactions(2)
        house.producer.flush(30.0)
        time.sleep(chance.uniform(0.0, 1.0))
        victim = chance.randrange(2)
        running[victim][0].kill()
        running[victim][0].wait()
        running[victim] = house.start()
    for process, port in running:
        house.wait_ready(process, port)
    house.wait_recorded()
    report = house.verify()
    assert (report["verdict"], report["first_bad"]) == ("valid", None)
    assert report["source"]["matched"] == sent + 8 * 3
    assert report["source"]["digested"] == 8 * 500 + 8 * 3
    assert report["source"]["duplicates"] == 0


def test_two_instances_archive_report_and_verify_by_schedule_while_they_record(house: House, tmp_path: Path) -> None:
    house.environment |= {
        "DRIFTLINE_LEDGER_ARCHIVE_URL": f"file://{tmp_path}/archive",
        "DRIFTLINE_LEDGER_ARCHIVE_SECONDS": "0.5",
        "DRIFTLINE_LEDGER_REPORT_URL": f"file://{tmp_path}/reports",
        "DRIFTLINE_LEDGER_REPORT_SECONDS": "86400",
        "DRIFTLINE_LEDGER_REPORT_REGIMES": '["sox", "gdpr"]',
        "DRIFTLINE_LEDGER_VERIFY_SECONDS": "1",
        "DRIFTLINE_LEDGER_VERIFY_LEVEL": "source",
    }
    running = [house.start(), house.start()]
    for process, port in running:
        house.wait_ready(process, port)
    house.command("ledger", "retain", "*", "--archive-days", 0, "--actor", "tester", "--reason", "test")
    for number in range(600):
        house.event(number)
    house.predictions(1_000)
    house.producer.flush(30.0)
    house.wait_recorded()
    deadline = time.monotonic() + SETTLE_SECONDS
    inside = "SELECT count(*) FROM ledger_payload p JOIN ledger_entry e ON e.seq = p.seq WHERE p.body IS NOT NULL AND e.action NOT LIKE 'ledger.%'"
    while house.query(inside) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert house.query(inside) == [(0,)]
    time.sleep(2.0)  # a verification of each, with all in the archive
    for _, port in running:
        told = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10.0).text
        assert "driftline_ledger_verify_ok 1.0" in told
        assert 'driftline_ledger_job_ok{job="archive"} 1.0' in told
        assert 'driftline_ledger_job_ok{job="report"} 1.0' in told
        assert "driftline_ledger_job_failures_total{" not in told
    report = house.verify()
    assert (report["verdict"], report["unread"], report["source"]["duplicates"]) == ("valid", [], 0)
    assert report["archived"] >= 600
    twice = "SELECT seq FROM ledger_withdrawal GROUP BY seq HAVING count(*) > 1"
    assert house.query(twice) == []
    assert house.query("SELECT resource_id FROM ledger_entry WHERE action = 'ledger.reported' ORDER BY seq") in (
        [("sox",), ("gdpr",)],
        [("gdpr",), ("sox",)],
    )


def test_a_record_left_out_by_an_honest_looking_chain_is_found_at_level_source(house: House, tmp_path: Path) -> None:
    for number in range(40):
        house.event(number, partition=0)
    house.predictions(100)
    house.producer.flush(30.0)
    key = SigningKey("honest.example/log", bytes(32))
    writer, _ = open_writer(f"sqlite:///{tmp_path}/other.db", key, signed_path=tmp_path / "signed", random=os.urandom)

    def skip(drafts: list[Draft]) -> list[Draft]:
        return [draft for draft in drafts if draft.source is None or (draft.source.topic, draft.source.start) != (HEALTH, 17)]

    recorder = Recorder(house.cluster, Between(writer, skip), SystemClock(), salts=os.urandom, signed=lambda _size, _note: None)
    recorder.open()
    read, deadline = 0, time.monotonic() + SETTLE_SECONDS
    while read < 140 and time.monotonic() < deadline:
        read += recorder.step()
    recorder.drain()
    recorder.close()
    report = verify_source(writer.store, house.cluster, key=key.verifier, trusted=[])
    assert report.verdict is Verdict.TAMPERED
    assert report.invalid_entries == 1
    assert report.first_bad is not None
    assert report.first_bad.kind is FindingKind.SOURCE_OMITTED
    assert "offset 17" in report.first_bad.detail
    assert replace(report, findings=()).source is not None


def test_an_older_copy_of_the_database_is_refused_and_told(house: House) -> None:
    for number in range(50):
        house.event(number)
    house.producer.flush(30.0)
    process, port = house.start()
    house.wait_ready(process, port)
    house.wait_recorded()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    shutil.copy(house.folder / "audit.db", house.folder / "backup.db")
    for number in range(50, 80):
        house.event(number)
    house.producer.flush(30.0)
    process, port = house.start()
    house.wait_ready(process, port)
    house.wait_recorded()
    process.kill()
    process.wait()
    for name in ("audit.db-wal", "audit.db-shm"):
        (house.folder / name).unlink(missing_ok=True)
    shutil.copy(house.folder / "backup.db", house.folder / "audit.db")
    process, port = house.start()
    assert process.wait(60) == 2
    assert "entries were signed" in (house.folder / "audit.log").read_text()
    assert house.verify("full", code=1)["first_bad"]["kind"] == "tail_missing"
    consumer = house.cluster.consumer()
    consumer.assign({TopicPartition(HEALTH, number): 0 for number in range(4)})
    told, deadline = [], time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline and "ledger_rollback_detected" not in told:
        told += [codec.decode(message.value() or b"").kind for message in consumer.consume(1000, 0.5)]
    consumer.close()
    assert "ledger_rollback_detected" in told
