"""One story per cause: columns that moved together, when, how far, and whether that hurt the model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.backtest.beyond import Harm
from driftline.events import WindowReport

TOGETHER = 0.8
"""Rank correlation of the weekly PSI of two columns, from which they are taken to have one cause."""
LARGE = 0.25
"""PSI that a column has to reach to be told of."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Columns that moved together, the one that moved furthest first."""

    columns: tuple[str, ...]
    since: int
    """Start of the first window in which the first column was beyond its limit, microseconds."""
    until: int
    """End of the last one."""
    peak: float
    peak_at: int
    harm: Harm | None
    """The worst that is known of its columns; None = hardly a value that the reference never had."""


def causes(reports: Iterable[WindowReport], harms: Iterable[Harm], granularity: str) -> list[Cause]:
    """Causes of feature drift in windows of a granularity, the furthest first."""
    windows = sorted((report for report in reports if report.granularity == granularity), key=lambda report: report.start)
    moved = {name: values for name, values in _psi(windows).items() if values.max() > LARGE}
    groups: list[list[str]] = []
    for name in sorted(moved, key=lambda name: -moved[name].max()):
        near = (group for group in groups if _rank_correlation(moved[group[0]], moved[name]) >= TOGETHER)
        group = next(near, None)
        if group is None:
            groups.append([name])
        else:
            group.append(name)
    known = {harm.column: harm for harm in harms}
    return [_cause(group, moved[group[0]], windows, known) for group in groups]


def _psi(windows: list[WindowReport]) -> dict[str, NDArray[np.float64]]:
    """PSI of each input, by window; 0 where it has none."""
    found: dict[str, NDArray[np.float64]] = {}
    for at, report in enumerate(windows):
        for measure in report.measures:
            if measure.name == "psi" and measure.family == "feature" and measure.column is not None:
                found.setdefault(measure.column, np.zeros(len(windows)))[at] = measure.value or 0.0
    return found


def _rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def _cause(group: list[str], psi: NDArray[np.float64], windows: list[WindowReport], known: Mapping[str, Harm]) -> Cause:
    beyond = [window for window in windows if _violated(window, group[0])] or windows
    peak = int(psi.argmax())
    harms = [known[name] for name in group if name in known]
    worst = min(harms, key=lambda harm: harm.beyond.value - harm.within.value, default=None)
    return Cause(tuple(group), beyond[0].start, beyond[-1].end, float(psi[peak]), windows[peak].start, worst)


def _violated(window: WindowReport, column: str) -> bool:
    return any(measure.violated for measure in window.measures if measure.column == column and measure.name == "psi")
