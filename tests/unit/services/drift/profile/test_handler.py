"""Stage profile over the in-memory twin of Kafka: what is counted, what is refused and why, what goes out."""

import math
from typing import Any

from driftline.batches import from_rows
from driftline.codec import decode
from driftline.drift.profile import Layout, Profile, Reservoir
from driftline.events import (
    Group,
    MonitorDetector,
    MonitorSlice,
    Part,
    Progress,
    SourceTime,
    Watermark,
)
from driftline.kafka.partitioning import partition_for
from services.drift.stage1.models import OTHER_VERSIONS
from tests.unit.services.drift.building import (
    HOUR,
    PROFILES_PARTITIONS,
    SECOND,
    START,
    Out,
    home_of,
)
from tests.unit.services.drift.profile.building import (
    BASELINE,
    MONITOR,
    World,
    change,
    id_in,
    prediction,
    register,
    rows_of,
    typed,
    write,
)


def test_predictions_are_counted_by_version_and_pane():
    world = World()
    for i in range(10):
        world.send(prediction(i, START - (i % 2) * HOUR, version=f"v{i % 3}"))
    out = world.flush()
    pane, before = START // HOUR * HOUR, START // HOUR * HOUR - HOUR
    assert rows_of(out) == {
        ("m", "v0", pane): 2, ("m", "v0", before): 2,
        ("m", "v1", pane): 1, ("m", "v1", before): 2,
        ("m", "v2", pane): 2, ("m", "v2", before): 1,
    }  # fmt: skip
    layout = Layout.of(MONITOR, BASELINE)
    assert {each.layout for each in out.sets} == {layout.hash}
    profile = Profile.from_event(layout, out.sets[0].panes[0])
    assert profile.cells[layout.by_column["age"].cells].sum() == profile.rows
    assert profile.sums[layout.moments("age")][0] == profile.rows


def test_batches_and_single_predictions_count_alike():
    world = World()
    home = [prediction(i, age=float(i)) for i in range(40) if home_of(f"p{i}") == 0]
    for each in home:
        world.send(each)
    single = world.flush()
    world.send(from_rows(home), partition=0)
    batch = world.flush()
    assert single.sets[0].panes == batch.sets[0].panes
    assert single.sets[0].times == batch.sets[0].times


def test_a_typed_schema_counts_its_fields_as_features():
    schema = typed(prediction="string", score="double", age=["null", "double"], origin="string")
    world = World()
    register(world, schema)
    common = {"model_id": "m", "model_version": "v1", "event_time": START, "prediction": "yes", "score": 0.5}
    for i in range(3):
        name = id_in(0, f"t{i}-")
        record = common | {"prediction_id": name, "age": [1.0, None, 7.0][i], "origin": "JFK"}
        world.put("predictions", write(schema, record), partition=0)
    out = world.flush()
    assert out.reasons() == [("missing_field", "age")]
    assert sum(rows_of(out).values()) == 2


def test_a_schema_that_came_later_than_its_message_is_unknown():
    schema = typed(age="double")
    world = World()
    record = {"model_id": "m", "model_version": "v1", "event_time": START, "prediction_id": id_in(0), "age": 1.0}
    world.put("predictions", write(schema, record), partition=0)
    world.clock.advance(1000)
    register(world, schema)
    world.put("predictions", write(schema, record), partition=0)
    out = world.flush()
    assert out.reasons() == [("unknown_schema", None)]
    assert sum(rows_of(out).values()) == 1


def test_progress_is_last_in_every_partition_and_counts_the_sets_before_it():
    world = World(MONITOR, change(MONITOR, model_id="n"))
    for i in range(6):
        world.send(prediction(i, model="mn"[i % 2], version=f"v{i % 3}"))
    out = world.flush()
    by_partition: dict[int, list[Any]] = {}
    for record in world.records:
        assert record.topic == "driftline.profiles"
        by_partition.setdefault(record.partition or 0, []).append(decode(record.value or b""))
    assert sorted(by_partition) == [0, 1, 2, 3]
    for partition, events in by_partition.items():
        *sets, progress = events
        assert isinstance(progress, Progress)
        assert progress.profile_sets == len(sets)
        assert all(partition_for(each.model_id.encode(), 4) == partition for each in sets)
        assert [(r.partition, r.from_offset, r.caught_up) for r in progress.ranges] == [(0, 0, True), (1, 0, True)]
        assert sum(r.to_offset for r in progress.ranges) == 6
        assert (progress.group, progress.writer, progress.commit_interval_us) == (Group.PROFILE, "w1", 500_000)
    assert len(out.sets) == 6


