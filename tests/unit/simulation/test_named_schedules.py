"""Named schedules that need a broker: transactions, offsets, retention. The others are in tests/unit/drift/windows."""

from __future__ import annotations

import pytest

from driftline.events import Decision
from driftline.kafka.errors import KafkaFailure
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.loop import BatchLoop
from services.drift.evaluate.handler import StateWithoutOffsets
from services.drift.evaluate.states import States
from tests.unit.simulation.chaos import id_in
from tests.unit.simulation.checks import check_all, decisions
from tests.unit.simulation.events import Row
from tests.unit.simulation.real_stage1 import RealWorld
from tests.unit.simulation.stage1 import PROFILES
from tests.unit.simulation.world import DAY, HOUR, PARTITIONS, SECOND, START, World


class OnlyToTheLastStableOffset(States):
    """The mutant: the end of `states` asked as a read_committed consumer sees it."""

    def goal(self, place):
        return self.consumer.watermarks(place).stable


class Unguarded(World):
    """A world whose evaluators do not compare the state with the offsets."""

    def _evaluate(self, name):
        handler = super()._evaluate(name)
        handler._accept_gap = True
        return handler


def rows(world: World, start: int = START, count: int = 6, hour: int = 0) -> None:
    for partition in range(2):
        found = [Row("north", f"{hour}-{n}", start + hour * HOUR + n * SECOND, "AA") for n in range(count)]
        world.send("predictions", partition, *found)


def handover_before_the_marker_on_states(world: World) -> World:
    """H2: committed on the offsets, not yet on `states`; the new owner reads before the marker arrives."""
    world.start()
    rows(world)
    world.run(6)
    world.cluster.hold_markers(lambda place: place.topic == "states")
    rows(world, hour=2)
    world.run(3)
    first, second = world.parts["evaluate"]
    first.die()
    world.tick(11 * SECOND)  # its session ends
    second.start()
    world.run(2, parts=["evaluate"])
    world.cluster.release_markers()
    world.finish()
    return world


def test_h2_a_new_owner_waits_for_the_marker_on_states():
    world = handover_before_the_marker_on_states(World(2))
    check_all(world)
    assert world.parts["evaluate"][1].deaths == ["Unavailable"]  # it could not read to the end, gave up and came again


def test_h2_restoring_to_the_last_stable_offset_is_refused_because_state_and_offsets_disagree():
    with pytest.raises(StateWithoutOffsets, match="belongs to offset"):
        handover_before_the_marker_on_states(World(2, states=OnlyToTheLastStableOffset))


def test_h2_without_that_guard_restoring_to_the_last_stable_offset_loses_rows():
    world = handover_before_the_marker_on_states(Unguarded(2, states=OnlyToTheLastStableOffset))
    with pytest.raises(AssertionError):
        check_all(world)
    counted = sum(reports[-1].n for key, reports in world.reports().items() if key[2] == "1 hour")
    assert counted < sum(counts.rows for key, counts in world.expected().items() if key[2] == "1 hour")


def many_windows(loop: type[BatchLoop]) -> World:
    """Three versions, two granularities: a watermark closes them all, one report per transaction."""
    world = World(9, instances=1, reports_per_transaction=1)
    world.start()
    for version in "123":
        found = (Row("north", f"{version}{n}", START + n, "AA", version=version) for n in range(4))
        world.send("predictions", 0, *found)
    world.run(6)
    (evaluator,) = world.parts["evaluate"]
    evaluator.leave()
    world.tick(12 * SECOND)
    world.loop_type = loop
    evaluator.start()
    world.loop_type = BatchLoop
    return world


def test_h9_a_kill_between_the_transactions_of_one_progress_record_changes_nothing():
    def played(kill_after: int | None) -> World:
        done: list[dict] = []

        class Killed(BatchLoop):
            def _transact(self, records, offsets):
                if len(done) == kill_after:
                    raise KafkaFailure("killed")
                done.append(offsets)
                super()._transact(records, offsets)

        world = many_windows(Killed)
        world.finish()
        (evaluator,) = world.parts["evaluate"]
        assert evaluator.deaths == ([] if kill_after is None else ["KafkaFailure"])
        return world

    undisturbed = played(None)
    check_all(undisturbed)
    for kill_after in range(2, 18, 3):
        world = played(kill_after)
        check_all(world)
        assert decisions(world) == decisions(undisturbed)


