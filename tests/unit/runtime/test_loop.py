"""The batch loop on the in-memory twin: one transaction per flush, and every way in which it can end."""

from __future__ import annotations

import itertools

import pytest
from prometheus_client import CollectorRegistry

from driftline.clock import ManualClock
from driftline.kafka.errors import Fenced, OffsetOutOfRange, OutcomeUnknown, StaleGeneration, TransactionAborted
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.health import Health
from driftline.runtime.loop import AdaptiveInterval, BatchLoop, Flush, Handled, Limits, OutRecord, Reach, Surroundings
from driftline.runtime.metrics import LoopMetrics

IN0, IN1 = TopicPartition("in", 0), TopicPartition("in", 1)


class Counting:
    """Writes, per flush, one record with everything handled since the last."""

    def __init__(self, interval=0.5):
        self.interval = interval
        self.values: list[bytes] = []
        self.told: list[tuple] = []
        self.reaches: list[dict[TopicPartition, Reach]] = []
        self.plan: list[Flush] = []

    def commit_interval(self):
        return self.interval

    def on_assign(self, starts, now):
        self.told.append(("assign", dict(starts)))

    def on_revoke(self, partitions):
        self.values.clear()
        self.told.append(("revoke", sorted(partitions)))

    def handle(self, messages, now):
        self.values += [m.value() for m in messages]

    def flush(self, reach, now):
        self.reaches.append(dict(reach))
        if self.plan:
            return self.plan.pop(0)
        records = [OutRecord("out", None, b",".join(self.values))] if self.values else []
        self.values = []
        return Flush(records)

    def committed(self, offsets, now):
        self.told.append(("committed", dict(offsets)))


class Rig:
    """A twin with topics, and loops on it."""

    def __init__(self):
        self.clock = ManualClock(1_700_000_000_000_000)
        self.cluster = MemoryCluster(self.clock)
        self.cluster.admin().create([NewTopic("in", 2), NewTopic("out", 1)])
        self.health = Health(self.seconds)
        self.registry = CollectorRegistry()
        self.surroundings = Surroundings(self.clock, self.health, LoopMetrics(self.registry), self.seconds)

    def seconds(self):
        return self.clock.now_us() / 1e6

    def loop(self, handler, instance="1", **options):
        made = BatchLoop(
            "part",
            handler,
            consumer=self.cluster.consumer("g", instance_id=instance),
            producer=self.cluster.transactional_producer(f"part-{instance}"),
            topics=["in"],
            surroundings=self.surroundings,
            **options,
        )
        made.start()
        return made

    def send(self, *values, partition=0):
        producer = self.cluster.producer()
        for value in values:
            producer.produce("in", value, partition=partition)

    def run(self, *loops, turns=6, step_us=200_000):
        for _ in range(turns):
            for loop in loops:
                loop.step()
            self.clock.advance(step_us)

    def out(self):
        return [record.value() for record in self.cluster.records("out")]

    def offsets(self):
        return self.cluster.admin().group_offsets("g")


@pytest.fixture
def rig():
    return Rig()


def test_outputs_and_offsets_are_committed_together(rig):
    rig.send(b"a", b"b")
    handler = Counting()
    rig.run(rig.loop(handler))
    assert rig.out() == [b"a,b"]
    assert rig.offsets() == {IN0: 2, IN1: 0}


def test_a_first_start_begins_at_the_log_start_and_commits_that_at_once(rig):
    rig.send(b"gone", b"a")
    rig.cluster.truncate(IN0, 1)
    handler = Counting()
    loop = rig.loop(handler)
    loop.step()
    assert handler.told[0] == ("assign", {IN0: 1, IN1: 0})
    assert rig.offsets()[IN1] == 0


def test_ranges_follow_each_other_without_gap_even_over_aborted_records(rig):
    zombie = rig.cluster.transactional_producer("z")
    zombie.init_transactions()
    zombie.begin()
    zombie.produce("in", b"never", partition=0)
    zombie.abort()
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    rig.send(b"a")
    rig.run(loop)
    ranges = [reach[IN0] for reach in handler.reaches]
    assert ranges[0].start == 0
    assert all(after.start == before.end for before, after in itertools.pairwise(ranges))
    assert ranges[-1].end == 3


