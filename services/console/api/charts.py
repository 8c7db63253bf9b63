"""From windows to what is drawn: the matrix of the heatmap, the lines, the small picture of a model's risk."""

from collections.abc import Mapping, Sequence
from typing import Any

from driftline.envelope import iso_time
from services.console.store.queries import Window
from services.console.store.tables import BUSINESS, HEAT_MEASURES

PERFORMANCE_MEASURES = ("auc", "f1", "precision", "recall", "accuracy", "mae", "rmse")
LINES = 6
"""Columns drawn as lines: the ones that drift most."""

SPARK_WIDTH, SPARK_HEIGHT = 96.0, 24.0

Chart = dict[str, Any]


def window_charts(windows: Sequence[Window], measure: str) -> Chart:
    """Everything that the page draws of one model version, as JSON values; times in RFC 3339, oldest first.

    `heat` holds one row per column (most drifted first), a cell per window, null where nothing was measured.
    """
    columns = _by_drift(windows, measure)
    return {
        "measure": measure,
        "measures": [name for name in HEAT_MEASURES if any(name in window.columns for window in windows)],
        "start": [iso_time(window.start) for window in windows],
        "end": [iso_time(window.end) for window in windows],
        "n": [window.n for window in windows],
        "risk": [window.risk_score for window in windows],
        "severity": [window.severity for window in windows],
        "coverage": [window.label_coverage for window in windows],
        "whole": [window.exact and window.completeness >= 1 for window in windows],
        "columns": columns,
        "heat": [[_value(window.columns.get(measure, {}).get(column)) for window in windows] for column in columns],
        "limits": [_last_limit(windows, measure, column) for column in columns],
        "lines": columns[:LINES],
        "performance": {
            name: [_value(window.whole.get(name)) for window in windows]
            for name in PERFORMANCE_MEASURES
            if any(_value(window.whole.get(name)) is not None for window in windows)
        },
        "business": _business(windows),
        "performance_limits": {
            name: limit
            for name in PERFORMANCE_MEASURES
            if (limit := next((w.whole[name][1] for w in reversed(windows) if name in w.whole), None)) is not None
        },
    }


def _business(windows: Sequence[Window]) -> list[Chart]:
    """Each business metric with its value in every window, its limit in the last that has one, and how often it was broken."""
    names = dict.fromkeys(name for window in windows for name in window.whole if name.startswith(BUSINESS))
    found = []
    for name in names:
        said = [window.whole.get(name) for window in windows]
        limits = [each[1] for each in said if each and each[1] is not None]
        broken = sum(bool(each and each[2]) for each in said)
        values = [_value(each) for each in said]
        limit = limits[-1] if limits else None
        found.append({"name": name.removeprefix(BUSINESS), "values": values, "limit": limit, "broken": broken})
    return found


def _by_drift(windows: Sequence[Window], measure: str) -> list[str]:
    worst: dict[str, float] = {}
    for window in windows:
        for column, said in window.columns.get(measure, {}).items():
            worst[column] = max(worst.get(column, 0.0), _value(said) or 0.0)
    return sorted(worst, key=lambda column: (-worst[column], column))


def _value(said: Sequence[Any] | None) -> float | None:
    return said[0] if said else None


def _last_limit(windows: Sequence[Window], measure: str, column: str) -> float | None:
    for window in reversed(windows):
        said = window.columns.get(measure, {}).get(column)
        if said and said[1] is not None:
            return float(said[1])
    return None


def sparkline(risks: Sequence[float | None]) -> Mapping[str, str] | None:
    """Path of a small line of risks (0 to 100) and where it ends; None with fewer than two points."""
    points = [(index, risk) for index, risk in enumerate(risks) if risk is not None]
    if len(points) < 2:
        return None
    step = (SPARK_WIDTH - 4) / max(len(risks) - 1, 1)
    places = [(2 + index * step, 2 + (SPARK_HEIGHT - 4) * (1 - min(max(risk, 0.0), 100.0) / 100)) for index, risk in points]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    x, y = places[-1]
    return {"path": path, "x": f"{x:.1f}", "y": f"{y:.1f}"}
