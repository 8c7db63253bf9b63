"""Where the performance of a model is going: trends, forecasts with intervals, and what of it to tell."""

from driftline.drift.trends.analysis import Analysis, TrendAlert, analyze, history_of, limits_of
from driftline.drift.trends.fit import Course, Method, Trend, trend
from driftline.drift.trends.forecast import Forecast, forecast
from driftline.drift.trends.metrics import METRICS, Better, Metric

__all__ = [
    "METRICS",
    "Analysis",
    "Better",
    "Course",
    "Forecast",
    "Method",
    "Metric",
    "Trend",
    "TrendAlert",
    "analyze",
    "forecast",
    "history_of",
    "limits_of",
    "trend",
]
