"""Reading `states` back, with and without its cache."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from driftline.clock import ManualClock
from driftline.codec import encode
from driftline.errors import Unavailable
from driftline.events import StateEntry
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic, TopicPartition
from services.drift.evaluate.cache import Stamp, StateCache
from services.drift.evaluate.states import States

DAY = 86_400_000_000
PLACE = TopicPartition("states", 0)


class Rig:
    def __init__(self):
        self.clock = ManualClock(1_700_000_000_000_000)
        self.cluster = MemoryCluster(self.clock)
        self.cluster.admin().create([NewTopic("states", 1, {"cleanup.policy": "compact"})])
        self.cache = StateCache(":memory:")

    def states(self, topic_id="T"):
        return States(self.cluster.consumer(), "states", topic_id, self.cache, patience=2)

    def write(self, **entries: bytes | None):
        producer = self.cluster.transactional_producer("evaluator")
        producer.init_transactions()
        producer.begin()
        for key, body in entries.items():
            value = None if body is None else encode(StateEntry(kind="pane", body=body))
            producer.produce("states", value, key=key.encode(), partition=0)
        producer.commit()
        self.clock.advance(1_000_000)

    def end(self):
        return self.cluster.consumer().watermarks(PLACE).end

    def cached(self, entries: dict[bytes, bytes], position: int, topic_id="T"):
        self.cache.save(0, entries.items(), Stamp(topic_id, position, self.clock.now_us()), whole=True)


def test_the_last_record_of_each_key_counts_and_a_tombstone_removes_it():
    rig = Rig()
    rig.write(a=b"1", b=b"1", c=b"1")
    rig.write(a=b"2", b=None)
    assert rig.states().load(0) == {b"a": b"2", b"c": b"1"}


def test_an_empty_topic_is_an_empty_state():
    assert Rig().states().load(0) == {}


def test_aborted_records_are_not_state():
    rig = Rig()
    producer = rig.cluster.transactional_producer("evaluator")
    producer.init_transactions()
    producer.begin()
    producer.produce("states", encode(StateEntry(kind="pane", body=b"x")), key=b"a", partition=0)
    producer.abort()
    assert rig.states().load(0) == {}


def test_a_hanging_transaction_is_waited_for_and_then_named():
    rig = Rig()
    rig.write(a=b"1")
    rig.cluster.hold_markers(lambda _: True)
    rig.write(a=b"2")
    with pytest.raises(Unavailable, match=r"states\[0\]"):
        rig.states().load(0)
    rig.cluster.release_markers()
    assert rig.states().load(0) == {b"a": b"2"}


def test_the_cache_is_rolled_forward_from_its_stamp():
    rig = Rig()
    rig.write(a=b"1", b=b"1")
    rig.cached({b"a": b"1", b"b": b"1", b"only here": b"1"}, rig.end())
    rig.write(a=b"2", b=None)
    assert rig.states().load(0) == {b"a": b"2", b"only here": b"1"}


def test_a_cache_that_knows_more_than_its_stamp_says_comes_out_right():
    rig = Rig()
    rig.write(a=b"1")
    early = rig.end()
    rig.write(a=b"2", b=b"2")
    rig.write(b=None)
    rig.cached({b"a": b"2"}, early)
    assert rig.states().load(0) == {b"a": b"2"}


def test_a_cache_of_another_topic_is_discarded():
    rig = Rig()
    rig.write(a=b"1")
    rig.cached({b"ghost": b"1"}, 0, topic_id="deleted and made again")
    assert rig.states().load(0) == {b"a": b"1"}
    assert rig.cache.stamp(0) is None


def test_h22_a_cache_older_than_half_of_what_tombstones_live_is_discarded():
    rig = Rig()
    rig.write(a=b"1", b=b"1")
    rig.cached({b"a": b"1", b"b": b"1"}, rig.end())
    rig.clock.advance(int(3.6 * DAY))
    rig.write(a=b"2")  # and the tombstone of b has been compacted away meanwhile
    rig.cluster.truncate(PLACE, 3)
    assert rig.states().load(0) == {b"a": b"2"}


def test_h22_a_younger_cache_is_kept():
    rig = Rig()
    rig.write(a=b"1", b=b"1")
    rig.cached({b"a": b"1", b"b": b"1"}, rig.end())
    rig.clock.advance(int(3.4 * DAY))
    rig.write(a=b"2")
    rig.cluster.truncate(PLACE, 3)
    assert rig.states().load(0) == {b"a": b"2", b"b": b"1"}


def test_saving_everything_forgets_what_is_not_in_it():
    cache = StateCache(":memory:")
    cache.save(0, [(b"a", b"1"), (b"b", b"1")], Stamp("T", 1, 1))
    cache.save(1, [(b"a", b"other partition")], Stamp("T", 1, 1))
    cache.save(0, [(b"b", None), (b"c", b"1")], Stamp("T", 2, 2))
    assert cache.entries(0) == {b"a": b"1", b"c": b"1"}
    cache.save(0, [(b"d", b"1")], Stamp("T", 3, 3), whole=True)
    assert cache.entries(0) == {b"d": b"1"}
    assert cache.entries(1) == {b"a": b"other partition"}
    assert cache.stamp(0) == Stamp("T", 3, 3)


def test_a_save_that_fails_changes_nothing():
    cache = StateCache(":memory:")
    cache.save(0, [(b"a", b"1")], Stamp("T", 1, 1))
    not_bytes: Any = object()
    with pytest.raises(sqlite3.ProgrammingError):
        cache.save(0, [(b"a", b"2"), (b"b", not_bytes)], Stamp("T", 2, 2))
    assert cache.entries(0) == {b"a": b"1"}
    assert cache.stamp(0) == Stamp("T", 1, 1)


def test_the_cache_survives_the_process(tmp_path):
    file = tmp_path / "states.sqlite"
    first = StateCache(file)
    first.save(0, [(b"a", b"1")], Stamp("T", 1, 1))
    first.close()
    assert StateCache(file).entries(0) == {b"a": b"1"}
