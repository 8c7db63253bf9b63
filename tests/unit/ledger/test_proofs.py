"""Proof checking: what is right passes, whatever is changed does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.ledger.errors import ProofInvalid
from driftline.ledger.proofs import check_consistency, check_inclusion
from driftline.ledger.tree import EMPTY_ROOT, consistency_proof, fetch_from, inclusion_proof, root_at

LEAVES = [bytes([i]) * 32 for i in range(65)]
FETCH = fetch_from(LEAVES)
ROOTS = [root_at(FETCH, size) for size in range(65)]


@pytest.mark.parametrize("size", range(1, 65))
def test_every_proof_up_to_64_entries_holds(size: int) -> None:
    for index in range(size):
        check_inclusion(LEAVES[index], index, size, inclusion_proof(FETCH, index, size), ROOTS[size])
        old = index + 1
        path = consistency_proof(FETCH, old, size)
        check_consistency(old, size, path, old_root=ROOTS[old], root=ROOTS[size])


def test_the_empty_tree_is_a_prefix_of_every_tree() -> None:
    check_consistency(0, 9, [], old_root=EMPTY_ROOT, root=ROOTS[9])


@given(st.data())
def test_changed_inclusion_proof_does_not_hold(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 64))
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(FETCH, index, size)
    change = data.draw(st.sampled_from(["leaf", "index", "longer", "shorter", "flip", "root"]))
    entry, at, root = LEAVES[index], index, ROOTS[size]
    if change == "leaf":
        entry = b"\xaa" * 32
    elif change == "index":
        at = data.draw(st.integers(-2, size + 2).filter(lambda i: i != index))
    elif change == "longer":
        path.insert(data.draw(st.integers(0, len(path))), b"\xbb" * 32)
    elif change == "root":
        root = ROOTS[data.draw(st.integers(0, 64).filter(lambda n: n != size))]
    elif not path:
        return
    elif change == "shorter":
        path.pop(data.draw(st.integers(0, len(path) - 1)))
    else:
        path[data.draw(st.integers(0, len(path) - 1))] = b"\xcc" * 32
    with pytest.raises(ProofInvalid):
        check_inclusion(entry, at, size, path, root)


@given(st.data())
def test_changed_consistency_proof_does_not_hold(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 64))
    old = data.draw(st.integers(1, size))
    path = consistency_proof(FETCH, old, size)
    change = data.draw(st.sampled_from(["old", "longer", "shorter", "flip", "root", "old_root"]))
    before, after, at = ROOTS[old], ROOTS[size], old
    if change == "old":
        at = data.draw(st.integers(-1, size + 2).filter(lambda n: n != old))
    elif change == "longer":
        path.insert(data.draw(st.integers(0, len(path))), b"\xbb" * 32)
    elif change == "root":
        after = b"\xdd" * 32
    elif change == "old_root":
        before = b"\xdd" * 32
    elif not path:
        return
    elif change == "shorter":
        path.pop(data.draw(st.integers(0, len(path) - 1)))
    else:
        path[data.draw(st.integers(0, len(path) - 1))] = b"\xcc" * 32
    with pytest.raises(ProofInvalid):
        check_consistency(at, size, path, old_root=before, root=after)


@given(
    st.integers(-3, 70),
    st.integers(-3, 70),
    st.lists(st.sampled_from([*LEAVES[:4], *ROOTS[:8]]), max_size=8),
)
def test_random_proofs_never_crash(old: int, size: int, path: list[bytes]) -> None:
    with pytest.raises(ProofInvalid):
        check_consistency(old, size, path, old_root=b"\x01" * 32, root=b"\x02" * 32)
    with pytest.raises(ProofInvalid):
        check_inclusion(b"\x03" * 32, old, size, path, b"\x04" * 32)
