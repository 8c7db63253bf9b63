"""The log as C2SP tlog-tiles: its tree and its leaves in pieces of 256 that never change once they are full.

    tile/<L>/<N>[.p/<W>]          hashes N*256..N*256+W-1 of level 8L, 32 bytes each
    tile/entries/<N>[.p/<W>]      leaves N*256..N*256+W-1, each after its length in two bytes

N is written in groups of three digits, all but the last with an `x` before them (1234067 is x001/x234/067).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from driftline.ledger.errors import ProofInvalid
from driftline.ledger.tree import TILE_LEVELS, FetchNodes

__all__ = ["WIDTH", "Tile", "entry_bundle", "hash_tile", "tile_at"]

WIDTH: Final = 1 << TILE_LEVELS
_PATH: Final = re.compile(
    r"(?P<level>[0-9]|[1-5][0-9]|6[0-3]|entries)/(?P<n>(?:x\d{3}/){0,5}\d{3})(?:\.p/(?P<w>[1-9]\d{0,2}))?", re.ASCII
)
_LONGEST_LEAF: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Tile:
    """A piece of the log: `level` counts tiles (8 levels of the tree each), None for leaves."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def first(self) -> int:
        """Return the number of the first node or leaf within its level."""
        return self.index * WIDTH

    def exists(self, size: int) -> bool:
        """Tell whether a log of that size has all of this tile."""
        nodes = size >> (TILE_LEVELS * (self.level or 0))
        return self.first + self.width <= nodes


def tile_at(path: str) -> Tile | None:
    """Return the tile of a path below `tile/`, None for a path that is none."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level, number, width = found["level"], found["n"], found["w"]
    digits = number.replace("/", "").replace("x", "")
    if number.startswith("x000") or (width is not None and int(width) >= WIDTH):
        return None
    return Tile(None if level == "entries" else int(level), int(digits), WIDTH if width is None else int(width))


def hash_tile(fetch: FetchNodes, tile: Tile) -> bytes:
    """Return the hashes of a tile that exists; raises ProofInvalid where some were removed."""
    level = TILE_LEVELS * (tile.level or 0)
    return b"".join(_whole(tile, fetch(level, tile.first, tile.first + tile.width)))


def entry_bundle(leaves: Sequence[bytes], tile: Tile) -> bytes:
    """Return the leaves of a tile that exists; raises ProofInvalid where some were removed, or blown up."""
    if any(len(leaf) > _LONGEST_LEAF for leaf in leaves):
        raise ProofInvalid("a leaf is longer than any that a writer writes")
    return b"".join(len(leaf).to_bytes(2) + leaf for leaf in _whole(tile, leaves))


def _whole(tile: Tile, pieces: Sequence[bytes]) -> Sequence[bytes]:
    if len(pieces) != tile.width:
        raise ProofInvalid(f"of the {tile.width} pieces from {tile.first} on there are {len(pieces)}")
    return pieces
