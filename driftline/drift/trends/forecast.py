"""What a metric will be if its line goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from driftline.drift.trends.fit import DAY_US, LEVEL, Line
from driftline.drift.trends.metrics import Metric

__all__ = ["Forecast", "ForecastPoint", "forecast"]


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    """One day of a forecast."""

    time: int
    value: float
    low: float | None
    high: float | None
    """Where the value of one window of that day will lie, at the level; None with too few independent windows."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The coming days, one point each."""

    points: tuple[ForecastPoint, ...]
    level: float
    """Confidence of the intervals, if the line goes on: no interval knows of a change to come."""
    reaches_limit: int | None
    """Time of the first point that is worse than the limit, None = none is."""

    @property
    def forecast_values(self) -> tuple[float, ...]:
        """The line."""
        return tuple(point.value for point in self.points)

    @property
    def trend_continuation(self) -> float:
        """The value of the last day."""
        return self.points[-1].value


def forecast(line: Line, metric: Metric, *, days: int = 7, level: float = LEVEL) -> Forecast | None:
    """The next `days` days after the last value, within the metric's bounds; None below three values or one day.

    The interval is that of one new value about the line: its noise, and the doubt about the line's place and slope, with
    Student's t of the independent values.
    """
    if line.n < 3 or days < 1:
        return None
    points = tuple(_point(line, metric, line.last + day * DAY_US, level) for day in range(1, days + 1))
    reached = next((point.time for point in points if metric.breaks(point.value)), None)
    return Forecast(points, level, reached)


def _point(line: Line, metric: Metric, time: int, level: float) -> ForecastPoint:
    value = line.at(time)
    if line.freedom < 1:
        return ForecastPoint(time, metric.clipped(value), None, None)
    distance = line.days(time) - line.middle
    doubt = 1 + 1 / line.effective_n + distance**2 / (line.spread * line.effective_n / line.n)
    half = float(stdtrit(line.freedom, 0.5 + level / 2)) * line.deviation * math.sqrt(doubt)
    return ForecastPoint(time, metric.clipped(value), metric.clipped(value - half), metric.clipped(value + half))
