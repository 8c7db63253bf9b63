"""Stage join over the in-memory twin of Kafka: what meets, what is refused and why, and what a restart knows."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from driftline.batches import from_rows
from driftline.codec import encode
from driftline.drift.labels.rows import MARGIN_US
from driftline.drift.profile import Layout, Profile
from driftline.errors import ConfigurationError, Reason
from driftline.events import ColumnKind, Group, MonitorColumn, Part, Task, Watermark
from driftline.kafka.ports import TopicPartition
from tests.unit.services.drift.building import DAY, HOUR, SECOND, START, Out, home_of
from tests.unit.services.drift.join.building import (
    BASELINE,
    LABELS,
    LAYOUT,
    MONITOR,
    ONE,
    PANE,
    PREDICTIONS,
    World,
    change,
    label,
    pairs_of,
    prediction,
)


@pytest.mark.parametrize("labels_first", [False, True])
def test_a_label_meets_its_prediction_whichever_comes_first(labels_first):
    world = World()
    sends = [lambda: world.predict(prediction()), lambda: world.label(label())]
    if labels_first:
        sends.reverse()
    sends[0]()
    assert pairs_of(world.flush()) == {}
    sends[1]()
    assert pairs_of(world.flush()) == ONE
    assert pairs_of(world.flush()) == {}


def test_pairs_belong_to_the_pane_and_version_of_the_prediction():
    world = World()
    world.predict(prediction(0, START - 5 * HOUR, version="v2", said="no"), prediction(1))
    world.label(label(0, START), label(1, START + 2 * DAY, "no"))
    assert pairs_of(world.flush()) == {
        ("v2", Part.IN_TIME, PANE - 5 * HOUR, "no", "yes"): 1,
        ("v1", Part.LATER, PANE, "yes", "no"): 1,
    }


def test_scores_are_counted_by_the_actual_class():
    world = World()
    world.predict(prediction(0, score=1.0), prediction(1, score=0.0), prediction(2, score=None))
    world.label(label(0), label(1, value="no"), label(2))
    (found,) = world.flush().sets
    profile = Profile.from_event(LAYOUT, found.panes[0])
    negatives, positives = (LAYOUT.pairs.block(profile.cells, side) for side in ("negatives", "positives"))
    assert (np.flatnonzero(negatives).tolist(), np.flatnonzero(positives).tolist()) == ([0], [63])
    assert profile.rows == 3
    assert (LAYOUT.pairs.real(profile.cells, "brier"), profile.sums.tolist()) == (0.0, [])


def test_classes_that_the_baseline_does_not_know_are_other():
    world = World()
    world.predict(prediction(0, said="maybe"), prediction(1))
    world.label(label(0), label(1, value="perhaps"))
    assert pairs_of(world.flush()) == {
        ("v1", Part.IN_TIME, PANE, "other", "yes"): 1,
        ("v1", Part.IN_TIME, PANE, "yes", "other"): 1,
    }


def test_batches_and_single_predictions_join_alike():
    rows = [prediction(i, said=["yes", "no"][i % 2]) for i in range(40) if home_of(f"p{i}") == 0]
    labels = [label(int(row.prediction_id[1:]), value=["yes", "no"][i % 3 % 2]) for i, row in enumerate(rows)]
    single, batch = World(), World()
    single.predict(*rows)
    batch.put("predictions", from_rows(rows), 0)
    for world in (single, batch):
        world.label(*labels)
    assert single.flush().sets[0].panes == batch.flush().sets[0].panes


def test_the_first_prediction_in_offset_order_wins_across_batches_and_single_rows():
    world = World()
    home = home_of("p0")
    world.put("predictions", from_rows([prediction(0, said="no"), prediction(0, said="yes")]), home)
    world.predict(prediction(0, said="yes"))
    world.label(label(0))
    assert pairs_of(world.flush()) == {("v1", Part.IN_TIME, PANE, "no", "yes"): 1}


def test_a_prediction_that_profile_refuses_is_not_joined_and_not_refused_twice():
    world = World()
    world.predict(prediction(0, age=math.inf))
    world.predict(prediction(0, said="no"))
    world.label(label(0))
    out = world.flush()
    assert out.dead == []
    assert pairs_of(out) == {("v1", Part.IN_TIME, PANE, "no", "yes"): 1}


def test_an_equal_label_again_changes_nothing():
    world = World()
    world.predict(prediction())
    world.label(label(0), label(0, time=START + 2 * DAY))
    out = world.flush()
    assert (pairs_of(out), out.dead) == (ONE, [])


@pytest.mark.parametrize("restart", [False, True])
def test_a_changed_label_is_counted_in_place_of_the_old_one(restart):
    """H13: what a label has added is taken away again."""
    world = World()
    world.predict(prediction())
    world.label(label(0))
    assert pairs_of(world.flush()) == ONE
    if restart:
        world.restart()
    world.label(label(0, value="no"))
    out = world.flush()
    assert (rows_of(out), out.dead) == ({Part.IN_TIME: 0}, [])
    assert pairs_of(out) == {("v1", Part.IN_TIME, PANE, "yes", "yes"): -1, ("v1", Part.IN_TIME, PANE, "yes", "no"): 1}


def test_a_label_that_changes_after_the_delay_is_corrected_among_the_later_ones():
    world = World()
    world.predict(prediction())
    world.label(label(0))
    world.flush()
    world.label(label(0, time=START + 2 * DAY, value="no"))
    out = world.flush()
    assert rows_of(out) == {Part.LATER: 0}
    assert pairs_of(out) == {("v1", Part.LATER, PANE, "yes", "yes"): -1, ("v1", Part.LATER, PANE, "yes", "no"): 1}


def rows_of(out: Out):
    """Pairs of each part, of all rows."""
    return {pane.part: pane.rows for each in out.sets for pane in each.panes if not pane.slice}


def test_a_label_past_the_ttl_is_a_dead_letter():
    world = World()
    world.predict(prediction())
    world.label(label(0, START + 3 * DAY + 1))
    out = world.flush()
    assert (pairs_of(out), out.reasons()) == ({}, [("label_too_late", "prediction_id")])


def test_a_label_without_prediction_is_a_dead_letter_when_its_memory_has_passed():
    world = World()
    world.label(label(0))
    assert world.flush().dead == []
    world.clock.advance(3 * DAY + MARGIN_US)
    same = next(i for i in range(1, 99) if home_of(f"p{i}") == home_of("p0"))
    world.predict(prediction(same))
    assert world.flush().dead == []
    world.clock.advance(SECOND)
    world.predict(prediction(same))
    out = world.flush()
    assert out.reasons() == [("label_without_prediction", "prediction_id")]
    assert out.dead[0].source_value == encode(label(0))
    world.restart()
    world.predict(prediction(same))
    assert world.flush().dead == []


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (b"", Reason.MALFORMED_AVRO, None),
        (b"junk" * 9, Reason.MALFORMED_AVRO, None),
        (encode(label())[:-2], Reason.MALFORMED_AVRO, None),
        (b"\xc3\x01" + b"\x07" * 8 + encode(label())[10:], Reason.UNKNOWN_SCHEMA, None),
        (encode(prediction()), Reason.UNEXPECTED_EVENT, None),
        (encode(change(label(), prediction_id="")), Reason.INVALID_ID, "prediction_id"),
        (encode(change(label(), prediction_id="x" * 129)), Reason.INVALID_ID, "prediction_id"),
        (encode(change(label(), model_id="")), Reason.INVALID_ID, "model_id"),
        (encode(change(label(), model_id="nobody")), Reason.UNKNOWN_MODEL, "model_id"),
        (encode(label(value=1.0)), Reason.WRONG_TYPE, "label"),
        (encode(label(time=START + 31 * DAY)), Reason.FUTURE_EVENT_TIME, "label_time"),
        (encode(label(time=-(2**62))), Reason.OUT_OF_RANGE, "label_time"),
        (encode(Watermark(model_id="nobody", event_time=START)), Reason.UNKNOWN_MODEL, "model_id"),
        (encode(Watermark(model_id="m", event_time=START + 31 * DAY)), Reason.FUTURE_EVENT_TIME, "event_time"),
        (encode(Watermark(model_id="m", event_time=-(2**62))), Reason.OUT_OF_RANGE, "event_time"),
    ],
)
def test_a_bad_label_becomes_a_dead_letter_and_the_rest_joins(value, reason, field):
    world = World()
    home = home_of("p0")
    world.predict(prediction())
    world.put("labels", value, home)
    world.label(label())
    out = world.flush()
    assert pairs_of(out) == ONE
    assert out.reasons() == [(reason.value, field)]
    assert out.dead[0].source_value == value
    assert out.dead[0].detail


@pytest.mark.parametrize(("value", "reason"), [("yes", "wrong_type"), (math.inf, "non_finite"), (math.nan, "non_finite")])
def test_a_label_of_a_regression_is_a_finite_number(value, reason):
    columns = (MonitorColumn(name="age", kind=ColumnKind.NUMERIC),)
    world = World(change(MONITOR, task=Task.REGRESSION, positive_class=None, columns=columns))
    world.predict(change(prediction(), prediction=3.0))
    world.label(label(0, value=value), label(0, value=1.0))
    out = world.flush()
    assert out.reasons() == [(reason, "label")]
    assert out.sets[0].panes[0].rows == 1


def test_a_changed_label_of_a_regression_takes_its_error_out_of_the_sums():
    """To the last bit: it is as if the label had never been another."""
    columns = (MonitorColumn(name="age", kind=ColumnKind.NUMERIC),)
    world = World(change(MONITOR, task=Task.REGRESSION, positive_class=None, columns=columns))
    world.predict(change(prediction(), prediction=3.0))
    world.label(label(0, value=0.1))
    first = world.flush().sets
    world.label(label(0, value=0.75))
    sets = [*first, *world.flush().sets]
    layout = Layout.of(change(MONITOR, task=Task.REGRESSION, positive_class=None, columns=columns), BASELINE)
    found = [Profile.from_event(layout, pane) for each in sets for pane in each.panes]
    total = Profile.total(layout.shape(Part.IN_TIME), found)
    alone = World(change(MONITOR, task=Task.REGRESSION, positive_class=None, columns=columns))
    alone.predict(change(prediction(), prediction=3.0))
    alone.label(label(0, value=0.75))
    (pane,) = alone.flush().sets[0].panes
    assert total.same_counts(Profile.from_event(layout, pane))
    assert layout.pairs.real(total.cells, "squared") == 2.25**2


@pytest.mark.parametrize("gone", [False, True], ids=["remembered", "left the topic"])
def test_after_a_pause_a_label_meets_the_same_whether_its_prediction_is_remembered_or_has_left_the_topic(gone):
    """H13: nothing comes for longer than the memory, so that the process forgets nothing; a new one can read nothing."""
    world = World()
    world.predict(prediction())
    world.flush()
    world.clock.advance(3 * DAY + MARGIN_US + SECOND)
    if gone:
        world.cluster.truncate(TopicPartition(PREDICTIONS, home_of("p0")), 1)
        world.restart()
    world.label(label())
    out = world.flush()
    assert (pairs_of(out), out.reasons()) == ({}, [])
    world.clock.advance(3 * DAY + MARGIN_US + SECOND)
    same = next(i for i in range(1, 99) if home_of(f"p{i}") == home_of("p0"))
    world.predict(prediction(same))
    out = world.flush()
    assert (pairs_of(out), out.reasons()) == ({}, [("label_without_prediction", "prediction_id")])


def test_after_a_pause_as_long_as_the_memory_a_label_still_meets_its_prediction():
    """H13: though the process was started anew in between."""
    world = World()
    world.predict(prediction())
    world.flush()
    world.clock.advance(3 * DAY + MARGIN_US)
    world.restart()
    world.label(label())
    assert pairs_of(world.flush()) == ONE


@pytest.mark.parametrize("anew", [False, True], ids=["one process", "one each"])
@pytest.mark.parametrize("label_at", [0, 1, 2])
def test_an_id_that_comes_again_in_the_next_hour_is_paired_once_in_the_hour_of_the_first(label_at, anew):
    """H13: one id on both sides of the hour, its label before, between or after them; each in a transaction of its own."""
    world = World()
    sends = [
        lambda: world.predict(prediction(0, PANE - SECOND, said="no")),
        lambda: world.predict(prediction(0, PANE + SECOND)),
    ]
    sends.insert(label_at, lambda: world.label(label()))
    found = []
    for send in sends:
        send()
        found += pairs_of(world.flush()).items()
        if anew:
            world.restart()
    assert found == [(("v1", Part.IN_TIME, PANE - HOUR, "no", "yes"), 1)]


def test_a_stray_label_is_a_dead_letter():
    world = World()
    world.predict(prediction())
    world.put("labels", label(), 1 - home_of("p0"))
    out = world.flush()
    assert (pairs_of(out), out.reasons()) == ({}, [("wrong_partition", "prediction_id")])


def test_a_label_for_a_model_that_expects_none_is_refused():
    world = World(change(MONITOR, labels=False))
    world.predict(prediction())
    world.label(label())
    out = world.flush()
    assert (out.sets, out.reasons()) == ([], [("unexpected_event", None)])


def test_a_label_older_than_its_models_monitor_is_refused_for_ever():
    world = World()
    world.label(change(label(), model_id="late"))
    world.clock.advance(1000)
    world.put("monitors", change(MONITOR, model_id="late"), 0)
    world.flush()
    world.label(change(label(), model_id="late"))
    assert world.flush().reasons() == []


def test_a_restart_knows_what_was_committed_and_tells_nothing_again():
    world = World()
    world.predict(prediction(0), prediction(1))
    world.label(label(0), label(9))
    assert pairs_of(world.flush()) == ONE
    world.restart()
    out = world.flush()
    assert (pairs_of(out), out.dead) == ({}, [])
    world.label(label(0, value="no"), label(1), label(2))
    world.predict(prediction(9))
    out = world.flush()
    assert pairs_of(out) == {("v1", Part.IN_TIME, PANE, "yes", "yes"): 1, ("v1", Part.IN_TIME, PANE, "yes", "no"): 1}
    assert out.dead == []


def test_what_was_not_committed_is_joined_by_the_next_owner():
    world = World()
    world.predict(prediction())
    world.label(label())
    world.read()
    world.stage.on_revoke(list(world.positions))
    world.restart()
    assert pairs_of(world.flush()) == ONE


def test_unequal_partitions_of_the_two_topics_are_refused():
    world = World()
    del world.positions[TopicPartition(LABELS, 1)]
    with pytest.raises(ConfigurationError, match="same number of partitions"):
        world.restart()


def test_sets_carry_the_clocks_of_both_topics():
    world = World()
    names = {p: next(i for i in range(99) if home_of(f"p{i}") == p) for p in (0, 1)}
    world.predict(prediction(names[0], START - HOUR))
    world.label(label(names[1], START + HOUR))
    (found,) = world.flush().sets
    assert (found.model_version, found.panes, found.group) == ("", (), Group.JOIN)
    assert [(t.topic, t.partition, t.event_time) for t in found.times] == [
        (LABELS, 1, START + HOUR),
        (PREDICTIONS, 0, START - HOUR),
    ]


def test_watermarks_of_both_topics_move_the_clocks_and_count_nowhere():
    world = World()
    for topic in ("predictions", "labels"):
        world.put(topic, Watermark(model_id="m", event_time=START + HOUR), 1)
    (found,) = world.flush().sets
    assert [(t.topic, t.partition, t.event_time) for t in found.times] == [
        (LABELS, 1, START + HOUR),
        (PREDICTIONS, 1, START + HOUR),
    ]


def test_progress_covers_both_topics_without_a_hole_and_comes_every_second():
    world = World()
    world.predict(prediction())
    first = world.flush().progress
    assert len(first) == 4
    assert {(r.topic, r.topic_id) for r in first[0].ranges} == {(PREDICTIONS, "p-id"), (LABELS, "l-id")}
    assert world.commit().progress == []
    world.clock.advance(SECOND)
    second = world.commit().progress
    assert [r.to_offset for r in first[0].ranges] == [r.from_offset for r in second[0].ranges]
    assert {p.group for p in (*first, *second)} == {Group.JOIN}


def test_the_monitor_of_the_prediction_decides_what_is_in_time():
    longer = change(MONITOR, monitor_version=2, effective_from=START, label_delay_us=2 * DAY)
    world = World(MONITOR, longer)
    world.predict(prediction(0, START - HOUR), prediction(1, START))
    world.label(label(0, START + DAY + HOUR), label(1, START + DAY + HOUR))
    found = {(each.monitor_version, pane.part) for each in world.flush().sets for pane in each.panes}
    assert found == {(1, Part.LATER), (2, Part.IN_TIME)}


SENDS = st.lists(
    st.tuples(
        st.sampled_from(["predict", "label", "read", "commit", "crash"]),
        st.integers(0, 5),
        st.sampled_from(["yes", "no"]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(SENDS)
def test_any_order_of_sends_reads_commits_and_crashes_counts_each_pair_under_its_last_label(steps):
    world = World()
    said: dict[int, str] = {}
    actual: dict[int, str] = {}
    found: list[Out] = []
    for what, i, value in steps:
        if what == "predict":
            world.predict(prediction(i, said=value))
            said.setdefault(i, value)
        elif what == "label":
            world.label(label(i, value=value))
            actual[i] = value
        elif what == "read":
            world.read(i + 1)
        elif what == "commit":
            found.append(world.commit())
        else:
            world.restart()
    found.append(world.flush())
    total: Counter[tuple[str, str]] = Counter()
    for out in found:
        for (_, _, _, guess, true), n in pairs_of(out).items():
            total[guess, true] += n
    expected = Counter((said[i], actual[i]) for i in said.keys() & actual.keys())
    assert {cell: n for cell, n in total.items() if n} == expected
    assert not any(out.dead for out in found)


def test_metrics_count_what_is_committed_and_nothing_again_after_a_restart():
    def metrics():
        names = (
            "labels_total",
            "refused_rows_total",
            "pairs_total",
            "partials_total",
            "changed_labels_total",
            "repeated_labels_total",
        )
        found = dict.fromkeys(names, 0.0)
        for metric in REGISTRY.collect():
            for sample in metric.samples:
                name = sample.name.removeprefix("driftline_drift_")
                if name in found and sample.labels.get("stage", "join") == "join":
                    found[name] += sample.value
        return list(found.values())

    before = metrics()
    world = World()
    world.predict(prediction(0))
    world.label(label(0), label(0), label(0, value="no"), label(1, time=-(2**62)))
    world.read()
    assert metrics() == before
    world.commit()
    counted = [after - earlier for after, earlier in zip(metrics(), before, strict=True)]
    assert counted == [3, 1, 1, 1, 1, 1]
    world.restart()
    world.commit()
    assert [after - earlier for after, earlier in zip(metrics(), before, strict=True)] == counted
