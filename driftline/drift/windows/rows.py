"""Window reports as rows of two tables, under the names that monitors of lakehouses use: `profile_metrics` and `drift_metrics`.

A profile row says what a window has, one for each column and one for the model (`:table`); a drift row how far a column is from
another sample of it: the baseline, the window before (CONSECUTIVE) or the same time last week (SEASON).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from driftline.drift.performance.multiclass import summary
from driftline.drift.profile import ALL_ROWS, BlockKind, Layout, Profile
from driftline.envelope import iso_time
from driftline.events import Measure, Part, Reference, WindowReport
from driftline.events.columns import PREDICTION

__all__ = ["DRIFT_METRICS", "PROFILE_METRICS", "TABLE", "drift_metrics", "features", "profile_metrics"]

PROFILE_METRICS, DRIFT_METRICS = "profile_metrics", "drift_metrics"
"""Names of the tables."""
TABLE = ":table"
"""`column_name` of what is said of the model as a whole."""
OTHER = "(other)"
"""Predictions of a class that the baseline does not know."""

Row = dict[str, Any]

_OF_WINDOW = {
    "mean": "avg",
    "p05": "quantile_05",
    "p50": "median",
    "p95": "quantile_95",
    "null_rate": "percent_null",
    "nan_rate": "percent_nan",
    "unseen_rate": "percent_unseen",
    "zero_rate": "percent_zeros",
    "distinct_rate": "percent_distinct",
    "out_of_range_rate": "percent_out_of_range",
    "f1": "f1_score",
    "f1_weighted": "f1_score.weighted",
    "precision_weighted": "precision.weighted",
    "recall_weighted": "recall.weighted",
}
_DISTANCES = {
    "psi": "population_stability_index",
    "js": "js_distance",
    "tv": "tv_distance",
    "linf": "l_infinity_distance",
    "kl": "kl_divergence",
    "hellinger": "hellinger_distance",
    "wasserstein": "wasserstein_distance",
    "wasserstein_normed": "wasserstein_distance_normed",
    "chi2": "chi_squared_test",
    "ks": "ks_test",
    "mean_delta": "avg_delta",
    "null_rate_delta": "percent_null_delta",
    "nan_rate_delta": "percent_nan_delta",
    "unseen_rate_delta": "percent_unseen_delta",
    "zero_rate_delta": "percent_zeros_delta",
    "distinct_rate_delta": "percent_distinct_delta",
    "lasting_shift": "lasting_shift",
}
_TESTED = frozenset({"chi2", "ks"})
_PERCENT = 100.0
_COLUMN = re.compile(r"([\w.:]+)=(.+)")


def profile_metrics(report: WindowReport, layout: Layout | None = None) -> list[Row]:
    """Return the rows of a window: `:table` first, then its columns by name. Rates are in percent.

    With the layout of its counts `:table` has for a classifier how often each class was predicted
    (`prediction_distribution.<class>`), and of its in-time pairs macro and weighted means over the classes (`f1_score.macro`).
    """
    place = _place(report)
    whole: Row = {"column_name": TABLE, "count": report.n, "label_count": report.labels_in_time + report.labels_later}
    whole |= {"label_coverage": report.label_coverage, "risk_score": report.risk_score, "severity_level": report.severity}
    columns: dict[str, Row] = {}
    for measure in report.measures:
        if _compares(measure):
            continue
        row = whole if measure.column is None else columns.setdefault(measure.column, {"count": report.n})
        row[_OF_WINDOW.get(measure.name, measure.name)] = _percent(measure)
    if layout is not None and layout.hash == report.layout:
        whole |= _predicted(report, layout) | _means(report, layout)
    return [place | whole, *(place | {"column_name": name} | row for name, row in sorted(columns.items()))]


def drift_metrics(report: WindowReport) -> list[Row]:
    """Return a row for each reference and column: the baseline's first, then those of the past as the monitor names them."""
    rows = _compared(report, Reference.BASELINE, report.measures, {})
    for found in report.comparisons:
        past = {"window_cmp.start": iso_time(found.start), "window_cmp.end": iso_time(found.end)}
        rows += _compared(report, found.reference, found.measures, past | {"count_delta": report.n - found.n})
    return rows


