"""Weeks in which nothing changes, through the real evaluator: no more is told than was tolerated."""

import numpy as np
from scipy import stats

from driftline.drift.calibration.alarms import LASTING_SHIFT
from driftline.drift.profile import Profile
from driftline.events import (
    ColumnKind,
    Decision,
    DriftDetected,
    Group,
    MonitorColumn,
    MonitorReference,
    Part,
    Policy,
    Reference,
    WindowReport,
)
from tests.unit.drift.windows.building import HOUR, MONITOR, START, change, feed

DAYS, ROWS, PAGES = 8, 1000, 30.0
BOTH = tuple(
    MonitorReference(reference=reference, granularities=("1 hour",)) for reference in (Reference.CONSECUTIVE, Reference.SEASON)
)
TOLERANT = change(
    MONITOR,
    columns=(MonitorColumn(name="carrier", kind=ColumnKind.CATEGORICAL),),
    granularities=("1 hour",),
    alert_on="1 hour",
    labels=False,
    minimum_n=200,
    thresholds=(),
    policy=Policy.TOLERANCE,
    tolerated_false_pages=PAGES,
    tolerated_psi=0.0,
    references=BOTH,
)


def weeks(seed, share=0.5, days=DAYS):
    """Hours of carriers as the baseline has them, one half AA; every hour is decided."""
    random, stream = np.random.default_rng(seed), feed(TOLERANT)
    shape = stream.layout.shape(Part.INPUTS)
    block = stream.layout.by_column["carrier"]
    for hour in range(days * 24):
        time = START + hour * HOUR
        cells = np.zeros(shape.cells, np.int64)
        cells[block.offset + 2] = random.binomial(ROWS, share)
        cells[block.offset + 3] = ROWS - cells[block.offset + 2]
        pane = Profile(shape, ROWS, cells, Profile.zero(shape).sums).to_event("", time)
        stream.send(stream.set(Group.PROFILE, (pane,), ("predictions", 0, time + HOUR // 2), "1"))
        stream.progress(Group.PROFILE, {("predictions", 0): ROWS}, sets=1)
    return stream


def test_pages_of_null_weeks_against_three_references_are_no_more_than_tolerated():
    stream = weeks(1)
    pages = sum(event.sequence == 1 and event.alert for event in stream.told(DriftDetected))
    decided = [report for report in stream.told(WindowReport) if report.decision is Decision.INPUTS]
    tested = sum(m.p_value is not None for r in decided for found in r.comparisons for m in found.measures if m.name == "psi")
    assert len(decided) == 24 * DAYS - 1
    assert tested > 24 * (DAYS - 1)  # the hour before; last week's from the eighth day on
    assert stats.poisson.sf(pages - 1, PAGES * DAYS / 30) > 0.01


def test_the_same_weeks_with_a_small_lasting_shift_are_told_also_as_one_that_lasts():
    told = [event for event in weeks(3, share=0.62, days=2).told(DriftDetected) if event.reference is Reference.BASELINE]
    assert {column.measure for event in told for column in event.columns} <= {"psi", LASTING_SHIFT}
    assert told[0].window_start < START + 24 * HOUR
