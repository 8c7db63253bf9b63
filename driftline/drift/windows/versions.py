"""The versions of one model side by side: the same window, the same columns, other rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from driftline.drift.calibration import evidence
from driftline.drift.calibration.size_aware import compare
from driftline.drift.measures import between
from driftline.drift.profile import Layout, Profile
from driftline.envelope import iso_time
from driftline.events import Part, WindowReport

__all__ = ["HEAD", "ColumnApart", "VersionInWindow", "side_by_side"]

HEAD = ("WINDOW", "LENGTH", "VERSION", "ROWS", "RISK", "ACCURACY", "AGAINST", "FURTHEST COLUMN", "PSI", "P-VALUE")
"""Of a table of `VersionInWindow.cells`."""
_SHOWN = ("accuracy", "auc", "f1", "mae", "coverage")


@dataclass(frozen=True, slots=True)
class ColumnApart:
    """How far a column of one version is from that of another."""

    column: str
    psi: float
    p_value: float
    """Of "nothing differs"; knows how many rows both have, not that many columns were looked at."""


@dataclass(frozen=True, slots=True)
class VersionInWindow:
    """One version in a window that others have too."""

    granularity: str
    start: int
    end: int
    slice: str
    model_version: str
    n: int
    risk_score: float | None
    figures: dict[str, float | None]
    """Of its outcomes, as far as labels have come."""
    against: str | None
    """The version with most rows, which the others are compared with; None for itself."""
    columns: tuple[ColumnApart, ...] = ()
    """The furthest first; empty where the two were counted under different layouts."""

    def plain(self) -> dict[str, Any]:
        """For programs."""
        apart = [{"column": one.column, "psi": one.psi, "p_value": one.p_value} for one in self.columns]
        return {name: getattr(self, name) for name in self.__slots__} | {"columns": apart}

    def cells(self) -> tuple[object, ...]:
        """For a line of a table, under HEAD."""
        furthest = self.columns[0] if self.columns else None
        apart = ("-", "-", "-") if furthest is None else (furthest.column, f"{furthest.psi:.3g}", f"{furthest.p_value:.2g}")
        risk, accuracy = ("-" if value is None else f"{value:.3g}" for value in (self.risk_score, self.figures.get("accuracy")))
        window = iso_time(self.start)[:16]
        return (window, self.granularity, self.model_version, self.n, risk, accuracy, self.against or "-", *apart)


def side_by_side(reports: Iterable[WindowReport], layout_of: Callable[[WindowReport], Layout | None]) -> list[VersionInWindow]:
    """Return the versions of each window that at least two of them have, that with most rows first.

    `reports`: the last revisions of one model's windows. `layout_of`: what shapes their counts; None where that is not known.
    """
    found = []
    for _, group in groupby(sorted(reports, key=_window), key=_window):
        versions = sorted(group, key=lambda report: (-report.n, report.model_version))
        if len(versions) > 1:
            found += [_compared(report, versions[0], layout_of) for report in versions]
    return found


def _window(report: WindowReport) -> tuple[int, int, str, str]:
    return report.start, report.end, report.granularity, report.slice


def _compared(report: WindowReport, most: WindowReport, layout_of: Callable[[WindowReport], Layout | None]) -> VersionInWindow:
    figures = {m.name: m.value for m in report.measures if m.family == "performance" and m.column is None and m.name in _SHOWN}
    alone = report is most
    return VersionInWindow(
        granularity=report.granularity,
        start=report.start,
        end=report.end,
        slice=report.slice,
        model_version=report.model_version,
        n=report.n,
        risk_score=report.risk_score,
        figures=figures,
        against=None if alone else most.model_version,
        columns=() if alone or report.layout != most.layout else _apart(most, report, layout_of(report)),
    )


def _apart(most: WindowReport, other: WindowReport, layout: Layout | None) -> tuple[ColumnApart, ...]:
    if layout is None or not (most.n and other.n):
        return ()
    a, b = (Profile.decode(layout, Part.INPUTS, each.n, each.cells, each.sums) for each in (most, other))
    psi = {measure.column: measure.value for measure in between(layout, a, b) if measure.name == "psi"}
    found = []
    for one in evidence.of_windows(layout, a, b).columns:
        tested, value = compare(one.baseline, one.current, ordered=one.ordered), psi.get(one.column)
        if tested is not None and value is not None:
            found.append(ColumnApart(one.column, value, tested.p_any))
    return tuple(sorted(found, key=lambda one: (one.p_value, -one.psi, one.column)))
