"""What SQLite refuses by itself, tried with live statements on a connection without any of our settings."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from driftline.ledger.report import Level
from driftline.ledger.store.engine import open_engine, reading
from driftline.ledger.store.guards import guards_of
from driftline.ledger.store.schema import missing_guards, prepare_schema
from driftline.ledger.store.verification import verify_store
from tests.unit.ledger.ledger_builders import KEY, draft, grow, ledger, writer_at

ENTRY = (
    "seq, entry_id, ts_us, event_ts_us, action, actor, resource_type, resource_id, data_hash, details_hash,"
    " previous_hash, entry_hash, leaf, source_id, src_start, src_end"
)
COPY = ENTRY.replace("seq,", "{seq},", 1)


@pytest.fixture
def attacker(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    ledger(tmp_path, 30)
    connection = sqlite3.connect(tmp_path / "ledger.db")
    yield connection
    connection.close()


STATEMENTS = {
    "update a payload": "UPDATE ledger_payload SET body = x'00' WHERE seq = 3",
    "update a column": "UPDATE ledger_entry SET actor = 'x' WHERE seq = 3",
    "update by itself": "UPDATE ledger_entry SET actor = actor WHERE seq = 3",
    "delete an entry": "DELETE FROM ledger_entry WHERE seq = 29",
    "delete everything": "DELETE FROM ledger_entry",
    "delete a payload": "DELETE FROM ledger_payload WHERE seq = 3",
    "delete a checkpoint": "DELETE FROM ledger_checkpoint WHERE size = 30",
    "delete the head": "DELETE FROM ledger_head",
    "delete an offset": "DELETE FROM ledger_offset",
    "replace by sequence": f"REPLACE INTO ledger_entry ({ENTRY}) SELECT {COPY.format(seq='seq')} FROM ledger_entry WHERE seq = 3",
    "replace by rowid": "INSERT OR REPLACE INTO ledger_payload (rowid, seq, salt, body) VALUES (4, 3, x'00', x'00')",
    "replace the last entry": f"INSERT OR REPLACE INTO ledger_entry ({ENTRY}) SELECT {COPY.format(seq='seq')} FROM ledger_entry WHERE seq = 29",
    "steal an entry id": f"INSERT OR REPLACE INTO ledger_entry ({ENTRY}) SELECT 30, entry_id, ts_us, event_ts_us, action, actor,"
    " resource_type, resource_id, data_hash, details_hash, (SELECT entry_hash FROM ledger_entry WHERE seq = 29),"
    " zeroblob(32), leaf, source_id, 999, 1000 FROM ledger_entry WHERE seq = 3",
    "steal a source position": f"INSERT OR REPLACE INTO ledger_entry ({ENTRY}) SELECT 30, x'00', ts_us, event_ts_us, action, actor,"
    " resource_type, resource_id, data_hash, details_hash, (SELECT entry_hash FROM ledger_entry WHERE seq = 29),"
    " zeroblob(32), leaf, source_id, src_start, src_end FROM ledger_entry WHERE seq = 3",
    "append out of order": f"INSERT INTO ledger_entry ({ENTRY}) SELECT 31, x'00', ts_us, event_ts_us, action, actor,"
    " resource_type, resource_id, data_hash, details_hash, entry_hash, zeroblob(32), leaf, source_id, 999, 1000"
    " FROM ledger_entry WHERE seq = 29",
    "append with a wrong link": f"INSERT INTO ledger_entry ({ENTRY}) SELECT 30, x'00', ts_us, event_ts_us, action, actor,"
    " resource_type, resource_id, data_hash, details_hash, zeroblob(32), zeroblob(32), leaf, source_id, 999, 1000"
    " FROM ledger_entry WHERE seq = 29",
    "fork the chain": f"INSERT INTO ledger_entry ({ENTRY}) SELECT 30, x'00', ts_us, event_ts_us, action, actor,"
    " resource_type, resource_id, data_hash, details_hash, previous_hash, zeroblob(32), leaf, source_id, 999, 1000"
    " FROM ledger_entry WHERE seq = 29",
    "insert before the beginning": f"INSERT INTO ledger_entry ({ENTRY}) SELECT -1, x'00', ts_us, event_ts_us, action, actor,"
    " resource_type, resource_id, data_hash, details_hash, zeroblob(32), zeroblob(32), leaf, source_id, 999, 1000"
    " FROM ledger_entry WHERE seq = 29",
    "upsert an entry": f"INSERT INTO ledger_entry ({ENTRY}) SELECT {COPY.format(seq='seq')} FROM ledger_entry WHERE seq = 3"
    " ON CONFLICT DO UPDATE SET actor = 'x'",
    "replace a payload": "REPLACE INTO ledger_payload (seq, salt, body) VALUES (3, x'00', x'00')",
    "replace a checkpoint": "REPLACE INTO ledger_checkpoint (size, root) VALUES (30, zeroblob(32))",
    "change a signed note": "UPDATE ledger_checkpoint SET note = 'x' WHERE size = 30",
    "change a root": "UPDATE ledger_checkpoint SET root = zeroblob(32) WHERE size = 30",
    "shrink the head": "UPDATE ledger_head SET size = 10",
    "replace the head": "REPLACE INTO ledger_head SELECT id, origin, 10, head_hash, frontier, last_ts_us FROM ledger_head",
    "rename the log": "UPDATE ledger_head SET origin = 'x'",
    "move an offset back": "UPDATE ledger_offset SET next_offset = 0",
    "rename a source": "UPDATE ledger_offset SET topic = 'x', next_offset = next_offset + 1",
    "replace an offset": "REPLACE INTO ledger_offset SELECT source_id, cluster, topic, topic_id, partition, 0 FROM ledger_offset",
    "change a node": "UPDATE ledger_node SET hash = zeroblob(32)",
    "exchange a name": "UPDATE ledger_subject SET name = 'x'",
}


@pytest.mark.parametrize("name", [n for n in STATEMENTS if n not in {"change a node", "exchange a name"}])
def test_guard_refuses(attacker: sqlite3.Connection, name: str, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|only"):
        attacker.execute(STATEMENTS[name])
    attacker.rollback()
    attacker.close()
    report = verify_store(ledger(tmp_path, 0).store, Level.FULL, key=KEY.verifier)
    assert (report.valid, report.entries) == (True, 30)


@pytest.mark.parametrize("name", ["change a node", "exchange a name"])
def test_guard_refuses_where_there_are_rows(name: str, tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(i, actor="alice") for i in range(300)]])
    with sqlite3.connect(tmp_path / "ledger.db") as attacker, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        attacker.execute(STATEMENTS[name])
    attacker.close()


def test_every_table_is_guarded_against_update_delete_and_replace() -> None:
    names = set(guards_of("sqlite"))
    for table in ("entry", "payload", "subject", "node", "head", "offset", "checkpoint"):
        for guard in ("no_update", "no_delete", "no_replace"):
            assert f"ledger_{table}_{guard}" in names


def lost(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return sorted(missing_guards(connection))


def test_lost_guard_is_reported_and_put_back(attacker: sqlite3.Connection, tmp_path: Path) -> None:
    attacker.execute("DROP TRIGGER ledger_entry_no_update")
    attacker.execute("DROP TRIGGER ledger_head_no_delete")
    attacker.execute("CREATE TRIGGER ledger_head_no_delete BEFORE DELETE ON ledger_head BEGIN SELECT 1; END")
    attacker.commit()
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    gone = ["ledger_entry_no_update", "ledger_head_no_delete"]
    assert lost(engine) == gone
    assert prepare_schema(engine) == gone
    assert lost(engine) == []
    engine.dispose()


def test_new_ledger_has_lost_no_guard(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    assert prepare_schema(engine) == []
    assert lost(engine) == []
    engine.dispose()


def test_connections_are_durable_and_distrustful(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
    engine.dispose()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}
