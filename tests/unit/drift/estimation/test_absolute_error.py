"""Errors of a regression without outcomes: what follows the inputs is seen, within intervals that hold."""

import numpy as np
import pytest

from driftline.drift.estimation import ErrorModel
from driftline.drift.estimation.error_tree import grown


def rows(random, n, *, busy=0.6):
    """Errors are large where two columns agree. `busy` is the share of their high cells."""
    codes = np.column_stack([np.where(random.random(n) < busy, 6, 2) + random.integers(0, 2, n) for _ in range(2)])
    other = random.integers(0, 5, n)
    spread = np.where((codes[:, 0] > 4) == (codes[:, 1] > 4), 3.0, 1.0)
    return np.column_stack((codes, other)), random.normal(0, 1, n) * spread


SIZES = (8, 8, 5)


def test_intervals_hold_the_realised_error_under_drift_of_the_inputs():
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(60):
        codes, errors = rows(random, 4000)
        model = ErrorModel.fit(codes, SIZES, errors, categorical=(2,))
        codes, errors = rows(random, 800, busy=0.9)
        found = model.estimate(model.count(codes)).values
        mae, rmse = found["mae"], found["rmse"]
        assert mae.low is not None
        assert mae.high is not None
        hits += mae.low <= np.abs(errors).mean() <= mae.high
        assert rmse.value == pytest.approx(np.sqrt((errors**2).mean()), rel=0.2)
    assert hits >= 0.88 * 60


def test_the_estimate_moves_with_the_inputs():
    random = np.random.default_rng(2)
    codes, errors = rows(random, 6000)
    model = ErrorModel.fit(codes, SIZES, errors)
    calm = model.estimate(model.count(codes)).values["mae"].value
    shifted = model.estimate(model.count(rows(random, 6000, busy=0.95)[0])).values["mae"].value
    assert calm == pytest.approx(np.abs(errors).mean(), rel=0.03)
    assert calm is not None
    assert shifted is not None
    assert shifted > 1.3 * calm


def test_counts_by_leaf_subtract_and_an_empty_window_is_unknown():
    random = np.random.default_rng(3)
    codes, errors = rows(random, 1000)
    model = ErrorModel.fit(codes, SIZES, errors)
    nothing = model.count(codes[:100]) + model.count(codes[:100], sign=-1)
    assert not nothing.any()
    assert {each.value for each in model.estimate(nothing).values.values()} == {None}


def test_errors_that_are_unknown_are_left_out_and_none_at_all_are_refused():
    random = np.random.default_rng(4)
    codes, errors = rows(random, 2000)
    errors[::3] = np.nan
    model = ErrorModel.fit(codes, SIZES, errors)
    assert model.rows.sum() == np.isfinite(errors).sum() // 2
    with pytest.raises(ValueError, match="labels"):
        ErrorModel.fit(codes, SIZES, np.full(2000, np.nan))


def test_a_small_reference_is_one_leaf():
    codes = np.zeros((50, 1), np.int64)
    model = ErrorModel.fit(codes, (2,), np.arange(50.0))
    assert model.tree.leaves == 1
    assert model.estimate(model.count(codes)).values["mae"].value == pytest.approx(np.arange(1.0, 50, 2).mean())


def test_a_tree_parts_what_differs_most_and_has_leaves_of_their_size():
    random = np.random.default_rng(5)
    codes = random.integers(0, 10, (3000, 2))
    tree = grown(codes, (10, 10), np.where(codes[:, 1] > 6, 5.0, 1.0), leaves=8, least=50)
    assert (tree.column[0], tree.cut[0], tree.leaves) == (1, 6, 2)
    leaf = tree.leaf_of(codes)
    assert len(set(leaf[codes[:, 1] > 6])) == 1


def test_categories_are_parted_by_their_errors_and_not_by_their_numbers():
    codes = np.tile(np.arange(4), 500)[:, None]
    tree = grown(codes, (4,), np.where(codes[:, 0] % 2 == 0, 5.0, 1.0), categorical=(0,), leaves=2)
    leaf = tree.leaf_of(np.arange(4)[:, None])
    assert leaf[0] == leaf[2]
    assert leaf[1] == leaf[3]
    assert leaf[0] != leaf[1]


def test_a_tree_keeps_to_its_bounds():
    random = np.random.default_rng(6)
    codes = random.integers(0, 20, (4000, 3))
    tree = grown(codes, (20, 20, 20), random.normal(size=4000), leaves=16, least=100)
    assert tree.leaves <= 16
    assert np.bincount(tree.leaf_of(codes)).min() >= 100


def test_a_model_that_was_kept_estimates_the_same():
    random = np.random.default_rng(7)
    codes, errors = rows(random, 3000)
    model = ErrorModel.fit(codes, SIZES, errors, categorical=(2,))
    kept = ErrorModel.from_json(model.to_json())
    assert kept.tree == model.tree
    assert kept.estimate(kept.count(codes)) == model.estimate(model.count(codes))


@pytest.mark.parametrize("text", ["{}", '{"format":2}', '{"format":1,"tree":{}}', "[]", "x"])
def test_other_text_is_no_model(text):
    with pytest.raises(ValueError, match=r"."):
        ErrorModel.from_json(text)
