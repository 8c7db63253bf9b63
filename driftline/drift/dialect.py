"""What definitions of monitors leave to drift: words of tolerance, ready-made metrics, and whether SQL and schedules can be read.

What it needs is imported when it is first asked: most definitions have no SQL, and its compiler weighs 170 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from driftline.events import Monitor, MonitorMetric, Threshold

if TYPE_CHECKING:
    from driftline.drift.sqlmetrics import Type

__all__ = ["Dialect", "explained"]


class Dialect:
    """As `driftline.governance.policy.Dialect` asks."""

    def tolerance(self, text: str) -> tuple[float, float]:
        """False pages in 30 days and PSI. Raises ValueError that shows how to write it."""
        from driftline.drift.calibration.tolerance import Tolerance

        found = Tolerance.parse(text)
        return found.false_pages, found.psi

    def pack(self, name: str) -> tuple[tuple[MonitorMetric, ...], tuple[Threshold, ...]]:
        """Ready-made metrics and the limits that they come with. Raises ConfigurationError that lists the packs."""
        from driftline.drift import sqlmetrics

        found = sqlmetrics.pack(name)
        return found.metrics, found.thresholds

    def faults(self, monitor: Monitor) -> Sequence[tuple[str, str]]:
        """The first fault of each metric, of each condition of a slice and of the schedule, with its place within the text."""
        return (*_faults_of_slices(monitor), *_faults_of_metrics(monitor), *_faults_of_schedule(monitor))


def explained(monitor: Monitor) -> dict[str, Any]:
    """What becomes of a monitor's business metrics: which need labels, and the columns that each kind of rows is asked for.

    Raises MetricRefused where one cannot be compiled.
    """
    if not monitor.metrics:
        return {"metrics": [], "columns": [], "columns_of_pairs": []}
    from driftline.drift import sqlmetrics

    program = sqlmetrics.compile_metrics(monitor.metrics, sqlmetrics.columns_of(monitor))
    return {
        "metrics": [
            {
                "name": each.metric.name,
                "column": each.column,
                "type": each.metric.type.value,
                "requires_label": each.requires_label,
            }
            for each in program.metrics
        ],
        "columns": sorted(program.inputs.columns),
        "columns_of_pairs": sorted(program.pairs.columns),
    }


def _faults_of_slices(monitor: Monitor) -> list[tuple[str, str]]:
    conditions = [(index, each.where) for index, each in enumerate(monitor.slices) if not each.columns]
    if not conditions:
        return []
    from driftline.drift.slices import condition_fault

    found = [(f"slices[{index}].where", condition_fault(where, monitor)) for index, where in conditions]
    return [(field, fault) for field, fault in found if fault is not None]


def _faults_of_schedule(monitor: Monitor) -> list[tuple[str, str]]:
    if not monitor.check_schedule:
        return []
    from driftline.drift.scheduling import Schedule

    try:
        Schedule.parse(monitor.check_schedule, monitor.time_zone)
    except ValueError as error:
        return [("check", str(error))]
    return []


def _faults_of_metrics(monitor: Monitor) -> list[tuple[str, str]]:
    if not monitor.metrics:
        return []
    from driftline.drift import sqlmetrics

    columns = tuple(sqlmetrics.columns_of(monitor).items())
    places = {metric.name: f"metrics[{index}]" for index, metric in enumerate(monitor.metrics)}
    return [(places.get(name, "metrics"), detail) for name, detail in _problems(monitor.metrics, columns)]


@lru_cache(maxsize=1024)
def _problems(metrics: tuple[MonitorMetric, ...], columns: tuple[tuple[str, Type], ...]) -> tuple[tuple[str, str], ...]:
    """Name of the metric and what is wrong with it; asked once of the many models that have the same."""
    from driftline.drift import sqlmetrics

    try:
        sqlmetrics.compile_metrics(metrics, dict(columns))
    except sqlmetrics.MetricRefused as refused:
        return tuple((problem.metric, str(problem)) for problem in refused.problems)
    return ()
