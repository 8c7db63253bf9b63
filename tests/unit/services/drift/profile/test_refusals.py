"""What stage profile refuses and why; everything else counts."""

import math
import struct

import numpy as np
import pytest

from driftline import topics
from driftline.batches import from_rows
from driftline.codec import decode, encode
from driftline.drift.profile import Layout, Profile
from driftline.errors import Reason
from driftline.events import Label, PredictionBatch, Watermark
from tests.unit.services.drift.building import SECOND, START, home_of
from tests.unit.services.drift.profile.building import BASELINE, MONITOR, World, change, prediction, rows_of

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
