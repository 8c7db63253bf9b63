"""Checks through real processes: a monitor with a schedule, predictions, and the command line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time

import pytest

from driftline.envelope import time_of
from driftline.sdk import Client
from services.supervisor import Supervisor

pytestmark = pytest.mark.integration

MODEL = "fraud_detector"
HOUR = 3_600_000_000
START = time_of("2026-03-01T00:00:00Z")
MONITOR = """
model: {model}
baseline: {baseline}
task: regression
labels: false
granularities: [1 hour]
idle_timeout: 2 s
minimum_n: 50
check: hourly
"""


@pytest.fixture
def up(tmp_path):
    with Supervisor(
        tmp_path / "state", fixed_ports=False, services=dict.fromkeys(("governance", "drift", "console"), 0)
    ) as supervisor:
        yield supervisor


def command(up, *words, code=0):
    environment = {**os.environ, **up.client_settings}
    done = subprocess.run(
        [sys.executable, "-m", "driftline.cli", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def eventually(holds, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found


def test_scheduled_and_on_demand_checks_of_a_model(up, tmp_path):
    amounts = [float(n % 997) for n in range(2000)]
    with (tmp_path / "training.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["transaction_amount", "risk"])
        writer.writerows((amount, amount / 997) for amount in amounts)
    fitted = command(up, "baseline", "fit", str(tmp_path / "training.csv"), "--model", MODEL, "--prediction", "risk", "--json")
    (tmp_path / "monitor.yaml").write_text(MONITOR.format(model=MODEL, baseline=json.loads(fitted)["baseline_id"]))
    command(up, "monitor", "apply", "-f", str(tmp_path / "monitor.yaml"))
    with Client.connect(up.bootstrap) as client:
        for number in range(600):
            hour, amount = number // 200, float(number * 37 % 997)
            client.predict(
                MODEL,
                "2.0.0",
                f"id-{number}",
                {"transaction_amount": amount * (9 if hour == 2 else 1)},
                prediction=amount / 997,
                event_time=START + hour * HOUR + number % 200,
            )
        client.advance(MODEL, START + 4 * HOUR)

    def ended():
        found = json.loads(command(up, "check", "history", "--model", MODEL, "--json"))
        return found if len(found) >= 3 else None

    checks = sorted(eventually(ended), key=lambda check: check["due"])[:3]
    assert [(check["status"], check["trigger"], check["n"]) for check in checks] == [("COMPLETED", "SCHEDULED", 200)] * 3
    assert [check["alert_generated"] for check in checks] == [False, False, True]
    whole = command(up, "check", "run", MODEL, "--from", "2026-03-01", "--to", "2026-03-01T03:00", "--json", code=1)
    assert [(check["status"], check["n"], check["actor"]) for check in json.loads(whole)] == [("COMPLETED", 600, "operator")]
    first = command(up, "check", "run", MODEL, "--from", "2026-03-01T00:00", "--to", "2026-03-01T01:00")
    assert "NORMAL" in first
    figures = json.loads(command(up, "check", "statistics", "--json"))
    assert (figures["total_models_configured"], figures["failed_executions"]) == (1, 0)
    assert figures["success_rate"] == 100.0
    (planned,) = json.loads(command(up, "check", "schedule", "--json"))
    assert (planned["schedule"], planned["enabled"]) == ("hourly", True)
