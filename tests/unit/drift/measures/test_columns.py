"""Measures of a window's inputs: which exist, what they belong to, and what odd columns give."""

import math
from dataclasses import replace

import numpy as np
import pytest

from driftline.avro import Column, Kind
from driftline.drift.baseline import fit_baseline
from driftline.drift.measures import TABLE, inputs, measure
from driftline.drift.profile import Layout, Profile, profile_rows
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
from tests.unit.drift.measures.cells import of

# temp: null, nan, below, 4 fine cells, above; two PSI bins split at edge 1
TEMP = BaselineColumn(
    name="temp",
    kind=ColumnKind.NUMERIC,
    edges=(1.0, 2.0, 3.0),
    psi_edges=(1,),
    categories=(),
    counts=(10, 0, 0, 25, 25, 25, 15, 0),
    sums=(90.0, 0.0, 0.0, 0.0, 4.0),
)
ORIGIN = BaselineColumn(
    name="origin",
    kind=ColumnKind.CATEGORICAL,
    edges=(),
    psi_edges=(),
    categories=("EWR", "JFK"),
    counts=(0, 0, 50, 50),
    sums=(),
)
SCORE = BaselineColumn(
    name=":score",
    kind=ColumnKind.NUMERIC,
    edges=(0.5,),
    psi_edges=(0,),
    categories=(),
    counts=(0, 0, 0, 50, 50, 0),
    sums=(100.0, 0.0, 0.0, 0.0, 1.0),
)
COLUMNS = (TEMP, ORIGIN, SCORE)
BASELINE = Baseline(baseline_id="b", model_id="m", rows=100, columns=COLUMNS, provenance={})


def monitor(*thresholds):
    return monitor_of(
        task=Task.BINARY,
        positive_class="late",
        columns=tuple(MonitorColumn(name=column.name, kind=column.kind) for column in COLUMNS),
        labels=True,
        thresholds=thresholds,
    )


def measured(temp, origin, score, *thresholds):
    layout = Layout.of(monitor(), BASELINE)
    cells = np.array([*temp, *origin, *score], np.int64)
    profile = Profile(layout.shape(Part.INPUTS), sum(temp), cells, np.zeros(layout.sums))
    found = inputs(layout, BASELINE, monitor(*thresholds), profile)
    return {(measure.column, measure.name): measure for measure in found}


USUAL = (10, 0, 0, 25, 25, 25, 15, 0), (0, 0, 50, 50), (0, 0, 0, 50, 50, 0)


def test_a_window_like_its_baseline_shows_no_distance():
    found = measured(*USUAL)
    assert all(m.value == pytest.approx(0) for m in found.values() if m.name in {"psi", "js", "tv", "ks", "chi2"})
    assert found["temp", "null_rate"].value == 0.1
    assert found["temp", "null_rate_delta"].value == 0


def test_predictions_rates_and_features_are_families_of_their_own():
    found = measured(*USUAL)
    assert {m.family for (column, _), m in found.items() if column == ":score"} == {"prediction", "quality"}
    assert {m.name for (column, _), m in found.items() if column == "temp" and m.family == "feature"} == {
        *("psi", "js", "tv", "kl", "hellinger", "linf", "chi2", "ks", "wasserstein", "wasserstein_normed"),
    }
    assert ("origin", "ks") not in found  # categories have no order
    assert {m.name for (column, _), m in found.items() if column == "origin" and m.family == "quality"} == {
        *("null_rate", "null_rate_delta", "unseen_rate", "unseen_rate_delta"),
        *("distinct_count", "distinct_count_delta", "distinct_rate", "distinct_rate_delta"),
    }
    assert {m.name for (column, _), m in found.items() if column == "temp" and m.family == "quality"} == {
        *("null_rate", "null_rate_delta", "nan_rate", "nan_rate_delta"),
        *("below_rate", "above_rate", "out_of_range_rate", "mean", "mean_delta", "p05", "p50", "p95"),
        *("distinct_count", "distinct_count_delta", "distinct_rate", "distinct_rate_delta", "zero_rate", "zero_rate_delta"),
    }
    assert found[None, "count_delta"].family == "quality"


def test_values_beyond_the_baseline_count_in_the_outer_deciles_and_in_ks():
    found = measured((0, 0, 0, 0, 0, 0, 0, 100), *USUAL[1:])
    assert found["temp", "tv"].value == pytest.approx(50 / 90)
    assert found["temp", "ks"].value == pytest.approx(1)


