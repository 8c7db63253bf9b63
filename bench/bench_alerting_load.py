"""A flood of alerts over HTTP, beside Alertmanager in the same run: taken in, and told, in groups of their own and in 100 groups.

Both take the same requests with the same YAML and tell the same receiver, one after the other; producer and receiver share the machine
with each. Driftline has every alert on disk before it answers, Alertmanager keeps it in memory. Without Alertmanager (see
`tests/integration/alertmanagers.py`) its columns stay empty. Run: `python -m bench.bench_alerting_load [ALERTS]`.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.integration.alerting_harness import wait_for
from tests.integration.alertmanagers import ALERTMANAGER, Alertmanager, Driftline, Router, Sink, moment

ALERTS, AT_ONCE, GROUPS = 100_000, 1_000, 100
LEAST_PER_SECOND = 5_000.0
"""What alerting promises to take in, on disk, each second."""

CONFIG = """
route: {{receiver: all, group_by: [alertname, {by}], group_wait: {wait}s, group_interval: 5m, repeat_interval: 4h}}
receivers: [{{name: all, webhook_configs: [{{url: "{url}/all"}}]}}]
"""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One router under one flood."""

    accepted_per_second: float
    told_seconds: float
    """From the first request to the last notification, `group_wait` included."""
    posts: int
    cpu_seconds: float
    megabytes: float


def run(alerts: int = ALERTS) -> list[Row]:
    """Measure both ways with each; the rows for bench/results.json."""
    own = {kind: _flood(kind, alerts, "instance", wait=1, posts=alerts) for kind in _kinds()}
    few = {kind: _flood(kind, alerts, "team", wait=15, posts=GROUPS) for kind in _kinds()}
    accepted = few[Driftline].accepted_per_second  # nobody is told meanwhile
    promise = {"peer": "promised", "peer_value": LEAST_PER_SECOND, "ratio": accepted / LEAST_PER_SECOND}
    return [
        {"name": "posted alerts taken in, on disk", "value": accepted, "unit": "1/s", **promise},
        *(_rows(f"{alerts:,} alerts in groups of their own", own)),
        *(_rows(f"{alerts:,} alerts in {GROUPS} groups", few)),
    ]


def _kinds() -> list[type[Router]]:
    return [Driftline, *([Alertmanager] if ALERTMANAGER else [])]


def _flood(kind: type[Router], alerts: int, by: str, *, wait: int, posts: int) -> Found:
    with (
        tempfile.TemporaryDirectory() as folder,
        Sink(keep=False) as sink,
        kind(Path(folder) / "router", CONFIG.format(by=by, wait=wait, url=sink.url)) as router,
    ):
        assert router.process is not None
        process = psutil.Process(router.process.pid)
        requests = list(_requests(alerts))
        before = sum(process.cpu_times()[:2])
        begin = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", router.port)
        for body in requests:
            connection.request("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
        accepted = time.monotonic()
        wait_for(lambda: sink.count >= posts, 600, "all notifications")
        told = time.monotonic()
        time.sleep(2)  # a notification too many would come now
        memory = process.memory_info().rss / 1e6
        spent = sum(process.cpu_times()[:2]) - before
        return Found(alerts / (accepted - begin), told - begin, sink.count, spent, memory)


def _requests(alerts: int) -> Iterator[bytes]:
    ends = moment(3_600)
    for start in range(0, alerts, AT_ONCE):
        yield json.dumps(
            [
                {
                    "labels": {
                        "alertname": "Drift",
                        "instance": f"host-{number:06}.example.org:9100",
                        "team": f"team-{number % GROUPS}",
                        "severity": "warning",
                        "job": "node",
                    },
                    "annotations": {
                        "summary": f"Drift of host-{number:06}",
                        "description": "The distribution of the input has moved away from its reference.",
                    },
                    "endsAt": ends,
                    "generatorURL": "http://prometheus.example.org/graph?g0.expr=up",
                }
                for number in range(start, min(alerts, start + AT_ONCE))
            ]
        ).encode()


def _rows(name: str, found: dict[type[Router], Found]) -> Iterator[Row]:
    ours, peer = found[Driftline], found.get(Alertmanager)
    for what, unit, value in (
        ("taken in", "1/s", lambda one: one.accepted_per_second),
        ("all told after", "s", lambda one: one.told_seconds),
        ("posts", "", lambda one: float(one.posts)),
        ("CPU", "s", lambda one: one.cpu_seconds),
        ("memory", "MB", lambda one: one.megabytes),
    ):
        other = None if peer is None else value(peer)
        ratio = None if other is None else value(ours) / other
        yield {
            "name": f"{name}, {what}",
            "value": value(ours),
            "unit": unit,
            "peer": "Alertmanager, in memory",
            "peer_value": other,
            "ratio": ratio,
        }


if __name__ == "__main__":
    for row in run(int(sys.argv[1]) if len(sys.argv) > 1 else ALERTS):
        ratio = "" if row["ratio"] is None else f", ratio {row['ratio']:.2f}"
        print(f"{row['name']}: {row['value']:,.1f} {row['unit']}, {row['peer']}: {row['peer_value'] or 0:,.1f}{ratio}")
