"""One inclusion proof for many entries: the nodes from which, with theirs, the root follows (after RFC 6962 2.1).

The proof of entries S in a tree of n is what `root` meets, left to right, of whole subtrees without an entry of S:

    root(a, b) = next node of the proof               if no entry of S is in [a, b)
               = entry hash                           if b - a = 1
               = node_hash(root(a, k), root(k, b))    k as RFC 6962 splits a tree

A run of neighbours costs no more than two inclusion proofs; entries far apart share what they can.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from driftline.ledger.errors import ProofInvalid
from driftline.ledger.tree import EMPTY_ROOT, TILE_LEVELS, FetchNodes, node_hash, split_at, subtree_root

__all__ = ["by_tile", "check_inclusions", "multiproof"]

_TILES_KEPT: Final = 64


def multiproof(fetch: FetchNodes, indices: Sequence[int], size: int) -> list[bytes]:
    """Return the proof of entries (ascending, each once) in the tree of `size`; LookupError when nodes are missing."""
    whole_tiles = by_tile(fetch, size)

    def nodes(start: int, end: int, first: int, last: int) -> Iterator[bytes]:
        if first == last:
            yield subtree_root(whole_tiles, start, end)
        elif end - start > 1:
            middle = split_at(start, end)
            cut = bisect_left(indices, middle, first, last)
            yield from nodes(start, middle, first, cut)
            yield from nodes(middle, end, cut, last)

    return list(nodes(0, size, 0, len(indices))) if size else []


def by_tile(fetch: FetchNodes, size: int) -> FetchNodes:
    """Return what reads whole tiles and keeps the last ones: what a proof needs mostly stands in a few of them."""
    tiles: OrderedDict[tuple[int, int], Sequence[bytes]] = OrderedDict()
    width = 1 << TILE_LEVELS

    def read(level: int, first: int, end: int) -> Sequence[bytes]:
        number = first // width
        if end > (number + 1) * width:
            return fetch(level, first, end)
        tile = tiles.get((level, number))
        if tile is None:
            tile = tiles[level, number] = fetch(level, number * width, min((number + 1) * width, size >> level))
            if len(tiles) > _TILES_KEPT:
                tiles.popitem(last=False)
        return tile[first - number * width : end - number * width]

    return read


def check_inclusions(hashes: Sequence[bytes], indices: Sequence[int], size: int, nodes: Sequence[bytes], root: bytes) -> None:
    """Raise ProofInvalid unless every entry is the one at its index of the tree with this size and root."""
    ascending = all(before < after for before, after in pairwise(indices))
    if not ascending or (indices and not 0 <= indices[0] <= indices[-1] < size):
        raise ProofInvalid(f"the entries do not stand in the order of a log of {size}")
    rest = iter(nodes)

    def computed(start: int, end: int, first: int, last: int) -> bytes:
        if first == last:
            return next(rest)
        if end - start == 1:
            return hashes[first]
        middle = split_at(start, end)
        cut = bisect_left(indices, middle, first, last)
        return node_hash(computed(start, middle, first, cut), computed(middle, end, cut, last))

    try:
        found = computed(0, size, 0, len(indices)) if size else EMPTY_ROOT
    except StopIteration:
        raise ProofInvalid("the proof of the entries is too short") from None
    if found != root or next(rest, None) is not None:
        raise ProofInvalid("the proof of the entries does not lead to the signed root")
