"""Performance estimated from the scores of a window: hand sums, and when nothing is estimated."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftline.drift.baseline import fit_baseline
from driftline.drift.estimation import differences, estimates
from driftline.drift.profile import Layout, Profile
from driftline.events import ColumnKind, Direction, Measure, MonitorColumn, Part, Task, Threshold
from tests.unit.drift.windows.building import MONITOR, change

KINDS = {":score": ColumnKind.NUMERIC, ":prediction": ColumnKind.CATEGORICAL, ":label": ColumnKind.CATEGORICAL}
SCORES = (0.1, 0.3, 0.7, 0.9)
# Of a hundred rows with each score so many turned out late: the scores are right. From 0.5 on the model says late.
COLUMNS: dict[str, Any] = {
    ":score": [score for score in SCORES for _ in range(100)],
    ":prediction": [name for name in ("on time", "on time", "late", "late") for _ in range(100)],
    ":label": [name for score in SCORES for name in ["late"] * round(100 * score) + ["on time"] * round(100 - 100 * score)],
}
BASELINE = fit_baseline("m", COLUMNS, KINDS)
WATCHED = tuple(MonitorColumn(name=name, kind=KINDS[name]) for name in (":score", ":prediction"))
SCORED = change(
    MONITOR,
    columns=WATCHED,
    baseline_id=BASELINE.baseline_id,
    thresholds=(Threshold(family="estimate", measure="accuracy", limit=0.8, direction=Direction.BELOW),),
)
LAYOUT = Layout.of(SCORED, BASELINE)


def window(*rows, late=None, layout=LAYOUT, unscored=0):
    """INPUTS with so many rows of each score."""
    shape = layout.shape(Part.INPUTS)
    cells = np.zeros(shape.cells, np.int64)
    score = layout.by_column[":score"]
    cells[score.offset + 3 : score.offset + 7] = rows
    cells[score.null] = unscored
    said = layout.by_column.get(":prediction")
    if said is not None:
        late = rows[2] + rows[3] if late is None else late
        cells[said.unseen + 1 + said.categories.index("late")] = late
        cells[said.unseen + 1 + said.categories.index("on time")] = sum(rows) - late
    return Profile(shape, sum(rows) + unscored, cells, Profile.zero(shape).sums)


def told(profile, *, monitor=SCORED, baseline=BASELINE, layout=LAYOUT):
    return {measure.name: measure for measure in estimates(layout, baseline, monitor, profile)}


def test_expected_hits_are_the_chances_of_the_scores():
    found = told(window(400, 300, 200, 100))
    tp, fn, fp, tn = 0.7 * 200 + 0.9 * 100, 0.1 * 400 + 0.3 * 300, 0.3 * 200 + 0.1 * 100, 0.9 * 400 + 0.7 * 300
    assert found["accuracy"].value == pytest.approx((tp + tn) / 1000)
    assert found["precision"].value == pytest.approx(tp / (tp + fp))
    assert found["recall"].value == pytest.approx(tp / (tp + fn))
    assert found["f1"].value == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert {measure.n for measure in found.values()} == {1000}
    assert {measure.family for measure in found.values()} == {"estimate"}
    accuracy = found["accuracy"]
    assert accuracy.low < accuracy.value < accuracy.high


def test_drift_towards_doubtful_scores_breaks_a_limit_before_any_label_comes():
    assert not told(window(500, 100, 100, 300))["accuracy"].violated
    doubtful = told(window(100, 500, 300, 100))["accuracy"]
    assert doubtful.value == pytest.approx(0.74)
    assert (doubtful.limit, doubtful.violated) == (0.8, True)


def test_rows_without_a_score_are_left_out():
    found = told(window(400, 300, 200, 100, unscored=50))
    assert found["accuracy"].n == 1000
    assert found["accuracy"].value == told(window(400, 300, 200, 100))["accuracy"].value


def test_where_decisions_are_made_in_another_way_nothing_is_estimated():
    assert told(window(400, 300, 200, 100, late=329))["accuracy"].value is not None
    moved = told(window(400, 300, 200, 100, late=600))  # from 0.3 on the model says late
    assert {measure.value for measure in moved.values()} == {None}
    assert not any(measure.violated for measure in moved.values())


def test_without_rows_without_outcomes_or_without_scores_there_is_no_estimate():
    assert {measure.value for measure in told(window(0, 0, 0, 0)).values()} == {None}
    assert told(window(1, 1, 1, 1), baseline=change(BASELINE, joints=())) == {}
    one_sided = fit_baseline("m", COLUMNS | {":label": ["late"] * 400}, KINDS)
    assert told(window(1, 1, 1, 1), baseline=one_sided) == {}
    blind = change(SCORED, columns=WATCHED[1:])
    layout = Layout.of(blind, BASELINE)
    shape = layout.shape(Part.INPUTS)
    assert told(Profile.zero(shape), monitor=blind, layout=layout) == {}


def test_what_was_estimated_is_compared_with_what_came_out():
    measures = [
        Measure(family="estimate", name="accuracy", value=0.80, low=0.75, high=0.85),
        Measure(family="estimate", name="recall", value=0.70, low=0.69, high=0.71),
        Measure(family="estimate", name="f1"),
        Measure(family="performance", name="accuracy", value=0.78),
        Measure(family="performance", name="recall", value=0.60),
        Measure(family="performance", name="f1", value=0.5),
    ]
    (accuracy, apart, inside), (recall, further, outside) = differences(measures)
    assert (accuracy, recall, inside, outside) == ("accuracy", "recall", True, False)
    assert (apart, further) == pytest.approx((-0.02, -0.1))


def test_on_the_car_loans_the_estimate_is_as_near_as_nannymls():
    """NannyML's own CBPE of the same windows; from counts of the score alone, on the cells of a baseline."""
    loans = json.loads((Path(__file__).parent / "car_loan.json").read_text(encoding="utf-8"))
    hundredths = np.arange(101) / 100
    sides = [np.array(loans["reference"][side]) for side in ("repaid_0", "repaid_1")]
    scores = np.concatenate([np.repeat(hundredths, side) for side in sides])
    columns = {
        ":score": scores,
        ":prediction": np.where(scores > 0.645, "late", "on time").tolist(),
        ":label": ["on time"] * int(sides[0].sum()) + ["late"] * int(sides[1].sum()),
    }
    baseline = fit_baseline("m", columns, KINDS)
    monitor = change(SCORED, baseline_id=baseline.baseline_id)
    layout = Layout.of(monitor, baseline)
    block, said = layout.by_column[":score"], layout.by_column[":prediction"]
    for loan in loans["windows"]:
        negative, positive = (np.array(loan[side]) for side in ("y_pred_0", "y_pred_1"))
        cells = np.zeros(layout.cells, np.int64)
        np.add.at(cells, block.offset + 3 + np.searchsorted(block.edges, hundredths, side="right"), negative + positive)
        cells[said.unseen + 1 + said.categories.index("late")] = positive.sum()
        cells[said.unseen + 1 + said.categories.index("on time")] = negative.sum()
        shape = layout.shape(Part.INPUTS)
        profile = Profile(shape, int((negative + positive).sum()), cells, Profile.zero(shape).sums)
        found = told(profile, monitor=monitor, baseline=baseline, layout=layout)
        assert found["accuracy"].value == pytest.approx(loan["accuracy"], abs=2e-3)
        assert abs(found["accuracy"].value - loan["realised_accuracy"]) < 0.0062  # twice NannyML's mean of ten windows
        assert found["accuracy"].low < loan["realised_accuracy"] < found["accuracy"].high
        assert found["auc"].value == pytest.approx(loan["auc"], abs=1e-3)


