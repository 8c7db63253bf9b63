"""What controls look at. Each piece names the events that it rests on, as the ledger has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftline.events import EvidenceAttested, Measure, Monitor, WindowReport
from driftline.governance.periods import DAY_US
from driftline.governance.registry import Model

__all__ = ["LOOKED_BACK_US", "Evidence", "FairnessWindow", "Group", "Head", "fairness_window", "groups_of", "tells_of_groups"]

LOOKED_BACK_US = 30 * DAY_US
"""Windows that ended before are no evidence of how groups are treated now."""

FOR_EVER_DAYS = 36_500.0
"""A hundred years, more than anybody may ask for."""


@dataclass(frozen=True, slots=True)
class Group:
    """What became of the rows of a group."""

    rows: int = 0
    selected: int = 0
    """Rows with the favourable prediction."""
    labelled: int = 0
    correct: int = 0
    """Of those labelled."""

    def __add__(self, other: Group) -> Group:
        """Both together."""
        return Group(
            self.rows + other.rows,
            self.selected + other.selected,
            self.labelled + other.labelled,
            self.correct + other.correct,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessWindow:
    """The groups of a window of all rows, by slice, such as `gender=F`. Times in microseconds."""

    model_version: str
    granularity: str
    start: int
    end: int
    rows: int
    groups: Mapping[str, Group]


@dataclass(frozen=True, slots=True)
class Head:
    """The last signed head of the ledger, and when it was signed, microseconds."""

    log_id: str
    size: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All there is about a model at a time."""

    at: int
    """When, microseconds."""
    model: Model | None = None
    monitor: Monitor | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Of the baseline that the monitor compares with."""
    windows: Sequence[FairnessWindow] = ()
    """Reported within `LOOKED_BACK_US`."""
    head: Head | None = None
    kept_days: Mapping[str, float] = field(default_factory=dict)
    """For how long the broker keeps each topic of the audit trail; `FOR_EVER_DAYS` where it never deletes."""
    statements: Mapping[str, EvidenceAttested] = field(default_factory=dict)
    """By requirement."""


def tells_of_groups(family: str, name: str) -> bool:
    """Whether measures of this family and name tell what became of a group."""
    return (family, name) in {("fairness", "selection_rate"), ("outcome_fairness", "accuracy")}


def fairness_window(report: WindowReport) -> FairnessWindow | None:
    """What a report of all rows tells of groups; None where it tells nothing, or is of a slice."""
    rates = {
        (one.name, one.column): one
        for one in report.measures
        if tells_of_groups(one.family, one.name) and one.value is not None
    }
    if report.slice or not rates:
        return None
    groups = {
        str(column): Group(*_counted(one), *_counted(rates.get(("accuracy", column))))
        for (name, column), one in rates.items()
        if name == "selection_rate"
    }
    return FairnessWindow(
        model_version=report.model_version,
        granularity=report.granularity,
        start=report.start,
        end=report.end,
        rows=report.n,
        groups=groups,
    )


def _counted(rate: Measure | None) -> tuple[int, int]:
    """Rows below the line and above it; a rate is the ratio of two counts, so nothing is lost by rounding."""
    if rate is None or rate.value is None or rate.n is None:
        return 0, 0
    return rate.n, round(rate.value * rate.n)


def groups_of(windows: Sequence[FairnessWindow]) -> tuple[int, Mapping[str, Group], Sequence[FairnessWindow]]:
    """All rows and each group of the last 30 days of event time, and the windows they were added from, each row once.

    Windows of the shortest granularity are taken, and of those that overlap (they hop) the later one is left out.
    """
    if not windows:
        return 0, {}, ()
    newest, shortest = max(one.end for one in windows), min(one.end - one.start for one in windows)
    chosen: list[FairnessWindow] = []
    reached: dict[str, int] = {}
    for one in sorted(windows, key=lambda one: (one.start, one.model_version)):
        fits = one.end - one.start == shortest and one.start >= newest - LOOKED_BACK_US
        if fits and one.start >= reached.get(one.model_version, one.start):
            chosen.append(one)
            reached[one.model_version] = one.end
    groups: dict[str, Group] = {}
    for one in chosen:
        for name, group in one.groups.items():
            groups[name] = groups.get(name, Group()) + group
    return sum(one.rows for one in chosen), groups, chosen
