"""From the drift event in Kafka to the notification in the receiver's hands, at 200 events a second.

Every event opens a group of its own and `group_wait` is 0, so what is measured is the way: Faust, the database, the decision, the
outbox, a signed POST. Its peer walks the same way with nothing in between: consume, POST. The receiver and the producer share the
machine with both. Run: `python -m bench.bench_alerting`.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from driftline import codec, topics
from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.configuration import StartAt
from driftline.kafka.confluent import ConfluentCluster
from tests.integration.alerting_harness import Receiver, Service, create_topics, produce, sign, wait_for
from tests.unit.alerting.builders import detected

RATE, SECONDS = 200, 10
LIMIT_MS = 500.0
"""What alerting promises for the 99th percentile at this rate."""

Row = dict[str, Any]


def run() -> list[Row]:
    """Measure both ways on one broker, the bare one first; the rows for bench/results.json."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker(Path(folder) / "kafka") as broker:
        create_topics(broker.bootstrap)
        bare = _bare(broker.bootstrap)
        ours, cpu_ms = _ours(broker.bootstrap, Path(folder) / "alerting")
    return [
        _row(f"drift event to notification at {RATE}/s, {name}", _quantile(ours, share), _quantile(bare, share))
        for name, share in (("median", 0.5), ("p99", 0.99))
    ] + [
        {
            "name": f"drift event to notification at {RATE}/s, p99, against its promise",
            "value": _quantile(ours, 0.99),
            "unit": "ms",
            "peer": "promised",
            "peer_value": LIMIT_MS,
            "ratio": _quantile(ours, 0.99) / LIMIT_MS,
        },
        {
            "name": f"CPU of alerting per notification at {RATE}/s",
            "value": cpu_ms,
            "unit": "ms",
            "peer": "one core at that rate",
            "peer_value": 1_000 / RATE,
            "ratio": cpu_ms / (1_000 / RATE),
        },
    ]


def _ours(bootstrap: str, folder: Path) -> tuple[list[float], float]:
    with Receiver() as receiver, Service(bootstrap, folder) as service:
        service.environment["DRIFTLINE_ALERTING_WEBHOOK_URL"] = receiver.url
        service.environment["DRIFTLINE_ALERTING_GROUP_INTERVAL_SECONDS"] = "300"
        service.start()
        wait_for(lambda: _still(lambda: len(receiver.hooks)), 60, "the history to be told")
        receiver.hooks.clear()
        before = _cpu_seconds(service)
        found = _measure(bootstrap, "ours", receiver)
        spent = _cpu_seconds(service) - before
        assert service.terminate() == 0
        return found, spent * 1_000 / (RATE * (SECONDS + 1))


def _cpu_seconds(service: Service) -> float:
    assert service.process is not None
    times = psutil.Process(service.process.pid).cpu_times()
    return float(times.user + times.system)


def _bare(bootstrap: str) -> list[float]:
    with Receiver() as receiver:
        stopping = threading.Event()
        thread = threading.Thread(target=_relay, args=(bootstrap, receiver.port, stopping))
        thread.start()
        try:
            return _measure(bootstrap, "bare", receiver)
        finally:
            stopping.set()
            thread.join()


def _relay(bootstrap: str, port: int, stopping: threading.Event) -> None:
    """Consume and post, with no memory of anything."""
    consumer = ConfluentCluster.at(bootstrap).consumer("bench.bare", start_at=StartAt.EARLIEST)
    consumer.subscribe([topics.name("drift-events")])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not stopping.is_set():
        for message in consumer.consume(200, 0.05):
            event = codec.decode(message.value() or b"")
            body = json.dumps({"alert_data": {"model_name": event.model_id}}).encode()
            connection.request("POST", "/", body, {"Content-Type": "application/json", **sign(event.episode_id, body)})
            connection.getresponse().read()
    consumer.close()


def _measure(bootstrap: str, prefix: str, receiver: Receiver) -> list[float]:
    """Milliseconds from producing to receiving, one for each event, after a second of warming up."""
    producer = ConfluentCluster.at(bootstrap).producer()
    sent: dict[str, float] = {}
    begin = time.monotonic()
    for number in range(RATE * (SECONDS + 1)):
        name = f"{prefix}.{number}"
        time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
        sent[name] = time.monotonic()
        produce(producer, detected(model_id=name, episode_id=name))
        producer.poll(0)
    producer.flush(30)
    wait_for(lambda: len(receiver.hooks) >= len(sent), 120, "all notifications")
    arrived = {hook.body["alert_data"]["model_name"]: hook.at for hook in receiver.hooks}
    return [(arrived[name] - at) * 1_000 for name, at in list(sent.items())[RATE:]]


def _still(count: Callable[[], int]) -> bool:
    before = count()
    time.sleep(1.0)
    return count() == before


def _quantile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def _row(name: str, value: float, peer: float) -> Row:
    return {
        "name": name,
        "value": value,
        "unit": "ms",
        "peer": "consume and POST alone",
        "peer_value": peer,
        "ratio": value / peer,
    }


if __name__ == "__main__":
    for row in run():
        print(f"{row['name']}: {row['value']:.1f} ms, {row['peer']}: {row['peer_value']:.1f} ms")
