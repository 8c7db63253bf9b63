"""Tiles: paths as C2SP tlog-tiles writes them, and contents from which anybody computes the root."""

import pytest

from driftline.ledger.errors import ProofInvalid
from driftline.ledger.tiles import Tile, entry_bundle, hash_tile, tile_at
from driftline.ledger.tree import fetch_from, fold

LEAVES = [number.to_bytes(32) for number in range(600)]


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("0/000", Tile(0, 0)),
        ("0/x001/x234/067", Tile(0, 1_234_067)),
        ("1/000.p/2", Tile(1, 0, 2)),
        ("entries/x001/234.p/255", Tile(None, 1_234, 255)),
        ("63/000", Tile(63, 0)),
    ],
)
def test_paths_are_those_of_the_specification(path: str, tile: Tile) -> None:
    assert tile_at(path) == tile


@pytest.mark.parametrize(
    "path",
    ["", "0", "0/0", "0/0000", "0/x000/001", "0/001/002", "00/000", "64/000", "0/000.p/0", "0/000.p/256", "0/000.p/01",
     "0/000/", "entries/x12/345", "-1/000", "0/\u0660\u0660\u0660", "0/000\n", "../0/000"],
)  # fmt: skip
def test_other_paths_are_no_tiles(path: str) -> None:
    assert tile_at(path) is None


def test_a_tile_exists_once_all_of_it_is_signed() -> None:
    assert [Tile(0, 1).exists(size) for size in (511, 512)] == [False, True]
    assert [Tile(1, 0, 2).exists(size) for size in (511, 512)] == [False, True]
    assert [Tile(None, 2, 88).exists(size) for size in (599, 600)] == [False, True]


def test_a_tile_above_holds_the_roots_of_those_below() -> None:
    fetch = fetch_from(LEAVES)
    below = [hash_tile(fetch, Tile(0, number)) for number in range(2)]
    assert below[1] == b"".join(LEAVES[256:512])
    roots = [fold([row[at : at + 32] for at in range(0, len(row), 32)]) for row in below]
    assert hash_tile(fetch, Tile(1, 0, 2)) == b"".join(roots)


def test_leaves_come_after_their_lengths() -> None:
    assert entry_bundle([b"ab", b"c" * 300], Tile(None, 0, 2)) == b"\x00\x02ab\x01\x2c" + b"c" * 300


def test_what_is_gone_is_not_served_as_less() -> None:
    with pytest.raises(ProofInvalid):
        entry_bundle([b"ab"], Tile(None, 0, 2))
    with pytest.raises(ProofInvalid):
        hash_tile(fetch_from(LEAVES), Tile(0, 2))
    with pytest.raises(ProofInvalid):
        entry_bundle([bytes(65_536)], Tile(None, 0, 1))
