"""How two samples are cut: as a baseline cuts them, and as others do."""

import numpy as np

from driftline.drift.baseline import fit_baseline
from driftline.drift.measures import bins
from driftline.drift.measures.samples import sample
from driftline.events import ColumnKind
from tests.unit.drift.measures.cells import of

RANDOM = np.random.default_rng(3)


def cells(pair):
    return [side.tolist() for side in pair]


def test_deciles_are_the_bins_of_a_baseline():
    values = RANDOM.lognormal(size=1000)
    column = fit_baseline("m", {"x": values}, {"x": ColumnKind.NUMERIC}).columns[0]
    reference, current = of(bins.deciles, sample(values), sample(values * 2))
    edges = [column.edges[at] for at in column.psi_edges]
    assert reference.tolist() == np.histogram(values, [-np.inf, *edges, np.inf])[0].tolist()
    assert current.tolist() == np.histogram(values * 2, [-np.inf, *edges, np.inf])[0].tolist()
    assert len(reference) == 10


def test_categories_beyond_those_of_the_baseline_share_a_cell():
    many = [f"v{i:03}" for i in range(250)] + ["v000"]
    reference, current = of(bins.deciles, sample(many), sample(["v000", "v249", "new", "other"]))
    assert len(reference) == 201
    assert reference[-1] == 50  # all but the 200 most frequent
    assert current[-1] == 3


def test_values_are_counted_in_their_order():
    assert cells(bins.distinct(sample(["b", "a", "b"]), sample(["c", "b"]))) == [[1, 2, 0], [0, 1, 1]]


def test_nannyml_gets_one_more_cell_for_what_is_out_of_range():
    reference, current = of(bins.doane, sample(RANDOM.normal(size=500)), sample(np.array([0.0, 99.0, -99.0])))
    assert (reference[-1], current[-1]) == (0, 2)


def test_evidently_counts_up_to_twenty_numbers_by_value():
    few, more = (np.arange(count, dtype=float) for count in (20, 21))
    assert len(of(bins.sturges, sample(few), sample(few))[0]) == 20
    assert len(of(bins.sturges, sample(more), sample(more))[0]) == 7  # ceil(log2 42) + 1 widths


def test_rare_values_are_merged_for_deepchecks():
    reference = sample(["a"] * 980 + ["b"] * 15 + ["c"] * 5)
    kept = bins.common_values(reference, sample(["a"] * 90 + ["c"] * 10))
    assert cells(kept) == [[980, 15, 5], [90, 0, 10]]  # the last is the merged one
    kept = bins.common_values(reference, sample(["a"] * 100))
    assert cells(kept) == [[980, 15], [100, 0]]  # merged, and still rare: left out


def test_a_rule_that_wants_millions_of_cells_is_not_followed():
    middle = RANDOM.normal(size=1000)
    assert bins.edges_by("auto", np.append(middle, 1e12)) is None
    assert bins.edges_by("auto", middle) is not None
    assert bins.edges_by(10, np.array([-1.7e308, 1.7e308])) is None
