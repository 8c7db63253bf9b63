"""Profiles through stage 2, as if they had come in order and on time: the same decisions as in production."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from driftline.backtest.counting import NO_VERSION, Place
from driftline.drift.profile import Layout
from driftline.drift.windows import Evaluator, Output, Rules
from driftline.events import (
    Baseline,
    DriftCleared,
    DriftDetected,
    Group,
    Monitor,
    PaneProfile,
    Part,
    ProfileSet,
    Progress,
    SourceTime,
    WindowReport,
)

__all__ = ["Findings", "Replay"]

_SOURCES = {Group.PROFILE: [("predictions", 0)], Group.JOIN: [("predictions", 0), ("labels", 0)]}
_GROUP_OF = {Part.INPUTS: Group.PROFILE, Part.SAMPLE: Group.PROFILE, Part.IN_TIME: Group.JOIN, Part.LATER: Group.JOIN}
_PORTION = 1000
_LONGEST_WINDOW_US = 366 * 24 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class _Known:
    """The one monitor of a backtest, in force since ever."""

    monitor: Monitor
    append_time: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Book:
    """Monitors and baselines, of which there is one each."""

    monitor: Monitor
    reference: Baseline

    def version_for(self, model_id: str, event_time: int, append_time: int) -> Monitor:  # noqa: ARG002
        return self.monitor

    def version(self, model_id: str, monitor_version: int) -> Monitor:  # noqa: ARG002
        return self.monitor

    def baseline(self, baseline_id: str) -> Baseline:  # noqa: ARG002
        return self.reference

    def model_ids(self) -> Iterable[str]:
        return (self.monitor.model_id,)

    def entries(self, model_id: str) -> Iterable[_Known]:  # noqa: ARG002
        return (_Known(self.monitor),)

    def rejected(self) -> Iterable[_Known]:
        return ()


@dataclass(slots=True)
class Findings:
    """What came out: the last revision of every window, and what drifted."""

    windows: dict[tuple[str, str, str, int], WindowReport] = field(default_factory=dict)
    """By (granularity, model version, slice, start)."""
    decided: dict[tuple[str, str, str, int, str], WindowReport] = field(default_factory=dict)
    """By the same and the decision: what the alarms were raised on."""
    drift: list[DriftDetected | DriftCleared] = field(default_factory=list)

    def take(self, output: Output) -> None:
        """Keep what a person will ask for."""
        if isinstance(output, WindowReport):
            key = (output.granularity, output.model_version, output.slice, output.start)
            self.windows[key] = output
            if output.decision.value != "NONE":
                self.decided[*key, output.decision.value] = output
        elif isinstance(output, DriftDetected | DriftCleared):
            self.drift.append(output)

    @property
    def alarms(self) -> list[DriftDetected]:
        """Episodes that people would have been told of, as they began."""
        return [event for event in self.drift if isinstance(event, DriftDetected) and event.alert and event.sequence == 1]


class Replay:
    """Stage 2 with everything it needs to know; `findings` grows with every pane."""

    def __init__(self, monitor: Monitor, baseline: Baseline, layout: Layout) -> None:
        self.findings = Findings()
        self._monitor = monitor
        self._layout = layout
        self._evaluator = Evaluator(0, _SOURCES, Rules(_Book(monitor, baseline)))
        self._offset = 0

    def follow(self, profiles: Iterable[tuple[Place, PaneProfile]]) -> Iterator[int]:
        """Evaluate pane by pane, in the order given, and close every window at the end; yields each pane's start."""
        last = 0
        for pane, group in groupby(profiles, key=lambda found: found[0].pane):
            last = pane + self._layout.pane_us
            self._evaluate(list(group), last - 1)
            yield pane
        self._evaluate([], last + _LONGEST_WINDOW_US + self._monitor.lateness_us + self._monitor.label_ttl_us)

    def _evaluate(self, found: list[tuple[Place, PaneProfile]], time: int) -> None:
        for record in _records(found, self._monitor, self._layout, time):
            self._evaluator.apply(record, self._offset, self._offset)
            self._offset += 1
            while self._evaluator.busy:
                for output in self._evaluator.work(_PORTION):
                    self.findings.take(output)


def _records(
    found: list[tuple[Place, PaneProfile]], monitor: Monitor, layout: Layout, time: int
) -> Iterator[ProfileSet | Progress]:
    """What both groups of stage 1 would have written of one pane, and that they have read everything up to its end."""
    for group in (Group.PROFILE, Group.JOIN) if monitor.labels else (Group.PROFILE,):
        versions = sorted({place.version for place, _ in found}) or [NO_VERSION]
        times = tuple(SourceTime(topic=topic, partition=number, event_time=time) for topic, number in _SOURCES[group])
        for version in versions:
            panes = tuple(p for place, p in found if place.version == version and _GROUP_OF[place.part] is group)
            yield ProfileSet(
                model_id=monitor.model_id,
                model_version=version,
                monitor_version=monitor.monitor_version,
                layout=layout.hash,
                group=group,
                writer="backtest",
                times=times,
                panes=panes,
            )
        yield Progress(group=group, writer="backtest", ranges=(), profile_sets=len(versions), commit_interval_us=1_000_000)
