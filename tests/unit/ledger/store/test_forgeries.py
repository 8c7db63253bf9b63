"""The verifier itself under forged input: whatever is in the database, it neither crashes nor says valid."""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.ledger.report import Level, Verdict
from driftline.ledger.store import open_store, verify_store
from tests.unit.ledger.ledger_builders import KEY, draft, grow, ledger, writer_at

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=40),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from([b"\x00" * 32, b"", "", "service:drift", 0, 1, 19, 20, 21, "\x00"]),
)
COLUMNS = {
    "ledger_entry": (
        "seq", "entry_id", "ts_us", "event_ts_us", "action", "actor", "resource_type", "resource_id", "data_hash",
        "details_hash", "previous_hash", "entry_hash", "leaf", "source_id", "src_start", "src_end",
    ),
    "ledger_payload": ("seq", "salt", "body", "details"),
    "ledger_head": ("size", "head_hash", "frontier"),
    "ledger_checkpoint": ("size", "root", "note"),
    "ledger_offset": ("source_id", "cluster", "topic", "topic_id", "partition"),
    "ledger_subject": ("actor", "salt", "name"),
}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 30 entries with people and two checkpoints, its guards and constraints gone."""
    folder = tmp_path_factory.mktemp("forgeries")
    writer = writer_at(folder)
    grow(writer, [[draft(i, actor="alice" if i % 2 else "service:drift") for i in range(n, n + 15)] for n in (0, 15)])
    writer.store.close()
    source, target = sqlite3.connect(folder / "ledger.db"), sqlite3.connect(folder / "open.db")
    for table, columns in COLUMNS.items():
        target.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        names = ", ".join(columns)
        rows = source.execute(f"SELECT {names} FROM {table}").fetchall()
        target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)
    target.execute("CREATE TABLE ledger_node (level, idx, hash)")
    for column, value in (("id", 1), ("origin", KEY.verifier.name), ("last_ts_us", 1_001)):
        target.execute(f"ALTER TABLE ledger_head ADD COLUMN {column}")
        target.execute(f"UPDATE ledger_head SET {column} = ?", (value,))
    target.execute("ALTER TABLE ledger_offset ADD COLUMN next_offset")
    target.execute("UPDATE ledger_offset SET next_offset = 30")
    target.commit()
    source.close()
    target.close()
    assert verdict(folder / "open.db", Level.FULL) is Verdict.VALID
    return folder / "open.db"


def verdict(path: Path, level: Level) -> Verdict:
    store = open_store(f"sqlite:///{path}")
    try:
        return verify_store(store, level, key=KEY.verifier).verdict
    finally:
        store.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_any_column_is_found(original: Path, tmp_path: Path, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(sorted(COLUMNS)))
    column = data.draw(st.sampled_from(COLUMNS[table]))
    value = data.draw(VALUES)
    path = tmp_path / "forged.db"
    shutil.copy(original, path)
    connection = sqlite3.connect(path)
    rowid = data.draw(st.integers(1, connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]))
    before = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (rowid,)).fetchone()[0]
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, rowid))
    connection.commit()
    connection.close()
    if value == before and (type(value) is type(before) or table != "ledger_entry"):
        return
    if table == "ledger_checkpoint" and column == "note" and value is None:
        return  # an unsigned head is no lie; the newest signed one vouches for less
    assert verdict(path, Level.FULL) is Verdict.TAMPERED


@pytest.mark.parametrize("seed", range(12))
def test_rows_shuffled_doubled_or_dropped_are_found(original: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "forged.db"
    shutil.copy(original, path)
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT * FROM ledger_entry").fetchall()
    where = chance.randrange(30)
    how = seed % 3
    if how == 0:
        rows.insert(where, rows[where])
    elif how == 1:
        del rows[where]
    else:
        other = (where + 1 + chance.randrange(29)) % 30
        rows[where] = (where, *rows[other][1:])
    connection.execute("DELETE FROM ledger_entry")
    connection.executemany(f"INSERT INTO ledger_entry VALUES ({', '.join('?' * 16)})", rows)
    connection.commit()
    connection.close()
    for level in (Level.HASH, Level.FULL):
        assert verdict(path, level) is Verdict.TAMPERED


def test_ledger_of_another_key_copied_in_is_found(original: Path, tmp_path: Path) -> None:
    ledger(tmp_path, 20).store.close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DROP TRIGGER ledger_checkpoint_no_update")
    connection.execute("UPDATE ledger_checkpoint SET note = NULL")
    connection.execute(f"ATTACH '{original}' AS honest")
    connection.execute(
        "UPDATE ledger_checkpoint SET note = (SELECT note FROM honest.ledger_checkpoint WHERE size = 30) WHERE size = 20"
    )
    connection.commit()
    connection.close()
    assert verdict(tmp_path / "ledger.db", Level.FULL) is Verdict.TAMPERED
