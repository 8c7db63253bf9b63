"""Performance without labels: NannyML's own estimates, scikit-learn's calibration, and simulations of what may go wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from driftline.drift.estimation import estimate, estimate_accuracy, isotonic
from driftline.drift.estimation.cbpe import CAVEAT

CAR_LOAN = json.loads((Path(__file__).parent / "car_loan.json").read_text(encoding="utf-8"))


CELLS = 128


def count_scores(classes, scores):
    """Counts of scores by cell, of class 0 and of class 1."""
    return np.stack([np.histogram(scores[classes == which], CELLS, (0.0, 1.0))[0] for which in (0, 1)])


def counted(hundredths):
    """Counts of scores 0, .01 .. 1 as counts of the estimator's cells."""
    scores = np.repeat(np.arange(101) / 100, hundredths)
    return count_scores(np.zeros(len(scores), np.int64), scores)[0]


def reference():
    return isotonic(*(counted(CAR_LOAN["reference"][side]) for side in ("repaid_0", "repaid_1")))


@pytest.mark.parametrize("window", CAR_LOAN["windows"])
def test_estimates_on_the_car_loans_are_those_of_nannyml(window):
    counts = np.stack([counted(window[side]) for side in ("y_pred_0", "y_pred_1")])
    found = estimate(reference(), counts)
    for name, tolerance in (("accuracy", 1e-9), ("f1", 1e-9), ("auc", 1e-8)):
        assert found.values[name].value == pytest.approx(window[name], abs=tolerance)
    accuracy = found.values["accuracy"]
    assert accuracy.low < window["realised_accuracy"] < accuracy.high
    assert (found.n, found.caveat) == (5000, CAVEAT)


def scored(random, n, *, low=0.0, wrong=0.0):
    """Scores of which the chance is the square, or has moved away by `wrong`; decided at 0.5."""
    scores = low + (1 - low) * random.random(n)
    actual = (random.random(n) < np.clip(scores**2 + wrong, 0, 1)).astype(np.int64)
    return (scores > 0.5).astype(np.int64), actual, scores


def fitted(random, n):
    _, actual, scores = scored(random, n)
    return isotonic(*count_scores(actual, scores))


def test_isotonic_chances_are_those_of_scikit_learn():
    random = np.random.default_rng(1)
    _, actual, scores = scored(random, 3000)
    cells = np.minimum((scores * 128).astype(int), 127)
    expected = IsotonicRegression(out_of_bounds="clip").fit(cells, actual).predict(np.arange(128))
    assert isotonic(*count_scores(actual, scores)).chance == pytest.approx(expected, abs=1e-12)


def test_a_reference_without_outcomes_is_refused():
    with pytest.raises(ValueError, match="reference"):
        isotonic(np.zeros(128, np.int64), np.zeros(128, np.int64))


def realised(predicted, actual, scores):
    tp, fp, fn = (int(((predicted == p) & (actual == a)).sum()) for p, a in ((1, 1), (1, 0), (0, 1)))
    order = np.argsort(scores)
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    p = int(actual.sum())
    return {
        "accuracy": float((predicted == actual).mean()),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "auc": (ranks[actual == 1].sum() - p * (p + 1) / 2) / (p * (len(scores) - p)),
    }


@pytest.mark.parametrize("low", [0.0, 0.3])
def test_intervals_hold_the_realised_values_under_drift_of_the_inputs(low):
    random = np.random.default_rng(3)
    hits = dict.fromkeys(("accuracy", "precision", "recall", "f1", "auc"), 0)
    for _ in range(150):
        calibration = fitted(random, 4000)
        window = scored(random, 1000, low=low)
        found = estimate(calibration, count_scores(window[0], window[2])).values
        for name, value in realised(*window).items():
            if name in hits:
                low_end, high_end = found[name].low, found[name].high
                assert low_end is not None
                assert high_end is not None
                hits[name] += low_end <= value <= high_end
    for name, count in hits.items():
        assert count >= 0.89 * 150, name


def test_concept_drift_is_invisible_as_the_caveat_says():
    random = np.random.default_rng(4)
    window = scored(random, 5000, wrong=-0.2)
    found = estimate(fitted(random, 5000), count_scores(window[0], window[2])).values["accuracy"]
    assert found.high is not None
    assert realised(*window)["precision"] < 0.5
    same = scored(random, 5000)
    assert found.value == pytest.approx(realised(*same)["accuracy"], abs=0.03)


def test_scores_that_the_reference_did_not_have_are_told():
    random = np.random.default_rng(5)
    low_only = random.random(2000) * 0.5
    calibration = isotonic(*count_scores((random.random(2000) < low_only).astype(np.int64), low_only))
    scores = np.concatenate((np.full(30, 0.2), np.full(70, 0.9)))
    assert estimate(calibration, count_scores(np.zeros(100, np.int64), scores)).foreign == pytest.approx(0.7)


def test_an_empty_window_is_unknown():
    found = estimate(reference(), np.zeros((2, CELLS), np.int64))
    assert {each.value for each in found.values.values()} == {None}
    assert found.n == 0
    assert estimate_accuracy(reference(), np.zeros(CELLS, np.int64)).values["accuracy"].value is None


def test_a_window_without_predicted_positives_has_no_precision():
    found = estimate(reference(), count_scores(np.zeros(3, np.int64), np.array([0.1, 0.2, 0.3]))).values
    assert found["precision"].value is None
    assert found["accuracy"].value is not None


def test_many_classes_are_estimated_from_the_score_of_the_predicted_one():
    random = np.random.default_rng(6)

    def rows(n, low=0.34):
        scores = low + (1 - low) * random.random(n)
        return (random.random(n) < scores - 0.1).astype(np.int64), scores

    hits = 0
    for _ in range(100):
        calibration = isotonic(*count_scores(*rows(4000)))
        right, scores = rows(1000, low=0.6)
        found = estimate_accuracy(calibration, count_scores(right, scores).sum(axis=0))
        accuracy = found.values["accuracy"]
        assert found.n == 1000
        hits += accuracy.low <= right.mean() <= accuracy.high
    assert hits >= 89
