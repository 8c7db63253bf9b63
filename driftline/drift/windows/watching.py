"""The detectors of a monitor, fed with decided windows in their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from driftline.drift.detectors import series
from driftline.drift.detectors.sequential import Kind
from driftline.drift.detectors.series import LABEL_CHANGES, Watched, change_of
from driftline.drift.profile import ALL_ROWS
from driftline.drift.windows.calendar import apart
from driftline.drift.windows.report import Sums
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import DetectorKey, Model, State
from driftline.drift.windows.window import Window
from driftline.events import Measure, Monitor

__all__ = ["Watch"]


@dataclass(frozen=True, slots=True)
class Watch:
    """Feeds, and remembers in the window what was said: a revision says it again and feeds nothing.

    Columns and predictions are watched over all rows, errors in every slice too: a state is up to 8 kB, and a hundred slices of
    twenty columns would have thousands of them. Of windows that hop only those are fed that share no row with each other.
    """

    state: State
    rules: Rules

    def inputs(self, model: Model, window: Window, sums: Sums) -> tuple[Measure, ...]:
        """Feed the numbers of a data close."""
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        if window.key.slice != ALL_ROWS or not any(asked.family != "performance" for asked in monitor.detectors):
            return ()
        layout = self.rules.layout(model.model_id, window.monitor_version)
        return self._feed(model, window, monitor, series.inputs_of(layout, self.rules.baseline(monitor), sums.inputs))

    def labels(self, model: Model, window: Window, labels: Sequence[Measure]) -> tuple[Measure, ...]:
        """Feed the error of a label close. One without a natural scale has that of the first."""
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        return self._feed(model, window, monitor, series.labels_of(labels, series.error_of(labels)))

    def forget(self, model: Model, monitor: Monitor, *, labels: bool) -> None:
        """Let go of the detectors of one decision that a newer monitor version does not ask for."""
        asked = {(detector.family, detector.kind) for detector in monitor.detectors}
        columns = {"", *(column.name for column in monitor.columns)}
        slices = self.rules.slices(monitor)
        for key in sorted(model.detectors):
            version, slice_name, granularity, family, column, kind = key
            stays = (
                (family, kind) in asked
                and column in columns
                and slice_name in slices
                and granularity in monitor.granularities
                and version not in monitor.retired_versions
            )
            if (change_of(family) in LABEL_CHANGES) is labels and not stays:
                del model.detectors[key]
                self.state.save_detector(model, key)

    def _feed(self, model: Model, window: Window, monitor: Monitor, found: Iterable[Watched]) -> tuple[Measure, ...]:
        if not apart(window.key.granularity, monitor.time_zone, window.key.start):
            return ()
        told = tuple(
            self._observe(model, window, watched, Kind(asked.kind))
            for watched in found
            for asked in monitor.detectors
            if asked.family == watched.family
        )
        window.detected = (*window.detected, *told)
        return told

    def _observe(self, model: Model, window: Window, watched: Watched, kind: Kind) -> Measure:
        where = window.key
        key: DetectorKey = (
            where.model_version, where.slice, where.granularity, watched.family, watched.column or "", kind.value,
        )  # fmt: skip
        detector = model.detectors.get(key)
        if detector is None:
            detector = model.detectors[key] = watched.begin(kind)
        self.state.save_detector(model, key)
        return series.told(watched, kind, detector.observe(watched.value))
