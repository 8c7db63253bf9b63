"""A witness over HTTP; requests go through the application without a socket."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from driftline.errors import ConfigurationError
from driftline.ledger.checkpoint import Note
from driftline.ledger.cosignature import cosigned
from driftline.runtime.health import Health
from driftline.runtime.http import create_app
from services.audit.witness import api
from services.audit.witness.app import LARGEST_REQUEST, read_keys, read_logs
from tests.unit.ledger.ledger_builders import KEY, ORIGIN
from tests.unit.services.audit.witness.log_and_witness import QUANTUM, W1, Log, witness_at

LOG = Log()
HEAD = f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"


class Door:
    def __init__(self, folder: Path) -> None:
        self.app = create_app("witness", health=Health(), registry=CollectorRegistry(), body_limit=LARGEST_REQUEST)
        self.app.include_router(api.routes(witness_at(folder)))

    def ask(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://witness") as client:
                return await client.request(method, path, **options)

        return asyncio.run(request())

    def add(self, body: bytes, **headers: str) -> httpx.Response:
        return self.ask("/add-checkpoint", "POST", content=body, headers=headers)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
def test_the_answer_is_signature_lines_whatever_the_body_calls_itself(door: Door, content_type: str) -> None:
    answer = door.add(LOG.growth(0, 9), **{"Content-Type": content_type})
    assert answer.status_code == 200
    assert list(cosigned(Note.parse(LOG.note(9) + answer.text), [W1.verifier])) == [W1.verifier]


def test_a_conflict_says_the_size_and_nothing_else(door: Door) -> None:
    door.add(LOG.growth(0, 9))
    answer = door.add(LOG.growth(0, 12))
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (409, "9\n", "text/x.tlog.size")


def test_refusals_are_problem_documents(door: Door) -> None:
    for body, code in ((b"", 400), (Log(origin="other").growth(0, 3), 404)):
        answer = door.add(body)
        assert (answer.status_code, answer.json()["status"]) == (code, code)


def test_a_request_beyond_all_measure_is_not_read(door: Door) -> None:
    assert door.add(b"x" * (LARGEST_REQUEST + 1)).status_code == 413


def test_the_head_can_be_had_from_the_witness_itself(door: Door) -> None:
    assert door.ask(HEAD).status_code == 404
    door.add(LOG.growth(0, 9))
    note = Note.parse(door.ask(HEAD).text)
    assert note.text == LOG.head(9).text()
    assert cosigned(note, [W1.verifier])
    assert door.ask("/" + "0" * 64 + "/checkpoint").status_code == 404


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "witness.key"
    file.write_text(f"{W1.encode()}\n{QUANTUM.encode()}\n")
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_keys(file)
    file.chmod(0o600)
    assert [key.verifier for key in read_keys(file)] == [W1.verifier, QUANTUM.verifier]


@pytest.mark.parametrize("text", ["", "PRIVATE+KEY+x", KEY.encode()])
def test_a_file_of_other_keys_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "witness.key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match="holds no witness's keys"):
        read_keys(file)


def test_logs_are_read_by_origin_with_all_their_keys(tmp_path: Path) -> None:
    file = tmp_path / "logs"
    file.write_text(f"# ours\n{KEY.verifier.encode()}\n\n")
    assert read_logs(file) == {ORIGIN: KEY.verifier}
    file.write_text("# nobody\n")
    with pytest.raises(ConfigurationError, match="names no log"):
        read_logs(file)
    file.write_text("nonsense\n")
    with pytest.raises(ConfigurationError, match="no verifier key"):
        read_logs(file)
