"""Appending: one transaction, one owner per offset, people behind pseudonyms, repeats, clocks, signatures."""

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from driftline.ledger.chain import ID_CONFLICT
from driftline.ledger.checkpoint import SigningKey, open_checkpoint
from driftline.ledger.entries import Query
from driftline.ledger.errors import IdConflict, LedgerUnavailable, RollbackDetected, StaleOffsets
from driftline.ledger.leaf import Source
from driftline.ledger.report import Level
from driftline.ledger.rows import SourceName
from driftline.ledger.store import LastSigned, LedgerWriter, OffsetMove, open_store, open_writer, tables, verify_store
from driftline.ledger.store.engine import insert_rows, open_engine
from driftline.ledger.store.schema import install_schema
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, SOURCE, Salts, draft, grow, ledger, writer_at

EVERYTHING = Query(limit=None)
OTHER = SourceName("kafka", "driftline.health", "topic-2", 3)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LedgerWriter]:
    writer = writer_at(tmp_path)
    yield writer
    writer.store.close()


def sequences(writer: LedgerWriter, query: Query = EVERYTHING) -> list[int]:
    with writer.store.snapshot() as snapshot:
        return [entry.seq for entry in snapshot.entries(query)]


def test_a_new_source_begins_at_offset_0_and_moves_with_its_entries(writer: LedgerWriter) -> None:
    at = writer.positions([SOURCE, OTHER])
    assert (at[SOURCE].next_offset, at[OTHER].next_offset) == (0, 0)
    writer.append([draft(0), draft(1)], [OffsetMove(at[SOURCE].source_id, 0, 2)], now=1)
    again = writer.positions([OTHER, SOURCE])
    assert (again[SOURCE].next_offset, again[OTHER].next_offset) == (2, 0)
    assert again[SOURCE].source_id == at[SOURCE].source_id


def test_a_topic_made_anew_is_another_source(writer: LedgerWriter) -> None:
    anew = SOURCE._replace(topic_id="topic-9")
    assert len({position.source_id for position in writer.positions([SOURCE, anew]).values()}) == 2


def test_a_writer_that_is_late_writes_nothing(tmp_path: Path, writer: LedgerWriter) -> None:
    late = writer_at(tmp_path)
    mine, both = writer.positions([SOURCE])[SOURCE], late.positions([SOURCE, OTHER])
    writer.append([draft(0)], [OffsetMove(mine.source_id, 0, 1)], now=1)
    moves = [OffsetMove(both[OTHER].source_id, 0, 5), OffsetMove(both[SOURCE].source_id, 0, 1)]
    with pytest.raises(StaleOffsets):
        late.append([draft(0, ce_id="x")], moves, now=1)
    assert sequences(writer) == [0]
    assert late.positions([OTHER])[OTHER].next_offset == 0
    grow(late, [[draft(1)]])
    grow(writer, [[draft(2)]])
    assert verify_store(writer.store, Level.FULL, key=KEY.verifier).entries == 3


def test_trails_go_on_whoever_writes(tmp_path: Path, writer: LedgerWriter) -> None:
    other = writer_at(tmp_path)
    for number in range(8):
        grow(writer if number % 2 else other, [[draft(number, actor="alice", resource=("model", "m"))]])
    assert verify_store(writer.store, Level.FULL, key=KEY.verifier).valid
    assert len(sequences(writer, Query(actor="alice"))) == 8


