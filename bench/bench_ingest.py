"""HTTP ingest in batches of 100: events per CPU-second of the ingest process, the broker's acknowledgement included.

Beside it: orjson's decoding of the same bodies, alone. Run: `python -m bench.bench_ingest`.
"""

from __future__ import annotations

import random
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from bench.ingest_process import CATEGORICAL, MODEL, NUMERIC, VERSION, IngestProcess, prepare
from bench.results import Result, result
from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.confluent import ConfluentCluster

ROWS, BODIES, CLIENTS = 100, 60, 16
ROUNDS, REQUESTS = 5, 300


def _bodies() -> list[bytes]:
    chance = random.Random(7)
    now = time.time_ns() // 1000

    def event(number: int) -> dict[str, Any]:
        features: dict[str, Any] = {name: chance.gauss(0, 1) for name in NUMERIC}
        features |= {name: f"value-{chance.randrange(20)}" for name in CATEGORICAL}
        return {
            "model_id": MODEL,
            "model_version": VERSION,
            "prediction_id": f"8f14e45f-{number:012d}",
            "event_time": now - number,
            "prediction": chance.choice(["yes", "no"]),
            "score": chance.random(),
            "features": features,
        }

    return [orjson.dumps({"events": [event(ROWS * body + row) for row in range(ROWS)]}) for body in range(BODIES)]


def _load(ingest: IngestProcess, bodies: list[bytes], requests: int) -> None:
    """Send requests from several connections; every answer must be a 202 for all rows.

    Over plain sockets: a client library would take the processor from the process that is measured.
    """
    messages = [_message(ingest.token, body) for body in bodies]
    failures: list[bytes] = []

    def client(first: int) -> None:
        with socket.create_connection(("127.0.0.1", ingest.port)) as connection:
            for number in range(first, requests, CLIENTS):
                connection.sendall(messages[number % len(messages)])
                answer = connection.recv(65_536)
                while not answer.endswith(b"}"):
                    answer += connection.recv(65_536)
                if b'{"accepted":%d,"rejected":[]}' % ROWS not in answer:
                    failures.append(answer)

    threads = [threading.Thread(target=client, args=(first,)) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise AssertionError(f"{len(failures)} requests were not accepted whole: {failures[0]!r}")


def _message(token: str, body: bytes) -> bytes:
    head = (
        f"POST /v1/predictions HTTP/1.1\r\nHost: ingest\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _decode_rate(bodies: list[bytes]) -> float:
    began = time.process_time()
    for _ in range(3):
        for body in bodies:
            orjson.loads(body)
    return 3 * ROWS * len(bodies) / (time.process_time() - began)


def _measure(ingest: IngestProcess, bodies: list[bytes]) -> tuple[list[float], list[float], list[float]]:
    _load(ingest, bodies, REQUESTS)
    rates, walls, peers = [], [], []
    for _ in range(ROUNDS):
        cpu, began = ingest.cpu_seconds(), time.monotonic()
        _load(ingest, bodies, REQUESTS)
        rates.append(ROWS * REQUESTS / (ingest.cpu_seconds() - cpu))
        walls.append(ROWS * REQUESTS / (time.monotonic() - began))
        peers.append(_decode_rate(bodies))
    return rates, walls, peers


def run() -> list[Result]:
    """Measure on a broker of its own; the median of interleaved runs."""
    bodies = _bodies()
    with tempfile.TemporaryDirectory() as scratch, EmbeddedBroker(Path(scratch, "kafka")) as broker:
        prepare(ConfluentCluster.at(broker.bootstrap))
        with IngestProcess(broker.bootstrap, Path(scratch)) as ingest:
            rates, walls, peers = _measure(ingest, bodies)
    value, peer = statistics.median(rates), statistics.median(peers)
    print(
        f"ingest, batches of {ROWS}: {value / 1e3:.1f}k events/cpu-s ({min(rates) / 1e3:.1f}-{max(rates) / 1e3:.1f}k), "
        f"{statistics.median(walls) / 1e3:.1f}k/s on the wall; orjson.loads alone {peer / 1e3:.0f}k/s"
    )
    return [result("HTTP ingest, batches of 100, acknowledged", value, "events/cpu-s", "orjson.loads alone", peer)]


if __name__ == "__main__":
    run()
