import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.codec import decode, encode
from driftline.drift.baseline import FINE_CELLS, MINIMUM_BIN, baseline_id, fit_baseline
from driftline.events import ColumnKind

NUMERIC, CATEGORICAL = ColumnKind.NUMERIC, ColumnKind.CATEGORICAL


def numbers(values):
    return fit_baseline("m", {"x": values}, {"x": NUMERIC}).columns[0]


def categories(values):
    return fit_baseline("m", {"x": values}, {"x": CATEGORICAL}).columns[0]


def psi_bins(column):
    edges = [0, *(edge + 2 for edge in column.psi_edges)]
    return np.add.reduceat(np.array(column.counts[2:]), edges).tolist()


def test_a_continuous_column_has_64_fine_cells_and_ten_equal_psi_bins():
    column = numbers(np.random.default_rng(1).normal(size=10_000))
    assert len(column.edges) == 63
    assert len(column.psi_edges) == 9
    assert psi_bins(column) == pytest.approx([1000] * 10, abs=1)
    assert min(column.counts[3:-1]) > 100


def test_psi_edges_are_the_deciles_of_the_data():
    values = np.random.default_rng(2).exponential(size=5000)
    column = numbers(values)
    deciles = np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf")
    assert [column.edges[i] for i in column.psi_edges] == pytest.approx(deciles, rel=1e-2)


def test_few_distinct_values_have_a_cell_each():
    column = numbers([1.0] * 50 + [2.0] * 30 + [5.0] * 20)
    assert column.edges == (2.0, 5.0)
    assert column.psi_edges == (0, 1)
    assert column.counts == (0, 0, 0, 50, 30, 20, 0)


def test_a_value_that_most_rows_have_is_a_psi_bin_of_its_own():
    rng = np.random.default_rng(3)
    column = numbers(np.concatenate((np.zeros(9500), rng.random(500) + 1)))
    assert psi_bins(column) == [9500, 500]
    middle = numbers(np.concatenate((rng.random(2000), np.full(6000, 2.0), rng.random(2000) + 3)))
    assert 6000 in psi_bins(middle)


def test_a_frequent_maximum_is_a_bin_of_its_own():
    rng = np.random.default_rng(4)
    assert psi_bins(numbers(np.concatenate((rng.random(5000), np.full(5000, 7.0)))))[-1] == 5000


def test_psi_bins_of_too_few_rows_are_merged():
    column = numbers(np.arange(100.0))
    assert min(psi_bins(column)) >= MINIMUM_BIN
    assert len(psi_bins(column)) == 5
    assert numbers([1.0, 2.0]).psi_edges == ()


@pytest.mark.parametrize("values", [[], [None, None], [math.nan, math.nan]])
def test_a_column_without_finite_values_has_one_empty_cell(values):
    column = numbers(values)
    assert column.edges == column.psi_edges == ()
    assert column.counts == (sum(v is None for v in values), sum(v is not None for v in values), 0, 0, 0)
    assert column.sums == (0, 0, 0, 0, 0)


def test_a_constant_column_has_one_cell():
    column = numbers([3.0] * 10)
    assert column.edges == ()
    assert column.counts == (0, 0, 0, 10, 0)
    assert column.sums == (10, 0, 0, 3, 3)


def test_null_and_nan_are_counted_apart():
    assert numbers([None, math.nan, math.nan, 1.0]).counts == (1, 2, 0, 1, 0)


def test_infinities_are_refused_by_name():
    with pytest.raises(ValueError, match="'x' holds 1 infinite"):
        numbers([1.0, math.inf])


def test_text_in_a_numeric_column_and_numbers_in_a_categorical_one_are_refused():
    with pytest.raises(ValueError, match="'x' is NUMERIC but holds text"):
        numbers(["1"])
    with pytest.raises(ValueError, match="'x' is NUMERIC but holds text"):
        numbers(np.array(["1"]))
    with pytest.raises(ValueError, match="'x' is CATEGORICAL but holds 1"):
        categories([1])


def test_a_missing_column_and_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="no column y"):
        fit_baseline("m", {"x": []}, {"y": NUMERIC})
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        fit_baseline("m", {"x": [1.0], "y": [1.0, 2.0]}, {"x": NUMERIC, "y": NUMERIC})


def test_categories_are_ranked_and_the_rare_ones_count_as_unseen():
    values = ["a"] * 3 + ["b"] * 5 + [None] + [f"v{i:03}" for i in range(300)]
    column = categories(values)
    assert column.categories[:3] == ("b", "a", "v000")
    assert len(column.categories) == 200
    assert column.counts[:5] == (1, 102, 5, 3, 1)
    assert sum(column.counts) == len(values)


def test_booleans_are_the_texts_that_producers_send():
    assert categories([True, False, True]).categories == ("true", "false")


def test_the_id_is_a_function_of_the_content():
    one, again = (fit_baseline("m", {"x": [1.0, 2.0]}, {"x": NUMERIC}) for _ in range(2))
    other = fit_baseline("m", {"x": [1.0, 3.0]}, {"x": NUMERIC})
    assert one.baseline_id == again.baseline_id == baseline_id(one) != other.baseline_id
    assert len(one.baseline_id) == 64
    assert baseline_id(dataclasses.replace(one, baseline_id="anything")) == one.baseline_id


def test_a_baseline_survives_the_wire_with_its_id():
    data: dict[str, Any] = {"x": [1.0, None, math.nan, 1e300], "c": ["ä", None, "", "z"]}
    baseline = fit_baseline("m", data, {"x": NUMERIC, "c": CATEGORICAL}, event_times=np.array([4, 2, 9, 3]))
    assert (baseline.event_from, baseline.event_to, baseline.rows) == (2, 9, 4)
    assert baseline_id(decode(encode(baseline))) == baseline.baseline_id


finite = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.floats(-5, 5), st.integers(0, 3).map(float), st.just(0.0)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(finite, st.none(), st.just(math.nan)), max_size=400))
def test_any_column_can_be_fitted(values):
    column = numbers(values)
    present = [v for v in values if v is not None and not math.isnan(v)]
    assert list(column.edges) == sorted(set(column.edges))
    assert len(column.edges) < FINE_CELLS
    assert all(edge in set(present) and edge > min(present) for edge in column.edges)
    assert list(column.psi_edges) == sorted(set(column.psi_edges))
    assert all(0 <= i < len(column.edges) for i in column.psi_edges)
    assert len(column.counts) == len(column.edges) + 5
    assert sum(column.counts) == len(values)
    if column.psi_edges:
        assert min(psi_bins(column)) >= MINIMUM_BIN
    if present:
        assert min(column.counts[3:-1]) > 0
        assert len(column.edges) == min(len(set(present)) - 1, len(column.edges))
