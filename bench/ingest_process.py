"""Ingest as a process of its own on a Kafka with one monitored model: for the benchmark and for tests on a real broker."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import orjson

from driftline import codec, topics
from driftline.events import Baseline, BaselineColumn, ColumnKind, Monitor, MonitorColumn, Task
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.preflight import new_topic
from driftline.runtime.tokens import create_token
from tests.builders import monitor_of

ROOT = Path(__file__).resolve().parent.parent
MODEL, VERSION = "shop.checkout", "2026.11"
NUMERIC = tuple(f"num_{i}" for i in range(14))
CATEGORICAL = tuple(f"cat_{i}" for i in range(6))
_START_SECONDS = 60.0


def monitor(**changes: Any) -> Monitor:
    """A binary model with 14 numeric and 6 categorical columns."""
    columns = [MonitorColumn(name=name, kind=ColumnKind.NUMERIC) for name in NUMERIC]
    columns += [MonitorColumn(name=name, kind=ColumnKind.CATEGORICAL) for name in CATEGORICAL]
    values: dict[str, Any] = {
        "model_id": MODEL,
        "task": Task.BINARY,
        "positive_class": "yes",
        "columns": tuple(columns),
        "baseline_id": "b1",
        "labels": True,
        "lateness_us": 300_000_000,
        "idle_timeout_us": 60_000_000,
        "max_wait_us": 3_600_000_000,
        "label_delay_us": 86_400_000_000,
        "label_ttl_us": 30 * 86_400_000_000,
        "future_skew_us": 300_000_000,
        "minimum_n": 200,
    }
    return monitor_of(**(values | changes))


def baseline(of: Monitor) -> Baseline:
    """A baseline that has the monitor's columns, and nothing in them."""
    columns = tuple(
        BaselineColumn(name=c.name, kind=c.kind, edges=(), psi_edges=(), categories=(), counts=(), sums=()) for c in of.columns
    )
    return Baseline(baseline_id=of.baseline_id, model_id=of.model_id, rows=1, columns=columns, provenance={})


def prepare(cluster: ConfluentCluster) -> None:
    """Create the topics that ingest needs, with one monitored model."""
    wanted = [topics.catalogue()[name] for name in ("predictions", "labels", "dead-letters", "monitors", "baselines")]
    admin = cluster.admin()
    there = admin.describe([each.name for each in wanted])
    admin.create([new_topic(each) for each in wanted if each.name not in there])
    watched = monitor()
    producer = cluster.producer()
    producer.produce(topics.name("baselines"), codec.encode(baseline(watched)), key=watched.baseline_id.encode())
    producer.flush(10)
    producer.produce(topics.name("monitors"), codec.encode(watched), key=f"{MODEL}/1".encode())
    producer.flush(10)
    producer.close()


class IngestProcess:
    """`python -m services.ingest` on a Kafka, with a producer's token."""

    def __init__(self, bootstrap: str, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = directory / "ingest.log"
        tokens = directory / "tokens.json"
        self.token = create_token(tokens, "shop", ["producer"])
        self._environment = {
            **os.environ,
            "DRIFTLINE_KAFKA_BOOTSTRAP": bootstrap,
            "DRIFTLINE_TOKENS_FILE": str(tokens),
            "DRIFTLINE_DATA_DIR": str(directory / "data"),
            "DRIFTLINE_HTTP_PORT": "0",
            "DRIFTLINE_LOG_FORMAT": "json",
            **(environment or {}),
        }
        self.port = 0

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "services.ingest"]
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while not self.port:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"ingest did not start:\n{self._log.read_text()}")
            self.port = _port(self._log.read_bytes())
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cpu_seconds(self) -> float:
        """Processor time of the process so far, all threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self, timeout_seconds: float = 60.0) -> http.client.HTTPConnection:
        """A connection that stays open over requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_seconds)

    def post(
        self, connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON of the answer."""
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **(headers or {})}
        connection.request("POST", path, body, sent)
        answer = connection.getresponse()
        return answer.status, orjson.loads(answer.read())

    def log(self) -> str:
        """What the process has logged."""
        return self._log.read_text()


def _port(log: bytes) -> int:
    for line in log.splitlines():
        if b'"url"' in line:
            return int(orjson.loads(line)["url"].rpartition(":")[2])
    return 0
