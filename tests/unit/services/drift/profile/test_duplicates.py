"""Ids that come again, where a monitor wants each once."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.batches import from_rows
from driftline.codec import encode
from driftline.events import Deduplicate
from tests.unit.services.drift.building import HOUR, SECOND, home_of
from tests.unit.services.drift.profile.building import MONITOR, World, change, prediction, rows_of

ONCE = change(MONITOR, deduplicate=Deduplicate.ID, labels=False)


@pytest.mark.parametrize("restart", [False, True])
def test_an_id_that_comes_again_within_the_hour_is_refused_and_the_first_one_counts(restart):
    world = World(ONCE)
    world.send(prediction(0, version="v1"))
    world.send(prediction(1))
    assert sum(rows_of(world.flush()).values()) == 2
    world.clock.advance(HOUR - SECOND)
    if restart:
        world.restart()
    world.send(prediction(0, version="v2"))
    out = world.flush()
    assert (rows_of(out), out.reasons()) == ({}, [("duplicate_id", "prediction_id")])
    assert out.dead[0].source_value == encode(prediction(0, version="v2"))
    world.clock.advance(2 * SECOND)
    if restart:
        world.restart()
    world.send(prediction(1))
    assert sum(rows_of(world.flush()).values()) == 1


@pytest.mark.parametrize("restart", [False, True])
def test_the_hour_begins_anew_with_each_repeat(restart):
    world = World(ONCE)
    counted = []
    for _ in range(5):
        world.send(prediction(0))
        counted.append(sum(rows_of(world.flush()).values()))
        world.clock.advance(50 * 60 * SECOND)
        if restart:
            world.restart()
    assert counted == [1, 0, 0, 0, 0]


def test_repeats_are_told_by_offset_across_batches_and_single_predictions():
    world = World(ONCE)
    home = [i for i in range(99) if home_of(f"p{i}") == 0][:4]
    world.send(prediction(home[0], version="v1"))
    world.send(from_rows([prediction(i, version="v2") for i in (home[0], home[1], home[2], home[1])]), partition=0)
    world.send(prediction(home[2], version="v3"))
    world.send(prediction(home[3], version="v3"))
    out = world.flush()
    counted = {version: rows for (_, version, _), rows in rows_of(out).items()}
    assert counted == {"v1": 1, "v2": 2, "v3": 1}
    assert sorted((dead.reason, dead.rows) for dead in out.dead) == [("duplicate_id", ()), ("duplicate_id", (0, 3))]


def test_a_repeated_batch_is_one_dead_letter():
    world = World(ONCE)
    batch = from_rows([prediction(i) for i in range(40) if home_of(f"p{i}") == 0])
    for _ in range(2):
        world.send(batch, partition=0)
    out = world.flush()
    assert [(dead.reason, dead.rows, dead.source_value) for dead in out.dead] == [("duplicate_id", (), encode(batch))]


def test_a_refused_row_does_not_make_the_next_one_a_repeat():
    world = World(ONCE)
    world.send(prediction(0, age=math.inf))
    world.send(prediction(0))
    out = world.flush()
    assert (sum(rows_of(out).values()), [reason for reason, _ in out.reasons()]) == (1, ["non_finite"])


def test_ids_are_remembered_from_the_monitor_on_that_wants_each_once():
    world = World()
    world.send(prediction(0))
    world.flush()
    world.clock.advance(SECOND)
    world.put("monitors", change(ONCE, monitor_version=2))
    world.clock.advance(SECOND)
    for expected in ([], [("duplicate_id", "prediction_id")]):
        world.send(prediction(0))
        assert world.flush().reasons() == expected
        world.restart()


def test_a_start_reads_only_the_last_hour_and_nothing_at_all_where_ids_may_repeat():
    read: list[str] = []

    class Watched(World):
        def started(self):
            stage = super().started()
            learn = stage._duplicates._learn
            stage._duplicates._learn = lambda messages, places: (
                read.extend(m.key().decode() for m in messages),
                learn(messages, places),
            )
            return stage

    for monitor, expected in ((ONCE, ["1", "2"]), (MONITOR, [])):
        world = Watched(monitor)
        same = [i for i in range(99) if home_of(f"p{i}") == 0][:3]
        for place, i in enumerate(same):
            world.put("predictions", prediction(i), partition=0, key=b"%d" % place)
            world.clock.advance(40 * 60 * SECOND)
        world.flush()
        world.restart()
        assert read == expected
        read.clear()


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "batch", "wait", "commit", "crash"]), st.integers(0, 3), st.integers(0, 70)), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_however_it_is_stopped_an_id_counts_once_in_any_hour_without_it(steps):
    world = World(ONCE)
    seen: dict[int, int] = {}
    expected = counted = 0
    for what, i, minutes in steps:
        if what in ("send", "batch"):
            if what == "send":
                world.send(prediction(i))
            else:
                world.send(from_rows([prediction(i)]), partition=home_of(f"p{i}"))
            now = world.clock.now_us()
            expected += i not in seen or now - seen[i] > HOUR
            seen[i] = now
        elif what == "wait":
            world.clock.advance(minutes * 60 * SECOND)
        elif what == "commit":
            counted += sum(rows_of(world.flush()).values())
        else:
            world.restart()
    assert counted + sum(rows_of(world.flush()).values()) == expected
