"""Chaining drafts: links, trails, clocks and repeats."""

import itertools
from dataclasses import replace
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from driftline.ledger.chain import EMPTY_HEAD, ID_CONFLICT, Draft, Entry, Head, Known, Tail, sort_repeats
from driftline.ledger.leaf import GENESIS, data_hash, entry_id_of_position
from driftline.ledger.tree import EMPTY_ROOT, fetch_from, root_at
from tests.unit.ledger.ledger_builders import draft, extend

LOG = "ledger.example.com/audit"


def test_each_entry_carries_the_hash_of_the_one_before() -> None:
    grown = extend(LOG, EMPTY_HEAD, [draft(i) for i in range(5)], now=10, actors={}, resources={})
    previous = GENESIS
    for seq, entry in enumerate(grown.entries):
        assert (entry.leaf.seq, entry.leaf.prev) == (seq, previous)
        assert entry.hash == sha256(b"\x00" + entry.leaf_bytes).digest()
        previous = entry.hash
    assert grown.head.hash == previous
    assert grown.head.root() == root_at(fetch_from([e.hash for e in grown.entries]), 5)


def test_trails_count_and_link_entries_of_one_resource_and_one_actor() -> None:
    drafts = [draft(0), draft(1), draft(3), draft(4, actor="service:alerting")]
    actors: dict[str, Tail] = {}
    resources: dict[tuple[str, str], Tail] = {}
    entries = extend(LOG, EMPTY_HEAD, drafts, now=0, actors=actors, resources=resources).entries
    leaves = [entry.leaf for entry in entries]
    assert [leaf.rseq for leaf in leaves] == [0, 0, 1, 1]
    assert [leaf.aseq for leaf in leaves] == [0, 1, 2, 0]
    assert (leaves[2].rprev, leaves[2].aprev) == (entries[0].hash, entries[1].hash)
    assert (leaves[3].rprev, leaves[3].aprev) == (entries[1].hash, GENESIS)
    assert actors["service:drift"] == Tail(3, entries[2].hash)
    assert resources["model", "m1"] == Tail(2, entries[3].hash)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.lists(st.integers(0, 100), min_size=6, max_size=6))
def test_batches_give_the_chain_of_one_batch(sizes: list[int], clocks: list[int]) -> None:
    drafts = [draft(i) for i in range(sum(sizes))]
    head, at = EMPTY_HEAD, 0
    seen: list[Entry] = []
    actors: dict[str, Tail] = {}
    resources: dict[tuple[str, str], Tail] = {}
    for size, now in zip(sizes, clocks, strict=False):
        grown = extend(LOG, head, drafts[at : at + size], now=now, actors=actors, resources=resources)
        assert grown.head.last_ts >= head.last_ts
        head, at = grown.head, at + size
        seen += grown.entries
    assert [e.leaf.seq for e in seen] == list(range(len(drafts)))
    assert all(b.leaf.prev == a.hash for a, b in itertools.pairwise(seen))
    assert all(b.leaf.ts >= a.leaf.ts for a, b in itertools.pairwise(seen))
    assert head.root() == root_at(fetch_from([e.hash for e in seen]), len(seen))


def test_a_clock_that_goes_back_is_held_at_the_last_entry() -> None:
    head = Head(0, GENESIS, b"", 500)
    grown = extend(LOG, head, [draft(0)], now=100, actors={}, resources={})
    assert (grown.entries[0].leaf.ts, grown.head.last_ts) == (500, 500)


def test_nothing_to_append_changes_nothing() -> None:
    grown = extend(LOG, EMPTY_HEAD, [], now=9, actors={}, resources={})
    assert (grown.entries, grown.head, grown.nodes) == ((), EMPTY_HEAD, ())
    assert EMPTY_HEAD.root() == EMPTY_ROOT


def _known(of: Draft, seq: int = 7) -> dict[bytes, Known]:
    return {of.entry_id: Known(seq, of.salt, data_hash(of.salt, of.payload))}


def test_exact_repeat_of_an_entry_is_dropped() -> None:
    first = draft(0)
    batch = sort_repeats([replace(first, salt=bytes(32))], _known(first))
    assert (batch.drafts, batch.conflicts) == ((), ())
    assert [d.of for d in batch.duplicates] == [7]


def test_exact_repeat_within_a_batch_is_dropped() -> None:
    batch = sort_repeats([draft(0), draft(1), draft(0)], {})
    assert batch.drafts == (draft(0), draft(1))
    assert [d.of for d in batch.duplicates] == [None]


def test_same_id_with_other_bytes_becomes_a_conflict_entry_of_its_position() -> None:
    first, second = draft(0), draft(5, ce_id="event-0")
    for batch in (sort_repeats([second], _known(first)), sort_repeats([first, second], {})):
        conflict = batch.drafts[-1]
        assert conflict.action == ID_CONFLICT
        assert conflict.entry_id == entry_id_of_position("topic-1", 0, 5)
        assert conflict.payload == second.payload
        assert first.entry_id.hex().encode() in (conflict.details or b"")
        assert batch.conflicts == (first.entry_id,)


def test_repeat_of_an_erased_entry_does_not_bring_it_back() -> None:
    first = draft(0)
    batch = sort_repeats([first], {first.entry_id: Known(3, None, data_hash(first.salt, first.payload))})
    assert batch.drafts == ()
    assert [d.of for d in batch.duplicates] == [3]
