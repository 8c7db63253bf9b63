"""Performance before labels come, as measures of a window's inputs.

Of a binary classifier the reference says, for each cell of the score, how often the positive class came and how often it was predicted: so counts of
scores become expected counts of hits and misses (`cbpe`). That holds as long as a score means what it meant in the reference
and decisions are made as they were there; `cbpe.CAVEAT` is shown wherever an estimate is. Where predictions do not fit to
their scores, somebody has changed how decisions are made, and nothing is estimated.

Of a regression it says how large errors are by the cells of one column (`absolute_error`): counts of those cells become the errors
to expect, as long as they depend on that column as in the reference.

Of a classifier of many classes the score is that of the predicted class, and the reference says how often a prediction with it is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from driftline.drift.estimation.absolute_error import ErrorModel
from driftline.drift.estimation.calibration import Calibration, isotonic
from driftline.drift.estimation.cbpe import estimate, estimate_accuracy
from driftline.drift.profile import Layout, Profile
from driftline.drift.profile.layout import BELOW, Block
from driftline.drift.thresholds import check
from driftline.events import Baseline, BaselineJoint, Measure, Monitor, Task
from driftline.events.columns import PREDICTION, SCORE

__all__ = ["FAMILY", "differences", "estimates"]

FAMILY = "estimate"
REMEMBERED = 256
"""Baselines whose calibration is kept ready."""
_DECIDED_ALIKE = 0.03
"""Share of rows whose prediction may differ from what the reference decided at their scores: the cell that the threshold of the
model lies in holds a 64th of the reference."""
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """What is known by ascending cell of the score."""

    calibration: Calibration
    decided: _Floats
    """Share that was predicted positive."""


def estimates(layout: Layout, baseline: Baseline, monitor: Monitor, profile: Profile) -> tuple[Measure, ...]:
    """Return the estimates of a window, checked: figures of a binary classifier, accuracy of any, mae, mse, rmse of a regression."""
    of_task = {Task.REGRESSION: _errors, Task.MULTICLASS: _rightness, Task.BINARY: _decisions}[layout.task]
    return check(list(of_task(layout, baseline, profile)), monitor.thresholds)


def _errors(layout: Layout, baseline: Baseline, profile: Profile) -> Iterator[Measure]:
    """Nothing where the reference has no errors, or the monitor does not watch the column that tells of them."""
    for kept in baseline.errors:
        block = layout.by_column.get(kept.column)
        if block is not None:
            model = _error_model(kept.model)
            found = model.estimate(profile.cells[block.cells])
            for name, one in found.values.items():
                yield Measure(family=FAMILY, name=name, value=one.value, low=one.low, high=one.high, n=found.n)


def _rightness(layout: Layout, baseline: Baseline, profile: Profile) -> Iterator[Measure]:
    """Accuracy of a classifier of many classes; nothing where the reference has no scores with predictions and outcomes."""
    block, joints = layout.by_column.get(SCORE), _scored(baseline)
    calibration = _confidence(joints) if block is not None and joints else None
    if block is not None and calibration is not None:
        found = estimate_accuracy(calibration, profile.cells[block.ordered])
        for name, one in found.values.items():
            yield Measure(family=FAMILY, name=name, value=one.value, low=one.low, high=one.high, n=found.n)


def _scored(baseline: Baseline) -> tuple[BaselineJoint, ...]:
    """What the reference knows of scores by prediction and outcome."""
    return tuple(joint for joint in baseline.joints if joint.column == SCORE and joint.actual is not None)


def _decisions(layout: Layout, baseline: Baseline, profile: Profile) -> list[Measure]:
    """Estimates of accuracy, precision, recall, f1, specificity, balanced_accuracy and auc.

    Nothing where the reference has no scores with predictions and outcomes, or the monitor does not watch them. Each has the
    interval in which the realised value lies, and the rows with a score as `n`; None where there is no such row, or decisions
    are made in another way.
    """
    block, positive = layout.by_column.get(SCORE), layout.positive_class
    joints = _scored(baseline)
    if block is None or positive is None or layout.pairs.positive is None or not joints:
        return []
    reference = _reference(joints, positive)
    if reference is None:
        return []
    scored = profile.cells[block.ordered].astype(np.float64)
    found = estimate(reference.calibration, np.stack((scored * (1 - reference.decided), scored * reference.decided)))
    fits = _decided_alike(layout, profile, block, float(scored @ reference.decided))
    return [
        Measure(family=FAMILY, name=name, value=one.value, low=one.low, high=one.high, n=found.n)
        if fits
        else Measure(family=FAMILY, name=name, n=found.n)
        for name, one in found.values.items()
    ]


def differences(measures: Iterable[Measure]) -> Iterator[tuple[str, float, bool]]:
    """Of a window past its label close, realised - estimated by name, and whether the realised value is in the interval."""
    of_model = [measure for measure in measures if measure.column is None and measure.value is not None]
    realised = {measure.name: measure.value for measure in of_model if measure.family == "performance"}
    for one in of_model:
        value = realised.get(one.name)
        if one.family == FAMILY and one.value is not None and value is not None:
            inside = one.low is not None and one.high is not None and one.low <= value <= one.high
            yield one.name, value - one.value, inside


@lru_cache(REMEMBERED)
def _error_model(text: str) -> ErrorModel:
    return ErrorModel.from_json(text)


@lru_cache(REMEMBERED)
def _confidence(joints: tuple[BaselineJoint, ...]) -> Calibration | None:
    """Calibrate once for all windows; None where the reference was always right, or always wrong."""
    counts = np.array([joint.counts[BELOW:] for joint in joints], np.int64)
    right = np.array([joint.actual == joint.predicted for joint in joints])
    if not counts[right].any() or not counts[~right].any():
        return None
    return isotonic(counts[~right].sum(axis=0), counts[right].sum(axis=0))


@lru_cache(REMEMBERED)
def _reference(joints: tuple[BaselineJoint, ...], positive: str) -> _Reference | None:
    """Calibrate once for all windows; None where the reference has one outcome only."""
    counts = np.array([joint.counts[BELOW:] for joint in joints], np.int64)
    happened = np.array([joint.actual == positive for joint in joints])
    said = np.array([joint.predicted == positive for joint in joints])
    rows = counts.sum(axis=0)
    if not counts[happened].any() or not counts[~happened].any():
        return None
    seen = np.flatnonzero(rows)
    share = np.interp(np.arange(len(rows)), seen, counts[said].sum(axis=0)[seen] / rows[seen])
    return _Reference(isotonic(counts[~happened].sum(axis=0), counts[happened].sum(axis=0)), share)


def _decided_alike(layout: Layout, profile: Profile, score: Block, expected: float) -> bool:
    """Whether about as many rows are predicted positive as their scores make expect; True where predictions are not watched."""
    block = layout.by_column.get(PREDICTION)
    scored = int(profile.cells[score.ordered].sum())
    if block is None or not scored or scored < profile.rows:
        return True  # of rows without a score nobody knows what was expected
    known = layout.positive_class in block.categories
    said = int(profile.cells[block.unseen + 1 + block.categories.index(str(layout.positive_class))]) if known else 0
    return abs(said - expected) <= _DECIDED_ALIKE * scored