def test_h9_the_offset_passes_a_progress_record_with_the_last_of_its_transactions():
    transactions: list[tuple[int, dict]] = []

    class Noted(BatchLoop):
        def _transact(self, records, offsets):
            reports = [record for record in records if record.topic == "driftline.windows"]
            transactions.append((len(reports), dict(offsets)))
            super()._transact(records, offsets)

    many_windows(Noted).finish()
    closing = [offsets for reports, offsets in transactions if reports]
    assert {reports for reports, _ in transactions} == {0, 1}
    assert sum(not offsets for offsets in closing) >= 10  # reports without any offset that moves


@pytest.mark.parametrize("real", [False, True], ids=["model", "real stage 1"])
def test_h20_a_correction_that_is_read_ahead_of_label_close_does_not_change_the_decision(real):
    """One partition of labels is hours ahead of the other: the correction of a label in time is read before the decision."""

    def played(*, ahead: bool) -> World:
        world = (RealWorld if real else World)(20, instances=1)
        world.start()
        names = {partition: [id_in(partition, n) for n in range(4)] for partition in range(PARTITIONS)}
        for partition, found in names.items():
            world.send("predictions", partition, *(Row("north", name, START + SECOND, "AA") for name in found))
            world.send("labels", partition, *(Row("north", name, START + HOUR, outcome="late") for name in found))
        correction = [Row("north", name, START + 6 * HOUR, outcome="on time") for name in names[0]]
        if ahead:
            world.send("labels", 0, *correction)
        world.run(6)
        for topic in ("predictions", "labels"):
            for partition in range(PARTITIONS):
                world.send(topic, partition, Row("north", "", START + 5 * HOUR, version=""))
        world.run(6)
        if not ahead:
            world.send("labels", 0, *correction)
        world.finish()
        check_all(world)
        return world

    ahead, orderly = played(ahead=True), played(ahead=False)
    assert decisions(ahead) == decisions(orderly)
    assert any(decision is Decision.PERFORMANCE for _, decision in decisions(ahead))


def test_h21_a_group_whose_offsets_were_forgotten_is_not_started_over_its_own_state():
    world = World(21, instances=1)
    world.start()
    rows(world)
    world.run(6)
    (evaluator,) = world.parts["evaluate"]
    evaluator.leave()
    world.cluster._broker.group("evaluate").committed.clear()
    world.tick(8 * DAY)
    evaluator.start()
    with pytest.raises(StateWithoutOffsets, match="reset-offsets"):
        evaluator.step()


def test_h21_going_on_by_accept_gap_counts_nothing_twice_and_marks_the_windows():
    world = Unguarded(21, instances=1)
    world.start()
    rows(world)
    world.run(6)
    (evaluator,) = world.parts["evaluate"]
    evaluator.leave()
    world.cluster._broker.group("evaluate").committed.clear()
    world.tick(12 * SECOND)
    world.finish()
    expected = world.expected()
    for key, reports in world.reports().items():
        assert (reports[-1].n, reports[-1].exact) == (expected[key].rows, False)


def test_a_hole_in_profiles_stops_the_evaluator():
    world = World(21, instances=1)
    world.start()
    rows(world)
    world.run(4)
    (evaluator,) = world.parts["evaluate"]
    evaluator.leave()
    rows(world, hour=1)
    world.run(8)
    for partition in range(2):
        place = TopicPartition(PROFILES, partition)
        world.cluster.truncate(place, world._end(place) - 1)
    world.tick(12 * SECOND)
    evaluator.start()
    evaluator.step()
    assert evaluator.deaths == ["OffsetOutOfRange"]


def test_a_state_topic_that_was_emptied_is_not_taken_for_a_new_beginning():
    world = World(21, instances=1)
    world.start()
    rows(world)
    world.run(6)
    (evaluator,) = world.parts["evaluate"]
    evaluator.leave()
    admin = world.cluster.admin()
    admin.delete(["states"])
    admin.create([STATES])
    world.tick(12 * SECOND)
    evaluator.start()
    with pytest.raises(StateWithoutOffsets):
        evaluator.step()


STATES = NewTopic("states", 2, {"cleanup.policy": "compact"})
