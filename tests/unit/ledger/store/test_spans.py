"""A part of a ledger, and a large one in pieces: the same findings at the same entries, without reading the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.ledger import heads
from driftline.ledger.checkpoint import open_checkpoint
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.heads import SignedHead
from driftline.ledger.report import FindingKind, Level, Report, Verdict
from driftline.ledger.rows import ENDLESS, EVERYTHING, Span
from driftline.ledger.store import Effort, open_store, verify_store
from driftline.ledger.tree import Frontier, fetch_from
from tests.unit.ledger.ledger_builders import KEY, ledger

ENTRIES = 1_100
PIECES = Effort(many=0, piece=256)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,100 entries, a checkpoint every 100, at the times 1,000 to 1,010."""
    folder = tmp_path_factory.mktemp("spans")
    ledger(folder, ENTRIES, batch=100).store.close()
    return folder


@pytest.fixture
def broken(tmp_path: Path) -> Callable[..., Path]:
    """Return a copy with statements run on it, its guards gone."""

    def make(*statements: str) -> Path:
        ledger(tmp_path, ENTRIES, batch=100).store.close()
        connection = sqlite3.connect(tmp_path / "ledger.db")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return tmp_path

    return make


def verified(folder: Path, first: int = 0, end: int | None = None, level: Level = Level.FULL, **more: object) -> Report:
    store = open_store(f"sqlite:///{folder}/ledger.db")
    given = {"key": KEY.verifier, "span": Span(first, ENDLESS if end is None else end), **more}
    row_by_row, pieces = (verify_store(store, level, **given, effort=effort) for effort in (Effort(), PIECES))  # type: ignore[arg-type]
    store.close()
    assert row_by_row == pieces
    return pieces


@pytest.mark.parametrize("level", [Level.HASH, Level.FULL])
@pytest.mark.parametrize(
    ("first", "end", "vouching"),
    [(0, 1, 100), (0, 100, 200), (99, 101, 200), (256, 512, 600), (700, 700, 800), (300, None, 1_100), (1_099, 1_100, 1_100)],
)
def test_a_part_is_held_against_the_next_signed_head(
    place: Path, first: int, end: int | None, vouching: int, level: Level
) -> None:
    report = verified(place, first, end, level)
    assert report.valid
    assert (report.first, report.entries) == (first, min(end or ENTRIES, ENTRIES) - first)
    assert (report.size, report.signed_size) == (vouching, vouching)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, ENTRIES), st.integers(0, ENTRIES))
def test_every_part_of_a_good_ledger_is_valid(place: Path, one: int, other: int) -> None:
    assert verified(place, min(one, other), max(one, other)).valid


def test_an_entry_is_found_where_it_is_asked_for_and_nowhere_else(broken: Callable[..., Path]) -> None:
    folder = broken("UPDATE ledger_payload SET body = x'00' WHERE seq = 613")
    for first, end in ((613, 614), (0, 614), (613, None), (500, 900)):
        report = verified(folder, first, end)
        assert report.first_bad is not None
        assert (report.first_bad.sequence, report.first_bad.kind) == (613, FindingKind.PAYLOAD_CHANGED)
        assert report.invalid_entries == 1
    assert verified(folder, 0, 613).valid
    assert verified(folder, 614).valid


@pytest.mark.parametrize(
    ("statement", "sequence", "kind"),
    [
        ("DELETE FROM ledger_entry WHERE seq = 600", 600, FindingKind.ENTRY_MISSING),
        ("DELETE FROM ledger_entry WHERE seq = 599", 599, FindingKind.ENTRY_MISSING),
        ("UPDATE ledger_entry SET actor = 'service:x' WHERE seq = 600", 600, FindingKind.COLUMN_CHANGED),
        ("UPDATE ledger_entry SET leaf = x'00' WHERE seq = 650", 650, FindingKind.LEAF_CHANGED),
        ("UPDATE ledger_node SET hash = zeroblob(32) WHERE idx = 2", 600, FindingKind.NODE_CHANGED),
        ("DELETE FROM ledger_checkpoint WHERE size > 700", None, None),
    ],
)
def test_what_is_wrong_at_the_edges_of_a_part_is_found(
    broken: Callable[..., Path], statement: str, sequence: int | None, kind: FindingKind | None
) -> None:
    report = verified(broken(statement), 600, 800)
    if kind is None:
        assert (report.verdict, report.signed_size) == (Verdict.VALID, 700)
        return
    assert report.verdict is Verdict.TAMPERED
    assert report.first_bad is not None
    assert report.first_bad.sequence == sequence
    assert kind in {finding.kind for finding in report.findings}


def test_a_part_under_forged_nodes_has_no_way_to_the_signed_root(broken: Callable[..., Path]) -> None:
    report = verified(broken("UPDATE ledger_node SET hash = zeroblob(32) WHERE idx = 0"), 600, 650)
    assert {finding.kind for finding in report.findings} == {FindingKind.HISTORY_REWRITTEN}
    gone = verified(broken("DELETE FROM ledger_node WHERE idx = 0"), 600, 650)
    assert FindingKind.NODE_CHANGED in {finding.kind for finding in gone.findings}


