"""Business metrics through every schedule: sums equal a batch computation, decisions those of an orderly run."""

from __future__ import annotations

import os
import random

import pytest

from tests.unit.simulation.business import check_metrics, metered
from tests.unit.simulation.chaos import Chaos, traffic
from tests.unit.simulation.checks import check_all, decisions, drift
from tests.unit.simulation.real_stage1 import RealWorld
from tests.unit.simulation.test_schedules import CUTS
from tests.unit.simulation.world import HOUR, MINUTE, World

SCHEDULES = max(1, int(os.environ.get("DRIFTLINE_SCHEDULES", "60")) // 10)
FIRST = int(os.environ.get("DRIFTLINE_FIRST_SCHEDULE", "0"))


def play(kind: type[World], seed: int, *, patient: bool, slices=()) -> World:
    world = kind(seed, monitors=metered(patient=patient, slices=slices), changes=seed % 3 == 0, caches=seed % 2 == 1)
    queues = traffic(random.Random(seed), rows=20, disorder_us=4 * MINUTE if patient else 6 * HOUR)
    Chaos(world, queues, long_pauses=not patient).play(120)
    return world


def orderly(seed: int, slices=()) -> World:
    world = World(seed, instances=1, monitors=metered(patient=True, slices=slices), changes=seed % 3 == 0)
    world.poll_messages = 200
    world.start()
    for (topic, partition), rows in traffic(random.Random(seed), rows=20, disorder_us=4 * MINUTE).items():
        world.send(topic, partition, *rows)
    world.finish()
    return world


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SCHEDULES))
@pytest.mark.parametrize("kind", [World, RealWorld])
def test_metrics_and_what_is_decided_on_them_are_those_of_an_orderly_run(kind, seed):
    slices = CUTS if seed % 2 else ()
    world, reference = play(kind, seed, patient=True, slices=slices), orderly(seed, slices)
    for each in (world, reference):
        check_all(each)
        check_metrics(each)
    assert decisions(world) == decisions(reference)
    assert drift(world) == drift(reference)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SCHEDULES))
def test_late_rows_and_impatient_monitors_change_no_sum(seed):
    world = play(RealWorld, seed, patient=False)
    check_all(world)
    check_metrics(world)


def test_some_schedules_break_limits_of_metrics_of_rows_and_of_outcomes():
    kinds = {event.kind for seed in range(2) for event in orderly(seed).told("drift-events")}
    assert kinds >= {"business", "outcome_business"}
