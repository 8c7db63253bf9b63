"""The doctor: healthy on a healthy ledger, leaves no trace, and names each protection that somebody took away."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from driftline.ledger.checkpoint import Signature
from driftline.ledger.report import Level
from driftline.ledger.store.cosigned import add_cosignatures
from driftline.ledger.store.doctor import examine
from driftline.ledger.store.engine import open_engine
from driftline.ledger.store.erasing import Author, Subjected, erase
from driftline.ledger.store.tables import VERSION
from driftline.ledger.store.verification import verify_store
from tests.unit.ledger.ledger_builders import KEY, Salts, draft, grow, writer_at

DAMAGE = {
    "a guard is dropped": ("DROP TRIGGER ledger_entry_no_delete", {"guard ledger_entry_no_delete", "ledger_entry refuses delete"}),
    "a guard does nothing": (
        "DROP TRIGGER ledger_payload_no_replace; CREATE TRIGGER ledger_payload_no_replace BEFORE INSERT ON ledger_payload BEGIN SELECT 1; END",
        {"guard ledger_payload_no_replace", "ledger_payload refuses replace"},
    ),
    "the head may shrink": ("DROP TRIGGER ledger_head_no_update", {"guard ledger_head_no_update", "ledger_head refuses update"}),
    "an offset may move back": (
        "DROP TRIGGER ledger_offset_no_update",
        {"guard ledger_offset_no_update", "ledger_offset refuses update"},
    ),
    "a spy listens": (
        "CREATE TRIGGER spy AFTER INSERT ON ledger_entry BEGIN UPDATE ledger_head SET last_ts_us = 0; END",
        {"no other triggers"},
    ),
    "a cascade deletes": (
        "CREATE TABLE twin (seq INTEGER REFERENCES ledger_entry(seq) ON DELETE CASCADE)",
        {"no cascades"},
    ),
    "a column is added": ("ALTER TABLE ledger_entry ADD COLUMN note TEXT", {"table ledger_entry"}),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(number, actor="bob" if number == 299 else "alice") for number in range(300)]])
    assert erase(writer, Subjected("alice"), Author("carol", "asked", 1_000, Salts())) is not None
    add_cosignatures(writer.store, 300, [Signature("witness.example.com", bytes(4), bytes(72))])
    writer.store.close()
    return tmp_path


def wrong(folder: Path) -> set[str]:
    engine = open_engine(f"sqlite:///{folder}/ledger.db")
    found = {check.name for check in examine(engine) if not check.healthy}
    engine.dispose()
    return found


def test_a_healthy_ledger_passes_every_check_and_is_left_as_it_was(folder: Path) -> None:
    engine = open_engine(f"sqlite:///{folder}/ledger.db")
    checks = examine(engine)
    engine.dispose()
    assert [check for check in checks if not check.healthy] == []
    assert sum("refuses" in check.name for check in checks) == 33
    assert not [check for check in checks if check.detail.startswith("not tried")]
    report = verify_store(writer_at(folder).store, Level.FULL, key=KEY.verifier)
    assert (report.valid, report.entries) == (True, 301)


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_taken_away_is_named(folder: Path, name: str) -> None:
    statement, expected = DAMAGE[name]
    connection = sqlite3.connect(folder / "ledger.db")
    connection.executescript(statement)
    connection.close()
    assert wrong(folder) == expected
    assert wrong(folder) == expected  # the trials of the first were undone
    connection = sqlite3.connect(folder / "ledger.db")
    assert connection.execute("SELECT count(*), max(size) FROM ledger_entry, ledger_head").fetchone() == (301, 301)
    connection.close()


def test_a_file_that_others_may_write_is_named(folder: Path) -> None:
    (folder / "ledger.db").chmod(0o666)
    assert wrong(folder) == {"file"}


def test_settings_are_read_back_from_the_connection(folder: Path) -> None:
    engine = create_engine(f"sqlite:///{folder}/ledger.db")  # without what ours are told
    found = {check.name for check in examine(engine) if not check.healthy}
    engine.dispose()
    assert {"setting foreign_keys", "setting trusted_schema"} <= found


def test_a_ledger_that_older_versions_made_keeps_its_key_over_previous_hashes_and_grows(tmp_path: Path) -> None:
    writer_at(tmp_path).store.close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    made = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE tbl_name = 'ledger_entry' AND sql > ''")]
    connection.execute("DROP TABLE ledger_entry")
    for statement in (made[0].replace("UNIQUE (entry_id)", "UNIQUE (entry_id), UNIQUE (previous_hash)"), *made[1:]):
        connection.execute(statement)
    connection.execute("UPDATE ledger_schema SET version_num = '0001'")
    connection.commit()
    connection.close()
    writer = writer_at(tmp_path)
    grow(writer, [[draft(number) for number in range(300)]])
    writer.store.close()
    assert wrong(tmp_path) == set()
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("SELECT version_num FROM ledger_schema").fetchone() == (VERSION,)
    connection.close()
