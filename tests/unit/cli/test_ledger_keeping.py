"""`driftline ledger erase | hold | release | retain | expire | archive`: exit codes, JSON, and what verification says then."""

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ledger.ledger_builders import KEY, draft, grow, writer_at

Run = Callable[..., tuple[int, Any, str]]
DECIDED = ("--actor", "carol", "--reason", "Article 17")


@pytest.fixture
def run(tmp_path: Path, command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A ledger of ten entries of alice and ten of a service, and the command on it; its JSON is read."""
    writer = writer_at(tmp_path)
    people = ["alice"] * 10 + ["service:drift"] * 10
    grow(writer, [[draft(n, actor=who, payload=f"{who} {n}".encode()) for n, who in enumerate(people)]])
    writer.store.close()
    (tmp_path / "key").write_text(KEY.encode())
    (tmp_path / "last-signed").rename(tmp_path / "key.last-signed")
    monkeypatch.delenv("DRIFTLINE_LEDGER_SIGNED_FILE", raising=False)
    monkeypatch.delenv("DRIFTLINE_LEDGER_VKEY", raising=False)
    monkeypatch.setenv("DRIFTLINE_LEDGER_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("DRIFTLINE_DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("DRIFTLINE_LEDGER_ARCHIVE_URL", f"file://{tmp_path}/archive")

    def call(*words: object) -> tuple[int, Any, str]:
        code, out, err = command("ledger", *words, *(() if words[0] == "entry" else ("--json",)))
        return code, json.loads(out) if out else None, err

    return call


def test_a_person_is_erased_and_the_ledger_stays_valid(run: Run) -> None:
    code, told, _ = run("erase", "--subject", "alice", *DECIDED, "--dry-run")
    assert (code, told["entries"], told["sequences"]) == (0, 10, list(range(10)))
    code, told, _ = run("erase", "--subject", "alice", *DECIDED)
    assert (code, told["sequence"], told["entries"], told["purged"], told["still_mentioned"]) == (0, 20, 10, True, 0)
    code, told, _ = run("verify")
    assert (code, told["verdict"], told["erased"], told["archived"]) == (0, "valid", 10, 0)
    code, told, error = run("erase", "--subject", "alice", *DECIDED)
    assert (code, told) == (1, None)
    assert "nothing of 'alice'" in error


def test_who_has_to_wait_for_another_writer_is_told(run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = threading.Timer(1.0, other.execute, ["ROLLBACK"])
        done.start()
        code, told, error = run("retain", "*", "--keep-days", 1, *DECIDED)
        done.join()
    assert (code, told["sequence"]) == (0, 20)
    assert error == "another process writes to the ledger: waiting for it, at most 30 seconds\n"
    assert run("retain", "*", "--keep-days", 2, *DECIDED)[2] == ""


@pytest.mark.parametrize(
    ("name", "said"), [("nobody", "nothing of 'nobody'"), ("service:drift", "a part of the system")], ids=["unknown", "service"]
)
def test_a_rehearsal_ends_as_the_erasure_would(run: Run, name: str, said: str) -> None:
    really = run("erase", "--subject", name, *DECIDED)
    assert run("erase", "--subject", name, *DECIDED, "--dry-run") == really
    assert (really[0], said in really[2]) == (1, True)


def test_what_became_of_an_erased_payload_is_said_with_the_entry(run: Run) -> None:
    first = run("entries", "--limit", 1)[1]["entries"][0]["entry_id"]
    kept = run("entry", first)[1]
    assert (kept["payload_state"], kept["withdrawn_by"]) == ("kept", None)
    run("erase", "--subject", "alice", *DECIDED)
    (statement,) = run("entries", "--action", "ledger.erased")[1]["entries"]
    code, shown, _ = run("entry", first)
    assert (code, shown["payload"], shown["payload_state"]) == (0, None, "erased")
    assert shown["withdrawn_by"] == {name: statement[name] for name in ("seq", "entry_id", "time")}


def test_a_payload_that_no_entry_took_away_is_missing(run: Run, tmp_path: Path) -> None:
    first = run("entries", "--limit", 1)[1]["entries"][0]["entry_id"]
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER ledger_payload_no_delete")
        connection.execute("DELETE FROM ledger_payload WHERE seq = 0")
    assert run("entry", first)[1]["payload_state"] == "missing"


def test_the_trail_of_an_erased_name_says_that_persons_were_erased_and_not_who(
    run: Run, command: Callable[..., tuple[int, str, str]]
) -> None:
    assert run("trail", "--actor", "bob")[1]["note"] == "no entries of bob"
    assert run("trail", "--actor", "alice")[1]["note"] is None
    run("erase", "--subject", "alice", *DECIDED)
    code, told, _ = command("ledger", "trail", "--actor", "alice")
    assert code == 0
    assert told == "no entries of alice; 1 person was erased: what they did stands under their pseudonyms only\n"
    assert run("trail", "--actor", "bob")[1]["note"] == told.strip().replace("alice", "bob")
    code, _, error = command("ledger", "entries", "--actor", "alice")
    assert (code, error) == (1, told.replace("of alice", "that fit"))


def test_a_legal_hold_makes_erasing_exit_1_until_it_is_released(run: Run) -> None:
    assert run("hold", "case-7", "--of-actor", "alice", *DECIDED)[:2] == (0, {"sequence": 20})
    for dry_run in ((), ("--dry-run",)):
        code, _, error = run("erase", "--subject", "alice", *DECIDED, *dry_run)
        assert code == 1
        assert "'case-7'" in error
    assert run("hold", "case-7", *DECIDED)[0] == 1
    assert run("release", "case-7", *DECIDED)[:2] == (0, {"sequence": 21})
    assert run("release", "case-7", *DECIDED)[0] == 1
    assert run("erase", "--subject", "alice", *DECIDED)[0] == 0


def test_retention_expires_what_is_due(run: Run) -> None:
    assert run("expire", "--actor", "carol")[:2] == (0, {"entries": 0, "sequences": []})
    assert run("retain", "*", "--expire-days", 30, *DECIDED)[0] == 0
    assert run("expire", "--actor", "carol")[:2] == (0, {"entries": 20, "sequences": [21]})
    assert run("verify")[1]["erased"] == 20
    code, _, error = run("retain", "*", "--keep-days", 30, "--expire-days", 10, *DECIDED)
    assert code == 2
    assert "--keep-days" in error


def test_a_retention_says_what_holds_from_now_on(run: Run, command: Callable[..., tuple[int, str, str]]) -> None:
    _, said, _ = command("ledger", "retain", "*", "--keep-days", 30, "--expire-days", 60, *DECIDED)
    assert said == "entry 20: the retention of * is in force: nothing is erased before 30 days, it is erased after 60 days\n"
    assert command("ledger", "retain", "*", *DECIDED)[1] == "entry 21: the retention of * is in force: kept without an end\n"


@pytest.mark.parametrize("left_out", ["--actor", "--reason"])
@pytest.mark.parametrize("what", [("erase", "--subject", "alice"), ("hold", "case-7"), ("rollback", "--to", "ab" * 32)])
def test_who_decides_and_why_are_not_left_empty(run: Run, what: tuple[str, ...], left_out: str) -> None:
    words = {"--actor": "carol", "--reason": "asked", left_out: " "}
    code, _, error = run(*what, *(word for pair in words.items() for word in pair))
    assert code == 2
    assert left_out in error
    assert run("verify")[1]["entries"] == 20


def test_archived_payloads_are_verified_and_shown_from_the_archive(run: Run, tmp_path: Path) -> None:
    code, told, _ = run("archive", "--before", "2026-01-01T00:00:00Z", "--actor", "carol")
    assert (code, told["entries"], len(told["objects"])) == (0, 20, 1)
    code, found, _ = run("entries", "--limit", 1)
    code, shown, _ = run("entry", found["entries"][0]["entry_id"])
    assert (code, shown["payload"], shown["payload_state"]) == (0, "YWxpY2UgMA==", "archived")  # alice 0
    code, told, _ = run("verify")
    assert (code, told["archived"], told["unread"]) == (0, 20, [])
    (name,) = (tmp_path / "archive" / "payloads").iterdir()
    name.rename(name.with_suffix(".gone"))
    code, told, _ = run("verify")
    assert (code, told["verdict"], told["unread"]) == (2, "unverifiable", [f"payloads/{name.name}"])
    name.write_bytes(b"forged")
    code, told, _ = run("verify")
    assert (code, told["first_bad"]["kind"], told["first_bad"]["sequence"]) == (1, "archive_changed", 0)
    code, told, _ = run("verify", "--from", 7, "--to", 9)
    assert (code, told["first_bad"]["kind"], told["first_bad"]["sequence"]) == (1, "archive_changed", 7)
    assert run("verify", "--from", 20)[0] == 0


def test_verification_says_when_it_did_not_open_the_archive(
    run: Run, command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("archive", "--before", "2026-01-01T00:00:00Z", "--actor", "carol")
    assert "not opened" not in command("ledger", "verify")[1]
    monkeypatch.delenv("DRIFTLINE_LEDGER_ARCHIVE_URL")
    code, told, _ = command("ledger", "verify")
    assert code == 0
    assert "what is archived was not opened: say where it is with --archive" in told


def test_a_report_lists_what_is_missing_and_a_review_goes_on_record(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    code, told, _ = run("report", "--regime", "hipaa", "--html", file)
    before = {one["asks"]: one["state"] for one in told["missing"]}
    assert (code, told["verification"]["verdict"], before["activity is examined, regularly"]) == (1, "valid", "missing")
    assert file.read_text().startswith("<!doctype html>")
    assert run("review", *DECIDED)[:2] == (0, {"sequence": 20, "verdict": "valid", "entries": 20})
    _, told, _ = run("report", "--regime", "hipaa")
    assert "activity is examined" not in {one["asks"] for one in told["missing"]}
    assert told["reviews"][0]["actor"] == "carol"
