"""Samples are a function of the rows, merge like counts, and travel unchanged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.profile import MalformedProfile, Reservoir, ReservoirAccumulator
from driftline.drift.sampling import MOST_BYTES, mixed, sample_rows, smallest

ROWS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from([-1.0, 0.5, 2.0])), max_size=40)


def reservoir(rows, k=8):
    hashes = np.array([number for number, _ in rows], np.uint64)
    values = np.array([[value, number] for number, value in rows], np.float32).reshape(-1, 2)
    return Reservoir.of(hashes, values, k)


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 40))
def test_a_sample_is_the_same_however_its_rows_came_and_an_id_that_comes_twice_counts_once(rows, random, cut):
    shuffled = random.sample(rows, len(rows))
    least = {number: min(value for other, value in rows if other == number) for number, _ in rows}
    merged = Reservoir.total(8, 2, (reservoir(shuffled[:cut]), reservoir(shuffled[cut:])))
    assert merged.hashes.tolist() == sorted(least)[:8]
    assert merged.values[:, 0].tolist() == [least[number] for number in sorted(least)[:8]]


@given(ROWS)
def test_a_sample_travels_unchanged_and_grows_by_what_came(rows):
    found = reservoir(rows)
    growing = ReservoirAccumulator(8, 2)
    growing.count(0, *found.encode())
    growing.count(0, *found.encode())
    assert growing.profile().encode() == found.encode()
    assert growing.rows == found.rows == 0


@pytest.mark.parametrize("data", [b"x", b"\0" * 32, b"\0" * 16 * 9])
def test_bytes_that_are_no_sample_are_refused(data):
    with pytest.raises(MalformedProfile):
        Reservoir.decode(8, 2, data)


def test_a_sample_that_claims_rows_is_refused():
    with pytest.raises(MalformedProfile):
        ReservoirAccumulator(8, 2).count(1, b"", b"")


def test_its_bytes_are_bounded():
    assert sample_rows(20) == 500
    for columns in (1, 20, 128, 1000):
        assert sample_rows(columns) * (8 + 4 * columns) <= MOST_BYTES


def test_mixing_is_one_to_one_and_leaves_no_order():
    numbers = np.arange(100_000, dtype=np.uint64)
    found = mixed(numbers)
    assert len(np.unique(found)) == len(numbers)
    chosen = np.sort(np.argsort(found)[:500])
    assert abs(np.corrcoef(np.arange(500), chosen)[0, 1]) > 0.99  # spread evenly over all rows
    assert np.median(chosen) == pytest.approx(50_000, rel=0.1)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=400), st.integers(1, 20))
def test_the_smallest_are_among_those_that_are_looked_at(numbers, k):
    hashes = np.array(numbers, np.uint64)
    looked = set(hashes[smallest(hashes, k)].tolist())
    assert set(sorted(set(numbers))[:k]) <= looked
