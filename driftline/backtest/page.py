"""The report that a person opens: one HTML file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from driftline import __version__
from driftline.backtest import course
from driftline.backtest.alternatives import FALSE_PAGES, SHIFTS
from driftline.backtest.run import Outcome
from driftline.backtest.story import MeasureLine, columns, deciding, in_force, lines, metric_lines, moment, sentences
from driftline.drift.estimation import FAMILY as ESTIMATE
from driftline.events import WindowReport

__all__ = ["render"]

_LINES = 6
"""Columns drawn as lines; the heatmap has all of them."""
_HEAT = 60
"""Columns of the heatmap, and"""
_METRICS = 24
"""Business metrics drawn, and"""
_EPISODES = 200
"""episodes of the table; what is more is counted."""
_PERFORMANCE = ("auc", "accuracy", "precision", "recall", "f1", "rmse", "mae", "r2")


def render(outcome: Outcome, title: str) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("driftline.backtest", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    reports = deciding(outcome.findings, outcome.monitor)
    alarms = outcome.findings.alarms
    return environment.get_template("report.html").render(
        title=title,
        version=__version__,
        outcome=outcome,
        monitor=outcome.monitor,
        sentences=list(sentences(outcome.findings, outcome.monitor, outcome.harms)),
        in_force=in_force(outcome.findings, outcome.monitor, outcome.baseline),
        alternatives=_table(outcome),
        shifts=SHIFTS,
        judged_again=outcome.alternatives[0].of if outcome.alternatives else 0,
        columns=columns(reports),
        metrics=_metrics(reports),
        trends=course.analysis(course.decided(outcome.findings, outcome.monitor)),
        alarms=alarms[:_EPISODES],
        more_alarms=max(0, len(alarms) - _EPISODES),
        windows=len(reports),
        moment=moment,
        plotly=Markup(get_plotlyjs()),  # noqa: S704  the installed package's own script
        charts=Markup(_safe_json(_charts(reports))),  # noqa: S704  made safe there
    )


def _metrics(reports: Sequence[WindowReport]) -> list[dict[str, Any]]:
    """What each business metric was: the first and last value, and the furthest from 0 and from the others on either side."""
    found = []
    for line in metric_lines(reports):
        values = [value for value in line.values if value is not None]
        name = line.name if line.column is None else f"{line.name} of {line.column}"
        ends = {"first": values[0], "last": values[-1], "low": min(values), "high": max(values)} if values else {}
        found.append({"name": name, "windows": len(values), **ends})
    return found


def _table(outcome: Outcome) -> list[tuple[float, list[int]]]:
    """Alarms by false pages a month and PSI."""
    found = {(each.tolerance.false_pages, each.tolerance.psi): each.alarms for each in outcome.alternatives}
    return [(pages, [found[pages, psi] for psi in SHIFTS]) for pages in FALSE_PAGES] if found else []


def _charts(reports: Sequence[WindowReport]) -> dict[str, Any]:
    psi = lines(reports, "psi")
    performance = [line for name in _PERFORMANCE for line in lines(reports, name) if line.column is None]
    performance += [replace(line, name=f"{line.name}, estimated") for line in _estimated(reports)]
    return {
        "psi": [_drawn(line) for line in psi[:_LINES]],
        "heat": [_drawn(line) for line in psi[:_HEAT]],
        "performance": [_drawn(line) for line in performance],
        "metrics": [
            {**_drawn(line), "name": line.name if line.column is None else f"{line.name} of {line.column}"}
            for line in metric_lines(reports)[:_METRICS]
        ],
        "rows": {"x": [moment(report.start) for report in reports], "y": [report.n for report in reports]},
    }


def _estimated(reports: Sequence[WindowReport]) -> list[MeasureLine]:
    """What performance was expected to be before labels came."""
    found: dict[str, list[tuple[int, float | None]]] = {}
    for report in reports:
        for measure in report.measures:
            if measure.family == ESTIMATE and measure.name in _PERFORMANCE:
                found.setdefault(measure.name, []).append((report.start, measure.value))
    return [
        MeasureLine(name, None, *map(tuple, zip(*found[name], strict=True)))
        for name in _PERFORMANCE
        if any(value is not None for _, value in found.get(name, ()))
    ]


def _drawn(line: MeasureLine) -> dict[str, Any]:
    return {"name": line.column or line.name, "x": [moment(start) for start in line.starts], "y": list(line.values)}


def _safe_json(value: object) -> str:
    """JSON that may stand inside a script element whatever names the columns have."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
