"""A WindowReport: a pure function of the panes, the window and the monitor version that it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from driftline.drift import risk
from driftline.drift.profile import Layout, Profile
from driftline.drift.windows.panes import PaneKey
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import Model
from driftline.drift.windows.window import Window
from driftline.events import ClosedBy, Decision, Measure, Part, WindowReport

__all__ = ["Place", "Sums", "reported", "sums_of"]


@dataclass(frozen=True, slots=True)
class Place:
    """The progress record that a report is made at."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What the panes of a window add up to, under its layout."""

    inputs: Profile
    in_time: Profile
    later: int
    """Pairs."""
    other_layout: int
    """Rows."""


def sums_of(model: Model, window: Window, layout: Layout) -> Sums:
    """Add up the panes of a window; rows of other layouts are only counted."""
    keys = model.panes.within(window.series, window.span)

    def total(part: Part) -> Profile:
        chosen = (key for key in keys if key.part is part and key.layout == layout.hash)
        return Profile.total(layout.shape(part), (model.panes.profile(window.series, key) for key in chosen))

    def rows(chosen: Iterable[PaneKey]) -> int:
        return sum(model.panes.rows(window.series, key) for key in chosen)

    return Sums(
        inputs=total(Part.INPUTS),
        in_time=total(Part.IN_TIME),
        later=rows(key for key in keys if key.part is Part.LATER and key.layout == layout.hash),
        other_layout=rows(key for key in keys if key.part is Part.INPUTS and key.layout != layout.hash),
    )


def reported(
    model_id: str,
    window: Window,
    sums: Sums,
    rules: Rules,
    place: Place,
    *,
    decision: Decision = Decision.NONE,
    final: bool = False,
    labels: Sequence[Measure] | None = None,
) -> WindowReport:
    """Write the next revision of a window; `labels` are its label measures if they were computed already.

    Below the monitor's minimum n there is no risk; label measures of fewer pairs do not weigh in it.
    """
    monitor = rules.monitor(model_id, window.monitor_version)
    layout = rules.layout(model_id, window.monitor_version)
    cells, real = sums.inputs.encode()
    measured = rules.inputs(monitor, cells, real, sums.inputs)
    if labels is None:
        labels = label_measures(model_id, window, sums, rules)
    weighed = (*measured, *labels) if sums.in_time.rows >= monitor.minimum_n else measured
    scored = risk.score(weighed, monitor.weights) if sums.inputs.rows >= monitor.minimum_n else None
    pairs = sums.in_time.rows + sums.later
    return WindowReport(
        model_id=model_id,
        model_version=window.key.model_version,
        slice=window.key.slice,
        granularity=window.key.granularity,
        start=window.key.start,
        end=window.key.end,
        revision=window.revision + 1,
        decision=decision,
        closed_by=window.closed_by or ClosedBy.WATERMARK,
        final=final,
        completeness=window.completeness,
        exact=window.exact,
        n=sums.inputs.rows,
        labels_in_time=sums.in_time.rows,
        labels_later=sums.later,
        label_coverage=pairs / sums.inputs.rows if monitor.labels and sums.inputs.rows > 0 else None,
        other_layout=sums.other_layout,
        late_after_final=window.late_after_final,
        monitor_version=window.monitor_version,
        baseline_id=monitor.baseline_id,
        layout=layout.hash,
        profiles_partition=place.partition,
        profiles_offset=place.offset,
        cells=cells,
        sums=real,
        label_cells=sums.in_time.encode()[0],
        measures=(*measured, *labels),
        risk_score=None if scored is None else scored.score,
        severity=None if scored is None or scored.severity is None else scored.severity.value,
    )


def label_measures(model_id: str, window: Window, sums: Sums, rules: Rules) -> tuple[Measure, ...]:
    """Return the measures of the in-time pairs once the window is past its label close, with what detectors said there."""
    monitor = rules.monitor(model_id, window.monitor_version)
    if not (monitor.labels and window.labelled):
        return ()
    return (*rules.labels(monitor, sums.in_time, sums.inputs.rows), *window.detected)
