"""The classic assessment of a model over some days: all windows, fixed thresholds, one score; as monitors of lakehouses have it.

It is `policy: classic` asked on demand of windows that are there already, whatever policy decided them. Its thresholds alarm by chance
where there are many windows and columns (`risk.classic_score`); a tolerance does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from driftline.drift import risk, thresholds
from driftline.drift.profile import ALL_ROWS
from driftline.envelope import iso_time
from driftline.events import Measure, Reference, WindowReport

__all__ = ["comprehensive"]

_GROUPS = {
    "feature_drift": ("feature",),
    "prediction_drift": ("prediction",),
    "label_drift": ("label",),
    "performance_degradation": ("performance", "business"),
}

Found = dict[str, Any]


def comprehensive(
    reports: Iterable[WindowReport],
    *,
    days: int = risk.CLASSIC_DAYS,
    limits: Mapping[str, Mapping[str, float]] | None = None,
    reference: Reference = Reference.CONSECUTIVE,
) -> Found:
    """Return `feature_drift`, `prediction_drift`, `label_drift`, `performance_degradation`, `overall_risk_score`, `severity_level`.

    `reports`: last revisions of the windows of one model and granularity. Those count that began in the `days` before the last
    one's end. `limits` are laid over `thresholds.classic`, one by one. Inputs are compared with `reference`; windows that were not
    compared with it say nothing of them. Without any window the score is None. Raises ValueError for a group of limits that
    does not exist.
    """
    stated = thresholds.classic(limits)
    whole = [report for report in reports if report.slice == ALL_ROWS]
    since = risk.classic_since(max((report.end for report in whole), default=0), days)
    recent = sorted((report for report in whole if report.start >= since), key=lambda report: report.start)
    checked = [(report, thresholds.check(_measures(report, reference), stated)) for report in recent]
    scored = risk.classic_score([risk.violations(measures) for _, measures in checked])
    groups = {name: _group(families, checked) for name, families in _GROUPS.items()}
    severity = None if scored.severity is None else scored.severity.value
    return {**groups, "overall_risk_score": scored.score, "severity_level": severity}


def _measures(report: WindowReport, reference: Reference) -> list[Measure]:
    """What is checked of a window, as if nobody had: distances to the reference, and what only the window has."""
    inputs: Sequence[Measure] = report.measures
    if reference is not Reference.BASELINE:
        inputs = next((found.measures for found in report.comparisons if found.reference is reference), ())
    chosen = [measure for measure in inputs if measure.family in ("feature", "prediction")]
    chosen += [measure for measure in report.measures if measure.family in ("label", "performance", "business")]
    return [replace(measure, limit=None, violated=False) for measure in chosen]


def _group(families: tuple[str, ...], checked: Iterable[tuple[WindowReport, Sequence[Measure]]]) -> Found:
    """Count the violations of some families; `details`, the largest value first, names every check that was made."""
    details: list[Found] = [
        {
            "window.start": iso_time(report.start),
            "column_name": measure.column or ":table",
            "measure": measure.name,
            "value": measure.value,
            "p_value": measure.p_value,
            "limit": measure.limit,
            "violated": measure.violated,
        }
        for report, measures in checked
        for measure in measures
        if measure.family in families and measure.limit is not None
    ]
    details.sort(key=lambda one: (not one["violated"], -abs(one["value"] or 0.0)))
    columns = {one["column_name"] for one in details} - {":table"}
    return {
        "violations": sum(bool(one["violated"]) for one in details),
        "total_features_checked": len(columns),
        "details": details,
    }
