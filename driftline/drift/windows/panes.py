"""The panes that are kept: counts by model version, slice, part, layout and span of event time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from driftline.drift.profile import ALL_ROWS, Accumulator, Layout, Profile, Reservoir, ReservoirAccumulator, Shape
from driftline.drift.windows.calendar import Span
from driftline.events import PaneProfile, Part

__all__ = ["PaneKey", "Panes", "Series", "StoredPane"]

_Growing = Accumulator | ReservoirAccumulator


class Series(NamedTuple):
    """What windows are made of, one at a time."""

    model_version: str
    slice: str


class PaneKey(NamedTuple):
    """Identity of a pane within its series."""

    start: int
    end: int
    part: Part
    layout: str


@dataclass(frozen=True, slots=True)
class StoredPane:
    """A pane as it is stored. `monitor_version` shaped the counts: with it the layout is found again."""

    monitor_version: int
    rows: int
    cells: bytes
    sums: bytes
    metrics: bytes | None = None


class Panes:
    """All panes of one model. Counts are added decoded and kept encoded when cold."""

    def __init__(self, layout_of: Callable[[int], Layout]) -> None:
        self._layout_of = layout_of
        self._stored: dict[Series, dict[PaneKey, StoredPane]] = {}
        self._hot: dict[tuple[Series, PaneKey], _Growing] = {}
        self._unsaved: dict[tuple[Series, PaneKey], int] = {}

    def count(self, series: Series, key: PaneKey, found: PaneProfile, monitor_version: int) -> None:
        """Add counts as they came to a pane, which begins if it is not there. Raises MalformedProfile."""
        self._growing(series, key, monitor_version).count(found.rows, found.cells, found.sums, found.metrics)

    def fold(self, series: Series, key: PaneKey, into: PaneKey) -> None:
        """Add what a pane has to one of the same part and layout, which begins if it is not there."""
        found = self._warm(series, key).profile()
        hot = self._growing(series, into, self.monitor_version(series, key))
        hot.count(found.rows, *found.encode(), found.encode_metrics())

    def _growing(self, series: Series, key: PaneKey, monitor_version: int) -> _Growing:
        """What the counts of a pane are added to; it is to be stored under this monitor version."""
        name = series, key
        hot = self._hot.get(name) or self._heat(series, key, monitor_version)
        self._unsaved[name] = monitor_version
        return hot

    def _heat(self, series: Series, key: PaneKey, monitor_version: int) -> _Growing:
        """Decode a stored pane; begin one under this monitor version where there is none."""
        panes = self._stored.setdefault(series, {})
        stored = panes.setdefault(key, StoredPane(monitor_version, 0, b"", b""))
        layout = self._layout_of(stored.monitor_version)
        sampled = key.part is Part.SAMPLE
        hot = ReservoirAccumulator(layout.sample_rows, len(layout.blocks)) if sampled else Accumulator(layout.shape(key.part))
        hot.count(stored.rows, stored.cells, stored.sums, stored.metrics)
        self._hot[series, key] = hot
        return hot

    def profile(self, series: Series, key: PaneKey) -> Profile:
        """Return the counts of a pane, good until more are added to it. Raises KeyError."""
        found = self._warm(series, key).profile()
        assert isinstance(found, Profile), key.part
        return found

    def sample(self, series: Series, key: PaneKey) -> Reservoir:
        """Return the rows of a pane of samples. Raises KeyError."""
        found = self._warm(series, key).profile()
        assert isinstance(found, Reservoir), key.part
        return found

    def _warm(self, series: Series, key: PaneKey) -> _Growing:
        """A pane decoded. Raises KeyError."""
        return self._hot.get((series, key)) or self._heat(series, key, self._stored[series][key].monitor_version)

    def total(self, series: Series, keys: Iterable[PaneKey], shape: Shape) -> Profile:
        """Return the sum of the panes of a shape among these; cold ones are added as they are stored. Raises KeyError."""
        found = Accumulator(shape)
        for key in keys:
            if key.part is shape.part:
                if (series, key) in self._hot:
                    found.add(self.profile(series, key))
                else:
                    stored = self._stored[series][key]
                    found.count(stored.rows, stored.cells, stored.sums, stored.metrics)
        return found.profile()

    def rows(self, series: Series, key: PaneKey) -> int:
        """Return the rows (pairs) of a pane without decoding it."""
        hot = self._hot.get((series, key))
        return self._stored[series][key].rows if hot is None else hot.rows

    def monitor_version(self, series: Series, key: PaneKey) -> int:
        """Return the monitor version that shaped a pane."""
        known = self._unsaved.get((series, key))
        return self._stored[series][key].monitor_version if known is None else known

    def __len__(self) -> int:
        """How many there are."""
        return sum(map(len, self._stored.values()))

    def within(self, series: Series, span: Span) -> list[PaneKey]:
        """Return the panes of a series that lie wholly within a span, sorted."""
        found = self._stored.get(series, {})
        return sorted(key for key in found if key.start >= span.start and key.end <= span.end)

    def series(self) -> list[Series]:
        """Return the series that there are panes of, sorted."""
        return sorted(self._stored)

    def spans(self) -> Iterator[Span]:
        """The event time of every pane of all rows."""
        return (Span(key.start, key.end) for series, panes in self._stored.items() if series.slice == ALL_ROWS for key in panes)

    def keys(self) -> Iterator[tuple[Series, PaneKey]]:
        """All panes."""
        return ((series, key) for series, panes in self._stored.items() for key in panes)

    def drop(self, series: Series, key: PaneKey) -> None:
        """Forget a pane."""
        panes = self._stored[series]
        del panes[key]
        if not panes:
            del self._stored[series]
        self._hot.pop((series, key), None)
        self._unsaved.pop((series, key), None)

    def restore(self, series: Series, key: PaneKey, stored: StoredPane) -> None:
        """Take back a stored pane."""
        self._stored.setdefault(series, {})[key] = stored

    def stored(self, series: Series, key: PaneKey) -> StoredPane | None:
        """Return a pane as it is to be stored; None when it is not there (any more)."""
        monitor_version = self._unsaved.pop((series, key), None)
        if monitor_version is not None:
            profile = self._hot[series, key].profile()
            cells, sums = profile.encode()
            self._stored[series][key] = StoredPane(monitor_version, profile.rows, cells, sums, profile.encode_metrics())
        return self._stored.get(series, {}).get(key)

    @property
    def hot(self) -> int:
        """How many are held decoded."""
        return len(self._hot)

    def cool(self) -> None:
        """Let go of decoded panes; unsaved ones stay."""
        for name in list(self._hot):
            if name not in self._unsaved:
                del self._hot[name]
