"""`driftline ledger prove-message | check-message | check-messages`: exit codes, JSON, and the tampered file by its name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from driftline import topics
from driftline.ledger.store import UrlObjects
from services.audit.adapters.message_archive import MessageArchive
from services.audit.consumer import Pace
from tests.unit.ledger.ledger_builders import KEY
from tests.unit.services.audit.world import World

Run = Callable[..., tuple[int, Any, str]]
PREDICTIONS = topics.name("predictions")


@pytest.fixture
def run(tmp_path: Path, command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A ledger with the digest of five predictions, which are kept in an archive."""
    world = World(tmp_path)
    world.predictions(5)
    world.run(world.recorder(pace=Pace(keep=MessageArchive(UrlObjects(f"file://{tmp_path}/archive")))))
    monkeypatch.setenv("DRIFTLINE_LEDGER_VKEY", KEY.verifier.encode())
    monkeypatch.setenv("DRIFTLINE_DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("DRIFTLINE_LEDGER_ARCHIVE_URL", f"file://{tmp_path}/archive")

    def call(*words: object) -> tuple[int, Any, str]:
        code, out, err = command("ledger", *words, "--json")
        return code, json.loads(out) if out else None, err

    return call


def prove(run: Run, offset: int, file: Path) -> tuple[int, Any, str]:
    return run("prove-message", "--topic", PREDICTIONS, "--partition", 0, "--offset", offset, "--output", file)


def test_a_message_is_proven_offline(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "proof"
    assert prove(run, 3, file)[0] == 0
    (tmp_path / "ledger.db").rename(tmp_path / "elsewhere.db")
    code, told, _ = run("check-message", file)
    assert (code, told["valid"], told["topic"], told["partition"], told["offset"]) == (0, True, PREDICTIONS, 0, 3)
    file.write_bytes(file.read_bytes().replace(b'"index":3', b'"index":2'))
    code, told, _ = run("check-message", file)
    assert (code, told["valid"]) == (1, False)


def test_an_offset_that_nothing_covers_exits_1(run: Run, tmp_path: Path) -> None:
    code, _, error = prove(run, 99, tmp_path / "proof")
    assert code == 1
    assert "no digest covers" in error


def test_a_tampered_file_exits_1_by_its_name_and_one_that_is_gone_exits_2(run: Run, tmp_path: Path) -> None:
    assert run("check-messages")[:2] == (0, {"files": 1, "messages": 5, "wrong": {}, "missing": []})
    (file,) = (tmp_path / "archive").rglob("*.avro")
    name, sound = str(file.relative_to(tmp_path / "archive")), file.read_bytes()
    file.write_bytes(sound[:-40])
    code, told, _ = run("check-messages")
    assert (code, list(told["wrong"])) == (1, [name])
    code, _, error = prove(run, 3, tmp_path / "proof")
    assert code == 1
    assert name in error
    file.unlink()
    assert prove(run, 3, tmp_path / "proof")[0] == 2
