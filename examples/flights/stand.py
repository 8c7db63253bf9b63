"""Driftline under the demo's settings, and the steps that a user takes before the first prediction."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from driftline import codec, topics
from driftline.cli.baseline import publish_baseline
from driftline.errors import Unavailable
from driftline.events import Baseline, Monitor
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import TopicPartition
from examples.flights import model
from examples.flights.driver import MODEL
from services.supervisor import Supervisor

STATE = Path(".driftline/demo")


def settings(url: str, secret: str) -> dict[str, str]:
    """The demo's settings: alerts go to its receiver, and routes wait seconds instead of minutes."""
    return {
        "DRIFTLINE_ALERTING_WEBHOOK_URL": url,
        "DRIFTLINE_ALERTING_WEBHOOK_SECRET": secret,
        "DRIFTLINE_ALERTING_ALLOW_ADDRESSES": "127.0.0.1",
        "DRIFTLINE_ALERTING_GROUP_WAIT_SECONDS": "1",
        "DRIFTLINE_ALERTING_GROUP_INTERVAL_SECONDS": "5",
    }


def announce(cluster: ConfluentCluster, supervisor: Supervisor, baseline: Baseline) -> Monitor:
    """Publish the baseline, register the model and its version, apply the monitor and wait until it is active."""
    publish_baseline(cluster, baseline)
    definition = Path(__file__).with_name("monitor.yaml").read_text(encoding="utf-8")
    file = STATE / "monitor.yaml"
    file.write_text(f"{definition}baseline: {baseline.baseline_id}\n", encoding="utf-8")
    _driftline(supervisor, "model", "register", MODEL, "--description", "Arrives more than 15 minutes late", "--owner", "demo")
    _driftline(supervisor, "model", "version", MODEL, model.VERSION, "--description", "Gradient-boosted trees on two months")
    _driftline(supervisor, "monitor", "apply", "-f", str(file))
    _driftline(supervisor, "monitor", "wait", MODEL)
    return _monitor(cluster)


def _monitor(cluster: ConfluentCluster) -> Monitor:
    """The monitor as it stands on its topic."""
    consumer = cluster.consumer()
    consumer.assign({TopicPartition(topics.name("monitors"), 0): 0})
    try:
        for _ in range(50):
            for message in consumer.consume(10, 0.2):
                monitor = codec.decode(message.value() or b"")
                if isinstance(monitor, Monitor) and monitor.model_id == MODEL:
                    return monitor
    finally:
        consumer.close()
    raise Unavailable("the monitor did not arrive on its topic")


def _driftline(supervisor: Supervisor, *words: str, accept: tuple[int, ...] = (0,)) -> str:
    """Run the command line as a user would."""
    environment = {**os.environ, **supervisor.client_settings}
    command = [sys.executable, "-m", "driftline.cli", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in accept:
        message = (
            f"`driftline {' '.join(words[:2])}` ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
        raise Unavailable(message)
    return done.stdout


def console_link(supervisor: Supervisor) -> str:
    """A link that opens the console once, without a token."""
    authorization = {"authorization": f"Bearer {supervisor.token}"}
    answer = httpx.post(f"{supervisor.urls['console']}/v1/login-links", headers=authorization, timeout=10)
    answer.raise_for_status()
    return supervisor.urls["console"] + str(answer.json()["path"])


def verify(supervisor: Supervisor) -> dict[str, Any]:
    """`driftline ledger verify --level source`, repeated while the ledger is still catching up with Kafka."""
    for _ in range(20):
        # 1 = tampering or still behind; the verdict tells.
        answer = _driftline(supervisor, "ledger", "verify", "--level", "source", "--json", accept=(0, 1))
        verdict: dict[str, Any] = json.loads(answer)
        if verdict["verdict"] == "valid" and not verdict["source"]["pending"]:
            break
        time.sleep(1)
    return verdict
