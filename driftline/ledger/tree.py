"""The RFC 6962 tree over entry hashes: a frontier to append to, roots and proofs from stored nodes.

    empty tree = SHA-256("")        node = SHA-256(0x01 || left || right)

Of a log of n entries only the entry hashes (level 0) and the complete nodes of levels 8, 16, 24, ... are
stored: those are the contents of tlog-tiles, they are written once and never change. Every root and proof
needs at most 255 of them per stored level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

__all__ = [
    "EMPTY_ROOT",
    "TILE_LEVELS",
    "FetchNodes",
    "Fold",
    "Frontier",
    "Node",
    "consistency_proof",
    "fetch_from",
    "fold",
    "inclusion_proof",
    "node_hash",
    "root_at",
    "split_at",
    "subtree_root",
]

EMPTY_ROOT: Final = sha256(b"").digest()
TILE_LEVELS: Final = 8
_TILE_WIDTH: Final = 1 << TILE_LEVELS

FetchNodes = Callable[[int, int, int], Sequence[bytes]]
"""(level, first, end) -> the complete nodes [first, end) of that stored level, all of them."""


Fold = Callable[[Sequence[bytes]], bytes]
"""A power of two of neighbouring hashes -> the root over them."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of neighbouring hashes."""
    row = hashes
    while len(row) > 1:
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


@dataclass(frozen=True, slots=True)
class Node:
    """A complete node of a stored level (8, 16, ...); `index` counts from 0 within the level."""

    level: int
    index: int
    hash: bytes


class Frontier:
    """A growing tree: its size and the roots of its complete subtrees, largest first."""

    __slots__ = ("_fold", "hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = (), *, fold: Fold = fold) -> None:
        """Take a tree up where it was left; raises ValueError when size and hashes do not fit. `fold`: a quicker one."""
        self._fold = fold
        self.size = size
        self.hashes = list(hashes)
        if size < 0 or len(self.hashes) != size.bit_count() or any(len(h) != 32 for h in self.hashes):
            msg = f"a tree of {size} entries has {max(size, 0).bit_count()} subtrees of 32 bytes each"
            raise ValueError(msg)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """Read what `to_bytes` wrote."""
        return cls(size, [data[i : i + 32] for i in range(0, len(data), 32)])

    @classmethod
    def before(cls, fetch: FetchNodes, size: int, *, fold: Fold = fold) -> Frontier:
        """Return the tree of the first `size` entries from stored nodes; LookupError when they are not all there."""
        tree = cls(fold=fold)
        tree.pass_over(fetch, size)
        return tree

    def pass_over(self, fetch: FetchNodes, size: int) -> None:
        """Grow to `size` entries by stored nodes instead of the entries; LookupError when they are not all there."""
        while self.size < size:
            width = 1 << (size - self.size).bit_length() - 1
            if self.size:
                width = min(width, self.size & -self.size)
            self._push(subtree_root(fetch, self.size, self.size + width), width, [])

    def to_bytes(self) -> bytes:
        """Return the hashes one after the other."""
        return b"".join(self.hashes)

    def append(self, entry_hash: bytes) -> list[Node]:
        """Add an entry; returns the nodes of stored levels that it completed (nearly always none)."""
        return self.extend((entry_hash,))

    def extend(self, entry_hashes: Sequence[bytes]) -> list[Node]:
        """Add entries in order, by whole aligned blocks; returns the nodes of stored levels that they completed."""
        completed: list[Node] = []
        position, count = 0, len(entry_hashes)
        while position < count:
            width = _block(self.size, count - position)
            root = entry_hashes[position] if width == 1 else self._fold(entry_hashes[position : position + width])
            self._push(root, width, completed)
            position += width
        return completed

    def _push(self, current: bytes, width: int, completed: list[Node]) -> None:
        """Add the root of a complete subtree that fits at the end, and join it with those of its width."""
        hashes, index, level = self.hashes, self.size // width, width.bit_length() - 1
        self.size += width
        if level == TILE_LEVELS:
            completed.append(Node(level, index, current))
        while index & 1:
            current = sha256(b"\x01" + hashes.pop() + current).digest()
            index >>= 1
            level += 1
            if level % TILE_LEVELS == 0:
                completed.append(Node(level, index, current))
        hashes.append(current)

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        if not self.hashes:
            return EMPTY_ROOT
        result = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            result = node_hash(left, result)
        return result


def _block(size: int, count: int) -> int:
    """Return how many of the next entries make a complete subtree of their own, at most a tile's."""
    aligned = size & -size or _TILE_WIDTH
    return min(aligned, _TILE_WIDTH, 1 << count.bit_length() - 1)


def fetch_from(entry_hashes: Sequence[bytes]) -> FetchNodes:
    """Serve nodes from entry hashes in memory."""

    def fetch(level: int, first: int, end: int) -> Sequence[bytes]:
        if level == 0:
            return entry_hashes[first:end]
        width = 1 << level
        return [fold(entry_hashes[i * width : (i + 1) * width]) for i in range(first, end)]

    return fetch


def subtree_root(fetch: FetchNodes, start: int, end: int) -> bytes:
    """Return the RFC 6962 hash of entries [start, end), where start is where such a subtree begins."""
    count = end - start
    if count <= 0:
        return EMPTY_ROOT
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        stored = level - level % TILE_LEVELS
        nodes = fetch(stored, start >> stored, end >> stored)
        if len(nodes) != count >> stored:
            msg = f"nodes of entries {start}..{end - 1} are missing at level {stored}"
            raise LookupError(msg)
        return fold(nodes)
    split = split_at(start, end)
    return node_hash(subtree_root(fetch, start, split), subtree_root(fetch, split, end))


def root_at(fetch: FetchNodes, size: int) -> bytes:
    """Return the root that the log had with its first `size` entries; LookupError when nodes are missing."""
    return subtree_root(fetch, 0, size)


def split_at(start: int, end: int) -> int:
    """Return where RFC 6962 splits entries [start, end): after the largest power of two smaller than their number (>= 2)."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def inclusion_proof(fetch: FetchNodes, index: int, size: int) -> list[bytes]:
    """Return the audit path of entry `index` in the tree of `size` (RFC 6962 2.1.1), leaf side first."""
    if not 0 <= index < size:
        msg = f"entry {index} is not among the {size} entries of the tree"
        raise ValueError(msg)
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = split_at(start, end)
        if index < split:
            path.append(subtree_root(fetch, split, end))
            end = split
        else:
            path.append(subtree_root(fetch, start, split))
            start = split
    return path[::-1]


def consistency_proof(fetch: FetchNodes, old: int, size: int) -> list[bytes]:
    """Return the proof that the tree of `old` is a prefix of the tree of `size` (RFC 6962 2.1.2)."""
    if not 1 <= old <= size:
        msg = f"there is no consistency proof from {old} to {size} entries"
        raise ValueError(msg)
    path: list[bytes] = []
    start, end, whole = 0, size, True
    while old != end:
        split = split_at(start, end)
        if old <= split:
            path.append(subtree_root(fetch, split, end))
            end = split
        else:
            path.append(subtree_root(fetch, start, split))
            start, whole = split, False
    if not whole:
        path.append(subtree_root(fetch, start, end))
    return path[::-1]
