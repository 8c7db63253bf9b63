"""The verifier itself under forged input: whatever is in the database, it neither crashes nor says valid."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.ledger.keeping import DAY_US
from driftline.ledger.report import Level, Report, Verdict
from driftline.ledger.store import Effort, UrlObjects, open_store, streaming, verify_store
from driftline.ledger.store.archiving import archive
from driftline.ledger.store.erasing import Author, Subjected, erase
from tests.unit.ledger.ledger_builders import KEY, Salts, draft, grow, ledger, writer_at

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


@pytest.fixture(scope="module", autouse=True)
def small_pages() -> Iterator[None]:
    """A forged row has right pages before it and right rows beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_PAGE", 8)
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 30 entries with people and two checkpoints, its guards and constraints gone."""
    folder = tmp_path_factory.mktemp("forgeries")
    writer = writer_at(folder)
    grow(writer, [[draft(i, actor="alice" if i % 2 else "service:drift") for i in range(n, n + 15)] for n in (0, 15)])
    writer.store.close()
    return opened(folder)


@pytest.fixture(scope="module")
def withdrawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The like of 40 entries, of which alice's are erased and the oldest of the others lie in an archive."""
    folder = tmp_path_factory.mktemp("withdrawn")
    writer = writer_at(folder)
    grow(writer, [[draft(i, actor="service:drift" if i % 3 else "alice") for i in range(n, n + 20)] for n in (0, 20)])
    author = Author("carol", "asked for", 400 * DAY_US, Salts())
    assert erase(writer, Subjected("alice"), author) is not None
    assert len(list(archive(writer, UrlObjects(f"file://{folder}/archive"), author, before=1_001))) == 1
    writer.store.close()
    return opened(folder)


def opened(folder: Path) -> Path:
    """Copy a ledger into tables without constraints."""
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


def report(path: Path, level: Level) -> Report:
    """Verify by whole pages and row by row, which must find the same."""
    store = open_store(f"sqlite:///{path}")
    try:
        at_once, one_by_one = (
            verify_store(store, level, key=KEY.verifier, effort=Effort(many=many, piece=16)) for many in (0, 1_000)
        )
        assert at_once == one_by_one
        return one_by_one
    finally:
        store.close()


def verdict(path: Path, level: Level) -> Verdict:
    return report(path, level).verdict


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_among_what_is_erased_and_archived_any_value_is_judged_alike(
    withdrawn: Path, tmp_path: Path, data: st.DataObject
) -> None:
    table = data.draw(st.sampled_from(["ledger_entry", "ledger_payload"]))
    path = tmp_path / "forged.db"
    shutil.copy(withdrawn, path)
    connection = sqlite3.connect(path)
    rowid = data.draw(st.integers(1, connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]))
    column, value = data.draw(st.sampled_from(COLUMNS[table])), data.draw(VALUES)
    (before,) = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (rowid,)).fetchone()
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, rowid))
    connection.commit()
    connection.close()
    found = report(path, Level.FULL)
    if table == "ledger_entry" and (value, type(value)) != (before, type(before)):
        assert found.verdict is Verdict.TAMPERED


def first_bad(path: Path) -> int | None:
    found = report(path, Level.FULL).first_bad
    assert found is not None
    return found.sequence


def other(value: object, chance: random.Random) -> object:
    """Return another value of the same type, as near to the first as can be."""
    if isinstance(value, int):
        return value + chance.choice((1_000, 2**40))
    if isinstance(value, str):
        return value + chance.choice(("x", " ", "\x00", '"', "\u00e4"))
    if isinstance(value, bytes):
        raw = bytearray(value)
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        return bytes(raw)
    return chance.choice((0, "", b""))


@pytest.mark.parametrize("column", [*COLUMNS["ledger_entry"], "salt", "body", "details", "payload"])
def test_changed_column_is_found_at_its_entry(original: Path, tmp_path: Path, column: str) -> None:
    chance = random.Random(column)
    table = "ledger_entry" if column in COLUMNS["ledger_entry"] else "ledger_payload"
    name = "seq" if column == "payload" else column
    for number in (0, 29, chance.randrange(1, 29), chance.randrange(1, 29)):
        path = tmp_path / f"forged{number}.db"
        shutil.copy(original, path)
        connection = sqlite3.connect(path)
        (before,) = connection.execute(f"SELECT {name} FROM {table} WHERE seq = ?", (number,)).fetchone()
        connection.execute(f"UPDATE {table} SET {name} = ? WHERE seq = ?", (other(before, chance), number))
        connection.commit()
        connection.close()
        assert first_bad(path) == number


def test_byte_moved_from_the_payload_into_its_salt_is_found(tmp_path: Path) -> None:
    """The hash over salt and payload stays the same."""
    writer = writer_at(tmp_path)
    plain = [replace(draft(i, source=None), details=None) for i in range(5)]
    writer.append(plain, [], now=1)
    writer.store.close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DROP TRIGGER ledger_payload_no_update")
    salt, body = connection.execute("SELECT salt, body FROM ledger_payload WHERE seq = 3").fetchone()
    connection.execute("UPDATE ledger_payload SET salt = ?, body = ? WHERE seq = 3", (salt + body[:1], body[1:]))
    connection.commit()
    connection.close()
    assert first_bad(tmp_path / "ledger.db") == 3


def test_letter_moved_from_a_name_into_its_salt_is_found(original: Path, tmp_path: Path) -> None:
    shutil.copy(original, tmp_path / "forged.db")
    connection = sqlite3.connect(tmp_path / "forged.db")
    (salt,) = connection.execute("SELECT salt FROM ledger_subject").fetchone()
    connection.execute("UPDATE ledger_subject SET salt = ?, name = 'lice'", (salt + b"a",))
    connection.commit()
    connection.close()
    assert first_bad(tmp_path / "forged.db") == 1


def test_offsets_given_to_an_entry_without_a_source_are_found(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    writer.append([draft(i, source=None) for i in range(5)], [], now=1)
    writer.store.close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DROP TRIGGER ledger_entry_no_update")
    connection.execute("UPDATE ledger_entry SET src_start = 7 WHERE seq = 2")
    connection.commit()
    connection.close()
    assert first_bad(tmp_path / "ledger.db") == 2


def test_leaves_cut_at_another_place_are_found(original: Path, tmp_path: Path) -> None:
    """Two leaves whose joined text is that of the honest two."""
    shutil.copy(original, tmp_path / "forged.db")
    connection = sqlite3.connect(tmp_path / "forged.db")
    first, second = (leaf for (leaf,) in connection.execute("SELECT leaf FROM ledger_entry WHERE seq IN (7, 8) ORDER BY seq"))
    for number, leaf in ((7, first + b"," + second[:20]), (8, second[20:])):
        connection.execute("UPDATE ledger_entry SET leaf = ? WHERE seq = ?", (leaf, number))
    connection.commit()
    connection.close()
    assert first_bad(tmp_path / "forged.db") == 7


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
