"""What stage 2 is told: monitors, baselines, and how counts become measures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from driftline.drift import fairness
from driftline.drift.calibration.judge import Calibrated, Policy
from driftline.drift.detectors import multivariate
from driftline.drift.detectors.series import change_of
from driftline.drift.estimation import estimates
from driftline.drift.fairness import Slices
from driftline.drift.measures import inputs
from driftline.drift.performance import labels
from driftline.drift.profile import ALL_ROWS, Layout, Profile
from driftline.drift.windows import business
from driftline.drift.windows.policies import families_of, policy_of
from driftline.drift.windows.republish import Terms, terms_of
from driftline.events import Baseline, Measure, Monitor
from driftline.events import Policy as PolicyName

REMEMBERED = 256
"""Windows whose input measures are kept, some 60 kB each for 20 columns."""

__all__ = ["Book", "Rules", "UnknownMonitor"]


class UnknownMonitor(LookupError):
    """Counts name a monitor version that the topic `monitors` does not have: it was not read to its end, or is damaged."""


class KnownSince(Protocol):
    """A monitor version and when it was appended."""

    @property
    def monitor(self) -> Monitor:
        """The version."""
        ...

    @property
    def append_time(self) -> int:
        """Microseconds."""
        ...


class Refused(Protocol):
    """A monitor version that does not count."""

    @property
    def monitor(self) -> Monitor:
        """The version."""
        ...

    @property
    def reason(self) -> str:
        """Why, for people."""
        ...


class Book(Protocol):
    """Monitors and baselines by append time, read to the end of their topics."""

    def version_for(self, model_id: str, event_time: int, append_time: int) -> Monitor | None:
        """The version in force at an event time, as known at an append time."""
        ...

    def version(self, model_id: str, monitor_version: int) -> Monitor | None:
        """A version by its number."""
        ...

    def baseline(self, baseline_id: str) -> Baseline | None:
        """A baseline by its hash."""
        ...

    def model_ids(self) -> Iterable[str]:
        """Models with a version that counts, sorted."""
        ...

    def entries(self, model_id: str) -> Iterable[KnownSince]:
        """Versions that count, ascending."""
        ...

    def rejected(self) -> Iterable[Refused]:
        """Versions that do not count."""
        ...


InputMeasures = Callable[[Layout, Baseline, Monitor, Profile], tuple[Measure, ...]]


def inputs_and_estimates(layout: Layout, baseline: Baseline, monitor: Monitor, profile: Profile) -> tuple[Measure, ...]:
    """Return all that counts of inputs tell: of columns, and of the performance that they make expect."""
    return (*inputs(layout, baseline, monitor, profile), *estimates(layout, baseline, monitor, profile))


class LabelMeasures(Protocol):
    """Measures of label pairs."""

    def __call__(
        self, layout: Layout, monitor: Monitor, profile: Profile, *, rows: int | None, baseline: Baseline | None
    ) -> tuple[Measure, ...]:
        """Return them, checked against the monitor's thresholds."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Monitors with the layouts they imply, and the measures."""

    book: Book
    measure_inputs: InputMeasures = inputs_and_estimates
    measure_labels: LabelMeasures = labels
    _monitors: dict[tuple[str, int], Monitor] = field(default_factory=dict)
    _layouts: dict[tuple[str, int], Layout] = field(default_factory=dict)
    _measured: OrderedDict[tuple[str, int, int, bytes, bytes], tuple[Measure, ...]] = field(default_factory=OrderedDict)
    _restated: OrderedDict[tuple[object, ...], tuple[Measure, ...]] = field(default_factory=OrderedDict)
    _terms: dict[tuple[str, int], Terms] = field(default_factory=dict)
    _bases: dict[tuple[str, int], business.Base] = field(default_factory=dict)
    _slices: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    _policies: dict[tuple[str, int, bool], Policy | None] = field(default_factory=dict)

    def monitor(self, model_id: str, monitor_version: int) -> Monitor:
        """Return a version by its number. Raises UnknownMonitor."""
        key = (model_id, monitor_version)
        found = self._monitors.get(key) or self.book.version(model_id, monitor_version)
        if found is None:
            raise UnknownMonitor(f"monitor {model_id} version {monitor_version} is not known; is `monitors` whole?")
        self._monitors[key] = found
        return found

    def in_force(self, model_id: str, event_time: int, append_time: int) -> Monitor:
        """Return the version in force at an event time, as known at an append time. Raises UnknownMonitor."""
        found = self.book.version_for(model_id, event_time, append_time)
        if found is None:
            raise UnknownMonitor(f"no monitor of {model_id} was known at append time {append_time}")
        return found

    def baseline(self, monitor: Monitor) -> Baseline:
        """Return the baseline that a monitor compares with. Raises UnknownMonitor."""
        found = self.book.baseline(monitor.baseline_id)
        if found is None:
            raise UnknownMonitor(f"baseline {monitor.baseline_id} of monitor {monitor.model_id} is not known")
        return found

    def layout(self, model_id: str, monitor_version: int) -> Layout:
        """Return what shapes the counts of a monitor version. Raises UnknownMonitor."""
        key = (model_id, monitor_version)
        found = self._layouts.get(key)
        if found is None:
            monitor = self.monitor(model_id, monitor_version)
            found = self._layouts[key] = Layout.of(monitor, self.baseline(monitor))
        return found

    def base(self, monitor: Monitor) -> business.Base:
        """Return the values of a monitor's business metrics in its baseline; None where that was fitted without them."""
        key = (monitor.model_id, monitor.monitor_version)
        if key not in self._bases:
            self._bases[key] = business.of_baseline(self.layout(*key), self.baseline(monitor))
        return self._bases[key]

    def slices(self, monitor: Monitor) -> frozenset[str]:
        """Return the names of the slices that a monitor version asks for, that of all rows among them."""
        key = (monitor.model_id, monitor.monitor_version)
        found = self._slices.get(key)
        if found is None:
            found = self._slices[key] = frozenset((ALL_ROWS, *self.layout(*key).slices))
        return found

    def policy(self, monitor: Monitor, slice_name: str) -> Policy | None:
        """Return how windows of a slice are judged; None where limits alone decide."""
        sliced = slice_name != ALL_ROWS
        key = (monitor.model_id, monitor.monitor_version, sliced)
        if key not in self._policies:
            layout = self.layout(monitor.model_id, monitor.monitor_version)
            self._policies[key] = policy_of(monitor, self.baseline(monitor), layout, sliced=sliced)
        return self._policies[key]

    def policy_of_past(self, monitor: Monitor) -> Calibrated | None:
        """Return how windows are judged against those of the past; None where the monitor's limits alone decide."""
        found = self.policy(monitor, ALL_ROWS)
        return replace(found, thresholds=()) if isinstance(found, Calibrated) else None

    def checked(self, monitor: Monitor) -> frozenset[str]:
        """Return the families that a monitor version decides on."""
        families = {threshold.family for threshold in monitor.thresholds}
        families.update(change_of(detector.family) for detector in monitor.detectors)
        if monitor.labels and business.FAMILY in families:
            families.add(business.OUTCOME)
        if monitor.multivariate is not None:
            families.add(multivariate.FAMILY)
        if monitor.policy is PolicyName.TOLERANCE:
            families.update(families_of(monitor, self.baseline(monitor)))
        return frozenset(families)

    def inputs(self, monitor: Monitor, cells: bytes, sums: bytes, profile: Profile) -> tuple[Measure, ...]:
        """Return the measures of encoded inputs. Most revisions change labels only: the last ones are remembered."""
        key = (monitor.model_id, monitor.monitor_version, profile.rows, cells, sums)
        found = self._measured.get(key)
        if found is None:
            layout = self.layout(monitor.model_id, monitor.monitor_version)
            found = self._measured[key] = self.measure_inputs(layout, self.baseline(monitor), monitor, profile)
            if len(self._measured) > REMEMBERED:
                self._measured.popitem(last=False)
        self._measured.move_to_end(key)
        return found

    def restated(self, key: tuple[object, ...], restate: Callable[[], tuple[Measure, ...]]) -> tuple[Measure, ...]:
        """Return what `restate` gives, which `key` determines. Most revisions change labels only: the last are remembered."""
        found = self._restated.get(key)
        if found is None:
            found = self._restated[key] = restate()
            if len(self._restated) > REMEMBERED:
                self._restated.popitem(last=False)
        self._restated.move_to_end(key)
        return found

    def labels(self, monitor: Monitor, profile: Profile, rows: int) -> tuple[Measure, ...]:
        """Return the measures of label pairs of so many predictions."""
        layout = self.layout(monitor.model_id, monitor.monitor_version)
        return self.measure_labels(layout, monitor, profile, rows=rows, baseline=self.baseline(monitor))

    def fairness(self, monitor: Monitor, slices: Slices) -> tuple[Measure, ...]:
        """Return the fairness of predictions, from the slices of a window of all rows."""
        layout = self.layout(monitor.model_id, monitor.monitor_version)
        return fairness.predictions(layout, self.baseline(monitor), monitor, slices)

    def outcomes(self, monitor: Monitor, slices: Slices) -> tuple[Measure, ...]:
        """Return the fairness of what became of predictions."""
        return fairness.outcomes(self.layout(monitor.model_id, monitor.monitor_version), monitor, slices)

    def terms(self, monitor: Monitor) -> Terms:
        """Return how long a monitor version keeps counts."""
        key = (monitor.model_id, monitor.monitor_version)
        found = self._terms.get(key)
        if found is None:
            found = self._terms[key] = terms_of(monitor)
        return found
