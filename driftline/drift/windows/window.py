"""One window while it can still change."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from driftline.drift.calibration.state import Terms as HeldTo
from driftline.drift.profile import Layout, Profile
from driftline.drift.windows.calendar import Span
from driftline.drift.windows.panes import Series
from driftline.drift.windows.republish import Terms, final_at
from driftline.events import ClosedBy, Measure, Monitor, Part, Reference

__all__ = ["Before", "Figure", "Held", "Side", "Window", "WindowKey"]


class Side(StrEnum):
    """Which of the two decisions."""

    INPUTS = "inputs"
    LABELS = "labels"


class WindowKey(NamedTuple):
    """Identity of a window within its model, in the order in which windows are decided."""

    end: int
    granularity: str
    model_version: str
    slice: str
    start: int


class Figure(NamedTuple):
    """What a business metric was in another window."""

    name: str
    column: str
    value: float | None
    n: int
    coverage: float | None
    """None = it needs no labels."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is called."""
        return self.name, self.column


@dataclass(frozen=True, slots=True)
class Held:
    """What business metrics of a window were held against at one of its decisions, of the windows before it."""

    previous: tuple[Figure, ...] = ()
    """Their values in the window before, if that was decided."""
    bands: tuple[tuple[str, str, float, float], ...] = ()
    """Name, column, lowest and highest value that pass, of those whose limit follows the past."""


@dataclass(frozen=True, slots=True)
class Before:
    """A window of the past as it was at the data close of the one that is compared with it."""

    reference: Reference
    span: Span
    rows: int
    cells: bytes
    sums: bytes
    terms: HeldTo | None = None
    """What the comparison was held to; None where none was decided."""

    def profile(self, layout: Layout) -> Profile:
        """Its counts."""
        return Profile.decode(layout, Part.INPUTS, self.rows, self.cells, self.sums)


@dataclass(slots=True, kw_only=True)
class Window:
    """What is remembered of a window besides its panes, from its first row to its final report."""

    key: WindowKey
    exact: bool = True
    revision: int = 0
    """Revisions published so far."""
    closed_by: ClosedBy | None = None
    """None until data close."""
    completeness: float = 0.0
    monitor_version: int = 0
    """In force at the end, as known at data close. What follows from it:"""
    labels_due: int = 0
    """event time of labels up to which they are in time for every row,"""
    final_at: int = 0
    """clock at which nothing can change any more."""
    labelled: bool = False
    """Past its label close (or it will never have one)."""
    changed: bool = False
    """Since it was last published."""
    revise_at: int = 0
    """Clock at which a change is published."""
    waiting: int | None = None
    """Append time from which max_wait counts for data close,"""
    waiting_labels: int | None = None
    """and for label close."""
    late_after_final: int = 0
    detected: tuple[Measure, ...] = ()
    """What detectors said of it: at data close in INPUT_CHANGES, at label close in LABEL_CHANGES."""
    held: dict[Side, Held] = field(default_factory=dict)
    """What its business metrics were held against."""
    terms: HeldTo | None = None
    """What its decisions were held to, where a policy other than limits judged it."""
    past: tuple[Before, ...] = ()
    """What it is compared with beside the baseline, from data close on."""
    score: float | None = None
    """Under the classic policy: its risk as decided, which counts other windows too."""

    def govern(self, monitor: Monitor, terms: Terms) -> None:
        """Take the monitor version that is in force at the end."""
        self.monitor_version = monitor.monitor_version
        self.labels_due = self.key.end + terms.label_delay
        self.final_at = final_at(terms, self.key.granularity, self.span)

    @property
    def span(self) -> Span:
        """Its event time."""
        return Span(self.key.start, self.key.end)

    @property
    def series(self) -> Series:
        """Whose panes it sums."""
        return Series(self.key.model_version, self.key.slice)

    @property
    def waits_for_labels(self) -> bool:
        """Whether the wait for its label close may begin."""
        return not self.labelled and self.waiting_labels is None

    @property
    def late(self) -> bool:
        """First touched after its close: published, never decided."""
        return self.closed_by is ClosedBy.LATE
