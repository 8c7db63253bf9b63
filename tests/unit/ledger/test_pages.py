"""Going over whole pages says right exactly where going row by row does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.ledger.chain import EMPTY_HEAD, Draft, Entry
from driftline.ledger.leaf import Source
from driftline.ledger.rows import Row, SourceName
from driftline.ledger.walk import Walk
from tests.unit.ledger.ledger_builders import draft, extend

pytest.importorskip("numba")

from driftline.ledger.pages import Pages

LOG = 'log "of" \u00e4'
SOURCES = {7: SourceName("kafka", "a\\b", "id\n", 0), 9: SourceName("\u20ac", "t", "i", 2**31)}
NAMES = {name: number for number, name in SOURCES.items()}

texts = st.one_of(st.sampled_from(["model", "service:drift", ""]), st.text(st.characters(codec="utf-8"), max_size=8))
integers = st.one_of(st.integers(0, 2**53 - 1), st.sampled_from([0, 9, 10, 99, 100, 2**53 - 1, 10**15, 10**15 - 1]))
sources = (
    st.none()
    | st.builds(Source, *map(st.just, SOURCES[7]), integers, integers)
    | st.builds(Source, *map(st.just, SOURCES[9]), integers, integers)
)
drafts = st.builds(
    Draft,
    entry_id=st.binary(min_size=16, max_size=16),
    action=texts,
    actor=texts,
    resource_type=texts,
    resource_id=texts,
    event_ts=st.none() | integers | integers.map(lambda value: -value),
    payload=st.binary(max_size=200) | st.integers(3_900, 4_200).map(bytes),
    details=st.none() | st.binary(max_size=100),
    salt=st.binary(min_size=32, max_size=32),
    source=sources,
)
ledgers = st.lists(drafts, min_size=1, max_size=12)
junk = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.just(2**64), st.floats(), st.text(max_size=5), st.binary(max_size=40),
    st.booleans(),
)  # fmt: skip


def rows_of(drafts: Sequence[Draft]) -> list[Row]:
    """Chain drafts and store them: three times as many entries as clock ticks."""
    head, actors, resources, entries = EMPTY_HEAD, {}, {}, []
    for at in range(0, len(drafts), 3):
        grown = extend(LOG, head, drafts[at : at + 3], now=1_000 + at, actors=actors, resources=resources)
        head = grown.head
        entries += grown.entries
    return [row_of(entry) for entry in entries]


def row_of(entry: Entry) -> Row:
    leaf, source = entry.leaf, entry.leaf.source
    place: tuple[Any, ...] = (None, None, None)
    if source is not None:
        place = (NAMES[SourceName(source.cluster, source.topic, source.topic_id, source.partition)], source.start, source.end)
    return Row._make((
        leaf.seq, leaf.entry_id, leaf.ts, leaf.event_ts, leaf.action, leaf.actor, leaf.resource_type, leaf.resource_id,
        leaf.data_hash, leaf.details_hash, leaf.prev, entry.hash, entry.leaf_bytes, *place, entry.salt, entry.payload, entry.details,
    ))  # fmt: skip


def state(walk: Walk) -> tuple[Any, ...]:
    return walk.hash, walk.next, walk.ts, dict(walk.actors), dict(walk.resources), dict(walk.first_by)


def both() -> tuple[Pages, Walk]:
    return Pages(LOG, SOURCES), Walk(LOG, SOURCES)


@settings(max_examples=100, deadline=None)
@given(ledgers, st.integers(1, 10))
def test_what_a_writer_writes_is_right_page_by_page(drafts: list[Draft], size: int) -> None:
    rows = rows_of(drafts)
    pages, walk = both()
    for at in range(0, len(rows), size):
        page = rows[at : at + size]
        assert pages.over(page)
        assert walk.over(page) == len(page)
        assert state(pages.walk()) == state(walk)


def without(row: Row, data: st.DataObject) -> Row:
    """Take the payload away as an erasure or an archive does."""
    gone = row._replace(body=None, details=None)
    return gone._replace(salt=None) if data.draw(st.booleans()) else gone


@settings(max_examples=150, deadline=None)
@given(st.data(), ledgers)
def test_rows_without_their_payload_are_gone_over_where_that_is_right_and_only_there(
    data: st.DataObject, drafts: list[Draft]
) -> None:
    rows = rows_of(drafts)
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1))
    rows = [without(row, data) if row.seq in gone else row for row in rows]
    allowed = data.draw(st.sampled_from([gone, gone - {max(gone)}]))
    pages, walk = both()
    right = walk.over(rows, allowed) == len(rows)
    assert right == (allowed == gone)
    assert pages.over(rows, allowed) == right
    assert state(pages.walk()) == state(walk if right else Walk(LOG, SOURCES))


@settings(max_examples=150, deadline=None)
@given(st.data(), ledgers)
def test_any_value_beside_what_is_gone_is_judged_as_row_by_row(data: st.DataObject, drafts: list[Draft]) -> None:
    rows = rows_of(drafts)
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1)))
    rows = [without(row, data) if row.seq in gone else row for row in rows]
    where, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, len(Row._fields) - 1))
    values = list(rows[where])
    values[column] = data.draw(st.sampled_from([row[column] for row in rows]) | junk)
    rows[where] = Row._make(values)
    pages, walk = both()
    right = walk.over(rows, gone) == len(rows)
    assert pages.over(rows, gone) == right


@settings(max_examples=200, deadline=None)
@given(st.data(), ledgers)
def test_any_value_anywhere_is_judged_as_row_by_row(data: st.DataObject, drafts: list[Draft]) -> None:
    rows = rows_of(drafts)
    where, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, len(Row._fields) - 1))
    other = data.draw(st.sampled_from([row[column] for row in rows]) | junk)
    values = list(rows[where])
    values[column] = other
    forged = [*rows[:where], Row._make(values), *rows[where + 1 :]]
    half = data.draw(st.integers(0, where))
    pages, walk = both()
    assert not half or pages.over(forged[:half])
    assert walk.over(forged[:half]) == half
    before = state(walk)
    right = walk.over(forged[half:]) == len(forged) - half
    assert pages.over(forged[half:]) == right
    assert state(pages.walk()) == (state(walk) if right else before)


@pytest.mark.parametrize("field", ["entry_id", "data_hash", "details_hash", "previous_hash", "entry_hash", "salt"])
def test_byte_moved_to_the_next_row_is_not_right(field: str) -> None:
    """All that is joined for the kernels stays the same."""
    rows = rows_of([replace(draft(i, source=None), details=b"{}") for i in range(8)])
    first, second = getattr(rows[3], field), getattr(rows[4], field)
    rows[3] = rows[3]._replace(**{field: first + second[:1]})
    rows[4] = rows[4]._replace(**{field: second[1:]})
    pages, walk = both()
    assert walk.over(rows) == 3
    assert not pages.over(rows)
    assert state(pages.walk()) == state(Walk(LOG, SOURCES))


def test_more_kinds_than_are_kept_and_more_trails_than_there_was_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftline.ledger.pages._KINDS", 50)
    rows = rows_of(
        [draft(i, source=None, actor=f"service:{i % 90}", resource=("model", "m" * (i % 700))) for i in range(1_500)]
    )
    pages, walk = both()
    for at in range(0, len(rows), 40):
        assert pages.over(rows[at : at + 40])
    assert walk.over(rows) == len(rows)
    assert state(pages.walk()) == state(walk)
