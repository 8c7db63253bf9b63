"""Fixed limits, limits that follow the past, and what is no violation."""

import numpy as np
import pytest
from scipy import stats

from driftline.drift.sqlmetrics import DEFAULT_LIMITS, Adaptive, Limit, Method, MetricValue, NoValue, Side, Verdict, judge


def _value(value, n=1000, coverage=None):
    reason = NoValue.NULL if value is None else None
    return MetricValue("m", ":table", value, reason, n, coverage, coverage is not None)


@pytest.mark.parametrize(
    ("side", "value", "verdict"),
    [
        (Side.ABOVE, 10, Verdict.PASSED), (Side.ABOVE, 10.1, Verdict.VIOLATED), (Side.ABOVE, -99, Verdict.PASSED),
        (Side.BELOW, 10, Verdict.PASSED), (Side.BELOW, 9.9, Verdict.VIOLATED),
        (Side.ABS_ABOVE, -10, Verdict.PASSED), (Side.ABS_ABOVE, -10.1, Verdict.VIOLATED), (Side.ABS_ABOVE, 10.1, Verdict.VIOLATED),
    ],
)  # fmt: skip
def test_a_value_on_its_limit_passes(side, value, verdict):
    assert judge(_value(value), Limit(value=10, side=side)) is verdict


def test_costs_are_judged_by_their_size():
    assert judge(_value(-41.0), DEFAULT_LIMITS["expected_loss"]) is Verdict.VIOLATED
    assert judge(_value(100_000.0), DEFAULT_LIMITS["revenue_at_risk"]) is Verdict.PASSED


def test_what_is_missing_or_rests_on_too_little_is_no_violation():
    limit = Limit(value=10, side=Side.ABOVE)
    assert judge(_value(None), limit) is Verdict.NO_VALUE
    assert judge(_value(99.0, n=199), limit, minimum_n=200) is Verdict.TOO_FEW_ROWS
    assert judge(_value(99.0, coverage=0.49), limit) is Verdict.TOO_FEW_LABELS
    assert judge(_value(99.0, coverage=0.5), limit) is Verdict.VIOLATED


def test_a_sum_can_be_judged_per_thousand_rows():
    limit = Limit(value=50, side=Side.ABOVE, per_rows=1000)
    assert judge(_value(100.0, n=2000), limit) is Verdict.PASSED
    assert judge(_value(100.0, n=1000), limit) is Verdict.VIOLATED


PAST = [0.50, 0.52, 0.48, 0.51, 0.49, 0.50, 0.53, 0.47, 0.50, 0.51]


def test_a_limit_follows_the_median_and_the_mad():
    band = Adaptive(k=3).band(PAST)
    spread = 3 * stats.median_abs_deviation(PAST, scale=1 / 1.4826)
    assert (band.low, band.high) == pytest.approx((np.median(PAST) - spread, np.median(PAST) + spread))
    assert judge(_value(0.52), Adaptive(k=3), past=PAST) is Verdict.PASSED
    assert judge(_value(0.70), Adaptive(k=3), past=PAST) is Verdict.VIOLATED
    assert judge(_value(0.30), Adaptive(k=3, side=Side.ABOVE), past=PAST) is Verdict.PASSED


def test_a_limit_follows_the_quantiles():
    band = Adaptive(method=Method.QUANTILE, q=0.1).band(PAST)
    assert (band.low, band.high) == pytest.approx(tuple(np.quantile(PAST, (0.1, 0.9))))


def test_one_wild_window_does_not_move_the_limit_far():
    calm, wild = Adaptive().band(PAST), Adaptive().band([*PAST[:-1], 1e6])
    assert wild.high < calm.high * 1.5


def test_too_short_a_past_decides_nothing():
    assert judge(_value(9.0), Adaptive(), past=[*PAST[:7], None, None]) is Verdict.NO_HISTORY


def test_only_the_last_windows_count():
    assert Adaptive(windows=10).band([100.0] * 50 + PAST) == Adaptive(windows=10).band(PAST)


def test_a_metric_that_never_moved_is_not_broken_by_rounding():
    assert judge(_value(0.5000001), Adaptive(), past=[0.5] * 20) is Verdict.PASSED
    assert judge(_value(0.51), Adaptive(), past=[0.5] * 20) is Verdict.VIOLATED
