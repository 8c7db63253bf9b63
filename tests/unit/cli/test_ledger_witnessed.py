"""`driftline ledger verify --level witness`: exit codes, what it says, and what it could not check."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from driftline.errors import Unavailable
from driftline.ledger.checkpoint import Note, signed_text
from driftline.ledger.store import add_cosignatures
from driftline.ledger.store.anchors import write_anchor
from driftline.ledger.store.objects import UrlObjects
from driftline.runtime import witness_client
from driftline.runtime.witness_client import Answer
from tests.unit.ledger.ledger_builders import KEY, draft, grow, ledger
from tests.unit.services.audit.witness.log_and_witness import SECONDS, W1

Run = Callable[..., tuple[int, Any]]
Command = Callable[..., tuple[int, str, str]]


class House:
    """A ledger of 30 entries, of which a witness has cosigned 20, and what the witness says itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = ledger(folder, 20)
        with self.writer.store.snapshot() as snapshot:
            self.note = snapshot.latest_note() or ""
        self.line = W1.cosign(signed_text(self.note), SECONDS)
        self.cosigned = self.note + self.line.line()
        self.answer: Answer | Exception = Answer(200, self.cosigned)
        add_cosignatures(self.writer.store, 20, [self.line])
        grow(self.writer, [[draft(number) for number in range(20, 30)]])
        (folder / "policy").write_text(f"witness w1 {W1.verifier.encode()} http://w1.example.com/\nquorum w1\n")

    def head(self, _origin: str) -> Answer:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        """Part of a client."""

    def sql(self, *statements: str) -> None:
        connection = sqlite3.connect(self.folder / "ledger.db")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(tmp_path)
    monkeypatch.setattr(witness_client, "WitnessClient", lambda _url: made)
    for name in (
        "DRIFTLINE_LEDGER_SIGNED_FILE",
        "DRIFTLINE_LEDGER_KEY_FILE",
        "DRIFTLINE_LEDGER_POLICY_FILE",
        "DRIFTLINE_LEDGER_VKEY",
    ):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def run(house: House, command: Command) -> Run:
    def call(*words: object, key: bool = True, policy: bool = True) -> tuple[int, Any]:
        there = ["--database", f"sqlite:///{house.folder}/ledger.db"]
        there += ["--key", KEY.verifier.encode()] if key else []
        there += ["--policy", str(house.folder / "policy")] if policy else []
        code, out, err = command("ledger", "verify", "--level", "witness", *there, *words)
        return code, json.loads(out) if "--json" in words and out else out or err

    return call


def test_a_ledger_with_a_quorum_is_valid_and_its_newer_entries_are_named(run: Run) -> None:
    code, said = run("--json")
    assert (code, said["verdict"], said["level"]) == (0, "valid", "witness")
    assert said["witnessed"] == {
        "size": 20,
        "cosigners": {"w1": "2023-11-14T22:13:20.000000Z"},
        "exposed": 10,
        "unchecked": [],
    }
    code, said = run()
    assert code == 0
    assert "witnessed: 20 entries, by w1 at 2023-11-14T22:13:20.000000Z" in said
    assert "for 10 newer entries nobody but the holder of the ledger's key vouches" in said


def test_what_the_database_lost_the_witness_still_has(house: House, run: Run) -> None:
    house.sql("DELETE FROM ledger_cosignature")
    assert run("--json")[1]["witnessed"]["size"] == 20


def test_a_witness_that_is_away_is_said_and_the_stored_line_counts(house: House, run: Run) -> None:
    house.answer = Unavailable("nobody there")
    code, said = run()
    assert code == 0
    assert "not checked: witness w1: nobody there" in said
    house.answer = Answer(404, "")
    assert "it answers 404" in run()[1]
    house.answer = Answer(200, "nonsense")
    assert "not checked: witness w1: a note is" in run()[1]


