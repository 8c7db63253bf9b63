"""`driftline ledger`: exit codes, JSON, files."""

import base64
import csv
import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from driftline.ledger.checkpoint import Checkpoint, SigningKey, VerifierKey, sign_checkpoint
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, draft, grow, ledger, writer_at

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, command: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in (
        "DRIFTLINE_DATABASE_URL",
        "DRIFTLINE_LEDGER_VKEY",
        "DRIFTLINE_LEDGER_SIGNED_FILE",
        "DRIFTLINE_KAFKA_BOOTSTRAP",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRIFTLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DRIFTLINE_LEDGER_KEY_FILE", str(tmp_path / "key"))

    def call(*words: object, database: bool = True) -> tuple[int, str, str]:
        there = ("--database", f"sqlite:///{tmp_path}/ledger.db") if database else ()
        return command("ledger", *words, *there)

    return call


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A ledger of 20 entries with its key and last-signed file where the command looks for them."""
    ledger(tmp_path, 20).store.close()
    (tmp_path / "key").write_text(KEY.encode())
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "key.last-signed").write_text((tmp_path / "last-signed").read_text())
    return tmp_path


def tamper(folder: Path) -> None:
    connection = sqlite3.connect(folder / "ledger.db")
    connection.execute("DROP TRIGGER ledger_payload_no_update")
    connection.execute("UPDATE ledger_payload SET body = x'00' WHERE seq = 7")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("level", ["hash", "full"])
def test_verify_of_a_good_ledger_exits_0(run: Run, house: Path, level: str) -> None:
    code, out, _ = run("verify", "--level", level)
    assert code == 0
    assert "valid: 20 entries" in out
    code, out, _ = run("verify", "--level", level, "--json")
    answer = json.loads(out)
    assert (code, answer["verdict"], answer["level"], answer["entries"], answer["first_bad"]) == (0, "valid", level, 20, None)
    assert answer["head"]["size"] == 20
    assert answer["seconds"] >= 0


def test_verify_of_a_tampered_ledger_exits_1_and_names_the_entry(run: Run, house: Path) -> None:
    tamper(house)
    code, out, _ = run("verify", "--json")
    assert code == 1
    assert json.loads(out)["first_bad"]["sequence"] == 7
    assert json.loads(out)["first_bad"]["kind"] == "payload_changed"
    code, out, _ = run("verify")
    assert code == 1
    assert "entry 7: payload_changed" in out


def test_verify_without_a_key_exits_2_but_still_finds_tampering(run: Run, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRIFTLINE_LEDGER_KEY_FILE")
    assert run("verify")[0] == 2
    assert json.loads(run("verify", "--json")[1])["verdict"] == "unverifiable"
    assert "nothing signed vouches for 20 entries" in run("verify")[1]
    assert "--key" in run("verify")[1]
    tamper(house)
    assert run("verify")[0] == 1


def test_verify_takes_the_key_as_text_or_file(run: Run, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRIFTLINE_LEDGER_KEY_FILE")
    (house / "v").write_text(KEY.verifier.encode() + "\n")
    assert run("verify", "--key", KEY.verifier.encode())[0] == 0
    assert run("verify", "--key", house / "v")[0] == 0
    assert run("verify", "--key", "nonsense")[0] == 2


def test_verify_with_the_key_of_another_log_does_not_call_it_valid(run: Run, house: Path) -> None:
    other = SigningKey(ORIGIN, bytes(32)).verifier.encode()
    assert run("verify", "--key", other)[0] == 1


def test_verify_compares_with_the_last_signed_file(run: Run, house: Path) -> None:
    (house / "key.last-signed").write_text("not a note")
    code, out, _ = run("verify")
    assert code == 1
    assert "not a head that this ledger signed" in out
    assert run("verify", "--last-signed", house / "last-signed")[0] == 0
    assert run("verify", "--last-signed", house / "missing")[0] == 2


def test_verify_of_no_ledger_exits_2(run: Run, tmp_path: Path) -> None:
    code, _, err = run("verify")
    assert code == 2
    assert "there is no ledger at" in err
    assert not (tmp_path / "ledger.db").exists()
    (tmp_path / "ledger.db").write_bytes(b"this is no database")
    assert run("verify")[0] == 2
    (tmp_path / "ledger.db").unlink()
    sqlite3.connect(tmp_path / "ledger.db").close()
    (tmp_path / "ledger.db").touch()
    assert run("verify")[0] == 2


def test_level_source_without_kafka_exits_2(run: Run, house: Path) -> None:
    code, _, err = run("verify", "--level", "source")
    assert code == 2
    assert "DRIFTLINE_KAFKA_BOOTSTRAP" in err


def test_trail_shows_one_resource(run: Run, house: Path) -> None:
    code, out, _ = run("trail", "--resource", "model/m1")
    assert code == 0
    assert out.count("drift.detected by service:drift on model/m1") == 7
    answer = json.loads(run("trail", "--resource", "model/m1", "--json")[1])
    assert (answer["complete"], len(answer["entries"])) == (True, 7)
    assert json.loads(run("trail", "--actor", "service:drift", "--json")[1])["complete"]


def test_trail_with_a_hole_exits_1(run: Run, house: Path) -> None:
    connection = sqlite3.connect(house / "ledger.db")
    connection.execute("DROP TRIGGER ledger_entry_no_update")
    connection.execute("UPDATE ledger_entry SET resource_id = 'm2' WHERE seq = 4")
    connection.commit()
    connection.close()
    code, out, _ = run("trail", "--resource", "model/m1")
    assert code == 1
    assert "entry 7 does not continue" in out


@pytest.mark.parametrize("words", [(), ("--actor", "a", "--resource", "b/c"), ("--resource", "noslash"), ("--resource", "/x")])
def test_trail_wants_one_of_both(run: Run, house: Path, words: tuple[str, ...]) -> None:
    assert run("trail", *words)[0] == 2


def test_stats_count(run: Run, house: Path) -> None:
    assert "20 entries, 20 of them signed" in run("stats")[1]
    assert json.loads(run("stats", "--json")[1])["actions"] == {"drift.detected": 20}


def test_export_writes_json_lines_json_and_csv(run: Run, house: Path) -> None:
    lines = run("export")[1].splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(20))
    assert [row["seq"] for row in json.loads(run("export", "--format", "json")[1])] == list(range(20))
    out = house / "out.csv"
    assert run("export", "--format", "csv", "--output", out)[0] == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["seq"] for row in rows] == [str(i) for i in range(20)]
    assert rows[3]["topic"] == "driftline.drift-events"
    assert "payload" not in json.loads(run("export", "--no-payloads")[1].splitlines()[0])


def test_export_of_a_time_range_and_actor(run: Run, house: Path) -> None:
    assert run("export", "--until", "1970-01-01T00:00:00Z")[1] == ""
    assert len(run("export", "--since", "1970-01-01T00:00:00.001001Z")[1].splitlines()) == 10
    assert run("export", "--actor", "nobody")[1] == ""
    assert run("export", "--since", "soon")[0] == 2
    assert run("export", "--output", house / "no" / "such" / "folder")[0] == 2


def test_entry_is_shown_in_full(run: Run, house: Path) -> None:
    entry = json.loads(run("export")[1].splitlines()[0])
    more = {"event": None, "payload_json": None, "payload_state": "kept", "withdrawn_by": None}
    assert json.loads(run("entry", entry["entry_id"])[1]) == entry | more
    assert run("entry", "00000000-0000-0000-0000-000000000000")[0] == 1
    assert run("entry", "x")[0] == 2


def test_keygen_makes_a_secret_file_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.key"
    code, out, _ = run("keygen", "--file", path, "--name", "a.example/log", "--json", database=False)
    answer = json.loads(out)
    key = SigningKey.parse(path.read_text())
    assert code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert VerifierKey.parse(answer["vkey"]) == key.verifier == VerifierKey.parse(Path(answer["vkey_file"]).read_text())
    assert key.encode() not in out
    before = path.read_text()
    assert run("keygen", "--file", path, database=False)[0] == 2
    assert path.read_text() == before


def test_keygen_takes_the_file_from_the_environment(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("keygen", database=False)
    assert code == 0
    assert "driftline.local/audit" in out
    assert (tmp_path / "key").exists()
    assert run("keygen", "--file", tmp_path / "other", "--name", "a b", database=False)[0] == 2


def test_a_spreadsheet_executes_nothing_of_an_export(run: Run, tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"]
    grow(writer, [[draft(i, actor=f, resource=("model", f)) for i, f in enumerate(formulas)]])
    writer.store.close()
    run("export", "--format", "csv", "--output", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["resource_id"] for row in rows] == ["'" + f for f in formulas]
    assert [row["actor"] for row in rows] == ["'" + f for f in formulas]


def test_a_receipt_is_checked_without_the_database(run: Run, house: Path) -> None:
    file = house / "7.tlog-proof"
    code, out, _ = run("prove", "--sequence", 7, "--payload", "--output", file)
    assert code == 0
    assert f"{file.stat().st_size} bytes" in out
    (house / "ledger.db").unlink()
    vkey = KEY.verifier.encode()
    code, out, _ = run("check-receipt", file, "--key", vkey, database=False)
    assert code == 0
    assert "proven: entry 7 of ledger.example.com/audit, under its signed head of 20 entries" in out
    code, out, _ = run("check-receipt", file, "--key", vkey, "--json", database=False)
    answer = json.loads(out)
    assert (code, answer["valid"], answer["sequence"]) == (0, True, 7)
    assert base64.b64decode(answer["payload"]) == b"payload 7"
    file.write_bytes(file.read_bytes().replace(b"index 7", b"index 6"))
    code, out, _ = run("check-receipt", file, "--key", vkey, database=False)
    assert (code, "REFUSED" in out) == (1, True)
    assert json.loads(run("check-receipt", file, "--key", vkey, "--json", database=False)[1])["valid"] is False


@pytest.mark.parametrize(
    ("payload", "said"),
    [(b'{"stage": "production", "n": 1}', {"stage": "production", "n": 1}), (b"no json", None), (b"\xff", None)],
)
def test_a_payload_that_is_json_is_shown_as_json(run: Run, house: Path, payload: bytes, said: object) -> None:
    writer = writer_at(house)
    grow(writer, [[draft(20, payload=payload)]])
    writer.store.close()
    entry_id = json.loads(run("entries", "--newest", "--limit", 1, "--json")[1])["entries"][0]["entry_id"]
    shown = json.loads(run("entry", entry_id)[1])
    assert shown["payload_json"] == said
    assert base64.b64decode(shown["payload"]) == payload
    assert shown["event"] is None


def test_a_receipt_needs_a_key_and_a_file(run: Run, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("prove", "--sequence", 7, "--output", house / "r")
    assert run("check-receipt", house / "absent", database=False)[0] == 2
    assert run("check-receipt", house / "r", "--key", "nonsense", database=False)[0] == 2
    monkeypatch.delenv("DRIFTLINE_LEDGER_KEY_FILE")
    code, _, err = run("check-receipt", house / "r", database=False)
    assert (code, "--key" in err) == (2, True)


def test_prove_names_what_it_cannot_prove(run: Run, house: Path) -> None:
    code, _, err = run("prove", "--sequence", 20)
    assert (code, "there is no entry 20" in err) == (1, True)
    assert run("prove", "nonsense")[0] == 2
    assert run("prove")[0] == 2
    assert run("prove", "--since", 21)[0] == 2
    assert run("prove", "--since", 3, "--sequence", 2)[0] == 2


def test_a_kept_head_and_a_proof_of_growth_show_that_nothing_was_rewritten(run: Run, house: Path) -> None:
    kept, proof = house / "kept", house / "proof"
    kept.write_text(run("checkpoint")[1])
    writer = writer_at(house)
    with closing(writer.store):
        grow(writer, [[draft(number) for number in range(20, 33)]])
    assert run("prove", "--since", 20, "--output", proof)[0] == 0
    code, out, _ = run("check-growth", proof, "--older", kept, database=False)
    assert (code, "only grew, from 20 to 33 entries" in out) == (0, True)
    assert json.loads(run("check-growth", proof, "--older", kept, "--json", database=False)[1])["to"] == 33
    assert run("check-growth", proof, "--older", proof, database=False)[0] == 1


def test_a_bundle_is_checked_without_the_database(run: Run, house: Path) -> None:
    file = house / "bundle"
    assert run("export", "--format", "bundle", "--resource", "model/m1", "--output", file)[0] == 0
    (house / "ledger.db").unlink()
    code, out, _ = run("check-bundle", file, database=False)
    assert (code, "proven: 7 entries of" in out, "nothing of this trail is missing" in out) == (0, True, True)
    answer = json.loads(run("check-bundle", file, "--json", database=False)[1])
    assert (answer["valid"], answer["entries"], answer["complete"], answer["last"]) == (True, 7, "trail", 19)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:1] + lines[2:]))
    code, out, _ = run("check-bundle", file, database=False)
    assert (code, "REFUSED" in out) == (1, True)
    assert run("check-bundle", house / "absent", database=False)[0] == 2


def test_entries_are_searched(run: Run, house: Path) -> None:
    def found(*words: object) -> list[int]:
        return [shown["seq"] for shown in json.loads(run("entries", "--json", *words)[1])["entries"]]

    assert found("--resource", "model/m1", "--limit", 2) == [1, 4]
    assert found("--newest", "--limit", 2) == [19, 18]
    assert found("--mentions", "payload 1") == [1, *range(10, 20)]
    assert found("--mentions", '{"key":"k"}', "--limit", 1) == [0]
    assert found("--action", "nothing") == []
    assert run("entries", "--action", "nothing")[0] == 1
    code, out, _ = run("entries", "--action", "drift.detected", "--since", "1970-01-01T00:00:00.001001Z")
    assert (code, len(out.splitlines())) == (0, 10)
    assert run("export", "--format", "bundle", "--mentions", "x")[0] == 2


def test_doctor_says_in_a_line_which_table_is_gone(run: Run, house: Path) -> None:
    with closing(sqlite3.connect(house / "ledger.db")) as connection:
        connection.execute("DROP TABLE ledger_entry")
    assert run("doctor") == (2, "", "driftline: the database cannot be examined: no such table: ledger_entry\n")


def test_a_file_that_is_no_key_is_named(run: Run, house: Path) -> None:
    (house / "key").write_bytes(b"\xff\xfe")
    code, _, error = run("verify")
    assert (code, error) == (2, f"driftline: {house}/key holds no key of a ledger\n")
    assert run("verify", "--key", KEY.encode())[2].endswith("; --key takes the .vkey of a ledger, or the text in it\n")
    assert run("checkpoint")[0] == 0
    assert "holds no key" in run("hold", "case-7", "--actor", "a", "--reason", "r")[2]


def test_doctor_exits_1_where_a_guard_is_gone(run: Run, house: Path) -> None:
    code, out, _ = run("doctor")
    assert (code, "0 wrong" in out) == (0, True)
    tamper(house)
    code, out, _ = run("doctor")
    assert (code, "WRONG guard ledger_payload_no_update" in out) == (1, True)
    answer = json.loads(run("doctor", "--json")[1])
    assert answer["healthy"] is False
    assert {"name": "no cascades", "healthy": True, "detail": "none"} in answer["checks"]


def test_a_rollback_takes_entries_out_of_force_and_keeps_them(run: Run, house: Path) -> None:
    target = json.loads(run("entries", "--limit", 5, "--json")[1])["entries"][4]["entry_hash"]
    words = ("rollback", "--actor", "alice", "--reason", "wrong model")
    code, out, _ = run(*words, "--to", target, "--json")
    assert (code, json.loads(out)) == (0, {"sequence": 20, "target": 4, "superseded": [5, 19]})
    in_force = json.loads(run("entries", "--effective", "--json")[1])["entries"]
    assert [shown["seq"] for shown in in_force] == [0, 1, 2, 3, 4, 20]
    code, out, _ = run("entries", "--newest", "--limit", 2)
    assert "(rolled back by 20)" in out.splitlines()[1]
    code, out, _ = run("verify")
    assert (code, "valid: 21 entries" in out) == (0, True)
    assert run(*words, "--to", "ab" * 32)[0] == 1
    assert run(*words, "--to", "nonsense")[0] == 2
    assert run(*words, "--to", target, "--key-file", house / "absent")[0] == 2


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--from", 8), (8, 12)),
        (("--to", 6), (0, 7)),
        (("--from", 3, "--to", 3), (3, 1)),
        (("--since", "1970-01-01T00:00:00.001001Z"), (9, 11)),
        (("--until", "1970-01-01T00:00:00.001001Z"), (0, 11)),
    ],
)
@pytest.mark.parametrize("level", ["hash", "full"])
def test_a_part_is_verified_alone(run: Run, house: Path, words: tuple[object, ...], part: tuple[int, int], level: str) -> None:
    code, out, _ = run("verify", "--level", level, *words, "--json")
    answer = json.loads(out)
    assert (code, answer["verdict"], answer["from"], answer["entries"]) == (0, "valid", *part)
    assert answer["head"]["signed_size"] == answer["head"]["size"] >= sum(part)


def test_a_part_with_the_bad_entry_exits_1_and_one_without_0(run: Run, house: Path) -> None:
    tamper(house)
    code, out, _ = run("verify", "--from", 5, "--to", 7, "--json")
    assert (code, json.loads(out)["first_bad"]["sequence"]) == (1, 7)
    code, out, _ = run("verify", "--from", 8)
    assert code == 0
    assert "valid: 12 entries from 8 on" in out


def test_verify_since_a_checkpoint_that_was_kept(run: Run, house: Path) -> None:
    kept = house / "kept"
    with closing(sqlite3.connect(house / "ledger.db")) as connection:
        kept.write_text(connection.execute("SELECT note FROM ledger_checkpoint WHERE size = 10").fetchone()[0])
    tamper(house)  # entry 7, which that checkpoint covers
    code, out, _ = run("verify", "--since-checkpoint", kept, "--json")
    assert (code, json.loads(out)["from"], json.loads(out)["entries"]) == (0, 10, 10)
    other = SigningKey(ORIGIN, bytes(32))
    kept.write_text(sign_checkpoint(Checkpoint(ORIGIN, 10, bytes(32)), KEY))
    code, out, _ = run("verify", "--since-checkpoint", kept, "--json")
    assert (code, json.loads(out)["first_bad"]["kind"]) == (1, "history_rewritten")
    assert (
        json.loads(out)["first_bad"]["detail"] == f"entries before 10 are not those of the head of size 10 (checkpoint {kept})"
    )
    kept.write_text(sign_checkpoint(Checkpoint(ORIGIN, 10, bytes(32)), other))
    assert run("verify", "--since-checkpoint", kept)[0] == 2
    assert run("verify", "--since-checkpoint", house / "absent")[0] == 2


@pytest.mark.parametrize("words", [("--from", 1, "--since", "2026-01-01T00:00:00Z"), ("--from", 9, "--to", 3), ("--from", 21)])
def test_a_part_that_cannot_be_meant_exits_2(run: Run, house: Path, words: tuple[object, ...]) -> None:
    assert run("verify", *words)[0] == 2
