"""Stage profile over the in-memory twin of Kafka: what is counted, what is refused and why, what goes out."""

import dataclasses
import json
import math
import struct
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline import topics
from driftline.batches import from_rows
from driftline.codec import decode, encode, fingerprint, header
from driftline.drift.profile import Layout, Profile, Reservoir
from driftline.errors import Reason
from driftline.events import (
    ColumnKind,
    Deduplicate,
    Group,
    Label,
    MonitorDetector,
    MonitorMetric,
    MonitorSlice,
    Part,
    PredictionBatch,
    Progress,
    SchemaRegistered,
    SourceTime,
    Watermark,
)
from driftline.kafka.partitioning import partition_for
from driftline.runtime.catalogue import Catalogue
from services.drift.profile.duplicates import Duplicates
from services.drift.profile.handler import ProfileHandler
from services.drift.stage1.models import OTHER_VERSIONS
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Place
from tests.unit.services.drift.building import (
    HOUR,
    PARTITIONS,
    PROFILES_PARTITIONS,
    SCORES,
    SECOND,
    START,
    Out,
    StageWorld,
    home_of,
    monitored,
    predicted,
)

KINDS = {"age": ColumnKind.NUMERIC, "origin": ColumnKind.CATEGORICAL, ":score": ColumnKind.NUMERIC}
DATA: dict[str, Any] = {"age": np.arange(100.0), "origin": ["JFK", "LGA"] * 50, ":score": SCORES}
MONITOR, BASELINE = monitored(KINDS, DATA, future_skew_us=5 * SECOND)
change = dataclasses.replace


class World(StageWorld):
    """A stage profile that reads what is sent to it."""

    def __init__(self, *monitors, baseline=BASELINE):
        super().__init__(baseline, *(monitors or (MONITOR,)))

    def started(self):
        catalogue = Catalogue(self.cluster.consumer())
        reader = PredictionReader(catalogue.book, catalogue.schemas, PARTITIONS)
        duplicates = Duplicates(reader, self.cluster.consumer, key=b"key")
        return ProfileHandler(catalogue, reader, Place("w1", {"driftline.predictions": "id"}, PROFILES_PARTITIONS), duplicates)

    def send(self, event, *, partition=None):
        """A prediction goes where its id belongs unless told otherwise."""
        self.put("predictions", event, partition=home_of(event.prediction_id) if partition is None else partition)


def rows_of(out: Out):
    return {(s.model_id, s.model_version, p.pane): p.rows for s in out.sets for p in s.panes}


def prediction(i=0, time=START, *, version="v1", model="m", **features):
    return predicted(i, time, {"age": 5.0, "origin": "JFK"} | features, model_version=version, model_id=model)


def id_in(partition, prefix="p"):
    return next(f"{prefix}{i}" for i in range(100) if home_of(f"{prefix}{i}") == partition)


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


def typed(**types):
    fields = {"model_id": "string", "model_version": "string", "prediction_id": "string", "event_time": "long"} | types
    return {"type": "record", "name": "Late", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


def write(schema, record):
    import io

    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return header(schema) + out.getvalue()


def register(world, schema):
    text = json.dumps(schema)
    name = f"{fingerprint(schema):016x}"
    world.put("schemas", SchemaRegistered(fingerprint=name, name="Late", schema=text, sha256=""))


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


GOOD = encode(prediction(0))


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (b"", Reason.MALFORMED_AVRO, None),
        (None, Reason.MALFORMED_AVRO, None),
        (b"{}", Reason.MALFORMED_AVRO, None),
        (b"\x00\x00\x00\x00\x07" + GOOD, Reason.MALFORMED_AVRO, None),
        (GOOD[:-3], Reason.MALFORMED_AVRO, None),
        (GOOD + b"\x00", Reason.MALFORMED_AVRO, None),
        (GOOD[:10] + b"\xff" * 30, Reason.MALFORMED_AVRO, None),
        (b"\xc3\x01" + struct.pack("<Q", 77) + GOOD[10:], Reason.UNKNOWN_SCHEMA, None),
        (encode(Label(model_id="m", prediction_id="p", label_time=START, label="yes")), Reason.UNEXPECTED_EVENT, None),
        (encode(change(prediction(), prediction_id="")), Reason.INVALID_ID, "prediction_id"),
        (encode(change(prediction(), model_id="")), Reason.INVALID_ID, "model_id"),
        (encode(change(prediction(), model_version="v" * 129)), Reason.INVALID_ID, "model_version"),
        (encode(prediction(age=math.inf)), Reason.NON_FINITE, "age"),
        (encode(prediction(age="old")), Reason.WRONG_TYPE, "age"),
        (encode(prediction(age=None)), Reason.MISSING_FIELD, "age"),
        (encode(prediction(origin=3.0)), Reason.WRONG_TYPE, "origin"),
        (encode(change(prediction(), score=1.5)), Reason.OUT_OF_RANGE, ":score"),
        (encode(prediction(time=START + 6 * SECOND)), Reason.FUTURE_EVENT_TIME, "event_time"),
        (encode(prediction(time=-(2**62))), Reason.OUT_OF_RANGE, "event_time"),
        (encode(prediction(model="nobody")), Reason.UNKNOWN_MODEL, "model_id"),
        (encode(Watermark(model_id="nobody", event_time=START)), Reason.UNKNOWN_MODEL, "model_id"),
        (encode(Watermark(model_id="m", event_time=START + 6 * SECOND)), Reason.FUTURE_EVENT_TIME, "event_time"),
    ],
    ids=[
        "empty",
        "tombstone",
        "json",
        "confluent framing",
        "cut",
        "trailing bytes",
        "garbage",
        "unknown schema",
        "label",
        "empty id",
        "empty model",
        "long version",
        "infinity",
        "text for a number",
        "missing required",
        "number for a category",
        "score above one",
        "future",
        "before year 1",
        "unknown model",
        "watermark of an unknown model",
        "watermark from the future",
    ],
)
def test_what_is_refused_becomes_a_dead_letter_with_its_bytes_and_the_rest_counts(value, reason, field):
    world = World()
    home = home_of("p0")
    world.send(prediction(0))
    world.put("predictions", value, partition=home)
    world.send(prediction(0))
    out = world.flush()
    assert sum(rows_of(out).values()) == 2
    assert out.reasons() == [(reason.value, field)]
    dead = out.dead[0]
    assert (dead.source_topic, dead.source_partition, dead.source_offset) == ("driftline.predictions", home, 1)
    assert (dead.source_key, dead.source_value, dead.source_time) == (b"the key", value, START)
    assert dead.detail
    assert dead.rejected_by == "drift/profile"