def test_an_open_transaction_of_a_source_means_not_caught_up(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    assert handler.reaches[-1][IN0].caught_up
    writer = rig.cluster.transactional_producer("w")
    writer.init_transactions()
    writer.begin()
    writer.produce("in", b"open", partition=0)
    rig.run(loop)
    assert not handler.reaches[-1][IN0].caught_up
    assert handler.reaches[-1][IN1].caught_up
    writer.commit()
    rig.run(loop)
    assert handler.reaches[-1][IN0].caught_up


def test_without_an_answer_about_the_end_nothing_counts_as_caught_up(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    handler.plan = [Flush(offsets={})] * 10
    rig.cluster.set_available(False)
    rig.run(loop)
    assert not any(reach.caught_up for reach in handler.reaches[-1].values())


def test_nothing_to_say_makes_no_transaction(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    committed = [told for told in handler.told if told[0] == "committed"]
    rig.run(loop, turns=20)
    assert [told for told in handler.told if told[0] == "committed"] == committed
    assert len(handler.reaches) > 5


def test_one_flush_may_take_several_transactions_and_pass_the_offset_with_the_last(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    rig.send(b"progress")
    handler.plan = [
        Flush([OutRecord("out", None, b"w1")], offsets={}, more=True),
        Flush([OutRecord("out", None, b"w2")], offsets={}, more=True),
        Flush([OutRecord("out", None, b"w3")], offsets={IN0: 1}),
    ]
    rig.run(loop)
    assert rig.out()[:3] == [b"w1", b"w2", b"w3"]
    told = [offsets for kind, offsets in handler.told if kind == "committed"]
    assert told[1:4] == [{}, {}, {IN0: 1}]


def test_a_rebalance_commits_all_and_drops_all(rig):
    first, second = Counting(interval=60), Counting(interval=60)
    one = rig.loop(first, "1")
    rig.run(one)
    rig.send(b"a", b"b")
    one.step()
    assert rig.out() == []
    two = rig.loop(second, "2")
    rig.run(two, one, two, one)
    assert rig.out() == [b"a,b"]
    assert ("revoke", [IN0, IN1]) in first.told
    assigned = [starts for h in (first, second) for kind, starts in h.told[-2:] if kind == "assign"]
    assert {p: o for starts in assigned for p, o in starts.items()} == {IN0: 2, IN1: 0}


def test_a_drain_commits_what_was_handled(rig):
    handler = Counting(interval=60)
    loop = rig.loop(handler)
    rig.run(loop)
    rig.send(b"a")
    loop.step()
    loop.drain()
    assert rig.out() == [b"a"]
    assert rig.offsets()[IN0] == 1


def test_stop_ends_run_after_a_drain(rig):
    handler = Counting(interval=0.0)
    rig.send(b"a")
    loop = rig.loop(handler)
    handled = handler.handle

    def handle_and_stop(messages, now):
        handled(messages, now)
        loop.stop()

    handler.handle = handle_and_stop
    loop.run()
    assert rig.out() == [b"a"]


@pytest.mark.parametrize("call", ["begin", "send_offsets", "commit"])
@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_of_a_transactional_call_ends_the_loop_and_the_next_start_counts_once(rig, call, after):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    rig.send(b"a")
    rig.cluster.fail_next(call, OutcomeUnknown("timed out"), after=after)
    with pytest.raises(OutcomeUnknown):
        rig.run(loop)
    loop.abandon()
    heir = Counting()
    rig.run(rig.loop(heir), turns=10)
    assert rig.out() == [b"a"]
    assert rig.offsets()[IN0] == 1


def test_a_crash_inside_an_open_transaction_leaves_nothing_behind(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    rig.send(b"a")

    def crash(*_args):
        raise SystemExit

    loop._producer.send_offsets = crash
    with pytest.raises(SystemExit):
        rig.run(loop)
    assert len(rig.cluster.records("out", committed_only=False)) == 1
    rig.run(rig.loop(Counting()), turns=10)
    assert rig.out() == [b"a"]
    assert len(rig.cluster.records("out", committed_only=False)) == 2


def test_a_zombie_instance_is_fenced_by_its_successor(rig):
    old = rig.loop(Counting(), "1")
    rig.run(old)
    new = rig.loop(Counting(), "1")
    rig.run(new)
    rig.send(b"a")
    with pytest.raises(Fenced):
        rig.run(old)
    rig.run(new)
    assert rig.out() == [b"a"]


def test_lost_partitions_are_dropped_and_end_the_loop(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    with pytest.raises(StaleGeneration):
        loop.on_lost([IN0, IN1])
    assert handler.told[-1] == ("revoke", [IN0, IN1])


def test_poison_that_the_handler_lets_through_stops_the_loop_uncommitted(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)

    def choke(messages, now):
        raise ValueError("bug")

    handler.handle = choke
    rig.send(b"a")
    with pytest.raises(ValueError, match="bug"):
        rig.run(loop)
    loop.abandon()
    assert rig.offsets()[IN0] == 0


def test_a_refused_record_aborts_and_ends_the_loop(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    rig.send(b"a")
    handler.plan = [Flush([OutRecord("nowhere", b"k", b"v")])] * 3
    with pytest.raises(TransactionAborted):
        rig.run(loop)
    assert rig.offsets()[IN0] == 0


def test_a_hole_stops_the_service_and_says_how_to_go_on(rig):
    rig.send(b"a", b"b", b"c")
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    loop.drain()
    rig.send(b"d", b"e")
    rig.cluster.truncate(IN0, 4)
    rig.clock.advance(10_000_000)
    with pytest.raises(OffsetOutOfRange, match=r"1 offsets are gone; start with DRIFTLINE_ACCEPT_GAP=true"):
        rig.run(rig.loop(Counting()))
    heir = Counting()
    rig.run(rig.loop(heir, accept_gap=True))
    assert heir.told[0] == ("assign", {IN0: 4, IN1: 0})
    assert heir.reaches[0][IN0].start == 4
    assert rig.out()[-1] == b"e"


def test_a_full_transaction_does_not_wait_for_its_interval(rig):
    handler = Counting(interval=3600)
    loop = rig.loop(handler, limits=Limits(transaction_rows=3, poll_messages=2))
    rig.run(loop)
    rig.send(b"a", b"b", b"c", b"d", b"e")
    rig.run(loop)
    assert rig.out() == [b"a,b,c,d"]


def test_rows_of_a_batch_count_towards_the_limit(rig):
    handler = Counting(interval=3600)
    handler.handle = lambda messages, now: handler.values.extend(m.value() for m in messages) or Handled(65_536, 0)
    loop = rig.loop(handler)
    rig.run(loop)
    rig.send(b"batch")
    loop.step()
    assert rig.out() == [b"batch"]


def test_many_bytes_end_a_transaction(rig):
    handler = Counting(interval=3600)
    loop = rig.loop(handler, limits=Limits(transaction_bytes=10))
    rig.run(loop)
    rig.send(b"x" * 11)
    loop.step()
    assert rig.out() == [b"x" * 11]


def test_messages_of_a_megabyte_make_many_transactions(rig):
    """H16: a transaction holds one poll more than its limit of bytes, never all that waits."""
    handler = Counting(interval=3600)
    handler.handle = lambda messages, now: handler.values.extend(b"%d" % len(m.value()) for m in messages)
    loop = rig.loop(handler, limits=Limits(poll_messages=2))
    rig.run(loop)
    rig.send(*[b"x" * 1024 * 1024] * 50)
    rig.run(loop, turns=25)
    loop.flush()
    sizes = [sum(map(int, out.split(b","))) for out in rig.out()]
    assert sizes == [16 << 20, 16 << 20, 16 << 20, 2 << 20]


def test_a_partition_that_does_not_move_is_stalled_and_one_read_to_its_end_is_not(rig):
    handler = Counting()
    loop = rig.loop(handler)
    rig.run(loop)
    writer = rig.cluster.transactional_producer("w")
    writer.init_transactions()
    writer.begin()
    writer.produce("in", b"open", partition=0)

    def stalled():
        return rig.registry.get_sample_value("driftline_loop_stalled_partitions", {"part": "part"})

    rig.run(loop, turns=50, step_us=500_000)
    assert stalled() == 0
    rig.run(loop, turns=20, step_us=500_000)
    assert stalled() == 1
    assert rig.registry.get_sample_value("driftline_loop_lag_offsets", {"part": "part", "topic": "in", "partition": "0"}) == 1
    writer.commit()
    rig.run(loop)
    assert stalled() == 0


def test_health_is_ready_after_joining_and_dies_when_the_loop_stands_still(rig):
    loop = rig.loop(Counting())
    assert "part" in rig.health.not_ready()
    rig.run(loop)
    assert "part" not in rig.health.not_ready()
    assert rig.health.not_live() == {}
    rig.clock.advance(61_000_000)
    assert "part" in rig.health.not_live()


def test_the_interval_doubles_while_partials_are_many_and_comes_back():
    interval = AdaptiveInterval()
    for _ in range(10):
        interval.observe(partials=300, events=1000)
    assert interval.seconds == 10.0
    interval.observe(partials=0, events=0)
    assert interval.seconds == 10.0
    for _ in range(10):
        interval.observe(partials=10, events=1000)
    assert interval.seconds == 0.5


@pytest.mark.parametrize("end", ["drain", "abandon"])
def test_an_assignment_that_is_served_while_leaving_is_declined(rig, end):
    """librdkafka serves the first assignment inside close() when a process ends just after it joined."""
    handler = Counting()
    loop = rig.loop(handler)
    getattr(loop, end)()
    assert loop.on_assign([IN0, IN1]) == {}
    assert handler.told == []
