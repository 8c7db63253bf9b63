from dataclasses import replace

import pytest

from driftline.alerting.response.evidence import Observation, observe
from driftline.alerting.trend import MOST, read_trend, trend_of
from driftline.events import Decision, Measure
from tests.unit.alerting.response.builders import DAY, report


def seen(day: int, **values: object) -> Observation:
    made = observe(report(start=day * DAY, end=(day + 1) * DAY, **values), 0)
    assert made is not None
    return made


def drifting(day: int) -> Observation:
    measures = (
        Measure(family="feature", name="psi", column="temp", value=0.1 * day, limit=0.25, violated=day > 2),
        Measure(family="feature", name="psi", column="visib", value=0.05, limit=0.3),
        Measure(family="feature", name="ks", column="wind", value=0.9, limit=0.1, violated=True),
    )
    return seen(day, measures=measures)


def judged(day: int) -> Observation:
    measures = (
        Measure(family="performance", name="f1", value=0.8 - 0.1 * day, limit=0.65, violated=day > 1),
        Measure(family="performance", name="mae", value=3.0, limit=5.0),
    )
    return seen(day, measures=measures, decision=Decision.PERFORMANCE)


def test_drift_of_features_shows_the_column_that_drifted_most() -> None:
    trend = trend_of([drifting(day) for day in range(5)], "feature")
    assert trend is not None
    assert (trend.measure, trend.column, trend.limit, trend.more_is_bad) == ("psi", "temp", 0.25, True)
    assert trend.values == pytest.approx((0.0, 0.1, 0.2, 0.3, 0.4))
    assert trend.caption == "psi of temp, the last 5 windows until 1970-01-06 00:00 UTC: now 0.4 (limit 0.25)"
    assert [trend.beyond(value) for value in trend.values] == [False, False, False, True, True]


def test_bad_results_show_the_measure_that_is_furthest_beyond_its_limit() -> None:
    trend = trend_of([judged(day) for day in range(3)], "performance")
    assert trend is not None
    assert (trend.name, trend.limit, trend.more_is_bad) == ("f1", 0.65, False)
    assert [trend.beyond(value) for value in trend.values] == [False, False, True]


def test_anything_else_shows_the_risk() -> None:
    trend = trend_of([seen(day, risk_score=20.0 + day) for day in range(3)], "quality")
    assert trend is not None
    assert (trend.name, trend.values, trend.limit) == ("risk score", (20.0, 21.0, 22.0), None)


def test_only_the_last_windows_are_shown_and_too_few_not_at_all() -> None:
    trend = trend_of([drifting(day) for day in range(50)], "feature")
    assert trend is not None
    assert len(trend.values) == MOST
    assert trend_of([drifting(day) for day in range(2)], "feature") is None


def test_a_window_without_the_column_is_left_out() -> None:
    windows = [drifting(day) for day in range(5)]
    windows[2] = replace(windows[2], feature_psi={})
    trend = trend_of(windows, "feature")
    assert trend is not None
    assert len(trend.values) == len(trend.ends) == 4


@pytest.mark.parametrize("given", [None, "x", {}, {"points": [["a", 1.0]]}, {"points": [["a", float("nan")]] * 3}])
def test_what_cannot_be_drawn_is_none(given) -> None:
    assert read_trend(given, str) is None
