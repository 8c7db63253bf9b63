import dataclasses
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.profile import Accumulator, Layout, MalformedProfile, PairLayout, Profile, Shape
from driftline.drift.profile.layout import Block, BlockKind
from driftline.drift.profile.wire import encode_cells
from driftline.events import Part, Task

CELLS, ADDITIVE, EXTREMES = 12, 8, 2
SHAPE = Shape("abc", Part.INPUTS, CELLS, ADDITIVE, EXTREMES)
LAYOUT = Layout(
    hash="abc",
    baseline_id="b",
    task=Task.MULTICLASS,
    positive_class=None,
    pane_us=1,
    blocks=(
        Block("x", BlockKind.NUMERIC, 0, 6, numeric=0),
        Block("y", BlockKind.NUMERIC, 6, 6, numeric=1),
    ),
    pairs=PairLayout(Task.MULTICLASS),
)
counts = st.one_of(st.just(0), st.integers(-(2**40), 2**40), st.sampled_from([1, -1, 63, 64, -64, -65, 2**62]))
sums = st.floats(-1e12, 1e12)


@st.composite
def profiles(draw, value=sums):
    cells = draw(st.lists(counts, min_size=CELLS, max_size=CELLS))
    numbers = draw(st.lists(value, min_size=SHAPE.sums, max_size=SHAPE.sums))
    return Profile(SHAPE, draw(st.integers(0, 99)), np.array(cells, np.int64), np.array(numbers))


def same(one, other):
    return one.same_counts(other) and one.sums.tobytes() == other.sums.tobytes()


def test_the_layout_of_these_tests_has_the_shape_of_these_tests():
    assert LAYOUT.shape(Part.INPUTS) == SHAPE


@settings(max_examples=200)
@given(profiles(st.floats(allow_nan=False)))
def test_what_was_encoded_is_decoded(profile):
    cells, numbers = profile.encode()
    assert same(Profile.decode(LAYOUT, Part.INPUTS, profile.rows, cells, numbers), profile)


def test_the_profile_of_no_rows_takes_no_bytes():
    zero = Profile.zero(SHAPE)
    assert zero.encode() == (b"", b"")
    assert same(Profile.decode(LAYOUT, Part.INPUTS, 0, b"", b""), zero)


@given(profiles())
def test_adding_no_rows_changes_nothing(profile):
    zero = Profile.zero(SHAPE)
    assert (profile + zero).same_counts(profile)
    assert (profile + zero).sums == pytest.approx(np.concatenate((profile.sums[:8], profile.sums[8:])))


@settings(max_examples=200)
@given(st.lists(profiles(), min_size=1, max_size=6), st.randoms())
def test_a_total_is_the_same_to_the_last_bit_in_any_order(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert same(Profile.total(SHAPE, found), Profile.total(SHAPE, shuffled))


@given(profiles(), profiles())
def test_two_profiles_add_in_either_order(one, other):
    assert same(one + other, other + one)
    assert (one + other).cells.tolist() == (one.cells + other.cells).tolist()
    assert (one + other).sums[8:10] == pytest.approx(np.minimum(one.sums[8:10], other.sums[8:10]))
    assert (one + other).sums[10:] == pytest.approx(np.maximum(one.sums[10:], other.sums[10:]))


@settings(max_examples=100)
@given(st.lists(profiles(st.floats()), min_size=1, max_size=4))
def test_counting_in_place_gives_what_adding_gives(found):
    grown = Accumulator(SHAPE)
    for profile in found:
        grown.count(profile.rows, *profile.encode())
    rows = np.stack([profile.sums for profile in found])
    with np.errstate(invalid="ignore", over="ignore"):
        added = functools.reduce(np.add, rows[:, :8])
    assert grown.rows == sum(profile.rows for profile in found)
    assert grown.profile().cells.tolist() == sum(profile.cells for profile in found).tolist()
    np.testing.assert_array_equal(grown.profile().sums[:8], added)
    np.testing.assert_array_equal(grown.profile().sums[8:10], rows[:, 8:10].min(axis=0))
    np.testing.assert_array_equal(grown.profile().sums[10:], rows[:, 10:].max(axis=0))


def test_malformed_counts_leave_what_was_counted():
    grown = Accumulator(SHAPE)
    grown.count(3, encode_cells(np.arange(12)), np.arange(12.0).astype("<f8").tobytes())
    before = grown.profile().cells.tolist(), grown.profile().sums.tolist()
    for cells, sums in (
        (encode_cells(np.arange(12)) + b"\x00", b""),
        (encode_cells(np.ones(13, np.int64)), b""),
        (b"", bytes(72)),
    ):
        with pytest.raises(MalformedProfile):
            grown.count(1, cells, sums)
    assert (grown.profile().cells.tolist(), grown.profile().sums.tolist(), grown.rows) == (*before, 3)


def test_profiles_of_different_layouts_are_never_added():
    other = Profile.zero(dataclasses.replace(SHAPE, layout="other"))
    with pytest.raises(ValueError, match="never added"):
        Profile.zero(SHAPE) + other
    with pytest.raises(ValueError, match="never added"):
        Profile.total(SHAPE, [other])


def test_the_total_of_nothing_is_the_profile_of_no_rows():
    assert same(Profile.total(SHAPE, []), Profile.zero(SHAPE))


@pytest.mark.parametrize(
    "cells",
    [
        b"\x00",  # a cell without its count
        b"\x0c\x02",  # a cell behind the last one
        b"\x00\x00",  # a count of 0
        b"\x80\x00\x02",  # the longer spelling of 0
        b"\x00\x80",  # cut inside a varint
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x02",  # more than 64 bits
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02",  # a distance that would overflow
        b"\x05\x02\x06\x02",  # runs over the end with the second cell
    ],
)
def test_cells_that_nobody_wrote_are_refused(cells):
    with pytest.raises(MalformedProfile):
        Profile.decode(LAYOUT, Part.INPUTS, 1, cells, b"")


def test_sums_of_another_length_are_refused():
    with pytest.raises(MalformedProfile, match="12 sums"):
        Profile.decode(LAYOUT, Part.INPUTS, 1, b"", bytes(72))


@settings(max_examples=300)
@given(st.binary(max_size=40))
def test_any_bytes_either_decode_to_what_encodes_to_them_or_are_refused(data):
    try:
        profile = Profile.decode(LAYOUT, Part.INPUTS, 1, data, b"")
    except MalformedProfile:
        return
    assert profile.encode()[0] == data


@given(profiles())
def test_a_profile_travels_as_an_event(profile):
    event = profile.to_event("", 3_600_000_000)
    assert (event.part, event.slice, event.pane, event.rows) == (Part.INPUTS, "", 3_600_000_000, profile.rows)
    assert same(Profile.from_event(LAYOUT, event), profile)