def features(report: WindowReport, reference: Reference = Reference.CONSECUTIVE) -> Row:
    """Return what became of the model's inputs: `violations`, `total_features_checked` and `details`, the largest JS distance first.

    The columns are the monitor's own; predictions and outcomes (`:prediction`, `:label`) are none of them.
    """
    details = [row for row in drift_metrics(report) if row["drift_type"] == reference.value and row["family"] == "feature"]
    details.sort(key=lambda row: (-(row.get("js_distance") or 0.0), row["column_name"]))
    return {
        "violations": sum(len(row["violated"]) for row in details),
        "total_features_checked": len(details),
        "details": details,
    }


def _predicted(report: WindowReport, layout: Layout) -> Row:
    block = layout.by_column.get(PREDICTION)
    if block is None or block.kind is not BlockKind.CATEGORICAL:
        return {}
    cells = Profile.decode(layout, Part.INPUTS, report.n, report.cells, report.sums).cells
    counts = dict(zip(block.categories, cells[block.unseen + 1 :].tolist(), strict=False)) | {OTHER: int(cells[block.unseen])}
    return {f"prediction_distribution.{name}": count for name, count in counts.items() if count or name != OTHER}


def _means(report: WindowReport, layout: Layout) -> Row:
    if not layout.classes:
        return {}
    pairs = Profile.decode(layout, Part.IN_TIME, report.labels_in_time, report.label_cells, b"")
    found = summary(layout.pairs.confusion(pairs.cells), layout.classes)
    names = {"precision": "precision", "recall": "recall", "f1": "f1_score"}
    means = (("macro", found.macro), ("weighted", found.weighted))
    return {f"{names[name]}.{mean}": value for mean, values in means for name, value in values.items()}


def _place(report: WindowReport) -> Row:
    key, value = _slice(report.slice)
    return {
        "window.start": iso_time(report.start),
        "window.end": iso_time(report.end),
        "granularity": report.granularity,
        "model_id": report.model_id,
        "model_version": report.model_version,
        "log_type": "INPUT",
        "slice_key": key,
        "slice_value": value,
    }


def _slice(name: str) -> tuple[str | None, str | None]:
    """Key and value of a slice: of columns as they are named, of a condition its text and whether it holds."""
    if name == ALL_ROWS:
        return None, None
    if name.startswith("(") and name.endswith(") IS NOT TRUE"):
        return name.removeprefix("(").removesuffix(") IS NOT TRUE"), "false"
    column = _COLUMN.fullmatch(name)
    return (column[1], column[2]) if column else (name, "true")


def _compares(measure: Measure) -> bool:
    return measure.name in _DISTANCES or measure.name.endswith("_delta")


def _compared(report: WindowReport, reference: Reference, measures: Iterable[Measure], more: Row) -> list[Row]:
    columns: dict[str, list[Measure]] = {}
    for measure in measures:
        if _compares(measure) and measure.column is not None:
            columns.setdefault(measure.column, []).append(measure)
    place = _place(report) | {"drift_type": reference.value} | more
    return [place | _drift(name, found) for name, found in sorted(columns.items())]


def _drift(column: str, measures: Sequence[Measure]) -> Row:
    families = {measure.family for measure in measures} - {"quality"}
    row: Row = {"column_name": column, "family": min(families, default="quality")}
    for measure in measures:
        name = _DISTANCES.get(measure.name, measure.name)
        if measure.name in _TESTED:
            row |= {f"{name}.statistic": measure.value, f"{name}.pvalue": measure.p_value}
        else:
            row[name] = _percent(measure)
    return row | {"violated": [_DISTANCES.get(each.name, each.name) for each in measures if each.violated]}


def _percent(measure: Measure) -> float | None:
    rate = measure.name in _OF_WINDOW and measure.name.endswith("_rate")
    if measure.value is not None and (rate or measure.name.endswith("_rate_delta")):
        return _PERCENT * measure.value
    return measure.value
