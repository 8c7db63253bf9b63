"""Trends over calendar time: scipy is the oracle of the line, simulation that of the intervals."""

import numpy as np
import pytest
from scipy import stats

from driftline.drift.trends import Better, Course, Method, Metric, forecast, trend
from driftline.drift.trends.fit import DAY_US, fitted


def days(n):
    return np.arange(n, dtype=np.int64) * DAY_US


def zigzag(slope, n=12, start=0.8):
    """Residuals that alternate: they do not follow each other, so that every window counts."""
    return start + slope * np.arange(n) + 0.001 * (-1) ** np.arange(n)


def line_of(values, method=Method.OLS):
    found = fitted(days(len(values)), values, method)
    assert found is not None
    return found


def correlated(random, n, rho):
    noise = random.normal(size=n + 100)
    values = np.empty_like(noise)
    values[0] = noise[0]
    for i in range(1, len(noise)):
        values[i] = rho * values[i - 1] + noise[i] * np.sqrt(1 - rho**2)
    return values[100:]


def test_daily_windows_without_memory_have_the_line_of_linregress():
    values = zigzag(-0.004)
    expected = stats.linregress(np.arange(12), values)
    found = trend(days(12), values)
    assert found.slope == pytest.approx(expected.slope)
    assert found.correlation == pytest.approx(expected.rvalue)
    assert found.significance == pytest.approx(expected.pvalue)
    assert found.effective_n == 12
    half = stats.t(10).ppf(0.975) * expected.stderr
    assert (found.slope_low, found.slope_high) == pytest.approx((expected.slope - half, expected.slope + half))
    assert found.current_value == values[-1]
    assert found.trend_strength == pytest.approx(abs(expected.rvalue))


def test_robust_slope_and_interval_are_those_of_theilslopes():
    values = zigzag(-0.004)
    expected = stats.theilslopes(values, np.arange(12))
    found = trend(days(12), values, method=Method.THEIL_SEN)
    assert found.slope == pytest.approx(expected.slope)
    assert (found.slope_low, found.slope_high) == pytest.approx((expected.low_slope, expected.high_slope), abs=1e-4)
    assert found.correlation == pytest.approx(stats.kendalltau(np.arange(12), values).statistic)


def test_time_counts_and_not_the_number_of_the_row():
    times = np.array([0, 1, 2, 30, 31, 32], np.int64) * DAY_US
    values = 0.9 - 0.001 * times / DAY_US
    assert trend(times, values).slope == pytest.approx(-0.001)


def test_a_slope_of_zero_is_stable():
    found = trend(days(10), np.full(10, 0.8))
    assert found.direction is Course.STABLE
    assert (found.slope, found.significance) == (0, 1)


@pytest.mark.parametrize(
    ("slope", "better", "course"),
    [
        (0.01, Better.HIGHER, Course.IMPROVING),
        (-0.01, Better.HIGHER, Course.DEGRADING),
        (0.01, Better.LOWER, Course.DEGRADING),
        (-0.01, Better.LOWER, Course.IMPROVING),
    ],
)
def test_which_way_is_better_decides_the_course(slope, better, course):
    assert trend(days(12), zigzag(slope), better=better).direction is course


def test_a_change_within_the_tolerance_is_stable():
    assert trend(days(12), zigzag(-0.001), tolerance=0.05).direction is Course.STABLE
    assert trend(days(12), zigzag(-0.01), tolerance=0.05).direction is Course.DEGRADING


def test_two_windows_tell_no_trend_and_one_or_equal_times_none_at_all():
    two = trend(days(2), np.array([0.9, 0.1]))
    assert (two.direction, two.significance, two.slope_low) == (Course.STABLE, 1.0, None)
    assert trend(days(1), np.array([0.9])) is None
    assert trend(np.zeros(3, np.int64), np.array([0.9, 0.8, 0.7])) is None


def test_one_wild_window_does_not_turn_the_robust_line():
    values = zigzag(0.004, 20)
    values[-1] = 0.1
    assert trend(days(20), values).slope < 0
    assert trend(days(20), values, method=Method.THEIL_SEN).slope == pytest.approx(0.004, abs=3e-4)


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_noise_with_a_memory_seldom_looks_like_a_trend(method, rho):
    random = np.random.default_rng(3)
    naive = found = 0
    for _ in range(300):
        values = correlated(random, 40, rho)
        found += trend(days(40), values, method=method).direction is not Course.STABLE
        naive += stats.linregress(np.arange(40), values).pvalue < 0.05
    assert found / 300 <= 0.10
    if rho:
        assert naive / 300 >= 0.15  # what the correction is for


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_the_interval_of_a_forecast_holds_what_comes(method, rho):
    random = np.random.default_rng(4)
    metric = Metric(Better.HIGHER)
    hits = 0
    for _ in range(300):
        values = correlated(random, 37, rho) + 0.05 * np.arange(37)
        point = forecast(line_of(values[:30], method), metric).points[6]
        hits += point.low is None or point.high is None or point.low <= values[36] <= point.high
    assert 0.90 <= hits / 300 <= 0.985


def test_forecasts_follow_the_line_and_stay_within_what_a_metric_can_be():
    line = line_of(zigzag(-0.1))
    found = forecast(line, Metric(Better.HIGHER, 0.0, 1.0, limit=-0.2), days=30)
    assert len(found.points) == 30
    assert found.points[0].time == 12 * DAY_US
    assert min(found.forecast_values) == 0.0
    for point in found.points:
        assert point.low is not None
        assert point.high is not None
        assert 0 <= point.low <= point.value <= point.high <= 1
    assert found.trend_continuation == 0.0


def test_a_forecast_says_when_the_limit_is_reached():
    found = forecast(line_of(zigzag(-0.01)), Metric(Better.HIGHER, limit=0.655))
    assert found.reaches_limit == 15 * DAY_US  # 0.8 - 0.01 * 15 = 0.65
    assert forecast(line_of(zigzag(0.01)), Metric(Better.HIGHER, limit=0.655)).reaches_limit is None


def test_two_values_have_no_forecast_and_hourly_windows_one_by_the_day():
    assert forecast(line_of(np.array([1.0, 2.0])), Metric(Better.HIGHER)) is None
    hours = days(72) // 24
    line = fitted(hours, zigzag(0.0, 72))
    assert line is not None
    found = forecast(line, Metric(Better.HIGHER), days=2)
    assert [point.time - hours[-1] for point in found.points] == [DAY_US, 2 * DAY_US]