def test_without_a_quorum_it_cannot_be_verified(house: House, run: Run) -> None:
    house.sql("DELETE FROM ledger_cosignature")
    house.answer = Unavailable("nobody there")
    code, said = run()
    assert code == 2
    assert "no quorum of witnesses vouches for 3" in said
    assert "nobody there" in said


def test_entries_that_only_the_key_vouches_for_are_no_witnessed_range(run: Run) -> None:
    assert run("--from", 20)[0] == 2
    assert run("--from", 15)[0] == 0
    assert run("--from", 3, "--to", 7)[0] == 0
    code, said = run("--from", 3, "--to", 7, "--json")
    assert (code, said["witnessed"]["exposed"]) == (0, 0)
    assert run("--from", 15, "--json")[1]["witnessed"]["exposed"] == 10
    assert run("--from", 30)[0] == 0  # nothing to vouch for


def test_a_database_that_was_put_back_to_before_is_found_by_the_witness_alone(house: House, run: Run) -> None:
    (house.folder / "ledger.db").unlink()
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (house.folder / name).unlink(missing_ok=True)
    ledger(house.folder, 10).store.close()
    code, said = run("--json")
    assert (code, said["first_bad"]["kind"], said["first_bad"]["sequence"]) == (1, "tail_missing", 10)
    assert "witness w1, cosigned by w1" in said["first_bad"]["detail"]


def test_a_past_that_was_rewritten_with_the_stolen_key_is_found(house: House, run: Run) -> None:
    """Everything in it is signed: only what left the database shows it."""
    house.writer.store.close()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm", "last-signed"):
        (house.folder / name).unlink(missing_ok=True)
    forged = ledger(house.folder, 0)
    grow(forged, [[draft(number, payload=b"forged") for number in range(30)]])
    code, said = run("--json")
    assert (code, said["first_bad"]["kind"]) == (1, "history_rewritten")


def test_anchors_carry_cosignatures_and_are_held_against_the_entries(house: House, run: Run) -> None:
    place = (house.folder / "anchors").as_uri()
    write_anchor(UrlObjects(place), house.cosigned)
    house.sql("DELETE FROM ledger_cosignature")
    house.answer = Unavailable("nobody there")
    assert run("--anchor", place)[0] == 0
    assert Note.parse(house.cosigned).signatures


def test_without_key_or_policy_nothing_can_be_said(house: House, run: Run) -> None:
    assert run(key=False)[0] == 2
    code, said = run(policy=False)
    assert code == 2
    assert "--policy" in said
    (house.folder / "policy").write_text("quorum none\n")
    assert run()[0] == 2
    (house.folder / "policy").write_text("nonsense\n")
    code, said = run()
    assert code == 2
    assert "line 1 of the policy" in said


def test_proofs_are_refused_without_a_quorum_where_a_policy_wants_one(house: House, command: Command) -> None:
    def call(*words: object) -> tuple[int, str]:
        return command("ledger", *words)[:2]

    database, key = ["--database", f"sqlite:///{house.folder}/ledger.db"], ["--key", KEY.verifier.encode()]
    policy, older = ["--policy", house.folder / "policy"], house.folder / "older"
    older.write_text(house.note)
    files = {name: house.folder / name for name in ("old", "new", "growth", "bundle")}
    call("prove", "--sequence", 3, "--output", files["old"], *database)
    call("prove", "--sequence", 25, "--output", files["new"], *database)
    call("prove", "--since", 20, "--output", files["growth"], *database)
    call("export", "--format", "bundle", "--output", files["bundle"], *database)
    assert call("check-receipt", files["old"], *key, *policy)[0] == 0
    for words in (
        ("check-receipt", files["new"]),
        ("check-growth", files["growth"], "--older", older),
        ("check-bundle", files["bundle"]),
    ):
        assert call(*words, *key)[0] == 0
        code, said = call(*words, *key, *policy)
        assert code == 1
        assert "no quorum of witnesses: nobody of the policy has cosigned it" in said
    (house.folder / "policy").write_text("nonsense")
    assert call("check-receipt", files["old"], *key, *policy)[0] == 2
