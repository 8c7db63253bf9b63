"""What both groups of stage 1 need of models: which layout a monitor counts in, which versions are counted apart."""

from __future__ import annotations

from driftline.drift.profile import Layout
from driftline.drift.slices import Slicer
from driftline.events import Monitor
from driftline.validation import MonitorBook

__all__ = ["MAXIMUM_VERSIONS", "OTHER_VERSIONS", "Layouts", "Versions"]

MAXIMUM_VERSIONS = 100
OTHER_VERSIONS = "(other)"
"""Where the versions of a model beyond the first hundred are counted."""


class Layouts:
    """The layout of each monitor version, and what tells its slices, made once."""

    def __init__(self, book: MonitorBook) -> None:
        """`book` knows the baselines."""
        self._book = book
        self._layouts: dict[tuple[str, int], Layout] = {}
        self._slicers: dict[tuple[str, int], Slicer] = {}

    def of(self, monitor: Monitor) -> Layout:
        """Return the layout that a monitor version's rows are counted in."""
        place = (monitor.model_id, monitor.monitor_version)
        if place not in self._layouts:
            baseline = self._book.baseline(monitor.baseline_id)
            assert baseline is not None  # a monitor without its baseline is rejected by the book
            self._layouts[place] = Layout.of(monitor, baseline)
        return self._layouts[place]

    def slicer(self, monitor: Monitor) -> Slicer:
        """Return what tells the slices of a monitor version's rows."""
        place = (monitor.model_id, monitor.monitor_version)
        if place not in self._slicers:
            self._slicers[place] = Slicer(self.of(monitor))
        return self._slicers[place]


class Versions:
    """Model versions in the order in which they were met, since the last `forget`."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[str, dict[str, int]] = {}

    def place(self, model_id: str, version: str) -> tuple[int, str]:
        """Return the number and the name that a version is counted under: its own, or that of all beyond the hundredth."""
        known = self._known.setdefault(model_id, {})
        if version not in known and len(known) >= MAXIMUM_VERSIONS:
            version = OTHER_VERSIONS
        return known.setdefault(version, len(known)), version

    def forget(self) -> None:
        """Tell the versions apart anew."""
        self._known.clear()