def test_a_part_that_no_signature_covers_is_not_vouched_for(broken: Callable[..., Path]) -> None:
    folder = broken("UPDATE ledger_checkpoint SET note = NULL WHERE size > 500")
    assert verified(folder, 600, 700).verdict is Verdict.UNVERIFIABLE
    assert verified(folder, 400, 700).verdict is Verdict.VALID


def test_a_hidden_entry_of_a_trail_is_found_by_the_next_one(broken: Callable[..., Path]) -> None:
    """The query column of an entry before the part was changed: the trail by index has a hole."""
    report = verified(broken("UPDATE ledger_entry SET resource_id = 'x' WHERE seq = 598"), 600, 610)
    assert [(finding.sequence, finding.kind) for finding in report.findings] == [(601, FindingKind.TRAIL_BROKEN)]


def test_times_mean_the_entries_of_that_time_and_their_neighbours(place: Path) -> None:
    store = open_store(f"sqlite:///{place}/ledger.db")
    with store.snapshot() as snapshot:
        assert snapshot.span_of(1_003, 1_005) == Span(299, 501)
        assert snapshot.span_of(None, 1_001) == Span(0, 101)
        assert snapshot.span_of(1_010, None) == Span(999)
        assert snapshot.span_of(0, 5_000) == EVERYTHING
    store.close()


@pytest.mark.parametrize("seq", [300, 350, 499])
@pytest.mark.parametrize("ts", [1, 1_002, 1_005, 9_999])
def test_an_entry_moved_to_another_time_is_found_in_its_own(broken: Callable[..., Path], seq: int, ts: int) -> None:
    folder = broken(f"UPDATE ledger_entry SET ts_us = {ts} WHERE seq = {seq}")
    store = open_store(f"sqlite:///{folder}/ledger.db")
    with store.snapshot() as snapshot:
        span = snapshot.span_of(1_003, 1_005)
    store.close()
    report = verified(folder, span.first, span.end)
    assert report.first_bad is not None
    assert report.first_bad.sequence == seq


def test_since_a_checkpoint_only_what_came_after_is_read(broken: Callable[..., Path]) -> None:
    folder = broken("UPDATE ledger_payload SET body = x'00' WHERE seq = 5")
    store = open_store(f"sqlite:///{folder}/ledger.db")
    with store.snapshot() as snapshot:
        note = next(row.note for row in snapshot.checkpoints() if row.size == 400)
    store.close()
    head = open_checkpoint(str(note), KEY.verifier)
    report = verified(folder, 400, trusted=(SignedHead(400, head.root, "mine"),))
    assert (report.verdict, report.entries) == (Verdict.VALID, 700)
    other = verified(folder, 400, trusted=(SignedHead(400, bytes(32), "mine"),))
    assert other.first_bad is not None
    assert (other.first_bad.sequence, other.first_bad.kind) == (399, FindingKind.HISTORY_REWRITTEN)


def test_a_part_that_is_not_there_cannot_be_verified(place: Path) -> None:
    for first, end in ((1_101, None), (5, 2_000), (9, 5)):
        with pytest.raises(LedgerUnavailable, match="the ledger has 1100"):
            verified(place, first, end)


def test_several_processes_find_the_same_and_tell_how_far_they_are(broken: Callable[..., Path]) -> None:
    folder, seen = broken("UPDATE ledger_payload SET body = x'00' WHERE seq = 613"), []
    store = open_store(f"sqlite:///{folder}/ledger.db")
    effort = Effort(many=0, piece=256, jobs=2, progress=lambda done, everything: seen.append((done, everything)))
    report = verify_store(store, Level.FULL, key=KEY.verifier, effort=effort)
    assert report == verify_store(store, Level.FULL, key=KEY.verifier)
    store.close()
    assert seen[:2] == [(256, ENTRIES), (512, ENTRIES)]
    assert seen[-1] == (ENTRIES, ENTRIES)
    assert seen == sorted(seen)


@given(st.integers(0, 2_000), st.integers(0, 700))
def test_a_tree_goes_on_from_stored_nodes_as_from_entries(start: int, more: int) -> None:
    hashes = [number.to_bytes(32) for number in range(start + more)]
    tree = Frontier.before(fetch_from(hashes), start)
    assert (tree.size, len(tree.hashes)) == (start, start.bit_count())
    tree.pass_over(fetch_from(hashes), start + more)
    whole = Frontier()
    whole.extend(hashes)
    assert tree.to_bytes() == whole.to_bytes()


@pytest.mark.parametrize(
    ("first", "end", "signed"), [(0, 300, 400), (100, 300, 400), (150, 250, 300), (512, 1_024, 1_100), (800, None, 1_100)]
)
def test_a_span_is_vouched_for_behind_its_own_end_however_many_heads_follow(
    place: Path, monkeypatch: pytest.MonkeyPatch, first: int, end: int | None, signed: int
) -> None:
    monkeypatch.setattr(heads, "_LEAST", 1)
    report = verified(place, first, end)
    assert (report.verdict, report.signed_size) == (Verdict.VALID, signed)
