"""Reasons against being ready, and heartbeats."""

from __future__ import annotations

import pytest

from driftline.runtime.health import Health


class Seconds:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def health(seconds):
    return Health(seconds)


def test_a_process_begins_alive_and_not_ready(health):
    assert health.not_live() == {}
    assert list(health.not_ready()) == ["starting"]
    health.ready()
    assert health.not_ready() == {}


def test_a_reason_stays_until_it_is_withdrawn(health):
    health.ready()
    health.block("database", "cannot connect")
    health.block("database", "still cannot connect")
    assert health.not_ready() == {"database": "still cannot connect"}
    health.clear("database")
    assert health.not_ready() == {}


def test_a_failure_is_for_ever_and_the_first_one_counts(health):
    health.fail("first")
    health.fail("second")
    health.ready()
    assert health.not_live() == {"failed": "first"}
    assert health.not_ready() == {"failed": "first"}


def test_a_part_that_misses_its_beat_is_dead_until_it_beats_again(health, seconds):
    health.ready()
    health.beat("loop", within_seconds=10)
    seconds.now += 10
    assert health.not_live() == {}
    seconds.now += 1
    assert health.not_live() == {"loop": "loop has not moved for 11 s (expected every 10 s)"}
    assert "loop" in health.not_ready()
    health.beat("loop", within_seconds=10)
    assert health.not_live() == {}
