"""Measures of a window's inputs: which exist, what they belong to, and what odd columns give."""

import numpy as np
import pytest

from driftline.drift.measures import inputs
from driftline.drift.profile import Layout, Profile
from driftline.events import (
    Baseline,
    BaselineColumn,
    ColumnKind,
    Direction,
    Monitor,
    MonitorColumn,
    Part,
    Task,
    Threshold,
)

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
    return Monitor(
        model_id="m",
        monitor_version=1,
        effective_from=0,
        task=Task.BINARY,
        positive_class="late",
        columns=tuple(MonitorColumn(name=column.name, kind=column.kind) for column in COLUMNS),
        baseline_id="b",
        labels=True,
        granularities=("1 day",),
        alert_on="1 day",
        lateness_us=0,
        idle_timeout_us=0,
        max_wait_us=0,
        label_delay_us=0,
        label_ttl_us=0,
        future_skew_us=0,
        minimum_n=1,
        thresholds=thresholds,
        weights={},
        retired_versions=(),
        actor="test",
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
    }
    assert {m.name for (column, _), m in found.items() if column == "temp" and m.family == "quality"} == {
        *("null_rate", "null_rate_delta", "nan_rate", "nan_rate_delta"),
        *("below_rate", "above_rate", "out_of_range_rate", "mean", "mean_delta", "p05", "p50", "p95"),
    }


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