def test_of_many_classes_accuracy_is_estimated_from_the_score_of_the_predicted_one():
    """Of a hundred rows with each score 30, 50, 70 and 90 were right, whatever was predicted."""
    classes = ("a", "b", "c", "d")
    said = [classes[row % 4] for _ in SCORES for row in range(100)]
    right = [row < rows for rows in (30, 50, 70, 90) for row in range(100)]
    columns: dict[str, Any] = {
        ":score": [score for score in SCORES for _ in range(100)],
        ":prediction": said,
        ":label": [name if hit else classes[classes.index(name) - 1] for name, hit in zip(said, right, strict=True)],
    }
    baseline = fit_baseline("m", columns, KINDS)
    monitor = change(SCORED, task=Task.MULTICLASS, positive_class=None, baseline_id=baseline.baseline_id)
    layout = Layout.of(monitor, baseline)
    shape, block = layout.shape(Part.INPUTS), layout.by_column[":score"]
    cells = np.zeros(shape.cells, np.int64)
    cells[block.offset + 3 : block.offset + 7] = (100, 200, 300, 400)
    found = told(Profile(shape, 1000, cells, Profile.zero(shape).sums), monitor=monitor, baseline=baseline, layout=layout)
    assert list(found) == ["accuracy"]
    accuracy = found["accuracy"]
    assert accuracy.value == pytest.approx((100 * 0.3 + 200 * 0.5 + 300 * 0.7 + 400 * 0.9) / 1000)
    assert (accuracy.n, accuracy.limit, accuracy.violated) == (1000, 0.8, True)
    assert accuracy.low < accuracy.value < accuracy.high
    never_wrong = fit_baseline("m", columns | {":label": said}, KINDS)
    assert told(Profile.zero(shape), monitor=monitor, baseline=never_wrong, layout=layout) == {}


