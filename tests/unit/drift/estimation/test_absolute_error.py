"""Errors of a regression without outcomes: what follows the inputs is seen, within intervals that hold."""

import numpy as np
import pytest

from driftline.drift.estimation import ErrorModel
from driftline.drift.estimation.absolute_error import parted


def rows(random, n, *, busy=0.5):
    """Errors are large in the high cells of a column of 8. `busy` is the share of those."""
    cells = np.where(random.random(n) < busy, 4, 0) + random.integers(0, 4, n)
    return cells, random.normal(0, 1, n) * np.where(cells > 3, 3.0, 1.0)


def counts(cells, size=8):
    return np.bincount(cells, minlength=size)


def test_intervals_hold_the_realised_error_under_drift_of_the_inputs():
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(60):
        model = ErrorModel.fit(*with_size(rows(random, 4000)))
        cells, errors = rows(random, 800, busy=0.9)
        found = model.estimate(counts(cells)).values
        mae, rmse = found["mae"], found["rmse"]
        assert mae.low is not None
        assert mae.high is not None
        hits += mae.low <= np.abs(errors).mean() <= mae.high
        assert rmse.value == pytest.approx(np.sqrt((errors**2).mean()), rel=0.2)
    assert hits >= 0.88 * 60


def with_size(found):
    return found[0], 8, found[1]


def test_the_estimate_moves_with_the_inputs():
    random = np.random.default_rng(2)
    cells, errors = rows(random, 6000)
    model = ErrorModel.fit(cells, 8, errors)
    calm = model.estimate(counts(cells)).values["mae"].value
    shifted = model.estimate(counts(rows(random, 6000, busy=0.95)[0])).values["mae"].value
    assert calm == pytest.approx(np.abs(errors).mean(), rel=0.03)
    assert calm is not None
    assert shifted is not None
    assert shifted > 1.3 * calm


def test_an_empty_window_is_unknown():
    model = ErrorModel.fit(*with_size(rows(np.random.default_rng(3), 1000)))
    assert {each.value for each in model.estimate(np.zeros(8, np.int64)).values.values()} == {None}


def test_errors_that_are_unknown_are_left_out_and_none_at_all_are_refused():
    cells, errors = rows(np.random.default_rng(4), 2000)
    errors[::3] = np.nan
    model = ErrorModel.fit(cells, 8, errors)
    assert model.rows.sum() == np.isfinite(errors).sum() // 2
    with pytest.raises(ValueError, match="labels"):
        ErrorModel.fit(cells, 8, np.full(2000, np.nan))


def test_a_small_reference_is_one_kind():
    cells = np.zeros(50, np.int64)
    model = ErrorModel.fit(cells, 2, np.arange(50.0))
    assert model.kinds.tolist() == [0, 0]
    assert model.estimate(counts(cells, 2)).values["mae"].value == pytest.approx(np.arange(1.0, 50, 2).mean())


def test_cells_are_parted_where_errors_differ_most():
    cells = np.random.default_rng(5).integers(0, 10, 3000)
    kinds = parted(cells, 10, np.where(cells > 6, 5.0, 1.0), categorical=False, most=8, least=50)
    assert kinds.tolist() == [0] * 7 + [1] * 3


def test_categories_are_parted_by_their_errors_and_not_by_their_numbers():
    cells = np.tile(np.arange(4), 500)
    kinds = parted(cells, 4, np.where(cells % 2 == 0, 5.0, 1.0), categorical=True, most=2)
    assert kinds.tolist() == [1, 0, 1, 0]


def test_kinds_keep_to_their_bounds():
    random = np.random.default_rng(6)
    cells = random.integers(0, 60, 4000)
    kinds = parted(cells, 60, random.normal(size=4000), categorical=False, most=16, least=100)
    assert 2 <= int(kinds.max()) + 1 <= 16
    assert np.bincount(kinds[cells]).min() >= 100
    assert (np.diff(kinds) >= 0).all()


def test_a_model_that_was_kept_estimates_the_same():
    cells, errors = rows(np.random.default_rng(7), 3000)
    model = ErrorModel.fit(cells, 8, errors, categorical=True)
    kept = ErrorModel.from_json(model.to_json())
    assert kept.kinds.tolist() == model.kinds.tolist()
    assert kept.estimate(counts(cells)) == model.estimate(counts(cells))


@pytest.mark.parametrize("text", ["{}", '{"format":1}', '{"format":2,"kinds":[0]}', "[]", "x"])
def test_other_text_is_no_model(text):
    with pytest.raises(ValueError, match=r"."):
        ErrorModel.from_json(text)
