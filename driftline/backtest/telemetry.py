"""The index of every column and window as one JSON document, for dashboards and audit systems."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from driftline.backtest.story import columns
from driftline.drift.estimation import FAMILY as ESTIMATE
from driftline.drift.fairness import bias_drift
from driftline.drift.levels import level_of
from driftline.envelope import iso_time
from driftline.events import Baseline, Measure, Monitor, WindowReport

__all__ = ["SCHEMA", "telemetry"]

SCHEMA = "https://driftline.dev/schemas/drift-telemetry-1.json"
"""`schemas/json/drift-telemetry.schema.json` describes the document."""
_KEPT = ("psi", "js", "ks", "null_rate", "null_rate_delta")


def telemetry(reports: Iterable[WindowReport], monitor: Monitor, baseline: Baseline) -> dict[str, Any]:
    """What moved and how far, in the words of `driftline.drift.levels`."""
    windows = list(reports)
    return {
        "$schema": SCHEMA,
        "model_id": monitor.model_id,
        "granularity": monitor.alert_on,
        "baseline": {"id": baseline.baseline_id, "rows": baseline.rows, **baseline.provenance},
        "levels": {"stable": "psi < 0.1", "moderate": "0.1 <= psi <= 0.25", "significant": "psi > 0.25"},
        "columns": [
            {
                "column": column.column,
                "windows": column.windows,
                "psi_mean": column.mean,
                "psi_largest": column.largest,
                "psi_largest_at": iso_time(column.largest_at),
                "level": column.level.value,
                "windows_significant": column.moved,
            }
            for column in columns(windows)
        ],
        "windows": [_window(report) for report in windows],
    }


def _window(report: WindowReport) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for measure in report.measures:
        if measure.column is not None and measure.name in _KEPT and measure.value is not None:
            found.setdefault(measure.column, {})[measure.name] = measure.value
    for values in found.values():
        if "psi" in values:
            values["level"] = level_of(values["psi"]).value
    return {
        "model_version": report.model_version,
        "start": iso_time(report.start),
        "end": iso_time(report.end),
        "n": report.n,
        "label_coverage": report.label_coverage,
        "risk_score": report.risk_score,
        "severity": report.severity,
        "columns": found,
        "model": _of_the_model(report.measures),
        "estimated": {m.name: m.value for m in report.measures if m.family == ESTIMATE and m.value is not None},
        "bias": [asdict(record) for record in bias_drift(report.measures)],
    }


def _of_the_model(measures: Iterable[Measure]) -> dict[str, float]:
    return {m.name: m.value for m in measures if m.family == "performance" and m.column is None and m.value is not None}
