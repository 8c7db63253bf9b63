"""Fixed limits, limits that follow the past, and what is no violation."""

import math

import numpy as np
import pytest
from scipy import stats

from driftline.drift.sqlmetrics import Band, MetricValue, NoValue, Verdict, band_of, judge, judged_number, pack
from driftline.events import Direction, Threshold

ABOVE, BELOW, MAGNITUDE, OUTSIDE = Direction.ABOVE, Direction.BELOW, Direction.MAGNITUDE, Direction.OUTSIDE


def _value(value, n=1000, coverage=None):
    reason = NoValue.NULL if value is None else None
    return MetricValue("m", ":table", value, reason, n, coverage, coverage is not None)


def _limit(limit, direction=OUTSIDE, **more):
    return Threshold(family="business", measure="m", limit=limit, direction=direction, **more)


def _verdict(value, threshold, past=(), **more):
    return judge(value, threshold, band_of(threshold, past), **more)


@pytest.mark.parametrize(
    ("side", "value", "verdict"),
    [
        (ABOVE, 10, Verdict.PASSED), (ABOVE, 10.1, Verdict.VIOLATED), (ABOVE, -99, Verdict.PASSED),
        (BELOW, 10, Verdict.PASSED), (BELOW, 9.9, Verdict.VIOLATED),
        (MAGNITUDE, -10, Verdict.PASSED), (MAGNITUDE, -10.1, Verdict.VIOLATED), (MAGNITUDE, 10.1, Verdict.VIOLATED),
    ],
)  # fmt: skip
def test_a_value_on_its_limit_passes(side, value, verdict):
    assert _verdict(_value(value), _limit(10, side)) is verdict


def test_costs_are_judged_by_their_size():
    loss, revenue = pack("business").thresholds
    assert (loss.measure, revenue.measure, revenue.granularity) == ("expected_loss", "revenue_at_risk", "1 day")
    assert _verdict(_value(-41.0), loss) is Verdict.VIOLATED
    assert _verdict(_value(-40.0), loss) is Verdict.PASSED
    assert _verdict(_value(100_000.0), revenue) is Verdict.PASSED
    assert _verdict(_value(100_000.1), revenue) is Verdict.VIOLATED


def test_what_is_missing_or_rests_on_too_little_is_no_violation():
    limit = _limit(10, ABOVE)
    assert _verdict(_value(None), limit) is Verdict.NO_VALUE
    assert _verdict(_value(99.0, n=199), limit, minimum_n=200) is Verdict.TOO_FEW_ROWS
    assert _verdict(_value(99.0, coverage=0.49), limit) is Verdict.TOO_FEW_LABELS
    assert _verdict(_value(99.0, coverage=0.5), limit) is Verdict.VIOLATED


def test_a_sum_can_be_judged_per_thousand_rows():
    limit = _limit(50, ABOVE, per_rows=1000)
    assert judged_number(_value(100.0, n=2000), limit) == 50.0
    assert _verdict(_value(100.0, n=2000), limit) is Verdict.PASSED
    assert _verdict(_value(100.0, n=1000), limit) is Verdict.VIOLATED


def test_the_limit_that_is_told_is_the_one_that_is_broken_or_else_the_closer():
    assert (Band(1, 9).limit(0), Band(1, 9).limit(10), Band(1, 9).limit(8), Band(-math.inf, 9).limit(-50)) == (1, 9, 9, 9)


PAST = [0.50, 0.52, 0.48, 0.51, 0.49, 0.50, 0.53, 0.47, 0.50, 0.51]
FOLLOWS = _limit(4, windows=28)


def test_a_limit_follows_the_median_and_the_mad():
    three = _limit(3, windows=28)
    band = band_of(three, PAST)
    spread = 3 * stats.median_abs_deviation(PAST, scale=1 / 1.4826)
    assert (band.low, band.high) == pytest.approx((np.median(PAST) - spread, np.median(PAST) + spread))
    assert _verdict(_value(0.52), three, PAST) is Verdict.PASSED
    assert _verdict(_value(0.70), three, PAST) is Verdict.VIOLATED
    assert _verdict(_value(0.30), three, PAST) is Verdict.VIOLATED
    assert _verdict(_value(0.30), _limit(3, ABOVE, windows=28), PAST) is Verdict.PASSED


def test_one_wild_window_does_not_move_the_limit_far():
    calm, wild = band_of(FOLLOWS, PAST), band_of(FOLLOWS, [*PAST[:-1], 1e6])
    assert wild.high < calm.high * 1.5


def test_too_short_a_past_decides_nothing():
    assert _verdict(_value(9.0), FOLLOWS, PAST[:7]) is Verdict.NO_HISTORY


def test_only_the_last_windows_count():
    ten = _limit(4, windows=10)
    assert band_of(ten, [100.0] * 50 + PAST) == band_of(ten, PAST)


def test_a_metric_that_never_moved_is_not_broken_by_rounding():
    assert _verdict(_value(0.5000001), FOLLOWS, [0.5] * 20) is Verdict.PASSED
    assert _verdict(_value(0.51), FOLLOWS, [0.5] * 20) is Verdict.VIOLATED
