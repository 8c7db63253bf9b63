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
    watermark: int | None = None
    """Event time up to which the model's predictions were counted, microseconds; None where none ever was."""
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


def looked_at(windows: Sequence[FairnessWindow]) -> list[FairnessWindow]:
    """The windows of the last 30 days of event time in which each row stands once.

    They are of the granularity that knows most rows, of equal ones the shortest; of those that overlap (they hop) the later is left out.
    """
    newest = max((one.end for one in windows), default=0)
    by_length: dict[int, list[FairnessWindow]] = {}
    reached: dict[tuple[int, str], int] = {}
    for one in sorted(windows, key=lambda one: (one.start, one.model_version)):
        length = one.end - one.start
        if one.start >= max(newest - LOOKED_BACK_US, reached.get((length, one.model_version), one.start)):
            by_length.setdefault(length, []).append(one)
            reached[length, one.model_version] = one.end
    known = {length: (sum(one.rows for one in chosen), -length) for length, chosen in by_length.items()}
    return by_length[max(known, key=known.__getitem__)] if known else []


def groups_of(windows: Sequence[FairnessWindow], attribute: str) -> tuple[int, dict[str, Group]]:
    """The groups of an attribute, added up, and all rows of the windows that tell them apart."""
    quoted = '"' + attribute.replace("\\", "\\\\").replace('"', '\\"') + '"'
    rows, groups = 0, dict[str, Group]()
    for one in windows:
        own = {name: group for name, group in one.groups.items() if name.startswith((f"{attribute}=", f"{quoted}="))}
        rows += one.rows if own else 0
        for name, group in own.items():
            groups[name] = groups.get(name, Group()) + group
    return rows, groups
