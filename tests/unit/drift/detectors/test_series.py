"""What of a window detectors watch, and how it is told."""

import numpy as np
import pytest

from driftline.avro import Column, Kind
from driftline.drift.baseline import fit_baseline
from driftline.drift.detectors.protocol import Verdict
from driftline.drift.detectors.sequential import Kind as DetectorKind
from driftline.drift.detectors.sequential import Span, Watch
from driftline.drift.detectors.series import error_of, inputs_of, labels_of, told
from driftline.drift.profile import Layout, profile_rows
from driftline.events import ColumnKind, Measure, MonitorColumn
from tests.builders import monitor_of


def window(values):
    names = list(values)
    random = np.random.default_rng(1)
    reference = {"amount": random.normal(50, 4, 2000), "empty": np.full(2000, np.nan), ":score": random.random(2000)}
    baseline = fit_baseline("m", reference, dict.fromkeys(reference, ColumnKind.NUMERIC))
    monitor = monitor_of(
        columns=tuple(MonitorColumn(name=name, kind=ColumnKind.NUMERIC) for name in names),
        baseline_id=baseline.baseline_id,
        granularities=("1 hour",),
    )
    layout = Layout.of(monitor, baseline)
    size = len(next(iter(values.values())))
    columns = {
        name: Column(b"", np.full(size, Kind.REAL, np.int8), reals=np.array(column, float)) for name, column in values.items()
    }
    profile = profile_rows(layout, np.zeros(size, np.int64), columns)[0]
    return {found.column: found for found in inputs_of(layout, baseline, profile)}


def test_means_of_numbers_and_of_the_score_are_watched_on_both_sides():
    found = window({"amount": [48.0, 54.0], ":score": [0.2, 0.4]})
    assert found["amount"].value == pytest.approx(51)
    assert (found["amount"].span.low, found["amount"].span.high) == pytest.approx((46, 54), abs=0.3)
    assert (found["amount"].family, found["amount"].watch) == ("feature", Watch.BOTH)
    assert found[":score"].value == pytest.approx(0.3)
    assert (found[":score"].family, found[":score"].span) == ("prediction", Span())


def test_columns_without_a_finite_value_wait():
    assert window({"amount": [np.nan, np.nan], "empty": [1.0, 2.0]}) == {}


def measure(name, value):
    return Measure(family="performance", name=name, value=value)


def test_the_error_of_a_classifier_is_watched_for_a_rise():
    (found,) = labels_of([measure("accuracy", 0.9), measure("f1", 0.2)])
    assert found.value == pytest.approx(0.1)
    assert (found.watch, found.span) == (Watch.RISE, Span())
    assert found.begin(DetectorKind.ADWIN).observe(found.value).detected is False


def test_an_mae_is_watched_where_the_reference_says_what_is_usual():
    assert list(labels_of([measure("mae", 3.0)])) == []
    assert next(labels_of([measure("mae", 3.0)], reference=2.0)).span == Span(0, 4)


@pytest.mark.parametrize(
    ("measures", "error"),
    [({"accuracy": 0.9, "f1": 0.5}, 0.1), ({"mae": 3.5}, 3.5), ({"accuracy": None}, None), ({}, None)],
)
def test_the_error_is_one_minus_accuracy_or_the_mean_absolute_error(measures, error):
    found = error_of(measure(name, value) for name, value in measures.items())
    assert found == (error if error is None else pytest.approx(error))


def test_windows_without_labels_are_not_fed():
    assert list(labels_of([measure("accuracy", None)])) == []


def test_a_verdict_is_told_as_a_measure_of_its_series():
    (found,) = labels_of([measure("accuracy", 0.9)])
    said = told(found.family, "hddm_a_error", found.column, Verdict(detected=True, value=0.3, before=0.1))
    assert (said.family, said.name, said.value, said.limit, said.violated) == (
        "performance_change",
        "hddm_a_error",
        0.3,
        0.1,
        True,
    )
    assert told("feature", "kswin", "age", Verdict(detected=False)).value is None


def test_a_detector_that_knows_a_rise_only_can_watch_any_series():
    found = window({"amount": [48.0, 54.0]})["amount"]
    assert found.begin(DetectorKind.DDM).watch is Watch.RISE
    assert found.begin(DetectorKind.PAGE_HINKLEY).watch is Watch.BOTH
