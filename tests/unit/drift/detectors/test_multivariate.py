"""Samples of two windows: can they be told apart, and how often by chance."""

import numpy as np
import pytest

from driftline.drift.detectors.design import design
from driftline.drift.detectors.domain_classifier import domain_classifier
from driftline.drift.detectors.mmd import mmd
from driftline.drift.detectors.seeds import seed_of


def rows(seed, n, columns=4):
    return np.random.default_rng(seed).normal(size=(n, columns))


def test_a_design_scales_flags_nulls_and_spreads_categories():
    reference = np.array([[1.0, 0.0, 5.0], [2.0, 1.0, 5.0], [np.nan, 1.0, 5.0], [4.0, 0.0, 5.0]])
    left, right = design(reference, reference[:2], categorical=(1,))
    assert left.shape == (4, 4)  # flag of null, value, two categories; the constant column tells nothing
    assert right.shape == (2, 4)
    assert left[:, 0].tolist() == [0, 0, 1, 0]
    assert np.isfinite(left).all()


@pytest.mark.parametrize("change", ["mean", "spread", "correlation"])
def test_both_find_a_shift(change):
    reference, current = rows(1, 400), rows(2, 400)
    if change == "mean":
        current += 0.5
    elif change == "spread":
        current *= 1.8
    else:
        current[:, 1] = 0.8 * current[:, 0] + 0.6 * current[:, 1]
    found = domain_classifier(reference, current)
    assert found.p_value < 1e-3
    assert found.auc > 0.55
    assert mmd(reference, current, seed=1).p_value <= 0.01


def test_the_classifier_alarms_no_more_often_by_chance_than_it_says():
    p_values = np.array([domain_classifier(rows(2 * i, 120), rows(2 * i + 1, 80)).p_value for i in range(400)])
    assert (p_values <= 0.05).mean() <= 0.05 + 2.33 * np.sqrt(0.05 * 0.95 / 400)
    assert (p_values <= 0.5).mean() == pytest.approx(0.5, abs=0.08)


def test_mmd_alarms_as_often_by_chance_as_it_says():
    found = [mmd(rows(2 * i, 60), rows(2 * i + 1, 50), seed=i, permutations=99) for i in range(200)]
    share = np.mean([each.p_value <= 0.05 for each in found])
    assert 0.4 * 0.05 <= share <= 1.8 * 0.05


def test_mmd_is_the_double_sum_of_its_definition():
    reference, current = rows(1, 25), rows(2, 30)
    found = mmd(reference, current, seed=1, permutations=1)
    both = np.concatenate((reference, current))
    distance = ((both[:, None] - both[None]) ** 2).sum(axis=2)
    kernel = np.exp(-distance / np.median(distance[np.triu_indices(55, 1)]))
    np.fill_diagonal(kernel, 0)
    expected = kernel[:25, :25].sum() / 600 + kernel[25:, 25:].sum() / 870 - 2 * kernel[:25, 25:].mean()
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_a_window_has_one_p_value_whenever_it_is_computed():
    seed = seed_of("model", "v1", "", "1 hour", 3_600_000_000)
    assert mmd(rows(1, 50), rows(2, 50), seed=seed) == mmd(rows(1, 50), rows(2, 50), seed=seed)
    assert seed != seed_of("model", "v1", "", "1 hour", 7_200_000_000)


def test_small_samples_and_equal_rows_say_nothing_rash():
    assert domain_classifier(rows(1, 39), rows(2, 100)) is None
    assert mmd(rows(1, 19), rows(2, 100), seed=1) is None
    constant = np.zeros((50, 3))
    assert domain_classifier(constant, constant).p_value == pytest.approx(0.5)
    assert mmd(constant, constant, seed=1).p_value == 1.0