def test_what_holds_no_ledger_or_another_one_is_said(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/begun.db"
    engine = open_engine(url)
    install_schema(engine)
    engine.dispose()
    with pytest.raises(LedgerUnavailable, match=r"tables, but no ledger that has begun$"):
        open_store(url, ORIGIN)
    ledger(tmp_path, 10).store.close()
    with pytest.raises(LedgerUnavailable, match=f"holds the ledger '{ORIGIN}', not 'other'"):
        open_store(f"sqlite:///{tmp_path}/ledger.db", "other")


def test_a_writer_that_takes_turns_asks_for_all_trails_in_one_statement(tmp_path: Path, writer: LedgerWriter) -> None:
    other = writer_at(tmp_path)
    grow(other, [[draft(number, actor="service:a", resource=("model", f"m{number}")) for number in range(98)]])
    asked: list[str] = []
    event.listen(writer.store.engine, "before_cursor_execute", lambda *words: asked.append(words[2]))
    grow(writer, [[draft(98 + number, actor="service:b", resource=("model", f"m{number}")) for number in range(99)]])
    assert sum("ORDER BY seq DESC LIMIT 1" in statement for statement in asked) == 1
    grow(other, [[draft(197 + number, actor="service:a", resource=("model", f"n{number}")) for number in range(130)]])
    assert verify_store(writer.store, Level.FULL, key=KEY.verifier).entries == 327


def test_a_failed_batch_leaves_nothing_behind(writer: LedgerWriter) -> None:
    source_id = writer.positions([SOURCE])[SOURCE].source_id
    grow(writer, [[draft(0, actor="alice")]])
    bad = replace(draft(1, actor="bob"), source=Source(*SOURCE, 0, 1))  # a position that is taken
    with pytest.raises(Exception, match="only the next row"):
        writer.append([draft(2, actor="carol"), bad], [OffsetMove(source_id, 1, 3)], now=5)
    assert writer.positions([SOURCE])[SOURCE].next_offset == 1
    with writer.store.snapshot() as snapshot:
        assert [subject.name for subject in snapshot.subjects()] == ["alice"]
    grow(writer, [[draft(1, actor="bob"), draft(2, actor="carol")]])
    assert verify_store(writer.store, Level.FULL, key=KEY.verifier).valid


def test_people_are_in_the_leaf_by_pseudonym_only(writer: LedgerWriter) -> None:
    grow(writer, [[draft(0, actor="alice@example.com"), draft(1, actor="alice@example.com"), draft(2)]])
    with writer.store.snapshot() as snapshot:
        found = list(snapshot.entries(Query()))
    assert [entry.actor_name for entry in found] == ["alice@example.com", "alice@example.com", None]
    assert found[0].actor == found[1].actor
    assert found[0].actor.startswith("user:")
    assert all(b"alice" not in entry.leaf for entry in found)
    assert found[2].actor == "service:drift"


def test_long_and_odd_texts_are_made_to_fit(writer: LedgerWriter) -> None:
    grow(writer, [[draft(0, actor="a" * 500 + "\x00", resource=("type\x00", "id" * 300))]])
    with writer.store.snapshot() as snapshot:
        (entry,) = snapshot.entries(Query())
    assert len(entry.resource_id) == 200
    assert entry.resource_type == "type\ufffd"
    assert verify_store(writer.store, Level.FULL, key=KEY.verifier).valid


def test_a_repeat_advances_the_offset_and_adds_no_entry(writer: LedgerWriter) -> None:
    grow(writer, [[draft(0)]])
    source_id = writer.positions([SOURCE])[SOURCE].source_id
    repeat = replace(draft(0), source=Source(*SOURCE, 1, 2), salt=bytes(32))
    done = writer.append([repeat], [OffsetMove(source_id, 1, 2)], now=9)
    assert (done.entries, done.note, [d.of for d in done.duplicates]) == ((), None, [0])
    assert writer.positions([SOURCE])[SOURCE].next_offset == 2
    assert sequences(writer) == [0]


def test_an_id_with_other_bytes_is_a_conflict_entry(writer: LedgerWriter) -> None:
    grow(writer, [[draft(0)], [draft(1, ce_id="event-0")]])
    with writer.store.snapshot() as snapshot:
        assert [entry.action for entry in snapshot.entries(Query())] == ["drift.detected", ID_CONFLICT]
    assert verify_store(writer.store, Level.FULL, key=KEY.verifier).valid


def test_an_entry_without_a_source_may_not_repeat_an_id_with_other_bytes(writer: LedgerWriter) -> None:
    first = draft(0, source=None)
    writer.append([first], [], now=1)
    assert writer.append([first], [], now=2).duplicates[0].of == 0
    with pytest.raises(IdConflict):
        writer.append([replace(first, payload=b"other")], [], now=3)
    assert sequences(writer) == [0]


def test_the_ledgers_clock_never_goes_back(writer: LedgerWriter) -> None:
    for now in (100, 50, 120):
        writer.append([draft(now, source=None)], [], now=now)
    with writer.store.snapshot() as snapshot:
        assert [entry.ts for entry in snapshot.entries(Query())] == [100, 100, 120]


def test_every_batch_is_signed_and_the_file_follows(tmp_path: Path, writer: LedgerWriter) -> None:
    source_id = writer.positions([SOURCE])[SOURCE].source_id
    done = writer.append([draft(0), draft(1)], [OffsetMove(source_id, 0, 2)], now=1)
    assert done.note is not None
    head = open_checkpoint(done.note, KEY.verifier)
    assert (head.size, head.origin) == (2, ORIGIN)
    assert LastSigned(tmp_path / "last-signed", KEY.verifier).read() == head
    with writer.store.snapshot() as snapshot:
        assert snapshot.latest_note() == done.note
        assert snapshot.root_at(2) == head.root == snapshot.head().root()


def test_a_head_that_a_crash_left_unsigned_is_signed_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(0)]])

    def crash(_head: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "_sign", crash)
    with pytest.raises(KeyboardInterrupt):
        grow(writer, [[draft(1)]])
    writer.store.close()
    report = verify_store(open_store(f"sqlite:///{tmp_path}/ledger.db"), Level.FULL, key=KEY.verifier)
    assert (report.valid, report.entries, report.signed_size) == (True, 2, 1)
    again = writer_at(tmp_path)
    assert verify_store(again.store, Level.FULL, key=KEY.verifier).signed_size == 2
    last = LastSigned(tmp_path / "last-signed", KEY.verifier).read()
    assert last is not None
    assert last.size == 2


