"""The whole answer about the last weeks, with the thresholds and words that it has always had."""

from types import SimpleNamespace

import pytest

from driftline.drift.trends import analyze, history_of
from driftline.drift.trends.analysis import Health
from driftline.drift.trends.fit import DAY_US
from driftline.events import Decision, Measure

NOW = 100 * DAY_US


def series(start, slope, n=20, noise=0.002):
    return [(NOW - (n - i) * DAY_US, start + slope * i + noise * (-1) ** i) for i in range(n)]


def test_a_degrading_metric_is_an_alert_with_its_slope():
    found = analyze({"f1": series(0.9, -0.005), "recall": series(0.9, 0.0)}, now=NOW)
    (alert,) = found.alerts
    assert (alert.type, alert.metric, alert.severity) == ("performance_degradation", "f1", "high")
    assert alert.description == "f1 showing significant degradation (slope: -0.0050 a day)"
    assert alert.value == found.trend_analysis["f1"].current_value


def test_a_weaker_correlation_is_of_medium_severity_and_below_a_half_no_alert():
    def strength(noise):
        found = analyze({"f1": series(0.9, -0.005, noise=noise)}, now=NOW)
        return found.trend_analysis["f1"].trend_strength, [alert.severity for alert in found.alerts]

    assert strength(0.03) == (pytest.approx(0.69, abs=0.05), ["medium"])
    size, alerts = strength(0.06)
    assert size < 0.5
    assert alerts == []


@pytest.mark.parametrize(("metric", "limit"), [("f1", 0.65), ("precision", 0.60), ("recall", 0.60), ("accuracy", 0.70)])
def test_a_forecast_below_the_limit_is_an_alert(metric, limit):
    found = analyze({metric: series(limit + 0.105, -0.005)}, now=NOW)
    alert = next(alert for alert in found.alerts if alert.type == "forecast_alert")
    assert alert.severity == "medium"
    assert f"drop below threshold ({limit:.2f}) within 7 days; between" in alert.description
    assert alert.value == found.forecasts[metric].trend_continuation
    quiet = analyze({metric: series(limit + 0.2, -0.005)}, now=NOW)
    assert "forecast_alert" not in {alert.type for alert in quiet.alerts}


def test_costs_are_judged_too_and_more_of_them_is_worse():
    found = analyze({"expected_loss": series(30, 0.5)}, now=NOW)
    assert [alert.type for alert in found.alerts] == ["performance_degradation", "forecast_alert"]
    assert "rise above threshold (40.00)" in found.alerts[1].description


def test_without_any_metric_health_is_unknown_and_nothing_divides_by_zero():
    found = analyze({}, now=NOW)
    assert found.summary.overall_health is Health.UNKNOWN
    assert (found.summary.degrading_metrics_count, found.summary.total_metrics_count) == (0, 0)
    assert analyze({"f1": [(NOW - DAY_US, 0.9)]}, now=NOW).summary.overall_health is Health.UNKNOWN


def test_constant_metrics_do_not_count_as_degrading():
    found = analyze({name: series(0.9, 0.0, noise=0.0) for name in ("f1", "recall")}, now=NOW)
    assert found.summary.overall_health is Health.GOOD
    assert found.summary.degrading_metrics_count == 0


def test_three_tenths_of_degrading_metrics_concern():
    falling, steady = series(0.9, -0.005), series(0.9, 0.0)
    names = ["f1", "precision", "recall", "accuracy"]
    one = analyze({name: falling if name == "f1" else steady for name in names}, now=NOW).summary
    two = analyze({name: falling if name in ("f1", "recall") else steady for name in names}, now=NOW).summary
    assert (one.overall_health, one.key_concerns) == (Health.GOOD, ("f1",))
    assert (two.overall_health, two.key_concerns) == (Health.CONCERNING, ("f1", "recall"))
    assert (two.degrading_metrics_count, two.total_metrics_count) == (2, 4)


def test_windows_without_a_value_are_neither_zero_nor_forgotten():
    points = series(0.9, 0.0)
    points[5] = (points[5][0], None)
    found = analyze({"accuracy": points}, now=NOW)
    assert len(found.historical_data["accuracy"]) == 20
    assert found.trend_analysis["accuracy"].n == 19
    assert found.alerts == ()


def test_only_the_days_asked_for_count():
    points = series(0.2, 0.0, 60)
    found = analyze({"auc": points}, now=NOW, time_window_days=30)
    assert found.trend_analysis["auc"].n == 30
    assert not analyze({"unheard_of": points}, now=NOW).trend_analysis


def report(start, revision, value):
    measures = (
        Measure(family="performance", name="accuracy", value=value),
        Measure(family="performance", name="class_recall", column=":label=a", value=0.1),
        Measure(family="feature", name="psi", column="x", value=3.0),
        Measure(family="business", name="expected_loss", value=-12.0),  # of a cost the size counts
    )
    return SimpleNamespace(
        start=start, end=start + DAY_US, revision=revision, measures=measures, n=86_400, decision=Decision.PERFORMANCE
    )


def test_the_history_is_the_last_revision_of_each_window():
    reports = [report(DAY_US, 1, 0.7), report(0, 2, 0.9), report(0, 1, 0.5), report(DAY_US, 2, None)]
    assert history_of(reports) == {
        "throughput": ((0, 1.0), (DAY_US, 1.0)),
        "accuracy": ((0, 0.9), (DAY_US, None)),
        "expected_loss": ((0, 12.0), (DAY_US, 12.0)),
    }


def test_numbers_of_an_answer_are_plain_floats():
    found = analyze({"f1": series(0.9, -0.005)}, now=NOW)
    assert type(found.forecasts["f1"].trend_continuation) is float
    assert type(found.trend_analysis["f1"].current_value) is float
