"""Labels against a monitor: which rule speaks first, for classes and for numbers."""

import dataclasses
import math

import numpy as np
import pytest

from driftline.avro import Column, Kind
from driftline.avro.layout import hash_texts
from driftline.errors import Reason
from driftline.events import Task
from driftline.validation.labels import Labels, validate_labels
from tests.builders import monitor_of

NOW = 1_700_000_000_000_000
CLASSES = monitor_of(task=Task.BINARY, positive_class="yes", labels=True, future_skew_us=5)
NUMBERS = dataclasses.replace(CLASSES, task=Task.REGRESSION, positive_class=None)


def texts(*values):
    data = [value.encode() for value in values]
    lengths = np.array([len(each) for each in data], np.int64)
    return Column(
        b"".join(data),
        np.full(len(data), Kind.TEXT, np.int8),
        start=np.cumsum(lengths) - lengths,
        length=lengths,
        hash=hash_texts(data),
    )


def whole(*values):
    return Column(b"", np.full(len(values), Kind.INTEGER, np.int8), integers=np.array(values, np.int64))


def reals(*values):
    return Column(b"", np.full(len(values), Kind.REAL, np.int8), reals=np.array(values, np.float64))


def nothing(n=1):
    return Column(b"", np.full(n, Kind.NULL, np.int8))


def judge(label, *, monitor=CLASSES, ids=None, times=None):
    n = len(label)
    ids = texts(*["p"] * n) if ids is None else ids
    times = whole(*[NOW] * n) if times is None else times
    verdict = validate_labels(monitor, Labels(ids, times, label, np.full(n, NOW, np.int64)))
    return [(verdict.reason(i), verdict.field(i)) for i in range(n)]


FINE = (None, None)


def test_a_class_is_a_text_or_a_boolean_and_a_number_is_finite():
    truth = Column(b"", np.full(1, Kind.BOOLEAN, np.int8), integers=np.ones(1, np.int64))
    assert judge(texts("yes", "", "anything")) == [FINE, FINE, FINE]
    assert judge(truth) == [FINE]
    assert judge(reals(1.0, -0.0), monitor=NUMBERS) == [FINE, FINE]
    assert judge(whole(3), monitor=NUMBERS) == [FINE]


@pytest.mark.parametrize(
    ("label", "monitor", "reason"),
    [
        (reals(1.0), CLASSES, Reason.WRONG_TYPE),
        (nothing(), CLASSES, Reason.MISSING_FIELD),
        (texts("1"), NUMBERS, Reason.WRONG_TYPE),
        (nothing(), NUMBERS, Reason.MISSING_FIELD),
        (reals(math.inf), NUMBERS, Reason.NON_FINITE),
        (reals(-math.inf), NUMBERS, Reason.NON_FINITE),
        (reals(math.nan), NUMBERS, Reason.NON_FINITE),
    ],
)
def test_a_label_of_another_kind_is_refused(label, monitor, reason):
    assert judge(label, monitor=monitor) == [(reason, "label")]


def test_ids_and_times_are_held_to_their_ranges():
    label = texts("yes")
    assert judge(label, ids=texts("")) == [(Reason.INVALID_ID, "prediction_id")]
    assert judge(label, ids=texts("x" * 129)) == [(Reason.INVALID_ID, "prediction_id")]
    assert judge(label, ids=nothing()) == [(Reason.MISSING_FIELD, "prediction_id")]
    assert judge(label, times=whole(NOW + 5)) == [FINE]
    assert judge(label, times=whole(NOW + 6)) == [(Reason.FUTURE_EVENT_TIME, "label_time")]
    assert judge(label, times=whole(-(2**62))) == [(Reason.OUT_OF_RANGE, "label_time")]


def test_the_first_objection_counts():
    assert judge(reals(1.0), ids=texts(""), times=whole(NOW + 6)) == [(Reason.INVALID_ID, "prediction_id")]
    assert judge(reals(1.0), times=whole(NOW + 6)) == [(Reason.FUTURE_EVENT_TIME, "label_time")]


def test_only_the_chosen_rows_are_judged():
    bad = reals(1.0, 2.0)
    verdict = validate_labels(CLASSES, Labels(texts("p", "p"), whole(NOW, NOW), bad, np.full(2, NOW)), np.array([1], np.int64))
    assert verdict.accepted.tolist() == [True, False]