def test_nulls_move_the_null_rate_and_no_distance():
    found = measured((55, 0, 0, 25, 25, 25, 15, 0), *USUAL[1:])
    assert found["temp", "psi"].value == pytest.approx(0)
    assert found["temp", "null_rate"].value == pytest.approx(55 / 145)
    assert found["temp", "null_rate_delta"].value == pytest.approx(55 / 145 - 0.1)


def test_unseen_values_are_a_cell_of_their_own():
    found = measured(USUAL[0], (0, 100, 0, 0), USUAL[2])
    assert found["origin", "tv"].value == 1
    assert found["origin", "unseen_rate"].value == 1
    assert found["origin", "chi2"].p_value < 1e-9


def test_an_all_null_column_has_rates_and_no_distances():
    found = measured((100, 0, 0, 0, 0, 0, 0, 0), *USUAL[1:])
    assert {found["temp", name].value for name in ("psi", "js", "tv", "chi2", "ks")} == {None}
    assert found["temp", "null_rate"].value == 1


def test_a_window_without_rows_has_no_value_at_all():
    found = measured((0,) * 8, (0,) * 4, (0,) * 6)
    assert {m.value for m in found.values()} == {None}
    assert not any(m.violated for m in found.values())


def test_thresholds_of_the_monitor_are_checked():
    limit = Threshold(family="feature", measure="psi", limit=0.25, direction=Direction.ABOVE)
    found = measured((0, 0, 0, 0, 0, 0, 0, 100), *USUAL[1:], limit)
    assert found["temp", "psi"].violated
    assert found["temp", "psi"].limit == 0.25
    assert not found["origin", "psi"].violated
    assert found[":score", "psi"].limit is None


# What follows is measured from rows: a baseline is fitted, windows are counted into its cells, and the measures of the
# counts are held against those of the raw values.

RANDOM = np.random.default_rng(11)


def fitted(reference, kinds):
    """Layout, baseline and monitor of some columns."""
    baseline = fit_baseline("m", reference, kinds)
    columns = tuple(MonitorColumn(name=name, kind=kind) for name, kind in kinds.items())
    watched = replace(monitor(), columns=columns, baseline_id=baseline.baseline_id)
    return Layout.of(watched, baseline), baseline, watched


def counted(layout, values):
    """The profile of a window's numbers."""
    rows = len(next(iter(values.values())))
    kind = np.full(rows, Kind.REAL, np.int8)
    columns = {name: Column(b"", kind, reals=column) for name, column in values.items()}
    return profile_rows(layout, np.zeros(rows, np.int64), columns)[0]


def both_ways(reference, current):
    """Measures of each numeric column by (column, name), from counts."""
    layout, baseline, watched = fitted(reference, dict.fromkeys(reference, ColumnKind.NUMERIC))
    found = inputs(layout, baseline, watched, counted(layout, current))
    return {(m.column, m.name): m for m in found}


def near(value, other):
    """Both are None, or the same but for the order of a floating-point sum."""
    return value == other if other is None else value == pytest.approx(other, rel=1e-9, abs=1e-12)


@pytest.fixture(scope="module")
def rows():
    """Columns of rows that differ in size, shape and number of distinct values."""
    reference = {
        "normal": RANDOM.normal(size=4000),
        "lognormal": RANDOM.lognormal(0, 2, size=4000),
        "integers": RANDOM.poisson(3, 4000).astype(float),
        "binary": RANDOM.integers(0, 2, 4000).astype(float),
        "constant": np.full(4000, 2.0),
        "zero inflated": np.where(RANDOM.random(4000) < 0.6, 0.0, RANDOM.exponential(1, 4000)),
        "large": RANDOM.normal(1e9, 3.0, 4000),
    }
    current = {name: RANDOM.permutation(column)[:1000] * RANDOM.uniform(0.9, 1.1, 1000) for name, column in reference.items()}
    current["binary"] = (RANDOM.random(1000) < 0.7).astype(float)
    current["integers"] = RANDOM.poisson(3.4, 1000).astype(float)
    return reference, current, both_ways(reference, current)


SAME = ("psi", "js", "tv", "kl", "hellinger", "linf", "chi2", "below_rate", "above_rate", "out_of_range_rate", "nan_rate")


def test_counts_give_the_very_values_of_the_raw_rows(rows):
    reference, current, found = rows
    for column in reference:
        for name in (*SAME, "mean", "mean_delta"):
            exact = measure(name, reference[column], current[column])
            assert near(found[column, name].value, exact.value), (column, name)
            assert near(found[column, name].p_value, exact.p_value), (column, name)


