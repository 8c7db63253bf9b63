"""The performance of the last weeks in one answer: history, trends, forecasts, alerts, summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from driftline.drift.trends.fit import DAY_US, LEVEL, Course, Method, Trend, fitted, trend
from driftline.drift.trends.forecast import Forecast, forecast
from driftline.drift.trends.metrics import METRICS, Metric
from driftline.events import Decision, Measure, WindowReport
from driftline.events.columns import LATENCY

__all__ = ["Analysis", "Health", "Point", "Summary", "TrendAlert", "analyze", "history_of", "limits_of"]

Point = tuple[int, float | None]
"""Start of a window in microseconds, and the metric there; None = it could not be computed."""

_NOTABLE, _STRONG, _CONCERN = 0.5, 0.8, 0.6
"""Strengths above which a degrading metric is an alert, is one of severity high, and is a key concern."""
_SIGNIFICANT = 0.05
_HEALTHY = 0.3
"""Share of degrading metrics below which the whole is good."""


class Health(StrEnum):
    """The whole in a word."""

    GOOD = "good"
    CONCERNING = "concerning"
    UNKNOWN = "unknown"
    """No metric has two values."""


@dataclass(frozen=True, slots=True)
class TrendAlert:
    """Something to tell."""

    type: str
    """performance_degradation or forecast_alert."""
    metric: str
    severity: str
    description: str
    value: float
    """The current value, or the forecast one."""


@dataclass(frozen=True, slots=True)
class Summary:
    """All metrics together."""

    overall_health: Health
    degrading_metrics_count: int
    total_metrics_count: int
    key_concerns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """The answer; metrics by name, in the order of the history given."""

    historical_data: dict[str, tuple[Point, ...]]
    trend_analysis: dict[str, Trend]
    forecasts: dict[str, Forecast]
    alerts: tuple[TrendAlert, ...]
    summary: Summary


def history_of(reports: Iterable[WindowReport], metrics: Mapping[str, Metric] = METRICS) -> dict[str, tuple[Point, ...]]:
    """The metrics of one series of windows (one version, slice and granularity), by time, each as it was decided last.

    What nobody decided on, because there were too few rows or labels, is no point. Performance and business metrics under
    their names; of every window its throughput (rows a second) and, where latencies are watched, latency_p95 (ms).
    """
    latest: dict[int, WindowReport] = {}
    for report in reports:
        known = latest.get(report.start)
        if report.decision is not Decision.NONE and (known is None or known.revision <= report.revision):
            latest[report.start] = report
    found: dict[str, list[Point]] = {}
    for start, report in sorted(latest.items()):
        for name, value in _values(report):
            if name in metrics:
                found.setdefault(name, []).append((start, metrics[name].read(value)))
    return {name: tuple(points) for name, points in found.items()}


def limits_of(reports: Iterable[WindowReport], metrics: Mapping[str, Metric] = METRICS) -> dict[str, Metric]:
    """The metrics with the limits that the last window was held to; those of the monitor go before ours."""
    last = max(reports, key=lambda report: (report.start, report.revision), default=None)
    held = {} if last is None else {m.name: m.limit for m in last.measures if _of_the_model(m) and m.limit is not None}
    return {name: replace(metric, limit=held.get(name, metric.limit)) for name, metric in metrics.items()}


def _values(report: WindowReport) -> Iterator[tuple[str, float | None]]:
    yield "throughput", report.n / ((report.end - report.start) / 1e6)
    for measure in report.measures:
        if _of_the_model(measure):
            yield measure.name, measure.value
        elif (measure.column, measure.name) == (LATENCY, "p95"):
            yield "latency_p95", measure.value


def _of_the_model(measure: Measure) -> bool:
    return measure.column is None and measure.family in ("performance", "business")


def analyze(
    history: Mapping[str, Sequence[Point]],
    *,
    now: int,
    time_window_days: int = 30,
    forecast_days: int = 7,
    metrics: Mapping[str, Metric] = METRICS,
    method: Method = Method.OLS,
    level: float = LEVEL,
) -> Analysis:
    """Judge the windows that began within the last `time_window_days` days before `now` (microseconds).

    Values of None are kept in the history and left out of the rest: a window without labels is no window of accuracy 0. A
    metric with fewer than two values has no trend, with fewer than three no forecast.
    """
    since = now - time_window_days * DAY_US
    kept = {
        name: tuple(sorted((point for point in points if since <= point[0] < now), key=lambda point: point[0]))
        for name, points in history.items()
        if name in metrics
    }
    trends: dict[str, Trend] = {}
    forecasts: dict[str, Forecast] = {}
    for name, points in kept.items():
        known = [(time, value) for time, value in points if value is not None]
        times = np.array([time for time, _ in known], np.int64)
        values = np.array([value for _, value in known], np.float64)
        metric = metrics[name]
        found = trend(times, values, better=metric.better, method=method, tolerance=metric.tolerance, level=level)
        if found is not None:
            trends[name] = found
        line = fitted(times, values, method)
        coming = None if line is None else forecast(line, metric, days=forecast_days, level=level)
        if coming is not None:
            forecasts[name] = coming
    alerts = tuple(_alerts(trends, forecasts, metrics))
    return Analysis(kept, trends, forecasts, alerts, _summary(trends))


def _alerts(
    trends: Mapping[str, Trend], forecasts: Mapping[str, Forecast], metrics: Mapping[str, Metric]
) -> Iterable[TrendAlert]:
    for name, found in trends.items():
        degrading = found.direction is Course.DEGRADING and found.significance < _SIGNIFICANT
        if degrading and found.trend_strength > _NOTABLE:
            yield TrendAlert(
                type="performance_degradation",
                metric=name,
                severity="high" if found.trend_strength > _STRONG else "medium",
                description=f"{name} showing significant degradation (slope: {found.slope:.4f} a day)",
                value=found.current_value,
            )
        coming = forecasts.get(name)
        if coming is not None and metrics[name].breaks(coming.trend_continuation):
            yield _forecast_alert(name, coming, metrics[name])


def _forecast_alert(name: str, coming: Forecast, metric: Metric) -> TrendAlert:
    last = coming.points[-1]
    away = "drop below" if metric.limit is not None and last.value < metric.limit else "rise above"
    between = "" if last.low is None else f"; between {last.low:.4g} and {last.high:.4g} with {coming.level:.0%} confidence"
    return TrendAlert(
        type="forecast_alert",
        metric=name,
        severity="medium",
        description=f"{name} forecast to {away} threshold ({metric.limit:.2f}) within {len(coming.points)} days{between}",
        value=last.value,
    )


def _summary(trends: Mapping[str, Trend]) -> Summary:
    degrading = [name for name, found in trends.items() if found.direction is Course.DEGRADING]
    health = Health.UNKNOWN
    if trends:
        health = Health.GOOD if len(degrading) / len(trends) < _HEALTHY else Health.CONCERNING
    concerns = tuple(name for name in degrading if trends[name].trend_strength > _CONCERN)
    return Summary(health, len(degrading), len(trends), concerns)