def test_nan_is_counted_in_a_cell_of_its_own():
    world = World()
    world.send(prediction(0, age=math.nan))
    out = world.flush()
    layout = Layout.of(MONITOR, BASELINE)
    assert Profile.from_event(layout, out.sets[0].panes[0]).cells[layout.by_column["age"].nan] == 1


def test_a_row_older_than_its_models_monitor_is_refused_for_ever():
    world = World()
    world.send(prediction(0, model="late"))
    world.clock.advance(1000)
    world.put("monitors", change(MONITOR, model_id="late"))
    world.send(prediction(1, model="late"))
    out = world.flush()
    assert out.reasons() == [("unknown_model", "model_id")]
    assert sum(rows_of(out).values()) == 1


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


def test_a_stray_is_refused_where_labels_join_and_counts_where_nothing_does():
    stray = 1 - home_of("p0")
    world = World()
    world.send(prediction(0), partition=stray)
    assert world.flush().reasons() == [("wrong_partition", "prediction_id")]
    world = World(change(MONITOR, labels=False))
    world.send(prediction(0), partition=stray)
    assert world.flush().reasons() == []


def test_the_bad_rows_of_a_batch_become_one_dead_letter_for_each_reason_with_only_those_rows():
    world = World(change(MONITOR, labels=False))
    rows = [prediction(i) for i in range(8)]
    rows[1] = prediction(1, age=math.inf)
    rows[4] = prediction(4, age=None)
    rows[6] = prediction(6, age=-math.inf)
    rows[7] = change(prediction(7), score=math.inf)
    world.send(from_rows(rows), partition=0)
    out = world.flush()
    assert sum(rows_of(out).values()) == 4
    assert [(d.reason, d.field, d.rows) for d in out.dead] == [
        ("non_finite", "age", (1, 6, 7)),
        ("missing_field", "age", (4,)),
    ]
    assert decode(out.dead[0].source_value or b"").rows == 3
    assert decode(out.dead[1].source_value or b"").prediction_ids == b"p4"


@pytest.mark.parametrize("good", [0, 1])
def test_the_letters_of_a_batch_that_is_refused_fit_into_their_topic_however_many_its_rows(good):
    """H15: the numbers of its rows may take more bytes than the rows."""
    count = 72_000
    columns = tuple(change(column, required=False) for column in MONITOR.columns)
    batch = PredictionBatch(
        model_id="m",
        model_version="1",
        rows=count,
        prediction_ids=b"a" * count,
        prediction_id_ends=np.arange(1, count + 1, dtype="<u4").tobytes(),
        event_times=np.where(np.arange(count) < good, START, 2 * START).astype("<i8").tobytes(),
        columns=(),
    )
    world = World(change(MONITOR, labels=False, columns=columns))
    world.send(batch, partition=0)
    out = world.flush()
    limit = int(topics.catalogue()["dead-letters"].config["max.message.bytes"])
    assert all(len(record.value or b"") < limit - 1024 for record in world.records)
    refused = [row for letter in out.dead for row in letter.rows]
    assert refused == ([] if not good else list(range(good, count)))
    assert sum(decode(letter.source_value or b"").rows for letter in out.dead) == count - good


