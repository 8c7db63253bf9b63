"""Hashing side by side gives what hashlib gives."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.ledger.tree import Frontier, fold

pytest.importorskip("numba")

from driftline.ledger.lanes import LANES, Lanes

LENGTHS = (0, 1, 54, 55, 56, 63, 64, 65, 118, 119, 120, 127, 128, 129, 700, 5_000)
"""Around each place where padding begins a new block."""


def digest_of(message: bytes) -> bytes:
    return sha256(message).digest()


@pytest.mark.parametrize("length", LENGTHS)
def test_message_of_any_length(length: int) -> None:
    message = bytes(range(256)) * 20
    assert Lanes()([message[:length]]) == digest_of(message[:length])


@pytest.mark.parametrize("count", [0, 1, LANES - 1, LANES, LANES + 1, 3 * LANES + 5])
def test_any_number_of_messages(count: int) -> None:
    messages = [bytes([number % 256]) * LENGTHS[number % len(LENGTHS)] for number in range(count)]
    assert Lanes()(messages) == b"".join(map(digest_of, messages))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=100))
def test_any_messages(messages: list[bytes]) -> None:
    assert Lanes()(messages) == b"".join(map(digest_of, messages))


def test_nothing_of_one_call_is_left_in_the_next() -> None:
    hasher = Lanes()
    hasher([b"x" * 5_000] * 50)
    assert hasher([b"abc"]).hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


def test_tree_is_the_same() -> None:
    hashes = [digest_of(bytes([number % 256, number // 256])) for number in range(700)]
    ours, theirs = Frontier(fold=Lanes().fold), Frontier()
    assert ours.extend(hashes) == theirs.extend(hashes)
    assert ours.root() == theirs.root()


@pytest.mark.parametrize("count", [1, 2, 16, 32, 256])
def test_root_over_neighbours_is_the_same(count: int) -> None:
    hashes = [digest_of(bytes([number])) for number in range(count)]
    assert Lanes().fold(hashes) == fold(hashes)
