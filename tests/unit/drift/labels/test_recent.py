"""Ids that come again: compared with a dictionary."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.labels import hash_ids
from driftline.drift.labels.recent import RecentIds

WINDOW, SLACK = 60, 5


def see(recent, rows):
    keys = hash_ids((str(name).encode() for name, _ in rows), b"key")
    return recent.see(keys, np.array([at for _, at in rows], np.int64)).tolist()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=60), st.integers(1, 20))
def test_repeats_are_those_within_the_window_after_the_same_id(steps, size):
    now, last, expected, rows = 0, {}, [], []
    for name, later in steps:
        now += later
        rows.append((name, now))
        expected.append(name in last and now - last[name] <= WINDOW)
        last[name] = now
    recent, found = RecentIds(WINDOW, SLACK), []
    for begin in range(0, len(rows), size):
        found += see(recent, rows[begin : begin + size])
    assert found == expected


def test_memory_is_that_of_the_last_window():
    recent = RecentIds(WINDOW, SLACK)
    for now in range(2000):
        assert not any(see(recent, [(f"{now}-{i}", now) for i in range(20)]))
    assert recent.bytes <= 24 * 4 * 20 * (WINDOW + SLACK + 2)
    assert all(see(recent, [(f"{1999 - WINDOW + 1}-{i}", 2000) for i in range(20)]))


def test_a_clock_that_was_set_back_by_the_slack_forgets_nothing():
    recent = RecentIds(WINDOW, SLACK)
    see(recent, [("a", 0)])
    see(recent, [(f"x{i}", WINDOW + SLACK) for i in range(1000)])
    assert see(recent, [("a", WINDOW)]) == [True]
