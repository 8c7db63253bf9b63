"""Monitors, baselines and writer schemas by the time they were appended: what was known when a record was written.

Whoever reads the same records builds the same book, in whatever order the topics interleave: every answer depends on
append times alone, never on what had been read when it was asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.events import Baseline, BaselineColumn, ColumnKind, Monitor

Times = NDArray[np.int64]

_MAXIMUM_EDGES = 63
"""Of 64 fine cells."""
_MOMENTS = 5
"""n, sum, sum of squares, minimum, maximum; none where the column had no finite value."""

FROM_THE_BEGINNING = -(2**63)
"""`effective_from` of a first monitor; append time of what Driftline ships (its own schemas)."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A monitor version that does not count, and why."""

    monitor: Monitor
    reason: str


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A monitor version and when it was appended."""

    monitor: Monitor
    append_time: int


Faults = Callable[[Monitor], Sequence[tuple[str, str]]]
"""Field and what is wrong with it."""


class MonitorBook:
    """What governs a row, as of the row's own append time. All times are microseconds."""

    def __init__(self, faults: Faults | None = None) -> None:
        """`faults`: what of a monitor's SQL cannot be compiled, for whoever has to count by it."""
        self._faults = faults
        self._compiled: dict[tuple[str, int], str | None] = {}
        self._monitors: dict[str, dict[int, KnownVersion]] = {}
        self._baselines: dict[str, tuple[Baseline, int]] = {}
        self._schemas: dict[int, tuple[Mapping[str, Any], int]] = {}
        self._valid: dict[str, tuple[KnownVersion, ...]] = {}

    def add_monitor(self, monitor: Monitor, append_time: int) -> None:
        """Learn a version. A repeat of a version changes nothing: the first record of it counts."""
        versions = self._monitors.setdefault(monitor.model_id, {})
        found = versions.get(monitor.monitor_version)
        if found is None or append_time < found.append_time:
            versions[monitor.monitor_version] = KnownVersion(monitor, append_time)
            self._valid.pop(monitor.model_id, None)

    def add_baseline(self, baseline: Baseline, append_time: int) -> None:
        """Learn a baseline; of repeats the earliest counts."""
        found = self._baselines.get(baseline.baseline_id)
        if found is None or append_time < found[1]:
            self._baselines[baseline.baseline_id] = (baseline, append_time)
            self._valid.clear()

    def add_schema(self, fingerprint: int, schema: Mapping[str, Any], append_time: int) -> None:
        """Learn a writer schema; of repeats the earliest counts. Shipped ones are known FROM_THE_BEGINNING."""
        found = self._schemas.get(fingerprint)
        if found is None or append_time < found[1]:
            self._schemas[fingerprint] = (schema, append_time)

    def version_for(self, model_id: str, event_time: int, append_time: int) -> Monitor | None:
        """The monitor version that one row falls under, None when its model was unknown then (unknown_model)."""
        place = int(self.versions_for(model_id, np.array([event_time]), np.array([append_time]))[0])
        return None if place < 0 else self.entries(model_id)[place].monitor

    def versions_for(self, model_id: str, event_time: Times, append_time: Times) -> NDArray[np.int64]:
        """For each row the place in `entries` of the version it falls under, -1 = unknown model.

        The last version with effective_from <= event time and append time <= the row's; for the first version only
        the append time counts.
        """
        chosen = np.full(len(event_time), -1, np.int64)
        for place, entry in enumerate(self.entries(model_id)):
            known = append_time >= entry.append_time
            chosen[known & ((chosen < 0) | (event_time >= entry.monitor.effective_from))] = place
        return chosen

    def version(self, model_id: str, monitor_version: int) -> Monitor | None:
        """A version by its number, None where it is unknown or rejected."""
        for entry in self.entries(model_id):
            if entry.monitor.monitor_version == monitor_version:
                return entry.monitor
        return None

    def versions(self, model_id: str) -> tuple[Monitor, ...]:
        """The versions that count, ascending."""
        return tuple(entry.monitor for entry in self.entries(model_id))

    def entries(self, model_id: str) -> tuple[KnownVersion, ...]:
        """The versions that count, ascending."""
        found = self._valid.get(model_id)
        if found is None:
            versions = self._monitors.get(model_id, {})
            found = tuple(versions[number] for number in sorted(versions) if self._objection(versions[number]) is None)
            self._valid[model_id] = found
        return found

    def model_ids(self) -> tuple[str, ...]:
        """Models with a monitor that counts, sorted."""
        return tuple(model_id for model_id in sorted(self._monitors) if self.entries(model_id))

    def rejected(self) -> tuple[Rejection, ...]:
        """Monitor versions that do not count, by model and version."""
        entries = (versions[n] for _, versions in sorted(self._monitors.items()) for n in sorted(versions))
        return tuple(Rejection(entry.monitor, reason) for entry in entries if (reason := self._objection(entry)))

    def baseline(self, baseline_id: str) -> Baseline | None:
        """A baseline by its content hash."""
        found = self._baselines.get(baseline_id)
        return None if found is None else found[0]

    def schema_for(self, fingerprint: int, append_time: int) -> Mapping[str, Any] | None:
        """The writer schema of a record, None when it was not known by the record's append time (unknown_schema)."""
        found = self._schemas.get(fingerprint)
        return None if found is None or found[1] > append_time else found[0]

    def _objection(self, entry: KnownVersion) -> str | None:
        """Why a monitor version does not count, None when it does."""
        wanted = entry.monitor.baseline_id
        found = self._baselines.get(wanted)
        if found is None:
            return f"its baseline {wanted} is not on the topic baselines; publish it, then apply the monitor again"
        baseline, append_time = found
        if append_time > entry.append_time:
            return f"its baseline {wanted} was published after it; apply the monitor again"
        known = {column.name: column for column in baseline.columns}
        for column in entry.monitor.columns:
            fitted = known.get(column.name)
            if fitted is not None and not _usable(fitted):
                return f"column {column.name!r} of its baseline {wanted} is damaged; fit the baseline again"
            if fitted is None or fitted.kind is not column.kind:
                return f"its baseline {wanted} has no {column.kind.value} column {column.name!r}; fit one that has it"
        return self._refusal(entry.monitor)

    def _refusal(self, monitor: Monitor) -> str | None:
        """What `faults` says of a version, asked once."""
        key = (monitor.model_id, monitor.monitor_version)
        if self._faults is None:
            return None
        if key not in self._compiled:
            found = self._faults(monitor)
            self._compiled[key] = "; ".join(f"{field}: {detail}" for field, detail in found) or None
        return self._compiled[key]


def _usable(column: BaselineColumn) -> bool:
    """Whether a layout can be made of a baseline column: one that cannot must not stop those who count the others."""
    if column.kind is ColumnKind.CATEGORICAL:
        return len(set(column.categories)) == len(column.categories)
    edges, bins = column.edges, column.psi_edges
    ascending = all(low < high for low, high in itertools.pairwise(edges)) and all(a < b for a, b in itertools.pairwise(bins))
    inside = all(0 <= edge < len(edges) for edge in bins)
    return len(edges) <= _MAXIMUM_EDGES and ascending and inside and len(column.sums) in (0, _MOMENTS)
