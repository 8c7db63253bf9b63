"""Predictions and labels meet the same way in every interleaving: compared with a batch join by the written rules."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.labels import LabelJoin, LabelRows, PredictionRows, Terms, hash_ids
from driftline.drift.labels.join import MARGIN_US
from driftline.errors import Reason

DAY = 24 * 3_600_000_000
SHORT = Terms(label_delay=1 * DAY, label_ttl=3 * DAY)
LONG = Terms(label_delay=2 * DAY, label_ttl=6 * DAY)
KEY = b"k" * 16


@dataclass(frozen=True)
class P:
    id: str
    appended: int
    event_time: int
    stream: int = 0
    predicted: int = 0

    @property
    def terms(self):
        return LONG if self.stream else SHORT


@dataclass(frozen=True)
class L:
    id: str
    appended: int
    label_time: int
    value: str = "late"
    number: int = 0
    terms: Terms = SHORT


def keys(rows):
    return hash_ids((row.id.encode() for row in rows), KEY)


def whole(values, dtype=np.int64):
    return np.array(list(values), dtype)


def add_predictions(join, rows):
    join.add_predictions(
        PredictionRows(
            terms={p.stream: p.terms for p in rows},
            stream=whole((p.stream for p in rows), np.int32),
            keys=keys(rows),
            event_time=whole(p.event_time for p in rows),
            append_time=whole(p.appended for p in rows),
            predicted=whole((p.predicted for p in rows), np.int32),
            value=np.full(len(rows), 0.5),
            slices=np.zeros((len(rows), 0), np.uint8),
        )
    )


def add_labels(join, rows):
    join.add_labels(
        LabelRows(
            keys=keys(rows),
            label_time=whole(x.label_time for x in rows),
            append_time=whole(x.appended for x in rows),
            memory=whole(x.terms.memory for x in rows),
            values=[x.value for x in rows],
            sources=list(rows),
        )
    )


def settle(join, predictions, labels):
    join.settle(predictions[-1].appended if predictions else -DAY, labels[-1].appended if labels else -DAY)


def told(join):
    """What a commit says: pairs and refusals, as a multiset."""
    pairs, refused = join.take()
    out: Counter[Any] = Counter()
    for batch in pairs:
        for row in zip(
            batch.stream.tolist(),
            batch.event_time.tolist(),
            batch.predicted.tolist(),
            batch.in_time.tolist(),
            batch.actual,
            strict=True,
        ):
            out[row] += 1
    out.update((each.source, each.reason) for each in refused)
    return out


def batch_join(predictions, labels):
    """The rules, written once more over the finished topics."""

    def heads(rows):
        last: dict[str, Any] = {}
        first = []
        for row in rows:
            before = last.get(row.id)
            if before is None or row.appended > before.appended + before.terms.label_ttl + MARGIN_US:
                last[row.id] = row
                first.append(row)
        return first

    def memory(row):
        return row.terms.label_ttl + MARGIN_US

    out: Counter[Any] = Counter()
    taken = set()
    first_predictions, first_labels = heads(predictions), heads(labels)
    out.update((label, Reason.LABEL_CHANGED) for label in set(labels) - set(first_labels))
    for label in first_labels:
        reachable = [
            number
            for number, p in enumerate(first_predictions)
            if p.id == label.id and label.appended - p.appended <= memory(p) and p.appended - label.appended <= memory(label)
        ]
        if not reachable:
            if predictions and predictions[-1].appended > label.appended + memory(label):
                out[label, Reason.LABEL_WITHOUT_PREDICTION] += 1
            continue
        number = reachable[0]
        p = first_predictions[number]
        if number in taken:
            out[label, Reason.LABEL_CHANGED] += 1
            continue
        taken.add(number)
        lag = label.label_time - p.event_time
        if lag > p.terms.label_ttl:
            out[label, Reason.LABEL_TOO_LATE] += 1
        else:
            out[p.stream, p.event_time, p.predicted, lag <= p.terms.label_delay, label.value] += 1
    return out


def rows_of(draw, kind):
    count = draw(st.integers(0, 14))
    appended = 0
    rows: list[Any] = []
    for number in range(count):
        appended += draw(st.sampled_from([0, 1, DAY // 2, 3 * DAY, 7 * DAY, 10 * DAY, 13 * DAY]))
        name = draw(st.sampled_from("abc"))
        when = appended + draw(st.sampled_from([-4 * DAY, -DAY, 0, DAY, 4 * DAY]))
        if kind is P:
            rows.append(P(name, appended, when, stream=draw(st.integers(0, 1)), predicted=number))
        else:
            terms = draw(st.sampled_from([SHORT, LONG]))
            rows.append(L(name, appended, when, draw(st.sampled_from(["late", "on_time"])), number, terms))
    return rows


@st.composite
def histories(draw):
    return rows_of(draw, P), rows_of(draw, L)


STEPS = st.lists(
    st.tuples(st.sampled_from(["predictions", "labels", "commit", "crash"]), st.integers(1, 6)),
    max_size=40,
)


def run(predictions, labels, steps):
    """Feed a join as a process would: batches, commits, crashes that lose what was not committed."""
    join = LabelJoin()
    said: Counter[Any] = Counter()
    at, committed = [0, 0], [0, 0]

    def commit():
        settle(join, predictions[: at[0]], labels[: at[1]])
        said.update(told(join))
        committed[:] = at

    for what, size in [*steps, ("predictions", 99), ("labels", 99)]:
        if what == "predictions":
            add_predictions(join, predictions[at[0] : at[0] + size])
            at[0] = min(len(predictions), at[0] + size)
        elif what == "labels":
            add_labels(join, labels[at[1] : at[1] + size])
            at[1] = min(len(labels), at[1] + size)
        elif what == "commit":
            commit()
        else:
            join = LabelJoin()
            at[:] = committed
            add_labels(join, labels[: at[1]])
            add_predictions(join, predictions[: at[0]])
            settle(join, predictions[: at[0]], labels[: at[1]])
            join.take()
    commit()
    return said


@settings(max_examples=200, deadline=None)
@given(histories(), STEPS)
def test_any_order_any_batches_and_any_crash_give_the_batch_join(history, steps):
    predictions, labels = history
    assert run(predictions, labels, steps) == batch_join(predictions, labels)


def both_ways(predictions, labels):
    """Predictions first, labels first: the same is said."""
    one = run(predictions, labels, [("predictions", 99), ("commit", 1), ("labels", 99)])
    other = run(predictions, labels, [("labels", 99), ("commit", 1), ("predictions", 99)])
    assert one == other
    return one


def test_a_label_joins_its_prediction_from_either_side():
    assert both_ways([P("a", 0, 0, predicted=3)], [L("a", 0, DAY)]) == {(0, 0, 3, True, "late"): 1}


def test_a_label_after_the_delay_is_a_later_pair():
    assert both_ways([P("a", 0, 0)], [L("a", 0, DAY + 1)]) == {(0, 0, 0, False, "late"): 1}


def test_a_label_past_the_ttl_is_too_late():
    label = L("a", 0, 3 * DAY + 1)
    assert both_ways([P("a", 0, 0)], [label]) == {(label, Reason.LABEL_TOO_LATE): 1}
    assert both_ways([P("a", 0, 0)], [L("a", 0, 3 * DAY)]) == {(0, 0, 0, False, "late"): 1}


def test_the_second_label_of_an_id_is_refused_though_the_first_was_too_late():
    late, fine = L("a", 0, 9 * DAY), L("a", 0, 0, number=1)
    assert both_ways([P("a", 0, 0)], [late, fine]) == {
        (late, Reason.LABEL_TOO_LATE): 1,
        (fine, Reason.LABEL_CHANGED): 1,
    }


def test_the_first_prediction_of_an_id_wins():
    assert both_ways([P("a", 0, 0, predicted=1), P("a", 0, 0, predicted=2)], [L("a", 0, 0)]) == {(0, 0, 1, True, "late"): 1}


def test_a_label_without_prediction_is_told_once_its_memory_is_past():
    label = L("a", 0, 0)
    memory = 3 * DAY + MARGIN_US
    assert both_ways([P("b", memory, 0)], [label]) == {}
    assert both_ways([P("b", memory + 1, 0)], [label]) == {(label, Reason.LABEL_WITHOUT_PREDICTION): 1}


def test_an_id_may_be_used_again_when_the_first_is_forgotten():
    again = 3 * DAY + MARGIN_US + 1
    predictions = [P("a", 0, 0, predicted=1), P("a", again, again, predicted=2)]
    labels = [L("a", 0, 0), L("a", again, again, number=1)]
    assert both_ways(predictions, labels) == {(0, 0, 1, True, "late"): 1, (0, again, 2, True, "late"): 1}


def test_memory_shrinks_when_append_time_passes():
    join = LabelJoin()
    add_predictions(join, [P(f"p{i}", i * DAY, 0) for i in range(40)])
    add_labels(join, [L("p39", 30 * DAY, 0)])
    join.settle(39 * DAY, 30 * DAY)
    assert join.remembered == 40 - 20  # expiry = day i + 10; labels have reached day 30
    join.settle(39 * DAY, 39 * DAY)
    assert join.remembered == 40 - 29


def test_a_quiet_labels_topic_forgets_nothing():
    join = LabelJoin()
    add_predictions(join, [P(f"p{i}", i * 30 * DAY, 0) for i in range(4)])
    join.settle(90 * DAY, 0)
    assert join.remembered == 4


@pytest.mark.parametrize("batches", [1, 7, 1000])
def test_many_ids_are_found_across_growth_and_forgetting(batches):
    join = LabelJoin()
    said: Counter[Any] = Counter()
    rows = [P(f"p{i}", i * DAY // 100, i, predicted=i % 5) for i in range(5000)]
    step = -(-len(rows) // batches)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        add_predictions(join, part)
        add_labels(join, [L(p.id, p.appended, p.event_time) for p in part])
        join.settle(part[-1].appended, part[-1].appended)
        said.update(told(join))
    assert said == Counter((0, p.event_time, p.predicted, True, "late") for p in rows)
    assert join.waiting == 0
    assert join.remembered <= 1001 + step


def test_keyed_hashes_differ_by_key_and_keep_trailing_zeros():
    one, other = hash_ids([b"a"], b"x" * 16), hash_ids([b"a"], b"y" * 16)
    assert one.shape == (1, 2)
    assert (one != other).any()
    assert hash_ids([], b"x").shape == (0, 2)