def test_what_is_taken_from_fine_cells_keeps_its_bound(rows):
    reference, current, found = rows
    for column, before in reference.items():
        now, edges = current[column], fit_baseline("m", {"x": before}, {"x": ColumnKind.NUMERIC}).columns[0].edges
        borders = np.array([min(now.min(), before.min()), before.min(), *edges, before.max(), max(now.max(), before.max())])
        cells = np.searchsorted(borders[1:-1], now, side="right"), np.searchsorted(borders[1:-1], before, side="right")
        shares = [np.bincount(each, minlength=len(borders) - 1) / len(each) for each in cells]
        distance = of(measure, "ks", before, now)
        assert -1e-12 <= distance.value - found[column, "ks"].value <= max(side.max() for side in shares) + 1e-12
        far = float(((shares[0] + shares[1]) * np.diff(borders)).sum() / 2)
        exact = of(measure, "wasserstein", before, now).value
        assert abs(found[column, "wasserstein"].value - exact) <= far + 1e-9 * exact, column
        normed = of(measure, "wasserstein:normed", before, now).value
        assert abs(found[column, "wasserstein_normed"].value - normed) <= far / max(before.std(), 0.001) + 1e-6 * normed, column
        for name in ("p05", "p50", "p95"):
            true = of(measure, name, before, now).value
            cell = np.searchsorted(borders[1:-1], true, side="right")
            assert borders[cell] <= found[column, name].value <= borders[cell + 1], (column, name)


def test_fine_cells_are_near_the_exact_values_on_ordinary_columns(rows):
    reference, current, found = rows
    for column in ("normal", "integers", "binary", "large"):
        exact = of(measure, "wasserstein", reference[column], current[column]).value
        assert found[column, "wasserstein"].value == pytest.approx(exact, rel=0.06), column
        exact = measure("ks", reference[column], current[column]).value
        assert found[column, "ks"].value == pytest.approx(exact, rel=0.06, abs=0.003), column


def test_columns_measured_together_are_measured_as_if_alone(rows):
    reference, current, found = rows
    for column in reference:
        alone = both_ways({column: reference[column]}, {column: current[column]})
        for key, measured in alone.items():
            assert near(found[key].value, measured.value), key


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([None] * 30, [1.0, 2.0]),
        ([math.nan] * 30, [math.nan, 1.0]),
        ([1.0] * 30, [math.nan, math.nan]),
        ([1.0] * 30, [2.0]),
        ([0.0, 5e-324] * 30, [5e-324, 1e-323]),
        ([-1.7e308, 1.7e308] * 30, [-1.7e308, 1.7e308, 0.0]),
        ([0.0, 1.0] * 30, [1e308, -1e308]),
        ((RANDOM.standard_cauchy(300) ** 9).tolist(), (RANDOM.standard_cauchy(50) ** 9).tolist()),
    ],
)
def test_odd_columns_have_finite_values_or_none(before, now):
    found = both_ways({"x": before}, {"x": np.array(now)})  # warnings are errors
    assert all(m.value is None or math.isfinite(m.value) for m in found.values())
    assert all(m.p_value is None or 0 <= m.p_value <= 1 for m in found.values())
    assert found["x", "null_rate"].value == 0


def test_default_checks_of_the_classic_detector_can_be_said():
    below, above = Direction.BELOW, Direction.ABOVE
    classic = (
        Threshold(family="feature", measure="js", limit=0.15, direction=above),
        Threshold(family="feature", measure="chi2_pvalue", limit=0.05, direction=below),
        Threshold(family="feature", measure="tv", limit=0.20, direction=above),
        Threshold(family="prediction", measure="js", limit=0.10, direction=above),
        Threshold(family="prediction", measure="tv", limit=0.15, direction=above),
    )
    found = measured((0, 0, 0, 0, 0, 0, 45, 45), *USUAL[1:], *classic)
    assert {name for (column, name), m in found.items() if column == "temp" and m.violated} == {"js", "chi2", "tv"}
    assert found["temp", "chi2"].limit == 0.05
    assert {name: found[":score", name].limit for name in ("js", "tv")} == {"js": 0.10, "tv": 0.15}


def test_every_measure_of_a_window_is_in_the_table():
    found = {name for _, name in measured(*USUAL)}
    assert found == {entry.reported for entry in TABLE.values() if entry.reported is not None}