def test_ranges_continue_where_the_last_ones_ended_and_nothing_is_counted_twice():
    world = World()
    world.send(prediction(0))
    world.flush()
    home = home_of("p0")
    world.send(prediction(0))
    out = world.flush()
    assert sum(rows_of(out).values()) == 1
    assert [(r.from_offset, r.to_offset) for r in out.progress[0].ranges if r.partition == home] == [(1, 2)]


def test_idle_progress_comes_every_second_and_nothing_else():
    world = World()
    assert len(world.flush().progress) == 4
    assert world.flush() == Out([], [], [])
    assert not world.records
    world.clock.advance(SECOND)
    out = world.flush()
    assert (len(out.progress), out.sets, out.dead) == (4, [], [])


def test_an_idle_minute_writes_progress_once_a_second_however_often_it_is_asked_for():
    """H17: progress must not fill the disk."""
    world = World()
    world.flush()
    written = 0
    for _ in range(600):
        world.clock.advance(SECOND // 10)
        written += len(world.flush().progress)
    assert written == 60 * PROFILES_PARTITIONS


def test_many_models_with_a_row_each_are_one_set_each_and_commits_become_rarer():
    """H16: thousands of models with hardly a row in a transaction."""
    names = [f"m{i}" for i in range(150)]
    world = World(*(change(MONITOR, model_id=name) for name in names))
    intervals = []
    for _ in range(6):
        for name in names:
            world.send(prediction(model=name))
        assert sorted(each.model_id for each in world.flush().sets) == sorted(names)
        intervals.append(world.stage.commit_interval())
    assert intervals == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_set_carries_the_largest_event_time_of_its_model_in_each_source_partition():
    world = World()
    names = [id_in(0), id_in(1)]
    world.send(change(prediction(0, START - 5), prediction_id=names[0]))
    world.send(change(prediction(0, START - 9, version="v2"), prediction_id=names[0]))
    world.send(change(prediction(0, START - 7), prediction_id=names[1]))
    out = world.flush()
    times = tuple(
        SourceTime(topic="driftline.predictions", partition=p, event_time=t) for p, t in ((0, START - 5), (1, START - 7))
    )
    assert [each.times for each in out.sets] == [times, times]


def test_a_watermark_moves_the_clock_and_counts_nowhere():
    world = World()
    world.send(Watermark(model_id="m", event_time=START), partition=1)
    out = world.flush()
    assert [(s.model_id, s.panes, [(t.partition, t.event_time) for t in s.times]) for s in out.sets] == [
        ("m", (), [(1, START)])
    ]


def test_refused_rows_move_no_clock():
    world = World()
    world.send(prediction(0, age=math.inf))
    assert world.flush().sets == []


def test_rows_are_counted_under_the_monitor_version_in_force():
    second = change(MONITOR, monitor_version=2, effective_from=START, columns=MONITOR.columns[:2])
    world = World(MONITOR, second)
    world.send(prediction(0, START - 1))
    world.send(prediction(1, START))
    out = world.flush()
    assert [(s.monitor_version, s.panes[0].rows) for s in out.sets] == [(1, 1), (2, 1)]
    assert out.sets[0].layout != out.sets[1].layout


def test_versions_beyond_the_hundredth_are_counted_together():
    world = World()
    for i in range(103):
        world.send(prediction(i, version=f"v{i}"))
    out = world.flush()
    assert len(out.sets) == 101
    assert sum(rows for (_, version, _), rows in rows_of(out).items() if version == OTHER_VERSIONS) == 3
    assert sum(rows_of(out).values()) == 103


def test_what_was_not_committed_is_dropped_on_a_revoke_and_counted_by_the_next_owner():
    world = World()
    world.send(prediction(0))
    world.stage.handle(world.consumer.consume(10, 0), world.clock.now_us())
    world.stage.on_revoke(list(world.positions))
    world.restart()
    assert sum(rows_of(world.flush()).values()) == 1


def test_the_same_message_read_again_gives_the_same_records():
    world = World()
    world.send(prediction(0))
    world.send(prediction(1, age=math.inf))
    first = [(r.topic, r.key, r.value, r.headers) for r in (world.flush(), world.records)[1]]
    world.positions = dict.fromkeys(world.positions, 0)
    world.restart()
    assert [(r.topic, r.key, r.value, r.headers) for r in (world.flush(), world.records)[1]] == first


def test_sets_without_pane_or_label_parts_are_inputs_only():
    world = World()
    world.send(prediction(0))
    assert {pane.part for each in world.flush().sets for pane in each.panes} == {Part.INPUTS}


def test_each_slice_of_the_monitor_is_counted_beside_all_rows():
    slices = (MonitorSlice(columns=("origin",)), MonitorSlice(where="age > 50"))
    world = World(change(MONITOR, slices=slices))
    for i, (age, origin) in enumerate([(5.0, "JFK"), (60.0, "JFK"), (70.0, "LGA"), (None, "BOS"), (80.0, None)]):
        world.send(prediction(i, age=5.0 if age is None else age, origin=origin))
    (found,) = world.flush().sets
    assert {pane.slice: pane.rows for pane in found.panes} == {
        "": 5,
        "origin=JFK": 2,
        "origin=LGA": 1,
        "origin=(other)": 2,
        "age > 50": 3,
        "(age > 50) IS NOT TRUE": 2,
    }
    assert [pane.slice for pane in found.panes] == sorted(pane.slice for pane in found.panes)


def test_rows_of_two_monitor_versions_are_cut_by_their_own_slices():
    first = change(MONITOR, slices=(MonitorSlice(columns=("origin",)),))
    second = change(MONITOR, monitor_version=2, effective_from=START + HOUR, slices=(MonitorSlice(where="age > 50"),))
    world = World(first, second)
    world.send(prediction(0))
    world.send(prediction(1, time=START + 2 * HOUR))
    world.clock.advance(3 * HOUR)
    world.send(prediction(2, time=START + 2 * HOUR))
    found = {(each.monitor_version, pane.slice): pane.rows for each in world.flush().sets for pane in each.panes}
    assert found == {(1, ""): 1, (1, "origin=JFK"): 1, (2, ""): 1, (2, "(age > 50) IS NOT TRUE"): 1}


def test_a_backfill_that_is_scattered_over_time_is_counted_alike(monkeypatch):
    world = World(change(MONITOR, future_skew_us=5000 * HOUR, slices=(MonitorSlice(columns=("origin",)),)))

    def counted():
        for i in range(120):
            world.send(prediction(i, time=START + (i * 37 % 60) * HOUR, origin="LGA" if i % 3 else "JFK", age=float(i % 7)))
        found: dict[tuple[str, int], Profile] = {}
        layout = Layout.of(change(MONITOR, slices=(MonitorSlice(columns=("origin",)),)), BASELINE)
        for each in world.flush().sets:
            for pane in each.panes:
                key = (pane.slice, pane.pane)
                found[key] = found.get(key, Profile.zero(layout.shape(pane.part))) + Profile.from_event(layout, pane)
        return {key: (profile.rows, profile.cells.tolist()) for key, profile in found.items()}

    at_once = counted()
    monkeypatch.setattr("services.drift.profile.handler.MAXIMUM_GROUPS_BYTES", 20_000)
    assert counted() == at_once
    assert sum(rows for (name, _), (rows, _) in at_once.items() if not name) == 120


SAMPLED = change(MONITOR, detectors=(MonitorDetector(family="feature", kind="kswin"),))


def sample_sent(out: Out) -> Reservoir:
    layout = Layout.of(SAMPLED, BASELINE)
    panes = [pane for each in out.sets for pane in each.panes if pane.part is Part.SAMPLE]
    found = (Reservoir.decode(layout.sample_rows, len(layout.blocks), pane.cells) for pane in panes)
    return Reservoir.total(layout.sample_rows, len(layout.blocks), found)


def test_who_looks_at_rows_gets_a_bounded_sample_beside_the_counts_and_others_none():
    world = World(SAMPLED)
    ids = [i for i in range(2_000) if home_of(f"p{i}") == 0]
    world.send(from_rows([prediction(i, age=float(i)) for i in ids]), partition=0)
    at_once = world.flush()
    for part in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
        world.send(from_rows([prediction(i, age=float(i)) for i in part]), partition=0)
    in_parts = sample_sent(world.flush())
    found = sample_sent(at_once)
    assert len(found) == 500
    assert found.encode() == in_parts.encode()
    assert {pane.rows for each in at_once.sets for pane in each.panes} == {len(ids), 0}
    ages = found.values[:, 0] + Layout.of(SAMPLED, BASELINE).blocks[0].origin
    assert set(ages.tolist()) <= {float(i) for i in ids}
    other = World()
    other.send(prediction(0))
    assert [pane.part for each in other.flush().sets for pane in each.panes] == [Part.INPUTS]
