"""Performance from label counts: hand sums, and scipy's rank sum for the area under the curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, mannwhitneyu

from driftline.drift.performance import auc, labels
from driftline.drift.profile import Layout, Profile
from driftline.drift.profile.pairs import counted, numbers_add
from driftline.events import (
    Baseline,
    BaselineColumn,
    ColumnKind,
    Direction,
    MonitorColumn,
    Part,
    Task,
    Threshold,
)
from tests.builders import monitor_of


def column(name, categories, counts):
    return BaselineColumn(
        name=name,
        kind=ColumnKind.CATEGORICAL,
        edges=(),
        psi_edges=(),
        categories=categories,
        counts=counts,
        sums=(),
    )


BASELINE = Baseline(
    baseline_id="b",
    model_id="m",
    rows=100,
    columns=(
        column(":prediction", ("late", "on_time"), (0, 0, 50, 50)),
        column(":label", ("on_time", "late", "lost"), (0, 0, 70, 20, 10)),
    ),
    provenance={},
)


def monitor(task, *thresholds):
    return monitor_of(
        task=task,
        positive_class="late" if task is Task.BINARY else None,
        columns=(MonitorColumn(name=":prediction", kind=ColumnKind.CATEGORICAL),),
        labels=True,
        thresholds=thresholds,
    )


def measured(task, matrix=None, scores=None, errors=None, *, thresholds=(), **more):
    """`matrix` rows = predicted, columns = actual, in the order late, on_time, other."""
    layout = Layout.of(monitor(task), BASELINE)
    cells = np.zeros(layout.pairs.size, np.int64)
    if matrix is not None:
        layout.pairs.confusion(cells)[:] = matrix
    if scores is not None:
        for side, counts in zip(("negatives", "positives"), scores, strict=True):
            layout.pairs.block(cells, side)[:] = counts
            middles = (np.arange(64) + 0.5) / 64
            layout.pairs.block(cells, "scores")[:] += np.round(counts * middles * 2**31).astype(np.int64)
    n = int(np.sum(matrix)) if matrix is not None else 0
    if errors is not None:
        predicted, actual = (np.array(side, float) for side in errors)
        n = len(predicted)
        adds = tuple(numbers_add(layout.pairs, predicted, actual))
        cells = counted(layout.pairs, adds, np.zeros(n, np.int64), 1)[0]
    profile = Profile(layout.shape(Part.IN_TIME), n, cells, np.zeros(0))
    return {
        m.name if m.column in (None, ":label") else (m.name, m.column): m
        for m in labels(layout, monitor(task, *thresholds), profile, **more)
    }


def test_binary_measures_are_the_hand_sums():
    found = measured(Task.BINARY, [[30, 10, 0], [20, 35, 0], [0, 0, 5]])
    assert found["accuracy"].value == pytest.approx(65 / 100)
    assert found["precision"].value == pytest.approx(30 / 40)
    assert found["recall"].value == pytest.approx(30 / 50)
    assert found["f1"].value == pytest.approx(60 / 90)


def test_every_figure_says_on_how_many_pairs_it_stands_and_how_sure_it_is():
    low, high = np.zeros(64, int), np.zeros(64, int)
    low[16], high[48] = 20, 20
    found = measured(Task.BINARY, [[30, 10, 0], [20, 40, 0], [0, 0, 0]], scores=(low, high), rows=400)
    assert {name: found[name].n for name in ("accuracy", "f1", "auc", "brier", "coverage")} == {
        "accuracy": 100,
        "f1": 100,
        "auc": 40,  # of the pairs that have a score
        "brier": 40,
        "coverage": 400,
    }
    accuracy = found["accuracy"]
    assert (accuracy.low, accuracy.high) == pytest.approx(binomtest(70, 100).proportion_ci(method="wilson"))
    assert all(m.low <= m.value <= m.high for name, m in found.items() if name not in ("mcc", "ece"))


def test_binary_measures_beyond_the_decision_are_told_too():
    low, high = np.zeros(64, int), np.zeros(64, int)
    low[16], high[48] = 30, 10  # scores of some .25 and .75
    found = measured(Task.BINARY, [[30, 10, 0], [20, 40, 0], [0, 0, 0]], scores=(low, high))
    assert found["specificity"].value == pytest.approx(40 / 50)
    assert found["balanced_accuracy"].value == pytest.approx((30 / 50 + 40 / 50) / 2)
    assert found["mcc"].value == pytest.approx((30 * 40 - 10 * 20) / np.sqrt(40 * 50 * 60 * 50))
    assert found["ece"].value == pytest.approx(0.25, abs=1 / 64)


def test_each_class_has_measures_of_its_own_that_a_limit_of_the_model_does_not_touch():
    limit = Threshold(family="performance", measure="recall", limit=0.65, direction=Direction.BELOW)
    found = measured(Task.MULTICLASS, [[30, 10, 0], [20, 40, 0], [0, 0, 0]], thresholds=[limit])
    assert found["class_recall", ":label=late"].value == pytest.approx(30 / 50)
    assert found["class_precision", ":label=on_time"].value == pytest.approx(40 / 60)
    assert not any(m.violated for m in found.values())
    assert found["recall_weighted"].value == pytest.approx(0.7)


def test_multiclass_measures_are_means_over_the_classes():
    found = measured(Task.MULTICLASS, [[30, 10, 0], [20, 40, 0], [0, 0, 0]])
    assert found["precision"].value == pytest.approx((30 / 40 + 40 / 60) / 2)
    assert found["recall"].value == pytest.approx((30 / 50 + 40 / 50) / 2)
    assert "auc" not in found


def test_regression_errors_come_from_the_sums():
    found = measured(Task.REGRESSION, errors=([3, 5, 5, 9], [1, 7, 7, 7]))
    assert found["mae"].value == 2.0
    assert found["rmse"].value == 2.0
    assert found["mse"].value == 4.0
    assert found["mae"].n == 4


def test_bias_and_r2_come_from_the_sums_too():
    found = measured(Task.REGRESSION, errors=([3, 5, 5, 7, np.nan], [1, 7, 7, 9, 4]))
    assert found["bias"].value == -1.0
    assert found["r2"].value == pytest.approx(1 - 16 / (180 - 24**2 / 4))
    assert found["bias"].n == 4


@pytest.mark.parametrize("task", list(Task))
def test_without_pairs_nothing_has_a_value(task):
    found = measured(task, rows=0)
    assert {m.value for m in found.values()} == {None}


def test_coverage_is_the_share_of_predictions_with_a_label():
    assert measured(Task.BINARY, [[30, 10, 0], [20, 40, 0], [0, 0, 0]], rows=200)["coverage"].value == 0.5


def test_outcomes_are_compared_with_the_labels_of_the_baseline():
    found = measured(Task.BINARY, [[30, 10, 0], [20, 30, 0], [0, 0, 10]], baseline=BASELINE)
    assert (found["tv"].family, found["tv"].n) == ("label", 100)
    assert found["tv"].value == pytest.approx((abs(0.5 - 0.2) + abs(0.4 - 0.7)) / 2)


def test_performance_below_its_limit_is_a_violation():
    limit = Threshold(family="performance", measure="f1", limit=0.65, direction=Direction.BELOW)
    assert measured(Task.BINARY, [[1, 1, 0], [1, 1, 0], [0, 0, 0]], thresholds=[limit])["f1"].violated


def test_area_of_separated_scores_is_one_and_of_one_class_unknown():
    low, high = np.array([5, 0]), np.array([0, 5])
    assert auc(low, high) == 1.0
    assert auc(high, low) == 0.0
    assert auc(low, low) == 0.5
    assert auc(low, np.array([0, 0])) is None


@given(st.lists(st.tuples(st.integers(0, 63), st.booleans()), min_size=2, max_size=200))
def test_area_is_the_rank_sum_of_the_cells(rows):
    positives = [cell for cell, positive in rows if positive]
    negatives = [cell for cell, positive in rows if not positive]
    if not positives or not negatives:
        return
    expected = mannwhitneyu(positives, negatives, method="asymptotic").statistic / len(positives) / len(negatives)
    found = auc(np.bincount(negatives, minlength=64), np.bincount(positives, minlength=64))
    assert found == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=100))
def test_area_of_cells_misses_the_exact_one_by_at_most_half_the_ties(rows):
    positives = np.array([score for score, positive in rows if positive])
    negatives = np.array([score for score, positive in rows if not positive])
    if not len(positives) or not len(negatives):
        return
    exact = mannwhitneyu(positives, negatives, method="asymptotic").statistic / len(positives) / len(negatives)
    cells = [np.bincount(np.minimum((s * 64).astype(int), 63), minlength=64) for s in (negatives, positives)]
    ties = (cells[0] * cells[1]).sum() / len(positives) / len(negatives)
    assert abs(auc(*cells) - exact) <= ties / 2 + 1e-12
