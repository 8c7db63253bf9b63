"""Views, trails and exports of entries."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.ledger.entries import Query, StoredEntry, TrailKind, check_trail, view
from driftline.ledger.errors import LeafMalformed
from driftline.ledger.export import Format, export
from driftline.ledger.leaf import data_hash
from driftline.ledger.store import LedgerStore
from tests.unit.ledger.ledger_builders import SOURCE, draft, grow, writer_at


@pytest.fixture
def store(tmp_path: Path) -> LedgerStore:
    writer = writer_at(tmp_path)
    grow(
        writer,
        [[draft(i, actor="alice" if i % 5 == 0 else "service:drift", source=None if i == 4 else SOURCE) for i in range(9)]],
    )
    return writer.store


def entries(store: LedgerStore, query: Query) -> list[StoredEntry]:
    with store.snapshot() as snapshot:
        return list(snapshot.entries(query))


def test_a_view_is_json_and_lets_anybody_check_the_payload(store: LedgerStore) -> None:
    shown = json.loads(json.dumps(view(entries(store, Query())[0])))
    assert shown["actor"] == "alice"
    assert shown["time"] == "1970-01-01T00:00:00.001000Z"
    assert data_hash(bytes.fromhex(shown["salt"]), b"payload 0").hex() == shown["data_hash"]
    assert view(entries(store, Query())[4])["source"] is None


def test_a_view_of_an_odd_time_or_details_does_not_fail(store: LedgerStore) -> None:
    odd = entries(store, Query())[0]._replace(event_ts=2**62, details=b"\xff", salt=None, payload=None, leaf=b"\xff")
    shown = view(odd)
    assert shown["event_time"] == 2**62
    assert shown["details"] == {"hex": "ff"}
    assert (shown["salt"], shown["payload"]) == (None, None)


def test_queries_page_in_both_directions(store: LedgerStore) -> None:
    assert [e.seq for e in entries(store, Query(limit=3, newest_first=True))] == [8, 7, 6]
    assert [e.seq for e in entries(store, Query(limit=3, newest_first=True, before_seq=6))] == [5, 4, 3]
    assert [e.seq for e in entries(store, Query(limit=3, after_seq=6))] == [7, 8]
    assert [e.seq for e in entries(store, Query(actor="alice"))] == [0, 5]


@pytest.mark.parametrize(
    ("kind", "query"), [(TrailKind.ACTOR, Query(actor="alice")), (TrailKind.RESOURCE, Query(resource=("model", "m1")))]
)
def test_a_trail_is_complete_until_one_of_it_is_missing(store: LedgerStore, kind: TrailKind, query: Query) -> None:
    whole = entries(store, query)
    assert check_trail(whole, kind).complete
    assert check_trail(whole[:-1], kind).complete  # its end is for verification to pin
    assert check_trail(whole[1:], kind).broken_at == whole[1].seq
    if len(whole) > 2:
        assert check_trail([whole[0], *whole[2:]], kind).broken_at == whole[2].seq
    assert check_trail([], kind).complete


@pytest.mark.parametrize("leaf", [b"\xff", b"[]", b'{"aseq":"0","aprev":"","rseq":0,"rprev":""}'])
def test_a_leaf_that_names_no_trail_is_an_error_that_says_so(store: LedgerStore, leaf: bytes) -> None:
    odd = entries(store, Query())[3]._replace(leaf=leaf)
    with pytest.raises(LeafMalformed, match="entry 3 names no trail"):
        check_trail([odd], TrailKind.ACTOR)


@pytest.mark.parametrize("form", [Format.JSON, Format.JSONL, Format.CSV])
def test_exports_hold_every_entry(store: LedgerStore, form: Format) -> None:
    text = "".join(export(entries(store, Query()), form))
    if form is Format.CSV:
        rows = [row["seq"] for row in csv.DictReader(io.StringIO(text, newline=""))]
        assert rows == [str(i) for i in range(9)]
    else:
        lines = json.loads(text) if form is Format.JSON else [json.loads(line) for line in text.splitlines()]
        assert [line["seq"] for line in lines] == list(range(9))


@pytest.mark.parametrize(("form", "text"), [(Format.JSON, "[]\n"), (Format.JSONL, "")])
def test_export_of_nothing_is_well_formed(form: Format, text: str) -> None:
    assert "".join(export([], form)) == text


def test_csv_export_of_nothing_has_its_head() -> None:
    assert "".join(export([], Format.CSV)).startswith("seq,entry_id,")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=4, max_size=4))
def test_a_csv_line_says_what_the_entry_says(store: LedgerStore, texts: list[str]) -> None:
    action, actor, kind, name = texts
    entry = entries(store, Query())[1]._replace(action=action, actor=actor, resource_type=kind, resource_id=name)
    (row,) = csv.DictReader(io.StringIO("".join(export([entry], Format.CSV)), newline=""))
    columns = (row["action"], row["actor"], row["resource_type"], row["resource_id"])
    for cell, text in zip(columns, texts, strict=True):
        assert cell in {text, "'" + text}
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert (row["entry_hash"], row["seq"]) == (entry.entry_hash.hex(), "1")


def test_entries_alone_make_no_bundle(store: LedgerStore) -> None:
    with pytest.raises(ValueError, match="bundle_of"):
        export(entries(store, Query()), Format.BUNDLE)
