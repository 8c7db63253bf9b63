"""Checking Merkle proofs without the log (RFC 9162 2.1.3.2 and 2.1.4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from driftline.ledger.errors import ProofInvalid
from driftline.ledger.tree import EMPTY_ROOT, node_hash

__all__ = ["check_consistency", "check_inclusion"]


def check_inclusion(entry_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise ProofInvalid unless the entry is number `index` of the tree with this size and root."""
    if not 0 <= index < size:
        msg = f"entry {index} cannot be among {size} entries"
        raise ProofInvalid(msg)
    current, position, last = entry_hash, index, size - 1
    for sibling in path:
        if last == 0:
            msg = "the inclusion proof is too long"
            raise ProofInvalid(msg)
        if position & 1 or position == last:
            current = node_hash(sibling, current)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    if last != 0 or current != root:
        msg = "the inclusion proof does not lead to the root"
        raise ProofInvalid(msg)


def check_consistency(old: int, size: int, path: Sequence[bytes], *, old_root: bytes, root: bytes) -> None:
    """Raise ProofInvalid unless the old tree is a prefix of the new one; an empty old tree always is."""
    if not 0 <= old <= size:
        msg = f"a tree of {size} entries has no prefix of {old}"
        raise ProofInvalid(msg)
    if old in (0, size):
        expected = EMPTY_ROOT if old == 0 else root
        if path or old_root != expected:
            msg = "the trees differ at the same size"
            raise ProofInvalid(msg)
        return
    nodes = list(path)
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes or _replay(old, size, nodes) != (old_root, root):
        msg = "the consistency proof does not lead to both roots"
        raise ProofInvalid(msg)


def _replay(old: int, size: int, nodes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the two roots that the proof leads to, None when its length is wrong."""
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return None
        if position & 1 or position == last:
            before, after = node_hash(node, before), node_hash(node, after)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            after = node_hash(after, node)
        position, last = position >> 1, last >> 1
    return (before, after) if last == 0 else None
