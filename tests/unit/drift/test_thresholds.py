"""Measures against limits: which threshold speaks, and when it is broken."""

import pytest

from driftline.drift.thresholds import check
from driftline.events import Direction, Measure, Threshold


def judged(value, limit, direction, p_value=None, measure="psi"):
    threshold = Threshold(family="feature", measure=measure, limit=limit, direction=direction)
    (found,) = check([Measure(family="feature", name="psi", column="x", value=value, p_value=p_value)], [threshold])
    return found


@pytest.mark.parametrize(
    ("value", "direction", "violated"),
    [
        (0.11, Direction.ABOVE, True),
        (0.10, Direction.ABOVE, False),
        (0.09, Direction.ABOVE, False),
        (0.09, Direction.BELOW, True),
        (0.10, Direction.BELOW, False),
        (None, Direction.ABOVE, False),
    ],
)
def test_a_value_on_its_limit_passes(value, direction, violated):
    found = judged(value, 0.10, direction)
    assert found.violated is violated
    assert found.limit == 0.10


def test_p_value_below_its_threshold_is_a_violation():
    assert judged(30.0, 0.05, Direction.BELOW, p_value=0.04, measure="psi_pvalue").violated
    assert not judged(30.0, 0.05, Direction.BELOW, p_value=0.05, measure="psi_pvalue").violated


def test_the_threshold_of_a_column_wins_over_the_familys():
    general = Threshold(family="feature", measure="psi", limit=0.1, direction=Direction.ABOVE)
    own = Threshold(family="feature", measure="psi", column="x", limit=0.5, direction=Direction.ABOVE)
    x, y = check([Measure(family="feature", name="psi", column=c, value=0.3) for c in "xy"], [general, own])
    assert (x.violated, x.limit) == (False, 0.5)
    assert (y.violated, y.limit) == (True, 0.1)


def test_a_measure_without_threshold_is_not_checked():
    measure = Measure(family="quality", name="psi", column="x", value=9.0)
    others = [
        Threshold(family="feature", measure="psi", limit=0.1, direction=Direction.ABOVE),
        Threshold(family="quality", measure="js", limit=0.1, direction=Direction.ABOVE),
        Threshold(family="quality", measure="psi", column="y", limit=0.1, direction=Direction.ABOVE),
    ]
    assert check([measure], others) == (measure,)
