"""Performance from exact state: scikit-learn is the oracle, hypothesis takes labels back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from driftline.drift.performance import figures
from driftline.drift.performance.binary import Table2, calibration_cells, decisions
from driftline.drift.performance.intervals import area_interval, proportion
from driftline.drift.performance.multiclass import per_class
from driftline.drift.profile.exact import FixedPoint
from driftline.drift.profile.pairs import PairLayout, counted, numbers_add, scored_add
from driftline.events import Task

BINARY = PairLayout(Task.BINARY, ("no", "yes"), positive=1)
NAMES = ("a", "b", "c", "d")


def count_scored(layout, predicted, actual, scores=None, sign=1):
    """The vector of pairs of a classifier; `sign` -1 takes them back."""
    scores = np.full(len(predicted), np.nan) if scores is None else scores
    return sign * together(layout, tuple(scored_add(layout, predicted, actual, scores)), len(predicted))


def count_regression(layout, predicted, actual, sign=1):
    return sign * together(layout, tuple(numbers_add(layout, predicted, actual)), len(predicted))


def together(layout, adds, n):
    return counted(layout, adds, np.zeros(n, np.int64), 1)[0]


def values(found):
    return {name: estimate.value for name, estimate in found.items()}


def binary_rows(seed, n=3000):
    random = np.random.default_rng(seed)
    score = random.beta(0.6, 0.9, n)
    actual = (random.random(n) < score**1.3).astype(np.int64)
    return (score > 0.4).astype(np.int64), actual, score


def test_binary_figures_are_those_of_scikit_learn():
    predicted, actual, score = binary_rows(1)
    found = values(figures(BINARY, count_scored(BINARY, predicted, actual, score)))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(actual, predicted))
    assert found["precision"] == pytest.approx(metrics.precision_score(actual, predicted))
    assert found["recall"] == pytest.approx(metrics.recall_score(actual, predicted))
    assert found["f1"] == pytest.approx(metrics.f1_score(actual, predicted))
    assert found["specificity"] == pytest.approx(metrics.recall_score(actual, predicted, pos_label=0))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(actual, predicted))
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(actual, predicted))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(actual, score), abs=1e-11)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(actual, score), abs=1e-11)
    # Scores of one cell count as equal: half of such pairs may be on the wrong side.
    cells = [np.bincount((score[actual == side] * 64).astype(int), minlength=64) for side in (0, 1)]
    ties = (cells[0] * cells[1]).sum() / cells[0].sum() / cells[1].sum()
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(actual, score), abs=ties / 2)


def test_calibration_is_that_of_scikit_learn_where_borders_meet():
    _, actual, score = binary_rows(2)
    vector = count_scored(BINARY, actual, actual, score)
    negatives, positives = (BINARY.block(vector, name) for name in ("negatives", "positives"))
    cells = calibration_cells(negatives, positives, BINARY.block(vector, "scores") / 2**31, bins=8)
    outcome, mean = calibration_curve(actual, score, n_bins=8)
    assert [cell.outcome.value for cell in cells] == pytest.approx(outcome)
    assert [cell.score for cell in cells] == pytest.approx(mean, abs=1e-9)


def test_a_perfect_score_has_no_loss_and_a_wrong_one_a_finite_loss():
    one = np.array([1])
    right = values(figures(BINARY, count_scored(BINARY, one, one, np.array([1.0]))))
    wrong = values(figures(BINARY, count_scored(BINARY, one, one, np.array([0.0]))))
    assert right["log_loss"] == pytest.approx(0, abs=1e-11)
    assert wrong["log_loss"] == pytest.approx(36.0436533891)


def test_scores_that_are_missing_are_left_out_of_scores_only():
    vector = count_scored(BINARY, np.array([1, 0]), np.array([1, 1]), np.array([0.75, np.nan]))
    found = values(figures(BINARY, vector))
    assert found["accuracy"] == 0.5
    assert found["brier"] == pytest.approx(0.0625)


@pytest.mark.parametrize("seed", range(3))
def test_multiclass_figures_are_those_of_scikit_learn(seed):
    random = np.random.default_rng(seed)
    layout = PairLayout(Task.MULTICLASS, NAMES)
    scores = random.dirichlet((1, 2, 0.5, 1), 2000)
    actual = np.array([random.choice(4, p=row) for row in scores])
    predicted = scores.argmax(axis=1)
    vector = count_scored(layout, predicted, actual)
    found = values(figures(layout, vector))
    for average in ("macro", "weighted"):
        tail = "" if average == "macro" else "_weighted"
        p, r, f, _ = metrics.precision_recall_fscore_support(actual, predicted, average=average, zero_division=np.nan)
        assert found["precision" + tail] == pytest.approx(p)
        assert found["recall" + tail] == pytest.approx(r)
        assert found["f1" + tail] == pytest.approx(f)
    each = per_class(layout.block(vector, "confusion").reshape(5, 5), NAMES)
    p, r, f, support = metrics.precision_recall_fscore_support(actual, predicted, zero_division=np.nan)
    assert [c.precision.value for c in each] == pytest.approx(p)
    assert [c.recall.value for c in each] == pytest.approx(r)
    assert [c.f1 for c in each] == pytest.approx(f)
    assert [c.support for c in each] == list(support)


def test_a_class_never_predicted_has_no_precision_and_means_leave_it_out():
    layout = PairLayout(Task.MULTICLASS, ("a", "b", "c"))
    predicted, actual = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    found = values(figures(layout, count_scored(layout, predicted, actual)))
    assert found["precision"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["recall"] == pytest.approx((1 + 1 + 0) / 3)


def test_unknown_classes_are_errors_of_whatever_they_meet():
    predicted, actual = np.array([1, 2, 2]), np.array([2, 1, 2])
    found = values(figures(BINARY, count_scored(BINARY, predicted, actual)))
    assert (found["accuracy"], found["precision"], found["recall"]) == (0, 0, 0)


def regression_layout(scale=0.5, origin=0.0):
    return PairLayout(Task.REGRESSION, scale=scale, origin=origin)


def test_regression_figures_are_those_of_scikit_learn():
    random = np.random.default_rng(4)
    actual = random.normal(20, 5, 4000)
    predicted = actual * 0.9 + random.normal(1, 2, 4000)
    layout = regression_layout()
    found = values(figures(layout, count_regression(layout, predicted, actual)))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(actual, predicted), rel=1e-12)
    assert found["mse"] == pytest.approx(metrics.mean_squared_error(actual, predicted), rel=1e-12)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(actual, predicted), rel=1e-12)
    assert found["r2"] == pytest.approx(metrics.r2_score(actual, predicted), rel=1e-12)
    assert found["mape"] == pytest.approx(metrics.mean_absolute_percentage_error(actual, predicted), rel=1e-12)
    assert found["bias"] == pytest.approx((predicted - actual).mean(), rel=1e-9)
    for name, q in (("error_p05", 0.05), ("error_p50", 0.5), ("error_p95", 0.95)):
        exact = np.quantile(predicted - actual, q)
        assert found[name] == pytest.approx(exact, abs=0.5 * 0.2 * (1 + abs(exact) / 0.5))


def test_r2_does_not_drown_in_outcomes_far_from_zero():
    random = np.random.default_rng(4)
    actual = 1e9 + random.normal(0, 1, 1000)
    predicted = actual + random.normal(0, 0.5, 1000)
    layout = regression_layout(origin=1e9 - 7)  # a usual outcome of the reference, as the layout asks for
    found = figures(layout, count_regression(layout, predicted, actual))
    assert found["r2"].value == pytest.approx(metrics.r2_score(actual, predicted), rel=1e-6)


def test_outcomes_of_zero_have_no_relative_error_and_equal_outcomes_no_r2():
    layout = regression_layout()
    found = values(figures(layout, count_regression(layout, np.array([1.0, 2.0]), np.array([0.0, 0.0]))))
    assert found["mape"] is None
    assert found["r2"] is None
    assert found["mae"] == 1.5


def test_what_cannot_be_summed_is_counted_apart():
    layout = regression_layout()
    vector = count_regression(layout, np.array([1e200, np.nan, 3.0]), np.array([0.0, 1.0, 1.0]))
    assert layout.block(vector, "beyond").tolist() == [1]
    assert figures(layout, vector)["mae"].value == 2.0


@pytest.mark.parametrize("layout", [BINARY, PairLayout(Task.MULTICLASS, NAMES), regression_layout()])
def test_without_pairs_nothing_is_known(layout):
    found = values(figures(layout, np.zeros(layout.size, np.int64)))
    assert set(found.values()) == {None}


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 1), st.integers(0, 2)), min_size=1, max_size=30))
def test_groups_are_counted_as_if_each_were_alone(rows):
    predicted, actual, score, group = (np.array(column) for column in zip(*rows, strict=True))
    found = counted(BINARY, tuple(scored_add(BINARY, predicted, actual, score)), group, 3)
    for each in range(3):
        mine = group == each
        assert np.array_equal(found[each], count_scored(BINARY, predicted[mine], actual[mine], score[mine]))


pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 1)), min_size=1, max_size=30)


@settings(max_examples=100)
@given(pairs, pairs)
def test_a_changed_label_leaves_no_trace_of_the_old_one(kept, changed):
    def count(rows, sign=1):
        predicted, actual, score = (np.array(column) for column in zip(*rows, strict=True))
        return count_scored(BINARY, predicted, actual, score, sign=sign)

    new = [(p, (a + 1) % 3, s) for p, a, s in changed]
    walked = count(kept) + count(changed) + count(changed, -1) + count(new)
    assert np.array_equal(walked, count(kept + new))


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=20),
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=20),
)
def test_a_changed_outcome_of_a_regression_leaves_no_trace_either(kept, changed):
    layout = regression_layout(scale=1e3)

    def count(rows, sign=1):
        predicted, actual = (np.array(column) for column in zip(*rows, strict=True))
        return count_regression(layout, predicted, actual, sign=sign)

    assert np.array_equal(count(kept) + count(changed) + count(changed, -1), count(kept))


@given(st.lists(st.floats(-1e15, 1e15), max_size=30), st.integers(2, 4))
def test_exact_sums_are_the_sums_of_the_rounded_terms(terms, limbs):
    form = FixedPoint(limbs=limbs, fraction=8)
    kept = np.array(terms, float)
    kept = kept[form.fits(kept)]
    total = form.whole(form.split(kept).sum(axis=0))
    assert total == sum(round(float(x) * 256) for x in kept)


def test_wilson_is_the_textbook_interval():
    found = proportion(10, 20)  # statsmodels.stats.proportion.proportion_confint(10, 20, method="wilson")
    assert (found.low, found.high) == pytest.approx((0.299298, 0.700702), abs=1e-6)
    none = proportion(0, 10)
    assert none.low == 0
    assert none.high == pytest.approx(0.277533, abs=1e-6)


def test_delong_interval_covers_the_true_area():
    random = np.random.default_rng(6)
    truth = 0.760249938906523  # Phi(1 / sqrt 2), of N(0, 1) against N(1, 1)
    edges = np.linspace(-4, 5, 63)
    hits = 0
    for _ in range(600):
        sides = [np.bincount(np.searchsorted(edges, random.normal(mean, 1, 40)), minlength=64) for mean in (0, 1)]
        negatives, positives = sides
        area = float((positives * (np.cumsum(negatives) - negatives / 2)).sum()) / 1600
        low, high = area_interval(negatives, positives, area)
        hits += low <= truth <= high
    assert 0.92 <= hits / 600 <= 0.98


def test_an_area_of_one_still_has_an_interval_with_a_width():
    low, high = area_interval(np.array([10, 0]), np.array([0, 10]), 1.0)
    assert high == 1.0
    assert 0.6 < low < 0.95


def test_intervals_of_shares_cover_at_their_level():
    random = np.random.default_rng(7)
    shares = {"tp": 0.2, "fp": 0.1, "fn": 0.15, "tn": 0.55}
    truth = {"f1": 0.4 / 0.65, "balanced_accuracy": (0.2 / 0.35 + 0.55 / 0.65) / 2, "precision": 2 / 3}
    hits = dict.fromkeys(truth, 0)
    for counts in random.multinomial(150, list(shares.values()), size=600):
        found = decisions(Table2(*map(int, counts)))
        for name, value in truth.items():
            low, high = found[name].low, found[name].high
            assert low is not None
            assert high is not None
            hits[name] += low <= value <= high
    for name, count in hits.items():
        assert 0.92 <= count / 600 <= 0.985, name


def test_an_undefined_mcc_is_unknown():
    assert decisions(Table2(5, 5, 0, 0))["mcc"].value is None
