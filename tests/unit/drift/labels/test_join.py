"""Predictions and labels meet the same way in every interleaving: compared with a batch join by the written rules."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.labels import LabelJoin, LabelRows, PredictionRows, Terms, hash_ids
from driftline.drift.labels.rows import MARGIN_US
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
    value: str | float = "late"
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
    """What a commit says: pairs with their signs, refusals, and labels that changed or repeated."""
    news = join.take()
    out: Counter[Any] = Counter(changed=news.changed, repeated=news.repeated)
    for batch in news.pairs:
        columns = (batch.stream, batch.event_time, batch.predicted, batch.in_time)
        for *row, actual, sign in zip(*(c.tolist() for c in columns), batch.actual, batch.sign.tolist(), strict=True):
            out[(*row, actual)] += sign
    out.update((each.source, each.reason) for each in news.refused)
    return without_zeros(out)


def without_zeros(counted):
    return {what: n for what, n in counted.items() if n}


def memory(row):
    return row.terms.label_ttl + MARGIN_US


def heads(predictions):
    """The first prediction of each id, and those that use it again once it is forgotten."""
    last: dict[str, Any] = {}
    first = []
    for row in predictions:
        before = last.get(row.id)
        if before is None or row.appended > before.appended + memory(before):
            last[row.id] = row
            first.append(row)
    return first


def batch_join(predictions, labels):
    """The rules, written once more over the finished topics."""
    out: Counter[Any] = Counter()
    first = heads(predictions)
    said: dict[int, list[L]] = {number: [] for number in range(len(first))}
    for label in labels:
        reachable = [
            number
            for number, p in enumerate(first)
            if p.id == label.id and label.appended - p.appended <= memory(p) and p.appended - label.appended <= memory(label)
        ]
        if not reachable:
            if predictions and predictions[-1].appended > label.appended + memory(label):
                out[label, Reason.LABEL_WITHOUT_PREDICTION] += 1
        elif label.label_time - first[reachable[0]].event_time > first[reachable[0]].terms.label_ttl:
            out[label, Reason.LABEL_TOO_LATE] += 1
        else:
            said[reachable[0]].append(label)
    for number, found in said.items():
        p = first[number]
        in_time = [x.value for x in found if x.label_time - p.event_time <= p.terms.label_delay][-1:]
        last = [x.value for x in found][-1:]
        for side, values, sign in ((True, in_time, 1), (False, last, 1), (False, in_time, -1)):
            for value in values:
                out[p.stream, p.event_time, p.predicted, side, value] += sign
        for before, after in pairwise(found):
            out["repeated" if before.value == after.value else "changed"] += 1
    return without_zeros(out)


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
            rows.append(L(name, appended, when, draw(st.sampled_from(["late", "on_time", 1.5])), number, terms))
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
    return without_zeros(said)


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


def test_a_label_that_is_too_late_leaves_the_one_that_counts():
    late, fine = L("a", 0, 9 * DAY, "on_time"), L("a", 0, 0, number=1)
    for labels in ([late, fine], [fine, late]):
        assert both_ways([P("a", 0, 0)], labels) == {(late, Reason.LABEL_TOO_LATE): 1, (0, 0, 0, True, "late"): 1}


def test_a_changed_label_takes_the_old_pair_back_and_counts_the_new_one():
    join = LabelJoin()
    add_predictions(join, [P("a", 0, 0)])
    add_labels(join, [L("a", 0, 0)])
    assert told(join) == {(0, 0, 0, True, "late"): 1}
    add_labels(join, [L("a", 1, 1, "on_time")])
    assert told(join) == {(0, 0, 0, True, "late"): -1, (0, 0, 0, True, "on_time"): 1, "changed": 1}
    add_labels(join, [L("a", 2, 2)])
    assert told(join) == {(0, 0, 0, True, "late"): 1, (0, 0, 0, True, "on_time"): -1, "changed": 1}


def test_a_repeated_label_changes_nothing_and_is_counted():
    said = both_ways([P("a", 0, 0)], [L("a", 0, 0), L("a", 0, 0, number=1), L("a", 0, 2 * DAY, number=2)])
    assert said == {(0, 0, 0, True, "late"): 1, "repeated": 2}


def test_a_label_that_changes_after_the_delay_stays_as_it_was_in_time_and_is_corrected_among_the_later_ones():
    labels = [L("a", 0, 0), L("a", 0, 2 * DAY, "on_time", 1)]
    assert both_ways([P("a", 0, 0)], labels) == {
        (0, 0, 0, True, "late"): 1,
        (0, 0, 0, False, "late"): -1,
        (0, 0, 0, False, "on_time"): 1,
        "changed": 1,
    }


def test_a_label_in_time_that_is_read_after_a_later_one_is_the_last():
    labels = [L("a", 0, 2 * DAY, "on_time"), L("a", 0, 0, number=1)]
    assert both_ways([P("a", 0, 0)], labels) == {(0, 0, 0, True, "late"): 1, "changed": 1}


def test_texts_that_no_label_says_any_more_are_let_go():
    join = LabelJoin()
    for day in range(100):
        add_predictions(join, [P(f"p{day}", day * DAY, day)])
        add_labels(join, [L(f"p{day}", day * DAY, day, f"text {day} {n}") for n in range(100)])
        add_labels(join, [L(f"to come {day}", day * DAY, day, f"waits {day}")])
        join.settle(day * DAY, day * DAY)
    assert len(join._outcomes.texts) <= 1024 + 101
    told(join)
    add_labels(join, [L("p99", 99 * DAY, 99, "another")])
    assert told(join) == {
        (0, 99, 0, True, "text 99 99"): -1,
        (0, 99, 0, True, "another"): 1,
        "changed": 1,
    }
    add_predictions(join, [P("to come 95", 99 * DAY, 95)])
    assert told(join) == {(0, 95, 0, True, "waits 95"): 1}


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