def test_a_batch_whose_lengths_lie_is_one_dead_letter():
    """H15: a header claims more rows than memory has."""
    world = World()
    world.send(change(from_rows([prediction(0)]), rows=2**31 - 1), partition=0)
    out = world.flush()
    assert out.reasons() == [("row_count_mismatch", "event_times")]
    assert out.dead[0].rows == ()


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


READ = {"age": ColumnKind.NUMERIC, "booked": ColumnKind.TIMESTAMP, "remark": ColumnKind.TEXT_LENGTH}


def watching_times_and_texts():
    data = {"age": np.arange(100.0), "booked": 3600.0 * np.arange(100), "remark": np.arange(100.0)}
    return monitored(READ, data, labels=False)


def test_times_and_texts_count_alike_by_every_road():
    monitor, baseline = watching_times_and_texts()
    world = World(monitor, baseline=baseline)
    cells = [(START - HOUR, "grüß"), (None, None), (START - 3 * HOUR, ""), (START + HOUR, "x" * 5000)]
    rows = [prediction(i, booked=None if at is None else float(at), remark=text) for i, (at, text) in enumerate(cells)]
    for row in rows:
        world.send(row)
    single = world.flush()
    world.send(from_rows(rows), partition=0)
    batch = world.flush()
    schema = typed(score="double", age="double", booked=["null", "long"], remark=["null", "string"])
    register(world, schema)
    for i, (at, text) in enumerate(cells):
        record = {
            "model_id": "m",
            "model_version": "v1",
            "prediction_id": f"p{i}",
            "event_time": START,
            "score": 0.5,
            "age": 5.0,
        }
        world.put("predictions", write(schema, record | {"booked": at, "remark": text}))
    typed_out = world.flush()
    layout = Layout.of(monitor, baseline)
    found = [Profile.from_event(layout, out.sets[0].panes[0]) for out in (single, batch, typed_out)]
    ages, lengths = layout.by_column["booked"], layout.by_column["remark"]
    assert found[0].cells.tolist() == found[1].cells.tolist() == found[2].cells.tolist()
    assert found[0].sums.tolist() == found[1].sums.tolist() == found[2].sums.tolist()
    assert (found[0].cells[ages.null], found[0].cells[ages.offset + 2], found[0].cells[lengths.null]) == (1, 1, 1)
    assert found[0].sums[layout.maximum("booked")] == 3 * 3600.0
    assert found[0].sums[layout.maximum("remark")] == 5000.0


def test_a_text_that_is_no_time_counts_and_what_is_neither_time_nor_text_is_refused():
    monitor, baseline = watching_times_and_texts()
    world = World(monitor, baseline=baseline)
    world.send(prediction(0, booked="soon", remark="a"))
    world.send(prediction(1, booked="2015-08-19T16:00:00+02:00", remark=2.5))
    world.send(prediction(2, booked=math.inf, remark="b"))
    out = world.flush()
    layout = Layout.of(monitor, baseline)
    profile = Profile.from_event(layout, out.sets[0].panes[0])
    assert (profile.rows, int(profile.cells[layout.by_column["booked"].nan])) == (1, 1)
    assert sorted(out.reasons()) == [(Reason.NON_FINITE, "booked"), (Reason.WRONG_TYPE, "remark")]


def test_columns_of_other_kinds_are_not_touched_on_their_way():
    world = World()
    world.send(prediction())
    world.read()
    judged = []
    world.stage._count = judged.append
    world.stage._count_gathered()
    (one,) = judged
    assert one.chunk.read_for(MONITOR, one.chosen) is one.chunk


def test_slices_and_metrics_see_times_and_texts_as_numbers():
    metrics = (MonitorMetric(name="waited", definition="avg(booked)"), MonitorMetric(name="told", definition="max(remark)"))
    slices = (MonitorSlice(columns=("booked",)), MonitorSlice(where="remark > 2"))
    data = {"age": np.arange(100.0), "booked": np.repeat([3600.0, 7200.0], 50), "remark": np.arange(100.0)}
    monitor, baseline = monitored(READ, data, labels=False, metrics=metrics, slices=slices)
    world = World(monitor, baseline=baseline)
    for i, (hours, text) in enumerate([(1, "a"), (1, "abc"), (2, "\u00fc\u00fc\u00fc"), (2, None)]):
        world.send(prediction(i, booked=float(START - hours * HOUR), remark=text))
    world.send(prediction(4, booked="some day", remark="ab"))
    out = world.flush()
    layout = Layout.of(monitor, baseline)
    found = {event.slice: Profile.from_event(layout, event) for event in out.sets[0].panes}
    assert {name: profile.rows for name, profile in found.items()} == {
        "": 5, "booked<7200": 2, "booked>=7200": 2, "booked=(other)": 1, "remark > 2": 2, "(remark > 2) IS NOT TRUE": 3,
    }  # fmt: skip
    assert layout.program is not None
    values = layout.program.finish(found[""].metrics)
    assert (values["waited", ":table"].value, values["told", ":table"].value) == (5400.0, 3.0)
