"""What statements take away, against a plain set of what they name."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from driftline.ledger.rows import Row, Span
from driftline.ledger.withdrawal import (
    ARCHIVED,
    ERASED,
    SUBJECT,
    Withdrawal,
    Withdrawals,
    may_be_withdrawn,
    spans_of,
    withdrawal_draft,
    withdrawal_of,
)

BLANK = Row(0, b"", 0, None, "", "", "", "", b"", None, b"", b"", b"", None, None, None, None, None, None)


@given(st.sets(st.integers(0, 60)))
def test_spans_are_the_fewest_that_hold_the_same_entries(numbers: set[int]) -> None:
    spans = spans_of(sorted(numbers))
    assert [n for span in spans for n in range(*span)] == sorted(numbers)
    assert all(before.end < after.first for before, after in itertools.pairwise(spans))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=8))
def test_an_entry_is_erased_if_any_statement_names_it(spans: list[tuple[int, int]]) -> None:
    statements = [
        Withdrawal(100 + number, ERASED, (Span(first, first + length),)) for number, (first, length) in enumerate(spans)
    ]
    withdrawn = Withdrawals(statements)
    for seq in range(45):
        naming = {w.seq for w in statements if w.entries[0].first <= seq < w.entries[0].end}
        assert (withdrawn.erased_by(seq) in naming) if naming else withdrawn.erased_by(seq) is None
        gone, archived = BLANK._replace(seq=seq), BLANK._replace(seq=seq, salt=bytes(32))
        assert withdrawn.explain(gone) == bool(naming)
        assert not withdrawn.explain(archived)
        assert withdrawn.undone([archived]) == ([seq] if naming else [])
        assert withdrawn.undone([gone]) == []


@given(
    st.lists(st.tuples(st.sampled_from([ERASED, ARCHIVED]), st.integers(0, 30), st.integers(1, 9)), max_size=8),
    st.lists(st.tuples(st.integers(0, 45) | st.none() | st.just("x"), st.booleans(), st.booleans())),
)
def test_of_a_page_those_are_absent_that_a_statement_names(
    named: list[tuple[str, int, int]], states: list[tuple[Any, bool, bool]]
) -> None:
    statements = [Withdrawal(100 + n, action, (Span(first, first + size),)) for n, (action, first, size) in enumerate(named)]
    sets = {
        action: {seq for w in statements if w.action == action for span in w.entries for seq in range(*span)}
        for action in (ERASED, ARCHIVED)
    }
    rows = [
        BLANK._replace(seq=seq, salt=bytes(32) if salted else None, body=b"" if there else None)
        for seq, salted, there in sorted(states, key=lambda state: state[0] if isinstance(state[0], int) else 99)
    ]
    expected = {
        row.seq: row.salt is not None
        for row in rows
        if row.body is None and row.seq in sets[ERASED if row.salt is None else ARCHIVED]
    }
    assert Withdrawals(statements).absent(rows) == expected


def test_a_statement_is_read_as_it_was_written() -> None:
    spans = (Span(0, 3), Span(7, 8))
    drafts = [
        withdrawal_draft(
            action,
            spans,
            resource=(SUBJECT, "user:ab"),
            actor="c",
            reason="r",
            entry_id=bytes(16),
            salt=bytes(32),
            archive=archive,
        )
        for action, archive in ((ERASED, None), (ARCHIVED, ("name", b"\x01" * 32)))
    ]
    read = [withdrawal_of(9, d.action, (d.resource_type, d.resource_id), d.payload) for d in drafts]
    assert read == [
        Withdrawal(9, ERASED, spans, "user:ab"),
        Withdrawal(9, ARCHIVED, spans, None, "name", b"\x01" * 32),
    ]


def test_what_is_no_statement_excuses_nothing() -> None:
    for payload in (
        None,
        5,
        b"",
        b"[]",
        b"{}",
        b'{"entries":[[0]]}',
        b'{"entries":[[0,10]]}',  # entries after itself
        b'{"entries":[[3,3]]}',
        b'{"entries":[[-1,3]]}',
        b'{"entries":[[true,3]]}',
        b'{"entries":[["0","3"]]}',
        b'{"entries":5}',
    ):
        assert withdrawal_of(9, ERASED, (SUBJECT, "user:ab"), payload) is None
    assert withdrawal_of(9, ARCHIVED, ("", ""), b'{"entries":[[0,3]]}') is None
    assert withdrawal_of(9, "x", ("", ""), b'{"entries":[[0,3]]}') is None


def test_statements_of_the_ledger_are_not_withdrawn() -> None:
    assert [may_be_withdrawn(action) for action in ("drift.detected", "ledger.id_conflict", "ledger.digest", ERASED)] == [
        True,
        True,
        False,
        False,
    ]
