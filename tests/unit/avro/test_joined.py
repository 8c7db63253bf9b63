import numpy as np
import pytest

from driftline.avro import Joined, kernels

PIECES = [b"head-one", b"", b"head-two", b"hea"]


def pieces_of(joined):
    return [joined.piece(at) for at in range(len(joined))]


def test_joined_pieces_come_out_as_they_went_in():
    joined = Joined.of(PIECES)

    assert pieces_of(joined) == PIECES
    assert joined.size == sum(map(len, PIECES))
    assert joined.buffer.endswith(bytes(kernels.PADDING))
    assert len(Joined.of([])) == 0


@pytest.mark.parametrize("cuts", [(0, 4), (1, 3), (2, 2)])
def test_parts_that_are_chained_are_as_if_joined_at_once(cuts):
    begin, end = cuts
    parts = [Joined.of(PIECES[:begin]), Joined.of(PIECES[begin:end]), Joined.of(PIECES[end:])]

    chained = Joined.chained(parts)

    assert pieces_of(chained) == PIECES
    assert chained.buffer.endswith(bytes(kernels.PADDING))


def test_some_pieces_and_pieces_behind_constants_keep_their_bytes():
    joined = Joined.of(PIECES)

    assert pieces_of(joined.take(np.array([2, 0]))) == [PIECES[2], PIECES[0]]
    assert pieces_of(joined.behind(b"constants")) == PIECES
    assert joined.behind(b"") is joined


def starts(pieces, length):
    return {start: places.tolist() for start, places in Joined.of(pieces).by_start(length)}


def test_pieces_are_sorted_by_how_they_begin_and_a_short_one_is_not_taken_for_longer():
    assert starts(PIECES, 5) == {b"head-": [0, 2], b"": [1], b"hea": [3]}
    assert starts([b"head-one", b"head-two"], 5) == {b"head-": [0, 1]}
    assert starts([b"head", b"head-two"], 5) == {b"head": [0], b"head-": [1]}
    assert starts([b"head", b"head"], 5) == {b"head": [0, 1]}
    assert starts([b"0123456789a", b"0123456788b"], 10) == {b"0123456789": [0], b"0123456788": [1]}
    assert starts([], 5) == {}
