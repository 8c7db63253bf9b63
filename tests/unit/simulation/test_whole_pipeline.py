"""The schedules again, with the real stage 1 in front: what a producer sends is what the final windows hold."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import pytest

from driftline.events import ClosedBy, DeadLetter, Deduplicate, MonitorColumn, MonitorSlice
from tests.unit.simulation.chaos import Chaos, traffic
from tests.unit.simulation.checks import check_all, check_slices, check_times_and_texts, decisions, drift
from tests.unit.simulation.events import MODELS
from tests.unit.simulation.real_stage1 import RealWorld
from tests.unit.simulation.test_schedules import CUTS
from tests.unit.simulation.world import HOUR, KINDS, MINUTE, READ, World, monitor_of

SCHEDULES = int(os.environ.get("DRIFTLINE_SCHEDULES", "60")) // 10
FIRST = int(os.environ.get("DRIFTLINE_FIRST_SCHEDULE", "0"))


def play(seed: int, *, patient: bool, slices: tuple[MonitorSlice, ...] = (), **changes: Any) -> RealWorld:
    monitors = {model: monitor_of(model, patient=patient, slices=slices, **changes) for model in MODELS}
    world = RealWorld(seed, monitors=monitors, changes=seed % 3 == 0, caches=seed % 2 == 1)
    queues = traffic(random.Random(seed), rows=20, disorder_us=4 * MINUTE if patient else 6 * HOUR)
    Chaos(world, queues, long_pauses=not patient).play(120)
    return world


def modelled(seed: int, slices: tuple[MonitorSlice, ...] = ()) -> World:
    """The same rows through the simple models of stage 1, and nothing goes wrong."""
    world = World(seed, patient=True, instances=1, changes=seed % 3 == 0, slices=slices)
    world.start()
    for (topic, partition), rows in traffic(random.Random(seed), rows=20, disorder_us=4 * MINUTE).items():
        world.send(topic, partition, *rows)
    world.finish()
    return world


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SCHEDULES))
def test_counts_and_decisions_are_those_of_an_orderly_run(seed):
    world, reference = play(seed, patient=True), modelled(seed)
    check_all(world)
    assert {report.closed_by for reports in world.reports().values() for report in reports} == {ClosedBy.WATERMARK}
    assert decisions(world) == decisions(reference)
    assert drift(world) == drift(reference)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SCHEDULES))
def test_late_rows_and_impatient_monitors_change_no_final_count(seed):
    check_all(play(seed, patient=False))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(1, SCHEDULES // 3)))
def test_slices_and_their_labels_survive_everything_that_rows_do(seed):
    world, reference = play(seed, patient=True, slices=CUTS), modelled(seed, CUTS)
    check_all(world)
    check_slices(world)
    assert decisions(world) == decisions(reference)
    assert drift(world) == drift(reference)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(2, SCHEDULES // 3)))
def test_times_and_texts_are_counted_once_by_age_and_length_in_every_schedule(seed):
    columns = tuple(MonitorColumn(name=name, kind=kind) for name, kind in (KINDS | READ).items())
    world = play(seed, patient=seed % 2 == 0, columns=columns)
    check_all(world)
    check_times_and_texts(world)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(2, SCHEDULES // 3)))
def test_where_each_id_counts_once_repeats_are_dead_letters_in_every_schedule(seed):
    world = play(seed, patient=seed % 2 == 0, deduplicate=Deduplicate.ID)
    check_all(world)
    sent = Counter((row.model, row.id) for _, _, row in world.sent if row.carrier)
    repeated = sum(sent.values()) - len(sent)
    dead = [letter for letter in world.told("dead-letters") if isinstance(letter, DeadLetter)]
    assert [letter.reason for letter in dead if letter.rejected_by == "drift/profile"] == ["duplicate_id"] * repeated
