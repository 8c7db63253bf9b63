"""Attacks by somebody who owns the database: guards dropped, anything rewritten, only the key is not theirs."""

import shutil
import sqlite3
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from driftline.ledger import heads
from driftline.ledger.checkpoint import Checkpoint, SigningKey, sign_checkpoint
from driftline.ledger.errors import RollbackDetected
from driftline.ledger.heads import SignedHead
from driftline.ledger.leaf import decode, encode
from driftline.ledger.report import FindingKind, Level, Report, Verdict
from driftline.ledger.store import LastSigned, open_store
from driftline.ledger.store.verification import Effort, verify_store
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, draft, grow, ledger, writer_at

Attack = Callable[[sqlite3.Connection], object]


def break_in(folder: Path) -> sqlite3.Connection:
    """Open the database with every guard gone."""
    connection = sqlite3.connect(folder / "ledger.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    return connection


def verified(folder: Path, level: Level = Level.FULL, *, key: bool = True, file: bool = False) -> Report:
    store = open_store(f"sqlite:///{folder}/ledger.db", ORIGIN)
    trusted = []
    if file:
        last = LastSigned(folder / "last-signed", KEY.verifier).read()
        assert last is not None
        trusted = [SignedHead(last.size, last.root, "last-signed file")]
    at_once, report = (
        verify_store(store, level, key=KEY.verifier if key else None, trusted=trusted, effort=Effort(many=many, piece=16))
        for many in (0, 1_000)
    )
    store.close()
    assert at_once == report  # by whole pages and row by row
    return report


def attacked(folder: Path, attack: Attack, level: Level = Level.FULL, *, file: bool = False) -> Report:
    ledger(folder, 50).store.close()
    assert verified(folder, file=file).valid
    connection = break_in(folder)
    attack(connection)
    connection.commit()
    connection.close()
    return verified(folder, level, file=file)


def run(statement: str) -> Attack:
    return lambda connection: connection.executescript(statement)


def relink_leaf(connection: sqlite3.Connection) -> None:
    """Edit a leaf and its hash, but not what follows."""
    leaf = (
        connection.execute("SELECT leaf FROM ledger_entry WHERE seq = 7")
        .fetchone()[0]
        .replace(b"drift.detected", b"drift.destroyed")
    )
    connection.execute(
        "UPDATE ledger_entry SET leaf = ?, entry_hash = ? WHERE seq = 7", (leaf, sha256(b"\x00" + leaf).digest())
    )


MATRIX = {
    "payload edited": (run("UPDATE ledger_payload SET body = x'00' WHERE seq = 7"), 7, FindingKind.PAYLOAD_CHANGED),
    "salt edited": (run("UPDATE ledger_payload SET salt = zeroblob(32) WHERE seq = 7"), 7, FindingKind.PAYLOAD_CHANGED),
    "details edited": (run("UPDATE ledger_payload SET details = x'00' WHERE seq = 7"), 7, FindingKind.DETAILS_CHANGED),
    "details removed": (run("UPDATE ledger_payload SET details = NULL WHERE seq = 7"), 7, FindingKind.DETAILS_CHANGED),
    "payload removed": (run("DELETE FROM ledger_payload WHERE seq = 7"), 7, FindingKind.PAYLOAD_MISSING),
    "leaf edited": (run("UPDATE ledger_entry SET leaf = CAST(replace(leaf, 'm1', 'm2') AS BLOB) WHERE seq = 7"), 7, FindingKind.LEAF_CHANGED),
    "leaf edited and hashed": (relink_leaf, 7, FindingKind.COLUMN_CHANGED),
    "leaf as text": (run("UPDATE ledger_entry SET leaf = CAST(leaf AS TEXT) WHERE seq = 7"), 7, FindingKind.LEAF_MALFORMED),
    "leaf is nonsense": (run("UPDATE ledger_entry SET leaf = x'ff00' WHERE seq = 7"), 7, FindingKind.LEAF_CHANGED),
    "hash as a number": (run("UPDATE ledger_entry SET entry_hash = 5 WHERE seq = 7"), 7, FindingKind.LEAF_MALFORMED),
    "entry hash edited": (run("UPDATE ledger_entry SET entry_hash = zeroblob(32) WHERE seq = 7"), 7, FindingKind.LEAF_CHANGED),
    "link edited": (run("UPDATE ledger_entry SET previous_hash = randomblob(32) WHERE seq = 7"), 7, FindingKind.CHAIN_BROKEN),
    "column actor": (run("UPDATE ledger_entry SET actor = 'service:x' WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "column action": (run("UPDATE ledger_entry SET action = 'x' WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "column resource": (run("UPDATE ledger_entry SET resource_id = 'm9' WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "column time": (run("UPDATE ledger_entry SET ts_us = ts_us - 1 WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "column event time": (run("UPDATE ledger_entry SET event_ts_us = NULL WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "column entry id": (run("UPDATE ledger_entry SET entry_id = randomblob(16) WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "column source": (run("UPDATE ledger_entry SET src_start = 900 WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "source removed": (run("UPDATE ledger_entry SET source_id = NULL WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "source renamed": (run("UPDATE ledger_offset SET topic = 'x'"), 0, FindingKind.COLUMN_CHANGED),
    "column not UTF-8": (run("UPDATE ledger_entry SET actor = CAST(x'ff' AS TEXT) WHERE seq = 7"), 7, FindingKind.COLUMN_CHANGED),
    "entry deleted": (run("DELETE FROM ledger_entry WHERE seq = 7"), 7, FindingKind.ENTRY_MISSING),
    "first entry deleted": (run("DELETE FROM ledger_entry WHERE seq = 0"), 0, FindingKind.ENTRY_MISSING),
    "last entry deleted": (run("DELETE FROM ledger_entry WHERE seq = 49"), 49, FindingKind.TAIL_MISSING),
    "tail cut, head and checkpoints left": (run("DELETE FROM ledger_entry WHERE seq >= 30"), 30, FindingKind.TAIL_MISSING),
    "everything deleted": (run("DELETE FROM ledger_entry"), 0, FindingKind.TAIL_MISSING),
    "entries exchanged": (
        run("UPDATE ledger_entry SET seq = 999 WHERE seq = 7; UPDATE ledger_entry SET seq = 7 WHERE seq = 8;"
            "UPDATE ledger_entry SET seq = 8 WHERE seq = 999"), 7, FindingKind.CHAIN_BROKEN),
    "head shrunk": (run("UPDATE ledger_head SET size = 40"), 40, FindingKind.HEAD_CHANGED),
    "head grown": (run("UPDATE ledger_head SET size = 60"), 50, FindingKind.TAIL_MISSING),
    "frontier edited": (run("UPDATE ledger_head SET frontier = zeroblob(96)"), 50, FindingKind.HEAD_CHANGED),
    "checkpoint root edited": (run("UPDATE ledger_checkpoint SET root = zeroblob(32) WHERE size = 20"), 19, FindingKind.CHECKPOINT_INVALID),
    "note is nonsense": (run("UPDATE ledger_checkpoint SET note = 'x' WHERE size = 20"), 19, FindingKind.CHECKPOINT_INVALID),
    "note of another size": (
        run("UPDATE ledger_checkpoint SET note = (SELECT note FROM ledger_checkpoint WHERE size = 30) WHERE size = 20"),
        19, FindingKind.CHECKPOINT_INVALID),
    "checkpoint of the future": (
        run("INSERT INTO ledger_checkpoint (size, root) VALUES (80, zeroblob(32))"), 50, FindingKind.TAIL_MISSING),
}  # fmt: skip


@pytest.mark.parametrize("name", MATRIX)
def test_attack_is_found_with_its_first_entry_and_kind(name: str, tmp_path: Path) -> None:
    attack, sequence, kind = MATRIX[name]
    report = attacked(tmp_path, attack)
    assert report.verdict is Verdict.TAMPERED
    assert report.first_bad is not None
    assert report.first_bad.sequence == sequence
    assert kind in {finding.kind for finding in report.findings if finding.sequence == sequence}


ONLY_ONE = ("payload edited", "salt edited", "details edited", "payload removed", "column actor", "column action",
    "column resource", "column event time", "column entry id", "column source", "column not UTF-8")  # fmt: skip


@pytest.mark.parametrize("name", ONLY_ONE)
def test_one_edit_is_one_finding(name: str, tmp_path: Path) -> None:
    assert attacked(tmp_path, MATRIX[name][0]).invalid_entries == 1


HASH_LEVEL = (
    "leaf edited", "leaf edited and hashed", "leaf as text", "entry hash edited", "link edited", "entry deleted",
    "first entry deleted", "last entry deleted", "entries exchanged", "head shrunk", "head grown", "checkpoint root edited",
    "note is nonsense", "hash as a number", "leaf is nonsense",
)  # fmt: skip


@pytest.mark.parametrize("name", HASH_LEVEL)
def test_attack_on_the_chain_is_found_at_level_hash(name: str, tmp_path: Path) -> None:
    assert attacked(tmp_path, MATRIX[name][0], Level.HASH).verdict is Verdict.TAMPERED


def forge(folder: Path, *, change: int, entries: int = 50, drop: int | None = None) -> Path:
    """Return a ledger rebuilt with one payload changed (or one record left out), every link and trail right."""
    evil = folder / "evil"
    evil.mkdir()
    writer = writer_at(evil)
    drafts = [draft(i, payload=b"forged" if i == change else None) for i in range(entries) if i != drop]
    grow(writer, [drafts[at : at + 10] for at in range(0, len(drafts), 10)])
    writer.store.close()
    return evil


def swap_in(folder: Path, evil: Path, *, notes_up_to: int, rows_up_to: int | None = None) -> None:
    """Put the forged entries under the signed notes that the attacker has."""
    honest = sqlite3.connect(folder / "ledger.db")
    signed = honest.execute("SELECT size, root, note FROM ledger_checkpoint WHERE size <= ?", (notes_up_to,)).fetchall()
    honest.close()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(evil / "ledger.db", folder / "ledger.db")
    connection = break_in(folder)
    connection.execute("UPDATE ledger_checkpoint SET note = NULL")
    connection.execute("DELETE FROM ledger_checkpoint WHERE size <= ?", (notes_up_to,))
    connection.executemany("INSERT INTO ledger_checkpoint VALUES (?, ?, ?)", signed)
    connection.execute("DELETE FROM ledger_checkpoint WHERE size > ?", (rows_up_to or 1_000_000,))
    connection.commit()
    connection.close()


def test_rechained_history_contradicts_the_signed_checkpoints(tmp_path: Path) -> None:
    ledger(tmp_path, 50).store.close()
    swap_in(tmp_path, forge(tmp_path, change=23), notes_up_to=50)
    report = verified(tmp_path)
    assert report.verdict is Verdict.TAMPERED
    assert report.first_bad is not None
    assert (report.first_bad.kind, report.first_bad.sequence) == (FindingKind.HISTORY_REWRITTEN, 20)
    assert "20..29" in report.first_bad.detail


def test_record_left_out_and_rechained_contradicts_the_signed_checkpoints(tmp_path: Path) -> None:
    ledger(tmp_path, 50).store.close()
    swap_in(tmp_path, forge(tmp_path, change=-1, drop=23), notes_up_to=50)
    report = verified(tmp_path)
    assert report.first_bad is not None
    assert (report.first_bad.kind, report.first_bad.sequence) == (FindingKind.HISTORY_REWRITTEN, 20)


def test_rechained_tail_with_its_notes_removed_contradicts_the_last_signed_file(tmp_path: Path) -> None:
    ledger(tmp_path, 50).store.close()
    swap_in(tmp_path, forge(tmp_path, change=45), notes_up_to=40)
    assert verified(tmp_path).valid  # the database alone cannot tell: entries 40..49 are simply not signed
    assert verified(tmp_path).signed_size == 40
    report = verified(tmp_path, file=True)
    assert report.verdict is Verdict.TAMPERED
    assert report.first_bad is not None
    assert (report.first_bad.kind, report.first_bad.sequence) == (FindingKind.HISTORY_REWRITTEN, 40)


def cut_tail(connection: sqlite3.Connection) -> None:
    """Go back to 30 entries as neatly as can be: head, checkpoints, payloads and offsets with it."""
    for table in ("ledger_payload", "ledger_entry"):
        connection.execute(f"DELETE FROM {table} WHERE seq >= 30")
    connection.execute("DELETE FROM ledger_checkpoint WHERE size > 30")
    hashes = [h for (h,) in connection.execute("SELECT entry_hash FROM ledger_entry ORDER BY seq")]
    from driftline.ledger.tree import Frontier

    tree = Frontier()
    tree.extend(hashes)
    connection.execute("UPDATE ledger_head SET size = 30, head_hash = ?, frontier = ?", (hashes[-1], tree.to_bytes()))
    connection.execute("UPDATE ledger_offset SET next_offset = 30")


def test_neatly_cut_tail_is_seen_by_the_last_signed_file(tmp_path: Path) -> None:
    report = attacked(tmp_path, cut_tail, file=True)
    assert report.first_bad is not None
    assert (report.first_bad.kind, report.first_bad.sequence) == (FindingKind.TAIL_MISSING, 30)
    assert verified(tmp_path).valid  # without the file nothing contradicts it


@pytest.mark.parametrize("how", ["cut", "backup", "forged", "replaced by an empty ledger"])
def test_database_that_was_put_back_is_refused_at_start(how: str, tmp_path: Path) -> None:
    ledger(tmp_path, 30).store.close()
    backup = tmp_path / "backup.db"
    with sqlite3.connect(tmp_path / "ledger.db") as source, sqlite3.connect(backup) as target:
        source.backup(target)
    source.close()
    target.close()
    ledger_more = writer_at(tmp_path)
    grow(ledger_more, [[draft(i) for i in range(30, 50)]])
    ledger_more.store.close()
    if how == "cut":
        connection = break_in(tmp_path)
        cut_tail(connection)
        connection.commit()
        connection.close()
    elif how == "forged":
        swap_in(tmp_path, forge(tmp_path, change=45), notes_up_to=30)
    else:
        for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        if how == "backup":
            shutil.copy(backup, tmp_path / "ledger.db")
    with pytest.raises(RollbackDetected):
        writer_at(tmp_path)


def test_database_put_back_under_a_running_writer_is_refused_at_the_next_batch(tmp_path: Path) -> None:
    writer = ledger(tmp_path, 50)
    connection = break_in(tmp_path)
    cut_tail(connection)
    connection.commit()
    connection.close()
    with pytest.raises(RollbackDetected, match="50 entries were signed"):
        grow(writer, [[draft(i) for i in range(30, 40)]])
    assert verified(tmp_path).entries == 30


def test_lost_last_signed_file_is_refused_unless_adopted(tmp_path: Path) -> None:
    ledger(tmp_path, 20).store.close()
    (tmp_path / "last-signed").unlink()
    with pytest.raises(RollbackDetected, match="is gone"):
        writer_at(tmp_path)
    grow(writer_at(tmp_path, adopt=True), [[draft(i) for i in range(20, 30)]])
    assert verified(tmp_path, file=True).entries == 30


def test_foreign_last_signed_file_is_refused(tmp_path: Path) -> None:
    ledger(tmp_path, 20).store.close()
    thief = SigningKey(ORIGIN, bytes(32))
    (tmp_path / "last-signed").write_text(sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), thief))
    with pytest.raises(RollbackDetected, match="not a head"):
        writer_at(tmp_path)


def test_stolen_name_of_a_person_is_found(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(i, actor="alice" if i < 5 else "bob") for i in range(10)]])
    connection = break_in(tmp_path)
    connection.executescript(
        "UPDATE ledger_subject SET name = 'x' WHERE name = 'alice'; UPDATE ledger_subject SET name = 'alice' WHERE name = 'bob';"
        "UPDATE ledger_subject SET name = 'bob' WHERE name = 'x'"
    )
    connection.close()
    report = verified(tmp_path)
    assert {(f.kind, f.sequence) for f in report.findings} == {
        (FindingKind.SUBJECT_CHANGED, 0),
        (FindingKind.SUBJECT_CHANGED, 5),
    }


def test_changed_tree_node_is_found(tmp_path: Path) -> None:
    ledger(tmp_path, 600, batch=300).store.close()
    assert verified(tmp_path).valid
    connection = break_in(tmp_path)
    connection.execute("UPDATE ledger_node SET hash = zeroblob(32) WHERE idx = 1")
    connection.execute("INSERT INTO ledger_node VALUES (16, 0, zeroblob(32))")
    connection.commit()
    connection.close()
    report = verified(tmp_path)
    assert {(f.kind, f.sequence) for f in report.findings} == {(FindingKind.NODE_CHANGED, 256), (FindingKind.NODE_CHANGED, 600)}


def test_broken_trail_is_found_even_if_every_hash_is_right(tmp_path: Path) -> None:
    """A dishonest writer that signs: chain and tree are consistent, but a trail leaves an entry out."""
    writer = writer_at(tmp_path)
    grow(writer, [[draft(i) for i in range(6)]])
    tail = writer._links._resources["model", "m0"]
    writer._links._resources["model", "m0"] = tail._replace(entries=7)
    grow(writer, [[draft(6)]])
    report = verified(tmp_path)
    assert report.first_bad is not None
    assert (report.first_bad.kind, report.first_bad.sequence) == (FindingKind.TRAIL_BROKEN, 6)
    assert verified(tmp_path, Level.HASH).valid


def test_where_numba_is_missing_every_ledger_is_verified_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "driftline.ledger.pages", None)
    ledger(tmp_path, 20).store.close()
    assert verified(tmp_path).valid


def test_empty_ledger_is_valid(tmp_path: Path) -> None:
    writer_at(tmp_path).store.close()
    report = verified(tmp_path)
    assert (report.verdict, report.entries, report.signed_size) == (Verdict.VALID, 0, 0)


def test_without_a_key_nothing_vouches_for_a_clean_ledger(tmp_path: Path) -> None:
    ledger(tmp_path, 20).store.close()
    assert verified(tmp_path, key=False).verdict is Verdict.UNVERIFIABLE
    connection = break_in(tmp_path)
    connection.execute("UPDATE ledger_payload SET body = x'00' WHERE seq = 7")
    connection.commit()
    connection.close()
    assert verified(tmp_path, key=False).verdict is Verdict.TAMPERED


def test_signatures_are_checked_at_the_end_and_spread_over_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_LEAST", 4)
    ledger(tmp_path, 20, batch=1).store.close()
    connection = break_in(tmp_path)
    rows = connection.execute("SELECT size, note FROM ledger_checkpoint").fetchall()
    thief = SigningKey(ORIGIN, bytes(32))
    found = []
    for size, note in rows:
        root = connection.execute("SELECT root FROM ledger_checkpoint WHERE size = ?", (size,)).fetchone()[0]
        forged = sign_checkpoint(Checkpoint(ORIGIN, size, root), thief)
        connection.execute("UPDATE ledger_checkpoint SET note = ? WHERE size = ?", (forged, size))
        connection.commit()
        if verified(tmp_path).verdict is Verdict.TAMPERED:
            found.append(size)
        connection.execute("UPDATE ledger_checkpoint SET note = ? WHERE size = ?", (note, size))
    connection.commit()
    connection.close()
    assert found == [1, 6, 11, 16, 17, 18, 19, 20]
    assert verified(tmp_path).signed_size == 20


def test_ledger_without_any_signature_is_not_vouched_for(tmp_path: Path) -> None:
    ledger(tmp_path, 20).store.close()
    connection = break_in(tmp_path)
    connection.execute("UPDATE ledger_checkpoint SET note = NULL")
    connection.commit()
    connection.close()
    assert verified(tmp_path).verdict is Verdict.UNVERIFIABLE


def test_all_findings_are_counted_and_a_hundred_are_kept(tmp_path: Path) -> None:
    ledger(tmp_path, 300, batch=100).store.close()
    connection = break_in(tmp_path)
    connection.execute("UPDATE ledger_payload SET body = x'00'")
    connection.commit()
    connection.close()
    report = verified(tmp_path)
    assert (report.invalid_entries, len(report.findings), report.chain_breaks) == (300, 100, 0)


def test_leaf_of_another_log_does_not_verify_as_ours(tmp_path: Path) -> None:
    ledger(tmp_path, 1).store.close()
    connection = break_in(tmp_path)
    row = connection.execute("SELECT leaf FROM ledger_entry").fetchone()[0]
    other = encode(decode(row)).replace(ORIGIN.encode(), b"other.example.com/audit")
    connection.execute("UPDATE ledger_entry SET leaf = ?, entry_hash = ?", (other, sha256(b"\x00" + other).digest()))
    connection.commit()
    connection.close()
    for level in (Level.HASH, Level.FULL):
        assert verified(tmp_path, level, key=False).verdict is Verdict.TAMPERED
