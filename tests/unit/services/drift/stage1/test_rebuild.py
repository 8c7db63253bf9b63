"""Reading topics again up to the committed offsets."""

import itertools

import pytest
import structlog
from structlog.testing import capture_logs

from driftline.clock import ManualClock
from driftline.errors import Unavailable
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic, TopicPartition
from services.drift.stage1.rebuild import begins_before, replay

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


@pytest.fixture
def cluster():
    made = MemoryCluster(ManualClock(0))
    made.admin().create([NewTopic("t", 2)])
    producer = made.producer()
    for i in range(20):
        producer.produce("t", str(i).encode(), partition=i % 2)
    producer.flush(1)
    return made


def read(cluster, ends, seconds=1.0, begins=None):
    """What was given, and what was said; the clock moves on at every look."""
    given: list[int] = []
    clock = itertools.count(0, seconds)
    structlog.reset_defaults()  # another test may have configured logs to be quieter than `info`

    def learn(messages, positions):
        given.extend(int(m.value() or b"") for m in messages)
        assert all(m.offset() < positions[TopicPartition(m.topic(), m.partition())] for m in messages)
        assert all(positions[place] <= end for place, end in ends.items())

    with capture_logs() as said:
        took = replay(cluster.consumer(), ends, learn, lambda: next(clock), begins=begins or dict.fromkeys(ends, 0))
    # A thread that another test left behind may log meanwhile.
    return sorted(given), [line for line in said if line["event"] in ("rebuilding", "rebuilt")], took


def test_everything_before_the_committed_offsets_is_given_and_nothing_after_them(cluster):
    given, _, _ = read(cluster, {A: 3, B: 10})
    assert given == sorted([0, 2, 4, *range(1, 20, 2)])


def test_what_lies_before_the_beginning_is_not_given(cluster):
    assert read(cluster, {A: 3, B: 10}, begins={A: 3, B: 8})[0] == [17, 19]


@pytest.fixture
def timed():
    """A record a minute, of which the last is aborted."""
    clock = ManualClock(0)
    made = MemoryCluster(clock)
    made.admin().create([NewTopic("t", 2)])
    producer = made.producer()
    for i in range(20):
        clock.advance(60_000_000)
        producer.produce("t", str(i).encode(), partition=0)
        producer.flush(1)
    taken_back = made.transactional_producer("x")
    taken_back.init_transactions()
    taken_back.begin()
    taken_back.produce("t", b"99", partition=0)
    taken_back.abort()
    return made


def test_reading_begins_so_long_before_the_last_record_before_the_end(timed):
    end = timed.consumer().watermarks(A).end
    assert begins_before(timed.consumer(), {A: end, B: 0}, 5 * 60_000_000) == {A: 14, B: 0}
    assert begins_before(timed.consumer(), {A: 7, B: 0}, 5 * 60_000_000) == {A: 1, B: 0}
    assert begins_before(timed.consumer(), {A: 7, B: 0}, 50 * 60_000_000) == {A: 0, B: 0}
    timed.truncate(A, 5)
    assert begins_before(timed.consumer(), {A: 7}, 50 * 60_000_000) == {A: 5}
    assert begins_before(timed.consumer(), {A: 5}, 50 * 60_000_000) == {A: 5}


def test_it_says_how_long_it_will_take_and_how_long_it_took(cluster):
    _, said, took = read(cluster, {A: 10, B: 10}, seconds=10.0)
    assert said[0]["event"] == "rebuilding"
    assert said[0]["offsets"] == 20
    assert said[0]["expected_seconds"] >= 0
    assert (said[-1]["event"], said[-1]["records"], said[-1]["seconds"]) == ("rebuilt", 20, took)
    assert any("seconds_left" in line for line in said)


def test_a_first_start_has_nothing_to_read_and_says_nothing(cluster):
    assert read(cluster, {A: 0, B: 0}) == ([], [], 0.0)


def test_aborted_records_are_passed_over(cluster):
    producer = cluster.transactional_producer("x")
    producer.init_transactions()
    producer.begin()
    producer.produce("t", b"99", partition=0)
    producer.abort()
    end = cluster.consumer().watermarks(A).end
    assert read(cluster, {A: end})[0] == list(range(0, 20, 2))


def test_a_log_that_stops_short_is_an_error_and_no_hang(cluster):
    with pytest.raises(Unavailable, match=r"t\[0\] at 10 of 11"):
        read(cluster, {A: 11})
