"""The same rows to us and to fairlearn 0.15.0, which runs here; and to aif360 0.6.1, which ran elsewhere (it brings too much)."""

import numpy as np
import pytest
from fairlearn import metrics as fairlearn

from driftline.drift.fairness import Cell, GroupCounts, SimilarityCounts, Terms, assess, consistency

ALL = Terms(measures=("demographic_parity", "equalized_odds", "equal_opportunity", "predictive_parity"))


def _rows(seed, groups, n=900):
    random = np.random.default_rng(seed)
    group = random.choice(groups, n)
    shift = np.array([0.15 * groups.index(each) for each in group])
    actual = random.random(n) < 0.35 + shift / 2
    selected = random.random(n) < np.where(actual, 0.7, 0.2) + shift / 3
    return group, selected, actual


def _counts(names, group, selected, actual):
    cells = np.zeros((len(names) + 1, len(Cell)), np.int64)
    for i, name in enumerate(names):
        mine = group == name
        sides = (mine, mine & selected, mine & selected & actual, mine & selected & ~actual)
        cells[i] = [side.sum() for side in (*sides, mine & ~selected & actual, mine & ~selected & ~actual)]
    return GroupCounts(tuple(names), cells)


def _ours(group, selected, actual, names):
    found = assess(_counts(names, group, selected, actual), ALL)
    return {each.name: each.value for each in found.measures}, found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "c", "d"]])
def test_parity_odds_and_opportunity_are_those_of_fairlearn(seed, names):
    group, selected, actual = _rows(seed, names)
    found, _ = _ours(group, selected, actual, names)
    for measure in ("demographic_parity", "equalized_odds", "equal_opportunity"):
        for kind in ("difference", "ratio"):
            oracle = getattr(fairlearn, f"{measure}_{kind}")(actual, selected, sensitive_features=group)
            assert found[f"{measure}_{kind}"] == pytest.approx(oracle, abs=1e-12), (measure, kind)


@pytest.mark.parametrize("seed", range(3))
def test_rates_of_each_group_are_those_of_fairlearn(seed):
    names = ["a", "b", "c"]
    group, selected, actual = _rows(seed, names)
    _, found = _ours(group, selected, actual, names)
    functions = {
        "selection_rate": fairlearn.selection_rate,
        "true_positive_rate": fairlearn.true_positive_rate,
        "false_positive_rate": fairlearn.false_positive_rate,
    }
    oracle = fairlearn.MetricFrame(metrics=functions, y_true=actual, y_pred=selected, sensitive_features=group).by_group
    for each in found.groups:
        for rate in functions:
            assert each.rates[rate].value == pytest.approx(oracle.loc[each.name, rate], abs=1e-12)


CELLS = {"a": (70, 20, 30, 180), "b": (45, 40, 15, 100)}
"""TP, FP, FN, TN of two groups."""


def test_two_groups_are_as_far_apart_as_in_aif360():
    """aif360 0.6.1: ClassificationMetric(truth, predicted, unprivileged = a, privileged = b) on the rows of CELLS."""
    cells = [(tp + fp + fn + tn, tp + fp, tp, fp, fn, tn) for tp, fp, fn, tn in CELLS.values()]
    whole = assess(GroupCounts(("a", "b"), np.array([*cells, (0,) * 6])), ALL)
    found = {each.name: each.value for each in whole.measures}
    assert found["demographic_parity_difference"] == pytest.approx(0.125, abs=1e-12)  # -statistical_parity_difference()
    assert found["demographic_parity_ratio"] == pytest.approx(0.7058823529411765, abs=1e-12)  # disparate_impact()
    assert found["equal_opportunity_difference"] == pytest.approx(0.05, abs=1e-12)  # -equal_opportunity_difference()
    # the larger of -true_positive_rate_difference() and -false_positive_rate_difference()
    assert found["equalized_odds_difference"] == pytest.approx(0.1857142857142857, abs=1e-12)
    # positive_predictive_value(privileged=False) - positive_predictive_value(privileged=True)
    assert found["predictive_parity_difference"] == pytest.approx(0.7777777777777778 - 0.5294117647058824, abs=1e-12)
    accuracy = {"a": 0.8333333333333334, "b": 0.725}  # accuracy(privileged=...)
    assert {each.name: each.rates["accuracy"].value for each in whole.groups} == pytest.approx(accuracy, abs=1e-12)


@pytest.mark.parametrize(("neighbours", "oracle"), [(2, 0.83333333), (5, 0.73333333), (20, 0.73333333)])
def test_consistency_is_that_of_aif360_where_both_see_the_same_neighbours(neighbours, oracle):
    """aif360 0.6.1: BinaryLabelDatasetMetric(data).consistency(n_neighbors=k) on six cells of k equal rows.

    Its k nearest neighbours are the cell, the row itself among them; we leave the row itself out.
    """
    cells = np.repeat(np.arange(6), neighbours)
    selected = np.concatenate([np.arange(neighbours) < cell * neighbours // 5 for cell in range(6)])
    ours = consistency(_similar(cells, 6, selected), minimum_n=1).value
    itself_left_out = 1 - (1 - oracle) * neighbours / (neighbours - 1)
    assert ours == pytest.approx(itself_left_out, abs=1e-7)


def test_consistency_is_the_chance_that_two_similar_rows_agree():
    random = np.random.default_rng(5)
    cells = random.integers(0, 16, 400)
    selected = random.random(400) < 0.4
    found = consistency(_similar(cells, 16, selected))
    apart, company = 0.0, 0
    for i in range(400):
        others = [j for j in range(400) if j != i and cells[j] == cells[i]]
        if others:
            company += 1
            apart += abs(float(selected[i]) - float(np.mean(selected[others])))
    assert found.value == pytest.approx(1 - apart / company, abs=1e-12)
    assert (found.company, found.rows) == (company, 400)


def _similar(cells, size, selected):
    return SimilarityCounts(np.bincount(cells, minlength=size), np.bincount(cells[selected], minlength=size))