def regression(n=4000):
    """Errors of 1 where the plan is a, of 3 where it is b."""
    plan = ["a", "a", "b", "b"] * (n // 4)
    predicted = np.arange(float(n))
    error = np.tile([1.0, -1.0, 3.0, -3.0], n // 4)
    columns: dict[str, Any] = {
        "plan": plan,
        "x": np.tile([1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0], n // 8),
        ":prediction": predicted,
        ":label": predicted - error,
    }
    kinds = {
        "plan": ColumnKind.CATEGORICAL,
        "x": ColumnKind.NUMERIC,
        ":prediction": ColumnKind.NUMERIC,
        ":label": ColumnKind.NUMERIC,
    }
    return fit_baseline("m", columns, kinds)


def test_errors_of_a_regression_are_those_of_the_kind_of_row_that_tells_most():
    baseline = regression()
    (kept,) = baseline.errors
    assert kept.column == "plan"
    monitor = change(
        SCORED,
        task=Task.REGRESSION,
        positive_class=None,
        columns=(MonitorColumn(name="plan", kind=ColumnKind.CATEGORICAL),),
        baseline_id=baseline.baseline_id,
        thresholds=(Threshold(family="estimate", measure="mae", limit=2.0, direction=Direction.ABOVE),),
    )
    layout = Layout.of(monitor, baseline)
    shape, block = layout.shape(Part.INPUTS), layout.by_column["plan"]
    cells = np.zeros(shape.cells, np.int64)
    cells[block.unseen + 1 : block.unseen + 3] = (100, 300)
    found = told(Profile(shape, 400, cells, Profile.zero(shape).sums), monitor=monitor, baseline=baseline, layout=layout)
    assert found["mae"].value == pytest.approx((100 * 1 + 300 * 3) / 400)
    assert found["rmse"].value == pytest.approx(np.sqrt((100 * 1 + 300 * 9) / 400))
    assert (found["mae"].n, found["mae"].limit, found["mae"].violated) == (400, 2.0, True)
    blind = change(monitor, columns=(MonitorColumn(name="x", kind=ColumnKind.NUMERIC),))
    other = Layout.of(blind, baseline)
    assert told(Profile.zero(other.shape(Part.INPUTS)), monitor=blind, baseline=baseline, layout=other) == {}


def test_a_baseline_of_few_rows_or_of_equal_errors_promises_nothing():
    assert regression(104).errors == ()
    even = np.arange(1000.0)
    kinds = {":prediction": ColumnKind.NUMERIC, ":label": ColumnKind.NUMERIC}
    assert fit_baseline("m", {":prediction": even, ":label": even + 1}, kinds).errors == ()
