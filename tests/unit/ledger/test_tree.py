"""The tree against RFC 6962 written down as it stands there."""

import json
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    fetch_from,
    inclusion_proof,
    root_at,
    subtree_root,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())


def leaves(count: int) -> list[bytes]:
    return [sha256(b"\x00" + b'{"seq":%d,"a":"%s"}' % (i, b"x" * (i % 7))).digest() for i in range(count)]


def mth(d: Sequence[bytes]) -> bytes:
    """RFC 6962 2.1 over leaf hashes."""
    n = len(d)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return d[0]
    k = 1
    while 2 * k < n:
        k *= 2
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 2.1.1."""
    n = len(d)
    if n == 1:
        return []
    k = 1
    while 2 * k < n:
        k *= 2
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: Sequence[bytes], b: bool) -> list[bytes]:
    """RFC 6962 2.1.2."""
    n = len(d)
    if m == n:
        return [] if b else [mth(d)]
    k = 1
    while 2 * k < n:
        k *= 2
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


@pytest.mark.parametrize("size", range(65))
def test_roots_and_proofs_are_those_of_the_rfc(size: int) -> None:
    d = leaves(size)
    tree = Frontier()
    for entry in d:
        tree.append(entry)
    fetch = fetch_from(d)
    assert tree.root() == root_at(fetch, size) == mth(d)
    for index in range(size):
        assert inclusion_proof(fetch, index, size) == path(index, d)
        assert consistency_proof(fetch, index + 1, size) == subproof(index + 1, d, True)


def test_tree_of_nothing_is_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest()


@given(st.lists(st.integers(1, 700), max_size=6))
def test_growing_in_blocks_is_growing_one_by_one(blocks: list[int]) -> None:
    d = leaves(sum(blocks))
    one, many = Frontier(), Frontier()
    nodes_one, nodes_many = [], []
    for entry in d:
        nodes_one += one.append(entry)
    at = 0
    for count in blocks:
        nodes_many += many.extend(d[at : at + count])
        at += count
    assert (one.size, one.hashes) == (many.size, many.hashes)
    assert nodes_one == nodes_many
    assert Frontier.from_bytes(many.size, many.to_bytes()).root() == mth(d)
    for node in nodes_many:
        assert node.hash == mth(d[node.index << node.level : (node.index + 1) << node.level])


def test_stored_nodes_of_two_levels_give_every_root() -> None:
    count = 65_536 + 300
    d = [i.to_bytes(32) for i in range(count)]
    tree = Frontier()
    nodes = {(node.level, node.index): node.hash for node in tree.extend(d)}
    assert (16, 0) in nodes
    assert sum(level == 8 for level, _ in nodes) == count // 256

    def fetch(level: int, first: int, end: int) -> Sequence[bytes]:
        assert end - first <= 255
        return d[first:end] if level == 0 else [nodes[level, i] for i in range(first, end)]

    assert root_at(fetch, count) == tree.root()
    for size in (1, 255, 256, 257, 65_535, 65_536, 65_537):
        part = Frontier()
        part.extend(d[:size])
        assert root_at(fetch, size) == part.root()


def test_missing_nodes_are_an_error_not_a_root() -> None:
    with pytest.raises(LookupError, match="missing"):
        subtree_root(lambda _level, first, end: [bytes(32)] * (end - first - 1), 0, 4)


@pytest.mark.parametrize("vector", VECTORS["trees"], ids=lambda v: str(v["n"]))
def test_roots_and_proofs_are_those_that_go_accepted(vector: dict[str, Any]) -> None:
    d = leaves(vector["n"])
    fetch = fetch_from(d)
    assert root_at(fetch, vector["n"]) == b64decode(vector["root"])
    for proof in vector["inc"]:
        assert inclusion_proof(fetch, proof["i"], vector["n"]) == [b64decode(p) for p in proof["p"]]
    for proof in vector["con"]:
        assert consistency_proof(fetch, proof["m"], vector["n"]) == [b64decode(p) for p in proof["p"]]


@pytest.mark.parametrize(("size", "hashes"), [(1, []), (3, [bytes(32)]), (-1, []), (1, [b"short"])])
def test_frontier_that_does_not_fit_its_size_is_refused(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(ValueError, match="subtrees"):
        Frontier(size, hashes)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 3)])
def test_no_inclusion_proof_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not among"):
        inclusion_proof(fetch_from(leaves(5)), index, size)


@pytest.mark.parametrize(("old", "size"), [(0, 5), (6, 5)])
def test_no_consistency_proof_from_nothing_or_backwards(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="consistency"):
        consistency_proof(fetch_from(leaves(5)), old, size)
