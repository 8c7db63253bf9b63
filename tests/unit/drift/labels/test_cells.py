"""Pairs become label cells: compared with counting them one by one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.labels import Pairs, class_codes, count_pairs
from driftline.drift.profile import Layout
from driftline.events import Baseline, BaselineColumn, ColumnKind, MonitorColumn, Part, Task
from tests.builders import monitor_of

HOUR = 3_600_000_000
PREDICTED = BaselineColumn(
    name=":prediction",
    kind=ColumnKind.CATEGORICAL,
    edges=(),
    psi_edges=(),
    categories=("late", "on_time"),
    counts=(0, 0, 1, 1),
    sums=(),
)
BASELINE = Baseline(baseline_id="b", model_id="m", rows=2, columns=(PREDICTED,), provenance={})


def layout(task):
    monitor = monitor_of(
        task=task,
        positive_class="late" if task is Task.BINARY else None,
        columns=(MonitorColumn(name=":prediction", kind=ColumnKind.CATEGORICAL),),
        labels=True,
        granularities=("1 hour",),
    )
    return Layout.of(monitor, BASELINE)


BINARY, REGRESSION = layout(Task.BINARY), layout(Task.REGRESSION)


def pairs(rows):
    return Pairs(
        stream=np.zeros(len(rows), np.int32),
        event_time=np.array([row[0] for row in rows], np.int64),
        predicted=np.array([row[1] for row in rows], np.int32),
        value=np.array([row[2] for row in rows], np.float64),
        in_time=np.array([row[3] for row in rows], np.bool_),
        actual=[row[4] for row in rows],
        sign=np.array([row[5] if len(row) > 5 else 1 for row in rows], np.int64),
        slices=np.zeros((len(rows), 0), np.uint8),
    )


ROWS = st.lists(
    st.tuples(
        st.integers(-2 * HOUR, 2 * HOUR),
        st.integers(0, 2),
        st.floats(0, 1) | st.just(np.nan),
        st.booleans(),
        st.sampled_from(["late", "on_time", "lost"]),
        st.sampled_from([1, 1, -1]),
    ),
    min_size=1,
    max_size=40,
)


@given(ROWS)
def test_classes_and_scores_are_counted_as_one_by_one(rows):
    expected: dict[Any, Any] = {}
    for event_time, predicted, score, in_time, actual, sign in rows:
        place = Part.IN_TIME if in_time else Part.LATER, "", event_time // HOUR * HOUR
        cells, brier = expected.setdefault(place, (np.zeros(9 + 128, np.int64), [0.0]))
        cells[3 * predicted + {"late": 0, "on_time": 1, "lost": 2}[actual]] += sign
        if not np.isnan(score):
            positive = actual == "late"
            cells[9 + 64 * positive + min(int(score * 64), 63)] += sign
            brier[0] += sign * (score - positive) ** 2
    found = count_pairs(BINARY, pairs(rows))
    assert found.keys() == expected.keys()
    for place, profile in found.items():
        assert profile.rows == profile.cells[:9].sum()
        assert profile.cells[: 9 + 128].tolist() == expected[place][0].tolist()
        assert BINARY.pairs.real(profile.cells, "brier") == pytest.approx(expected[place][1][0], abs=1e-10)


def test_errors_of_a_regression_are_summed_where_both_sides_are_numbers():
    found = count_pairs(REGRESSION, pairs([(0, 0, 3.0, True, 1.0), (5, 0, 1.0, True, 4.0), (6, 0, np.nan, True, 9.0)]))
    (profile,) = found.values()
    assert profile.rows == 3
    names = ("error", "absolute", "squared", "actual", "actual2")
    assert [REGRESSION.pairs.real(profile.cells, name) for name in names] == [-1, 5, 13, 5, 17]
    assert REGRESSION.pairs.block(profile.cells, "residuals").sum() == 2


def test_a_class_that_is_not_known_and_none_are_other():
    assert class_codes(BINARY, ("late", "on_time", "lost", None, 1.0)) == [0, 1, 2, 2, 2]
