import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import Layout
from driftline.drift.profile.pairs import score_cells
from driftline.events import ColumnKind, Direction, MonitorColumn, Part, Task, Threshold
from tests.builders import monitor_of

KINDS = {"age": ColumnKind.NUMERIC, ":prediction": ColumnKind.CATEGORICAL, ":score": ColumnKind.NUMERIC}
DATA: dict[str, Any] = {
    "age": np.random.default_rng(3).normal(size=1000),
    ":prediction": ["late"] * 300 + ["on time"] * 700,
    ":score": np.linspace(0, 1, 1000),
}
BASELINE = fit_baseline("m", DATA, KINDS)
MONITOR = monitor_of(
    task=Task.BINARY,
    positive_class="late",
    columns=tuple(MonitorColumn(name=name, kind=kind) for name, kind in KINDS.items()),
    baseline_id=BASELINE.baseline_id,
    labels=True,
    granularities=("1 hour", "1 day"),
    alert_on="1 day",
)
change = dataclasses.replace


def layout(**changes):
    return Layout.of(change(MONITOR, **changes), BASELINE)


def test_the_blocks_follow_each_other_without_gap_and_are_as_long_as_the_baseline_counts():
    found = layout()
    assert [block.column for block in found.blocks] == list(KINDS)
    assert [block.offset for block in found.blocks] == [0, *np.cumsum([b.size for b in found.blocks])[:-1]]
    assert [block.size for block in found.blocks] == [len(column.counts) for column in BASELINE.columns]
    assert found.cells == sum(block.size for block in found.blocks)
    assert all(len(block.labels()) == block.size for block in found.blocks)


def test_the_sums_are_moments_then_minima_then_maxima():
    found = layout()
    assert found.sums == 12
    assert (found.moments("age"), found.moments(":score")) == (slice(0, 4), slice(4, 8))
    assert [found.minimum("age"), found.minimum(":score"), found.maximum("age"), found.maximum(":score")] == [8, 9, 10, 11]


@pytest.mark.parametrize(
    "changes",
    [
        {"thresholds": (Threshold(family="feature", measure="psi", limit=0.1, direction=Direction.ABOVE),)},
        {"lateness_us": 5, "minimum_n": 7, "weights": {"feature": 1.0}, "monitor_version": 9, "effective_from": 4},
        {"granularities": ("1 hour", "1 week")},
    ],
)
def test_what_does_not_shape_the_counts_leaves_the_hash_alone(changes):
    assert layout(**changes).hash == layout().hash


@pytest.mark.parametrize(
    "changes",
    [
        {"granularities": ("15 minutes", "1 day")},
        {"time_zone": "America/New_York"},
        {"positive_class": "on time"},
        {"task": Task.MULTICLASS},
        {"columns": MONITOR.columns[:2]},
        {"columns": MONITOR.columns[::-1]},
    ],
)
def test_what_shapes_the_counts_changes_the_hash(changes):
    assert layout(**changes).hash != layout().hash


def test_another_baseline_changes_the_hash():
    other = fit_baseline("m", DATA | {"age": DATA["age"] + 1}, KINDS)
    assert Layout.of(change(MONITOR, baseline_id=other.baseline_id), other).hash != layout().hash


def test_a_baseline_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="wants baseline"):
        Layout.of(change(MONITOR, baseline_id="other"), BASELINE)
    with pytest.raises(ValueError, match="no column 'height'"):
        layout(columns=(MonitorColumn(name="height", kind=ColumnKind.NUMERIC),))
    with pytest.raises(ValueError, match="'age' is CATEGORICAL in the monitor and NUMERIC in the baseline"):
        layout(columns=(MonitorColumn(name="age", kind=ColumnKind.CATEGORICAL),))


def test_a_binary_model_has_a_confusion_matrix_and_two_score_histograms():
    found = layout()
    assert found.classes == ("late", "on time")
    vector = np.arange(found.shape(Part.IN_TIME).cells)
    assert found.pairs.confusion(vector).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert [found.pairs.block(vector, side)[0] for side in ("negatives", "positives")] == [9, 73]
    assert found.shape(Part.LATER).sums == 0


def test_a_regression_has_sums_of_the_error_in_units_of_its_baseline_and_no_classes():
    found = layout(task=Task.REGRESSION)
    assert found.classes == ()
    with pytest.raises(KeyError, match="confusion"):
        found.pairs.confusion(np.zeros(found.pairs.size, np.int64))


def test_errors_of_a_regression_have_the_scale_of_the_outcomes_in_the_baseline():
    kinds = {":prediction": ColumnKind.NUMERIC, ":label": ColumnKind.NUMERIC}
    columns = {":prediction": [5.0] * 5, ":label": [1000.0, 1008.0, 1016.0, 1024.0, 1032.0]}  # deviation 11.3
    for names, expected in (((":prediction", ":label"), (1.0, 1016.0)), ((":prediction",), (1.0, 5.0)), (("age",), (1.0, 0.0))):
        given = columns | {"age": [1.0] * 5}
        baseline = fit_baseline("m", given, {name: kinds.get(name, ColumnKind.NUMERIC) for name in names})
        regression = {"task": Task.REGRESSION, "positive_class": None, "columns": (), "baseline_id": baseline.baseline_id}
        found = Layout.of(change(MONITOR, **regression), baseline).pairs
        assert (found.scale, found.origin) == expected


def test_a_positive_class_that_the_baseline_never_saw_is_a_class():
    assert layout(positive_class="cancelled").classes == ("cancelled", "late", "on time")


def test_psi_bins_put_all_rows_into_ten_bins_with_what_lies_beyond_at_the_ends():
    found = layout()
    block = found.by_column["age"]
    cells = np.zeros(found.cells, np.int64)
    column = BASELINE.columns[0]
    cells[block.cells] = column.counts
    bins = block.psi_counts(cells)
    assert bins.sum() == 1000
    assert bins.tolist() == pytest.approx([100] * 10, abs=1)
    cells[block.ordered.start] += 5
    cells[block.ordered.stop - 1] += 7
    assert (block.psi_counts(cells) - bins).tolist() == [5, 0, 0, 0, 0, 0, 0, 0, 0, 7]
    assert block.psi_counts(np.stack((cells, cells))).shape == (2, 10)


def test_scores_have_64_cells_and_one_lies_in_the_last():
    scores = np.array([0.0, 1 / 64, math.nextafter(1 / 64, 0), 0.999999, 1.0])
    assert score_cells(scores).tolist() == [0, 1, 0, 63, 63]
