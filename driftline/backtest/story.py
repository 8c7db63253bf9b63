"""What a backtest found, for a person: which columns moved, when, by how much, and what became of the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from driftline.backtest import course
from driftline.backtest.beyond import Harm, Verdict
from driftline.backtest.replay import Findings
from driftline.drift.levels import Level, level_of
from driftline.drift.profile import ALL_ROWS
from driftline.drift.windows.policies import explained
from driftline.events import Baseline, ClosedBy, DriftDetected, Monitor, WindowReport
from driftline.wording import amount

__all__ = [
    "ColumnStory",
    "MeasureLine",
    "columns",
    "deciding",
    "harm",
    "in_force",
    "lines",
    "metric_lines",
    "moment",
    "psi_summary",
    "sentences",
]

_SHOWN = 5
_BETTER_WHEN_LARGE = ("auc", "accuracy", "f1", "r2")
_BETTER_WHEN_SMALL = ("mae", "rmse")


@dataclass(frozen=True, slots=True)
class ColumnStory:
    """The index of one column over the windows that were decided."""

    column: str
    windows: int
    mean: float
    largest: float
    largest_at: int
    """Start of that window, microseconds."""
    moved: int
    """Windows beyond moderate."""
    first_moved: int | None
    """Start of the first of them."""

    @property
    def level(self) -> Level:
        """Of the largest."""
        return level_of(self.largest)


@dataclass(frozen=True, slots=True)
class MeasureLine:
    """One measure over time."""

    name: str
    column: str | None
    starts: tuple[int, ...]
    values: tuple[float | None, ...]


def deciding(findings: Findings, monitor: Monitor) -> list[WindowReport]:
    """The last revision of each window that alarms could come from, in the order of time; versions one after the other."""
    everything = (report for report in findings.windows.values() if report.slice == ALL_ROWS)
    chosen = (report for report in everything if report.granularity == monitor.alert_on)
    return sorted(
        (report for report in chosen if report.n >= monitor.minimum_n and report.closed_by is not ClosedBy.LATE),
        key=lambda report: (report.model_version, report.start),
    )


def lines(reports: Iterable[WindowReport], name: str) -> list[MeasureLine]:
    """A measure of each column that has it, the one that grew largest first."""
    found: dict[str | None, list[tuple[int, float | None]]] = {}
    for report in reports:
        for measure in report.measures:
            if measure.name == name and measure.family not in ("label", "estimate"):
                found.setdefault(measure.column, []).append((report.start, measure.value))
    made = [MeasureLine(name, column, *map(tuple, zip(*points, strict=True))) for column, points in found.items()]
    return sorted(made, key=lambda line: -max((value or 0.0 for value in line.values), default=0.0))


def metric_lines(reports: Iterable[WindowReport]) -> list[MeasureLine]:
    """The business metrics over time, in their order."""
    found: dict[tuple[str, str | None], list[tuple[int, float | None]]] = {}
    for report in reports:
        for measure in report.measures:
            if measure.family == "business":
                found.setdefault((measure.name, measure.column), []).append((report.start, measure.value))
    return [MeasureLine(*key, *map(tuple, zip(*points, strict=True))) for key, points in found.items()]


def columns(reports: Iterable[WindowReport]) -> list[ColumnStory]:
    """Each watched column, the one that moved furthest first."""
    found = []
    for line in lines(reports, "psi"):
        points = [(start, value) for start, value in zip(line.starts, line.values, strict=True) if value is not None]
        if line.column is None or not points:
            continue
        at, largest = max(points, key=lambda point: point[1])
        moved = [start for start, value in points if level_of(value) is Level.SIGNIFICANT]
        mean = sum(value for _, value in points) / len(points)
        found.append(ColumnStory(line.column, len(points), mean, largest, at, len(moved), moved[0] if moved else None))
    return found


def psi_summary(reports: Iterable[WindowReport]) -> list[dict[str, Any]]:
    """How far each column moved, a row each, the one that moved furthest first."""
    return [
        {
            "column_name": story.column,
            "windows": story.windows,
            "mean_psi": story.mean,
            "max_psi": story.largest,
            "max_psi_window": moment(story.largest_at),
            "windows_significant": story.moved,
            "first_significant_window": "" if story.first_moved is None else moment(story.first_moved),
            "drift_level": story.level.value,
        }
        for story in columns(reports)
    ]


def in_force(findings: Findings, monitor: Monitor, baseline: Baseline) -> list[str]:
    """What decided, in words, for windows of the usual size."""
    rows = sorted(report.n for report in deciding(findings, monitor))
    return explained(monitor, baseline, rows[len(rows) // 2] if rows else monitor.minimum_n)


def sentences(findings: Findings, monitor: Monitor, harms: Sequence[Harm] = ()) -> Iterator[str]:
    """What changed, in words; the most important first."""
    reports = deciding(findings, monitor)
    if not reports:
        yield f"No window of {monitor.alert_on} had {amount(monitor.minimum_n, 'row', form=',')} or more, so nothing was decided."
        return
    alarms = findings.alarms
    count = amount(
        len(reports), f"window of {monitor.alert_on} was decided", f"windows of {monitor.alert_on} were decided", form=","
    )
    told = "once" if len(alarms) == 1 else f"{len(alarms)} times"
    yield f"{count}; people would have been told {told}." if alarms else f"{count}; none of them alarmed."
    yield from map(_alarm, alarms[:_SHOWN])
    if len(alarms) > _SHOWN:
        yield f"And {len(alarms) - _SHOWN} more, below."
    yield from _movers(reports)
    yield from _performance(reports)
    yield from map(harm, harms[:_SHOWN])
    yield from course.sentences(findings, monitor)
    yield from _slices(findings, monitor)


def _alarm(event: DriftDetected) -> str:
    return f"{moment(event.window_start)}: {event.summary}"


def _movers(reports: list[WindowReport]) -> Iterator[str]:
    found = columns(reports)
    moved = [column for column in found if column.first_moved is not None]
    for column in moved[:_SHOWN]:
        assert column.first_moved is not None
        yield (
            f"{column.column} left the reference in the window of {moment(column.first_moved)} and was beyond PSI 0.25 in "
            f"{column.moved} of {amount(column.windows, 'window')} (most {column.largest:.2f}, {moment(column.largest_at)})."
        )
    if len(moved) > _SHOWN:
        yield f"So did {amount(len(moved) - _SHOWN, 'other column')}."
    still = [column.column for column in found if column.level is Level.STABLE]
    if still:
        yield f"{len(still)} of {amount(len(found), 'column')} never reached PSI 0.1{': ' + ', '.join(still) if len(still) <= _SHOWN else ''}."


def _performance(reports: list[WindowReport]) -> Iterator[str]:
    for name in (*_BETTER_WHEN_LARGE, *_BETTER_WHEN_SMALL):
        points = [
            (report.start, measure.value)
            for report in reports
            for measure in report.measures
            if measure.family == "performance" and measure.name == name and measure.value is not None
        ]
        if len(points) > 1:
            chosen = min if name in _BETTER_WHEN_LARGE else max
            at, worst = chosen(points, key=lambda point: point[1])
            yield f"The model: {name} began at {points[0][1]:.3f} and was at its worst, {worst:.3f}, in {moment(at)}."
            return


def harm(found: Harm) -> str:
    """What values that the reference never had do to the model."""
    there = f"{found.measure} is {found.beyond.value:.3f} ({found.beyond.low:.3f} to {found.beyond.high:.3f})"
    beside = f"{there} beside {found.within.value:.3f} elsewhere"
    rows = f"{found.share:.1%} of the outcomes ({found.rows:,})"
    match found.verdict:
        case Verdict.HURTS:
            return f"{found.column} hurts the model: {rows} had values that the reference never had, and there {beside}."
        case Verdict.HARMLESS:
            return (
                f"{found.column} does not hurt the model: {rows} had values that the reference never had, but there {beside}."
            )
        case Verdict.UNSURE:
            return (
                f"{found.column}: {rows} had values that the reference never had, too few to tell whether that hurts: {beside}."
            )


def _slices(findings: Findings, monitor: Monitor) -> Iterator[str]:
    """Slices that drifted, the first one first; nobody would have been told of them."""
    if not monitor.slices:
        return
    large = (report for report in findings.windows.values() if report.n >= monitor.minimum_n)
    seen = {report.slice for report in large if report.slice != ALL_ROWS and report.granularity == monitor.alert_on}
    those = f"{amount(len(seen), 'slice')} that had {amount(monitor.minimum_n, 'row', form=',')} or more"
    began: dict[str, int] = {}
    for event in findings.drift:
        if isinstance(event, DriftDetected) and event.slice != ALL_ROWS and event.granularity == monitor.alert_on:
            began[event.slice] = min(event.window_start, began.get(event.slice, event.window_start))
    if not began:
        yield f"None of {those} drifted."
        return
    first = sorted(began, key=lambda name: (began[name], name))
    shown = ", ".join(f"{name} ({moment(began[name])})" for name in first[:_SHOWN])
    more = f" and {len(first) - _SHOWN} more" if len(first) > _SHOWN else ""
    yield f"{len(first)} of {those} drifted, which tells nobody: {shown}{more}."


def moment(time_us: int) -> str:
    """A time as people write it, in UTC; midnight is a day."""
    text = datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
    return text.removesuffix(" 00:00")
