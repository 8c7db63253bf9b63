"""Rollbacks as spans: the newest in force decides, and a rollback can itself be rolled back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.ledger.rollback import Rollback, Superseded, rollback_of, superseded


@pytest.mark.parametrize(
    ("rollbacks", "spans"),
    [
        ([], []),
        ([Rollback(10, 4)], [Superseded(5, 10, 10)]),
        ([Rollback(10, 4), Rollback(20, 15)], [Superseded(5, 10, 10), Superseded(16, 20, 20)]),
        ([Rollback(10, 4), Rollback(11, 9)], [Superseded(10, 11, 11)]),  # the first one is undone
        ([Rollback(10, 4), Rollback(11, 9), Rollback(12, 10)], [Superseded(5, 10, 10), Superseded(11, 12, 12)]),  # and redone
        ([Rollback(10, 4), Rollback(20, 2)], [Superseded(3, 20, 20)]),
    ],
)
def test_what_is_out_of_force(rollbacks: list[Rollback], spans: list[Superseded]) -> None:
    assert list(superseded(rollbacks)) == spans


@given(st.dictionaries(st.integers(1, 60), st.integers(0, 59), max_size=12))
def test_spans_equal_applying_rollbacks_one_by_one(found: dict[int, int]) -> None:
    """The oracle plays the log forwards: each rollback restores what was in force when its target was the newest."""
    rollbacks = {seq: target for seq, target in found.items() if target < seq}
    states: list[frozenset[int]] = []
    force: frozenset[int] = frozenset()
    for seq in range(61):
        force = (states[rollbacks[seq]] if seq in rollbacks else force) | {seq}
        states.append(force)
    out = {seq for span in superseded(Rollback(*pair) for pair in rollbacks.items()) for seq in range(span.first, span.end)}
    assert set(range(61)) - force == out


@pytest.mark.parametrize(
    "payload", [None, b"", b"[]", b"{}", b'{"target_seq":7}', b'{"target_seq":-1}', b'{"target_seq":true}', b"\xff"]
)
def test_what_is_no_rollback_takes_nothing_out_of_force(payload: bytes | None) -> None:
    assert rollback_of(7, payload) is None
