"""The detectors of a monitor, fed with decided windows in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from driftline.drift.detectors import multivariate, series
from driftline.drift.detectors.kswin import KsWin
from driftline.drift.detectors.moments import Moments, MomentShift
from driftline.drift.detectors.seeds import seed_of
from driftline.drift.detectors.sequential import Kind
from driftline.drift.detectors.series import LABEL_CHANGES, Watched, change_of
from driftline.drift.profile import ALL_ROWS, Layout
from driftline.drift.profile.layout import KSWIN
from driftline.drift.windows.calendar import apart
from driftline.drift.windows.report import Sums, sample_of
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import DetectorKey, Model, State
from driftline.drift.windows.window import Window
from driftline.events import Baseline, Measure, Monitor

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
        if window.key.slice != ALL_ROWS or not _watches_inputs(monitor):
            return ()
        layout, baseline = self.rules.layout(model.model_id, window.monitor_version), self.rules.baseline(monitor)
        told = self._feed(model, window, monitor, series.inputs_of(layout, baseline, sums.inputs))
        if layout.sample_rows:
            told = (*told, *self._look(model, window, monitor, layout, baseline))
        window.detected = told
        return told

    def _look(self, model: Model, window: Window, monitor: Monitor, layout: Layout, baseline: Baseline) -> Iterator[Measure]:
        """Look at a sample of the rows: KSWIN compares with past windows, a multivariate test with the baseline."""
        sample = sample_of(model, window, layout)
        fed = apart(window.key.granularity, monitor.time_zone, window.key.start)
        asked = {detector.family for detector in monitor.detectors if fed and detector.kind == KSWIN}
        for family, column, values in series.samples_of(layout, sample):
            if family in asked:
                key = _key(window, family, column, KSWIN)
                detector = model.detectors.setdefault(key, KsWin("\x1f".join((model.model_id, *key))))
                self.state.save_detector(model, key)
                yield series.told(family, KSWIN, column, detector.observe(values))
        if monitor.multivariate == multivariate.MOMENTS and fed:
            yield self._compare_moments(model, window, layout, multivariate.moments_of(layout, baseline, sample))
        elif monitor.multivariate not in (None, multivariate.MOMENTS):
            seed = seed_of(model.model_id, *map(str, window.key))
            yield multivariate.tested(monitor.multivariate, layout, baseline, sample, seed=seed)

    def _compare_moments(self, model: Model, window: Window, layout: Layout, pane: Moments) -> Measure:
        """Under another layout other columns are compared, in other units: with a detector of its own."""
        key = _key(window, multivariate.FAMILY, layout.hash, multivariate.MOMENTS)
        detector = model.detectors.setdefault(key, MomentShift(len(pane.sums)))
        self.state.save_detector(model, key)
        verdict = detector.observe(pane)
        return Measure(
            family=multivariate.FAMILY,
            name=multivariate.MOMENTS,
            value=verdict.value,
            p_value=verdict.p_value,
            limit=verdict.before,
            violated=verdict.detected,
        )

    def labels(self, model: Model, window: Window, labels: Sequence[Measure]) -> tuple[Measure, ...]:
        """Feed the error of a label close. One without a natural scale has that of the first."""
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        told = self._feed(model, window, monitor, series.labels_of(labels, series.error_of(labels)))
        window.detected = (*window.detected, *told)
        return told

    def forget(self, model: Model, monitor: Monitor, *, labels: bool) -> None:
        """Let go of the detectors of one decision that a newer monitor version does not ask for."""
        asked = {(detector.family, detector.kind) for detector in monitor.detectors}
        asked.add((multivariate.FAMILY, monitor.multivariate or ""))
        layout = self.rules.layout(model.model_id, monitor.monitor_version)
        columns = {"", layout.hash, *(column.name for column in monitor.columns)}
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
        return tuple(
            self._observe(model, window, watched, Kind(asked.kind))
            for watched in found
            for asked in monitor.detectors
            if asked.family == watched.family and asked.kind != KSWIN
        )

    def _observe(self, model: Model, window: Window, watched: Watched, kind: Kind) -> Measure:
        key = _key(window, watched.family, watched.column or "", kind.value)
        detector = model.detectors.get(key)
        if detector is None:
            detector = model.detectors[key] = watched.begin(kind)
        self.state.save_detector(model, key)
        verdict = detector.observe(watched.value)
        return series.told(watched.family, f"{kind.value}_{watched.name}", watched.column, verdict)


def _key(window: Window, family: str, column: str, kind: str) -> DetectorKey:
    return (window.key.model_version, window.key.slice, window.key.granularity, family, column, kind)


def _watches_inputs(monitor: Monitor) -> bool:
    return monitor.multivariate is not None or any(asked.family != "performance" for asked in monitor.detectors)
