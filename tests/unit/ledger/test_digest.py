"""Digests: one root for many messages."""

from hashlib import sha256
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.ledger.digest import DigestBuilder, message_hash, parse_statement
from driftline.ledger.errors import LeafMalformed
from driftline.ledger.tree import fetch_from, root_at

HEADER = st.tuples(st.text(max_size=4), st.none() | st.binary(max_size=4))
MESSAGE = st.tuples(st.none() | st.binary(max_size=5), st.none() | st.binary(max_size=5), st.lists(HEADER, max_size=3))


def test_message_has_the_documented_bytes() -> None:
    data = b"\x00" + b"\x00\x00\x00\x01k" + b"\xff\xff\xff\xff" + b"\x00\x00\x00\x02"
    data += b"\x00\x00\x00\x01a" + b"\x00\x00\x00\x01y" + b"\x00\x00\x00\x01b" + b"\xff\xff\xff\xff"
    assert message_hash(b"k", None, [("b", None), ("a", b"y")]) == sha256(data).digest()
    assert message_hash(b"k", b"", None) != message_hash(b"k", None, None)


def sized(data: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if data is None else len(data).to_bytes(4) + data


@given(MESSAGE)
def test_headers_count_by_name_then_value_whatever_their_order(message: tuple[Any, ...]) -> None:
    key, value, headers = message
    data = b"\x00" + sized(key) + sized(value) + len(headers).to_bytes(4)
    for name, present, content in sorted((n.encode(), v is not None, v or b"") for n, v in headers):
        data += sized(name) + sized(content if present else None)
    assert message_hash(key, value, headers) == message_hash(key, value, headers[::-1]) == sha256(data).digest()


@given(MESSAGE, MESSAGE)
def test_different_messages_have_different_hashes(one: tuple[Any, ...], two: tuple[Any, ...]) -> None:
    def key(message: tuple[Any, ...]) -> tuple[Any, ...]:
        return (message[0], message[1], sorted(((n, v is not None, v or b"") for n, v in message[2])))

    assert (message_hash(*one) == message_hash(*two)) == (key(one) == key(two))


def test_digest_says_range_count_and_root() -> None:
    digest = DigestBuilder(10)
    messages = [(b"k%d" % i, b"v", [("h", b"1")]) for i in range(5)]
    for number, message in enumerate(messages):
        digest.add(*message, 1_000 + number)
    start, end, count, root = parse_statement(digest.statement(17))
    assert (start, end, count) == (10, 17, 5)
    assert root == root_at(fetch_from([message_hash(*m) for m in messages]), 5)
    assert b'"first_append_ms":1000' in digest.statement(17)
    assert b'"last_append_ms":1004' in digest.statement(17)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=8, unique=True), st.randoms())
def test_order_of_messages_matters(values: list[int], random: Random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    roots = []
    for order in (values, shuffled):
        digest = DigestBuilder(0)
        for value in order:
            digest.add(None, bytes([value]), None, 0)
        roots.append(digest.root())
    assert (roots[0] == roots[1]) == (values == shuffled)


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"null", b'{"from":1,"to":2,"count":1,"root":"zz"}', b"\xff"])
def test_payload_that_is_no_statement_is_malformed(payload: bytes) -> None:
    with pytest.raises(LeafMalformed):
        parse_statement(payload)
