"""A witness as a process, asked over HTTP: killed between its store and its answer, and shown two histories."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from driftline import topics
from driftline.alerting.addresses import parse_allow_list
from driftline.broker.embedded import free_port
from driftline.clock import SystemClock
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.ledger.checkpoint import Note, signed_text
from driftline.ledger.cosignature import cosigned
from driftline.ledger.policy import parse_policy
from driftline.runtime.health_events import HealthEvents
from driftline.runtime.witness_client import WitnessClient
from services.audit.witnessing import Witnessing
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, draft, grow, ledger
from tests.unit.services.audit.witness.log_and_witness import QUANTUM, W1, Log

pytestmark = pytest.mark.integration

KILLED = """
import os, signal, sys
from services.audit.witness import store
advance = store.WitnessStore.advance
def killed(self, origin, decide):
    advance(self, origin, decide)
    os.kill(os.getpid(), signal.SIGKILL)
store.WitnessStore.advance = killed
from driftline.runtime.process import run_service
from services.audit.witness.app import run
from services.audit.witness.settings import WitnessSettings
sys.exit(run_service("witness", WitnessSettings, run))
"""
LOG, OTHER = Log(), Log(other_from=3)


class House:
    """A folder with keys and the store, and witnesses started on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        key, logs = folder / "witness.key", folder / "logs"
        key.write_text(f"{W1.encode()}\n{QUANTUM.encode()}\n")
        key.chmod(0o600)
        logs.write_text(KEY.verifier.encode() + "\n")
        self.environment = {
            **os.environ,
            "DRIFTLINE_WITNESS_KEY_FILE": str(key),
            "DRIFTLINE_WITNESS_LOGS_FILE": str(logs),
            "DRIFTLINE_DATA_DIR": str(folder),
        }

    def start(self, *command: str, port: int = 0) -> str:
        port = port or free_port()
        with (self.folder / "witness.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *(command or ("-m", "services.audit.witness"))],
                env={**self.environment, "DRIFTLINE_HTTP_PORT": str(port)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(f"{url}/readyz", timeout=2.0).status_code == 200:
                    return url
            except httpx.HTTPError:
                time.sleep(0.05)
        pytest.fail("the witness does not become ready:\n" + (self.folder / "witness.log").read_text()[-2000:])

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def add(url: str, body: bytes) -> httpx.Response:
    return httpx.post(f"{url}/add-checkpoint", content=body, timeout=10.0)


def test_a_log_grows_under_its_witness_and_a_second_history_is_refused(house: House) -> None:
    url = house.start()
    answer = add(url, LOG.growth(0, 10))
    keys = [W1.verifier, QUANTUM.verifier]
    assert set(cosigned(Note.parse(LOG.note(10) + answer.text), keys)) == set(keys)
    assert add(url, OTHER.growth(10, 10)).status_code == 409
    assert add(url, OTHER.growth(10, 20)).status_code == 422
    assert (add(url, LOG.growth(0, 20)).status_code, add(url, LOG.growth(0, 20)).text) == (409, "10\n")
    assert add(url, LOG.growth(10, 20)).status_code == 200
    house.processes[0].send_signal(signal.SIGTERM)
    assert house.processes[0].wait(20.0) == 0


def test_a_witness_that_was_killed_before_it_answered_cosigns_no_other_history(house: House) -> None:
    url = house.start("-c", KILLED)
    with pytest.raises(httpx.HTTPError):
        add(url, LOG.growth(0, 10))
    assert house.processes[0].wait(10.0) == -signal.SIGKILL
    again = house.start()
    assert (add(again, OTHER.growth(0, 10)).status_code, add(again, OTHER.growth(0, 10)).text) == (409, "10\n")
    assert add(again, OTHER.growth(10, 10)).status_code == 409
    assert add(again, OTHER.growth(10, 12)).status_code == 422
    assert add(again, LOG.growth(10, 10)).status_code == 200
    assert add(again, LOG.growth(10, 12)).status_code == 200


def test_two_witness_processes_on_one_store_keep_one_history(house: House) -> None:
    first, second = house.start(), house.start()
    assert add(first, LOG.growth(0, 10)).status_code == 200
    assert add(second, OTHER.growth(10, 12)).status_code == 422
    assert add(second, LOG.growth(10, 12)).status_code == 200
    assert add(first, OTHER.growth(10, 14)).status_code == 409


def test_a_ledger_outlives_its_witness_and_catches_up(house: House) -> None:
    (house.folder / "ledger").mkdir()
    writer = ledger(house.folder / "ledger", 20)
    url = house.start()
    clock, cluster = SystemClock(), MemoryCluster(SystemClock())
    cluster.admin().create([NewTopic(topics.name("health"), 1)])
    policy = parse_policy(f"witness w1 {W1.verifier.encode()} {url}\nquorum w1".encode())
    client = WitnessClient(url, allowed=parse_allow_list(["127.0.0.1"]), timeout_seconds=2.0)
    published: list[int] = []
    witnessing = Witnessing(
        writer.store,
        policy,
        {"w1": client},
        clock,
        events=HealthEvents(cluster.producer(), source="audit", clock=clock),
        quorum=lambda size, _note: published.append(size),
    )
    witnessing.look()
    house.processes[0].kill()
    house.processes[0].wait()
    grow(writer, [[draft(number) for number in range(20, 30)]])
    witnessing.look()
    assert published == [20]
    house.start(port=int(url.rsplit(":", 1)[1]))
    grow(writer, [[draft(number) for number in range(30, 300)]])
    deadline = time.monotonic() + 20.0
    while witnessing.witnessed < 300 and time.monotonic() < deadline:
        witnessing.look()
        time.sleep(0.1)
    assert published == [20, 300]
    with writer.store.snapshot() as snapshot:
        assert client.head(ORIGIN).text.startswith(signed_text(snapshot.latest_note() or "").text())
    witnessing.close()
    client.close()


def test_a_witness_without_its_key_says_what_to_do(house: House) -> None:
    (house.folder / "witness.key").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "services.audit.witness"], env=house.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "driftline ledger witness-keygen" in done.stderr
