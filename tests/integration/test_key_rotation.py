"""The ledger's key is changed while the audit service and a witness run: both are started again, and all verifies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from driftline.broker.embedded import EmbeddedBroker, free_port
from driftline.broker.errors import DownloadFailed
from driftline.ledger.checkpoint import signed_text
from driftline.ledger.store import open_store
from driftline.runtime.preflight import new_topic
from driftline.topics import catalogue
from services.audit.jobs import KEY_CHANGED
from tests.integration.ledger_place import ledgered
from tests.integration.test_audit import House

pytestmark = pytest.mark.integration

SECONDS = 60.0


class WitnessedHouse(House):
    """A ledger with its audit service and one witness, each a process."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        super().__init__(folder, bootstrap)
        self.sent = 0
        self.witness_port = free_port()
        self.vkey = folder / "keys" / "ledger.key.vkey"
        self.logs = folder / "witness" / "logs"
        self.logs.parent.mkdir()
        made = self.command("ledger", "witness-keygen", "--file", folder / "witness" / "key", "--json")
        (vkey,) = json.loads(made)["vkeys"]
        policy = folder / "policy"
        policy.write_text(f"witness w1 {vkey} http://127.0.0.1:{self.witness_port}/\nquorum w1\n")
        self.environment |= {
            "DRIFTLINE_LEDGER_POLICY_FILE": str(policy),
            "DRIFTLINE_LEDGER_WITNESS_SECONDS": "0.1",
            "DRIFTLINE_LEDGER_WITNESS_ALLOW_ADDRESSES": '["127.0.0.1/32"]',
        }

    def witness(self) -> subprocess.Popen[bytes]:
        """Start the witness with the keys of the log that it was given."""
        environment = os.environ | {
            "DRIFTLINE_WITNESS_KEY_FILE": str(self.folder / "witness" / "key"),
            "DRIFTLINE_WITNESS_LOGS_FILE": str(self.logs),
            "DRIFTLINE_DATA_DIR": str(self.folder / "witness"),
            "DRIFTLINE_HTTP_PORT": str(self.witness_port),
        }
        with (self.folder / "witness.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.audit.witness"], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.processes.append(process)
        self.wait(self._witness_answers, "the witness is not ready")
        return process

    def _witness_answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.witness_port}/readyz", timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    def say(self, events: int) -> None:
        for _ in range(events):
            self.event(self.sent)
            self.sent += 1
        self.producer.flush(30.0)

    def wait(self, holds: Callable[[], object], else_: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"{else_}\n{self.said()[-4000:]}"
            time.sleep(0.05)

    def said(self) -> str:
        return (self.folder / "audit.log").read_text()

    def cosigned(self) -> bool:
        """Whether the newest head has the witness's line under it."""
        store = open_store(f"sqlite:///{self.database}")
        try:
            with store.snapshot() as snapshot:
                newest = next(snapshot.cosigned_notes(), None)
                return newest is not None and signed_text(newest).size == snapshot.head().size
        finally:
            store.close()

    def verified(self) -> Any:
        return self.verify("witness")["witnessed"]


@pytest.fixture
def house(own_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[WitnessedHouse]:
    try:
        own_broker.start()
    except DownloadFailed as error:
        pytest.skip(f"no embedded Kafka: {error}")
    (tmp_path / "house").mkdir()
    house = WitnessedHouse(tmp_path / "house", own_broker.bootstrap)
    house.cluster.admin().create([new_topic(each) for each in (*ledgered(), catalogue()["checkpoints"])])
    yield house
    house.end()


def test_services_that_run_while_the_key_changes_end_and_go_on_with_the_new_one(house: WitnessedHouse) -> None:
    shutil.copy(house.vkey, house.logs)
    witness = house.witness()
    service, port = house.start()
    house.wait_ready(service, port)
    house.say(50)
    house.wait_recorded()
    house.wait(house.cosigned, "the witness does not cosign")
    rotated = json.loads(house.command("ledger", "rotate-key", "--actor", "carol", "--reason", "yearly", "--json"))
    house.say(50)
    assert service.wait(SECONDS) == 1
    assert KEY_CHANGED in house.said()
    assert "rollback detected" not in house.said()

    again, port = house.start()
    house.wait_ready(again, port)
    house.wait_recorded()
    house.wait(lambda: "answers 403" in house.said(), "the witness knows a key that it was not given")
    behind = house.verified()
    assert (behind["size"] <= rotated["until"], behind["exposed"] > 0) == (True, True)

    witness.terminate()
    assert witness.wait(SECONDS) == 0
    shutil.copy(house.vkey, house.logs)
    house.witness()
    house.wait(house.cosigned, "the witness does not cosign by the new key")
    caught_up = house.verified()
    assert (caught_up["exposed"], caught_up["size"] > rotated["until"]) == (0, True)
    assert house.verify("source")["verdict"] == "valid"
    assert again.poll() is None