def test_a_first_head_that_a_crash_left_unsigned_is_no_rollback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = writer_at(tmp_path)
    monkeypatch.setattr(writer, "_sign", lambda _head: None)
    grow(writer, [[draft(0)]])
    assert not (tmp_path / "last-signed").exists()
    assert verify_store(writer_at(tmp_path).store, Level.FULL, key=KEY.verifier).signed_size == 1


def test_a_slow_writer_does_not_publish_an_older_head(tmp_path: Path) -> None:
    slow, fast = writer_at(tmp_path), writer_at(tmp_path)
    grow(slow, [[draft(0)]])
    head = slow._head
    grow(fast, [[draft(1)]])
    assert slow._sign(head) is None
    last = LastSigned(tmp_path / "last-signed", KEY.verifier).read()
    assert last is not None
    assert last.size == 2


def test_two_ledgers_of_one_size_are_never_both_signed(tmp_path: Path) -> None:
    ledger(tmp_path, 10).store.close()
    other = tmp_path / "other"
    other.mkdir()
    writer = writer_at(other)
    writer._signed = LastSigned(tmp_path / "last-signed", KEY.verifier)
    with pytest.raises(RollbackDetected):
        grow(writer, [[draft(i, payload=b"different") for i in range(10)]])


def test_a_database_belongs_to_one_log(tmp_path: Path) -> None:
    ledger(tmp_path, 10).store.close()
    stranger = SigningKey("stranger.example/log", bytes(32))
    with pytest.raises(LedgerUnavailable, match="one log per database"):
        open_writer(f"sqlite:///{tmp_path}/ledger.db", stranger, signed_path=tmp_path / "s", random=Salts())
    with pytest.raises(LedgerUnavailable, match="not 'x'"):
        open_store(f"sqlite:///{tmp_path}/ledger.db", "x")


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////no/such/folder/ledger.db", "oracle://x"])
def test_a_database_that_cannot_be_opened_is_said(url: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        open_writer(url, KEY, signed_path=tmp_path / "s", random=Salts())


def test_errors_of_the_database_do_not_show_contents(writer: LedgerWriter) -> None:
    grow(writer, [[draft(0)]])
    source_id = writer.positions([SOURCE])[SOURCE].source_id
    taken = replace(draft(5, payload=b"very secret"), source=Source(*SOURCE, 0, 1))
    with pytest.raises(Exception, match="only the next row") as caught:
        writer.append([taken], [OffsetMove(source_id, 1, 2)], now=5)
    assert "very secret" not in str(caught.value)


def test_the_last_signed_file_is_replaced_as_a_whole(tmp_path: Path, writer: LedgerWriter) -> None:
    grow(writer, [[draft(0)]])
    assert {path.name for path in tmp_path.glob("last-signed*")} == {"last-signed", "last-signed.lock"}
    assert stat.S_ISREG((tmp_path / "last-signed").stat().st_mode)
    assert os.access(tmp_path / "last-signed", os.R_OK)


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()], ids=["postgresql", "mysql"])
def test_tables_and_indexes_exist_in_the_other_dialects(dialect: object) -> None:
    for table in tables.metadata.sorted_tables:
        ddl = str(CreateTable(table).compile(dialect=dialect))  # type: ignore[arg-type]
        assert table.name in ddl
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))  # type: ignore[arg-type]
    assert "VARBINARY(32)" in str(CreateTable(tables.entry).compile(dialect=mysql.dialect()))
    assert "BYTEA" in str(CreateTable(tables.entry).compile(dialect=postgresql.dialect()))


def test_rows_in_another_order_of_columns_are_refused(writer: LedgerWriter) -> None:
    with writer.store.engine.connect() as connection, pytest.raises(ValueError, match="in the order"):
        insert_rows(connection, tables.node, ("hash", "idx", "level"), [(bytes(32), 0, 8)])
    with writer.store.engine.connect() as connection:
        assert connection.execute(select(tables.node)).all() == []


@pytest.mark.parametrize("count", [1, 49, 50, 51, 120])
def test_batch_of_any_size_is_stored_in_order(count: int, tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(i) for i in range(count)]])
    with writer.store.snapshot() as snapshot:
        assert [entry.payload for entry in snapshot.entries(EVERYTHING)] == [f"payload {i}".encode() for i in range(count)]
    assert verify_store(writer.store, Level.FULL, key=KEY.verifier).valid
