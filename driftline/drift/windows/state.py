"""All that stage 2 remembers of one partition of `profiles`, and what of it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from driftline.drift.calibration.state import Past, Sequences
from driftline.drift.detectors.protocol import Detector
from driftline.drift.episodes import Episode, EpisodeKey
from driftline.drift.windows.clock import Clock, Seen
from driftline.drift.windows.panes import PaneKey, Panes, Series
from driftline.drift.windows.ranges import Condition, Head, Source
from driftline.drift.windows.window import Figure, Side, Window, WindowKey
from driftline.events import CheckRequested, Group

__all__ = ["AlphaKey", "Cursor", "DetectorKey", "Key", "Metered", "Model", "PastKey", "Remembered", "Side", "State"]

Key = tuple[str | int, ...]
"""Identity of a state on the topic `states`: its kind first."""
DetectorKey = tuple[str, str, str, str, str, str]
"""Model version, slice, granularity; family and column ("" = of the model) of what is watched, kind of the detector."""
AlphaKey = tuple[str, str]
"""Granularity, and what is tested: "rows" or "slices" against the baseline, or all rows against a reference of the past."""


PastKey = tuple[str, str, str, Side]
"""Model version, slice, granularity, decision."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What judging remembers of one series of windows."""

    layout: str
    """Of the counts in it."""
    past: Past


@dataclass(frozen=True, slots=True)
class Metered:
    """What the business metrics of the next window of a series are held against."""

    layout: str
    """Of the counts that the values come from."""
    end: int
    """Of the last window that was decided,"""
    values: tuple[Figure, ...]
    """and its values."""
    past: Mapping[tuple[str, str], tuple[float, ...]]
    """By name and column, oldest first: those of the last windows, for limits that follow them."""


@dataclass(slots=True)
class Cursor:
    """Where the evaluation stands."""

    position: int = 0
    """Offset committed in the transaction that stored this."""
    applied: int = 0
    """Offset after the last progress record that was applied."""
    append_time: int = 0
    """Of that record."""
    evaluating: bool = False
    """Work of that record is left: it is read again, not applied again."""
    began: int | None = None
    """Append time of the first progress record."""
    swept: int = 0
    """Append time up to which all models were looked at."""
    calm: dict[Group, int] = field(default_factory=lambda: dict.fromkeys(Group, 0))
    """Append time elapsed with every source caught up and heard of."""
    calm_until: dict[Group, int] = field(default_factory=dict)
    """Until when that is known to last, for groups that were calm at the last sweep."""


@dataclass(slots=True)
class Model:
    """What is remembered of one model."""

    model_id: str
    panes: Panes
    since: int = 0
    """Append time of the first counts of it."""
    inputs: Clock = field(default_factory=Clock)
    """W(m)."""
    labels: Clock = field(default_factory=Clock)
    """L(m)."""
    seen: dict[Source, Seen] = field(default_factory=dict)
    windows: dict[WindowKey, Window] = field(default_factory=dict)
    episodes: dict[EpisodeKey, Episode] = field(default_factory=dict)
    detectors: dict[DetectorKey, Detector[Any]] = field(default_factory=dict)
    alphas: dict[AlphaKey, Sequences] = field(default_factory=dict)
    pasts: dict[PastKey, Remembered] = field(default_factory=dict)
    metered: dict[PastKey, Metered] = field(default_factory=dict)
    doubts: frozenset[Source] = frozenset()
    """Sources with a gap behind which no event of the model was seen yet."""
    doubtful_until: int | None = None
    """Rows up to this event time may be missing from windows that nobody has touched yet."""
    acknowledged: int = 0
    """Last monitor_version that was acknowledged,"""
    governed: int = 0
    """and the latest that has superseded what it does not know: among data closes,"""
    governed_labels: int = 0
    """and among label closes."""
    reported_at: int = 0
    """Append time at which the watermark was last reported,"""
    reported: int | None = None
    """and what it was."""
    late_after_final: int = 0
    """Rows and pairs that came when no window could count them any more."""
    checked: int | None = None
    """Event time up to which its scheduled checks are done; None before the first could be."""
    check_started: int | None = None
    """Append time at which the next one began to wait."""
    check_failed: bool = False
    """Whether the last one failed, which was made known."""
    requests: dict[str, CheckRequested] = field(default_factory=dict)
    """Checks that were asked for and are not answered, by request_id."""


@dataclass(slots=True)
class State:
    """Everything, by its kind; `unsaved` names what changed since it was last stored."""

    cursor: Cursor = field(default_factory=Cursor)
    heads: dict[Source, Head] = field(default_factory=dict)
    stalled: dict[Source, int] = field(default_factory=dict)
    """Stalled sources that were made known, and since when."""
    models: dict[str, Model] = field(default_factory=dict)
    unsaved: dict[Key, None] = field(default_factory=dict)

    def conditions(self, sources: Iterable[Source], at: int) -> Mapping[Source, Condition]:
        """What is known of each source at an append time."""
        return {
            source: Condition.STALLED if head is None else head.condition(at)
            for source in sources
            for head in (self.heads.get(source),)
        }

    def save_cursor(self) -> None:
        """The cursor is to be stored."""
        self.unsaved["cursor",] = None

    def save_heads(self, group: Group) -> None:
        """The heads of a group are to be stored."""
        self.unsaved["heads", group.value] = None

    def save_stalled(self) -> None:
        """The stalled sources are to be stored."""
        self.unsaved["stalled",] = None

    def save_model(self, model: Model) -> None:
        """Clocks and notes of a model are to be stored."""
        self.unsaved["model", model.model_id] = None

    def save_pane(self, model: Model, series: Series, key: PaneKey) -> None:
        """A pane is to be stored, or forgotten if it is gone."""
        self.unsaved["pane", model.model_id, *series, *key] = None

    def save_window(self, model: Model, key: WindowKey) -> None:
        """A window is to be stored, or forgotten if it is gone."""
        self.unsaved["window", model.model_id, *key] = None

    def save_episode(self, model: Model, key: EpisodeKey) -> None:
        """An episode is to be stored, or forgotten if it ended."""
        self.unsaved["episode", model.model_id, *key] = None

    def save_detector(self, model: Model, key: DetectorKey) -> None:
        """A detector is to be stored, or forgotten if it is gone."""
        self.unsaved["detector", model.model_id, *key] = None

    def save_alpha(self, model: Model, key: AlphaKey) -> None:
        """Alpha sequences are to be stored."""
        self.unsaved["alpha", model.model_id, *key] = None

    def save_metered(self, model: Model, key: PastKey) -> None:
        """What business metrics of a series are held against is to be stored, or forgotten if it is gone."""
        self.unsaved["metered", model.model_id, *key] = None

    def save_past(self, model: Model, key: PastKey) -> None:
        """What judging remembers of a series is to be stored, or forgotten if it is gone."""
        self.unsaved["past", model.model_id, *key] = None
