"""Any interleaving of crash, rebalance, handover, duplicate, reorder, idle and stalled partitions, two models at different
event times, and late data: final windows equal a batch computation, decisions are what they must be.

DRIFTLINE_SCHEDULES sets how many schedules of each kind are played (60: half a minute; thousands need an hour),
DRIFTLINE_FIRST_SCHEDULE where the seeds begin.
"""

from __future__ import annotations

import os
import random

import pytest

from driftline.events import ClosedBy, Decision, MonitorSlice
from services.drift.evaluate.states import States
from tests.unit.simulation.chaos import Chaos, traffic
from tests.unit.simulation.checks import (
    check_all,
    check_counts_of_checks,
    check_functions,
    check_slices,
    decisions,
    drift,
    scheduled,
)
from tests.unit.simulation.world import HOUR, MINUTE, World

SCHEDULES = int(os.environ.get("DRIFTLINE_SCHEDULES", "60"))
FIRST = int(os.environ.get("DRIFTLINE_FIRST_SCHEDULE", "0"))
TURNS = 150
CUTS = (
    MonitorSlice(columns=("carrier",)),
    MonitorSlice(columns=("carrier", ":prediction")),
    MonitorSlice(where="carrier = 'UA'"),
)
ROWS = 20


def blocks(step: int = 25) -> list[range]:
    return [range(first, min(first + step, FIRST + SCHEDULES)) for first in range(FIRST, FIRST + SCHEDULES, step)]


def orderly(seed: int, slices: tuple[MonitorSlice, ...] = ()) -> World:
    """The same rows, and nothing goes wrong."""
    world = World(seed, patient=True, instances=1, changes=seed % 3 == 0, slices=slices)
    world.poll_messages = 200
    world.start()
    for (topic, partition), rows in traffic(random.Random(seed), rows=ROWS, disorder_us=4 * MINUTE).items():
        world.send(topic, partition, *rows)
    world.finish()
    return world


def disorderly(seed: int, *, patient: bool, states: type[States] = States, slices: tuple[MonitorSlice, ...] = ()) -> World:
    disorder_us = 4 * MINUTE if patient else 6 * HOUR
    world = World(seed, patient=patient, states=states, caches=seed % 2 == 1, changes=seed % 3 == 0, slices=slices)
    queues = traffic(random.Random(seed), rows=ROWS, disorder_us=disorder_us)
    Chaos(world, queues, long_pauses=not patient).play(TURNS)
    return world


@pytest.mark.parametrize("seeds", blocks(), ids=str)
def test_with_disorder_within_lateness_counts_and_decisions_are_the_same_for_every_schedule(seeds):
    for seed in seeds:
        world, reference = disorderly(seed, patient=True), orderly(seed)
        check_all(world)
        assert {report.closed_by for reports in world.reports().values() for report in reports} == {ClosedBy.WATERMARK}
        assert decisions(world) == decisions(reference), seed
        assert drift(world) == drift(reference), seed
        assert scheduled(world) == scheduled(reference), seed
        check_counts_of_checks(world)
        assert scheduled(world), seed


@pytest.mark.parametrize("seeds", blocks(), ids=str)
def test_with_late_rows_idle_partitions_and_impatient_monitors_final_counts_are_the_same(seeds):
    for seed in seeds:
        world = disorderly(seed, patient=False)
        check_all(world)
        check_functions(world)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(1, SCHEDULES // 20)))
def test_slices_are_counted_and_decided_as_exactly_as_all_rows(seed):
    world, reference = disorderly(seed, patient=True, slices=CUTS), orderly(seed, CUTS)
    check_all(world)
    check_slices(world)
    assert decisions(world) == decisions(reference)
    assert drift(world) == drift(reference)
    late = disorderly(seed, patient=False, slices=CUTS)
    check_all(late)
    check_functions(late)
    check_slices(late)


class OnlyToTheLastStableOffset(States):
    """The mutant: the end of `states` asked as a read_committed consumer sees it."""

    def goal(self, place):
        return self.consumer.watermarks(place).stable


def test_restoring_states_only_to_the_last_stable_offset_is_found_out():
    broken = 0
    for seed in range(FIRST, FIRST + 12):
        try:
            check_all(disorderly(seed, patient=True, states=OnlyToTheLastStableOffset))
        except Exception:
            broken += 1
    assert broken > 0


def test_schedules_really_do_what_they_are_for():
    """Deaths, fenced instances, late windows, revisions and waits all occur in the schedules that are played."""
    deaths, closed, decided, revised = set(), set(), set(), 0
    for seed in range(12):
        world = disorderly(seed, patient=False)
        deaths |= {why for one in world.instances() for why in one.deaths}
        for reports in world.reports().values():
            closed |= {report.closed_by for report in reports}
            decided |= {report.decision for report in reports}
            revised = max(revised, len(reports))
    assert {"SIGKILL", "OutcomeUnknown"} <= deaths
    assert closed == set(ClosedBy)
    assert decided == set(Decision)
    assert revised > 4
