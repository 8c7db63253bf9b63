"""A WindowReport: a pure function of the panes, the window and the monitor version that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from driftline.drift import risk
from driftline.drift.calibration import evidence
from driftline.drift.calibration.evidence import Evidence
from driftline.drift.calibration.judge import Calibrated, Decided, restated
from driftline.drift.detectors.series import INPUT_CHANGES, LABEL_CHANGES
from driftline.drift.fairness import Slices
from driftline.drift.profile import ALL_ROWS, Layout, Profile, Reservoir
from driftline.drift.windows import business
from driftline.drift.windows.calendar import Span, apart
from driftline.drift.windows.panes import PaneKey, Series
from driftline.drift.windows.references import compared
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import Model
from driftline.drift.windows.window import Side, Window
from driftline.events import ClosedBy, Decision, FamilyLevel, Measure, Monitor, Part, Policy, WindowReport

__all__ = [
    "Judged",
    "Place",
    "Sums",
    "business_measures",
    "decided",
    "evidence_of_inputs",
    "evidence_of_labels",
    "input_measures",
    "inputs_of",
    "label_measures",
    "reported",
    "sample_of",
    "sums_of",
]


@dataclass(frozen=True, slots=True)
class Place:
    """The progress record that a report is made at."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Judged:
    """Measures of a window as a decision left them; None = not known yet."""

    inputs: Sequence[Measure] | None = None
    labels: Sequence[Measure] | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """What the panes of a window add up to, under its layout."""

    inputs: Profile
    in_time: Profile
    later: int
    """Pairs."""
    other_layout: int
    """Rows."""
    slices: Slices = field(default_factory=dict)
    """Of all rows: the slices that are compared for fairness."""


def inputs_of(model: Model, series: Series, span: Span, layout: Layout) -> Profile:
    """Add up the inputs of a span under one layout."""
    return _totals(model, series, span, layout, Part.INPUTS)[0]


def sums_of(model: Model, window: Window, layout: Layout) -> Sums:
    """Add up the panes of a window; rows of other layouts are only counted."""
    keys = model.panes.within(window.series, window.span)
    groups = (*layout.protected, *layout.similar) if window.key.slice == ALL_ROWS else ()
    both = Part.INPUTS, Part.IN_TIME

    def rows(chosen: Iterable[PaneKey]) -> int:
        return sum(model.panes.rows(window.series, key) for key in chosen)

    inputs, in_time = _totals(model, window.series, window.span, layout, *both)
    slices = {
        name: _totals(model, Series(window.key.model_version, name), window.span, layout, *both)
        for cut in groups
        for name in cut.names
    }
    return Sums(
        inputs=inputs,
        in_time=in_time,
        later=rows(key for key in keys if key.part is Part.LATER and key.layout == layout.hash),
        other_layout=rows(key for key in keys if key.part is Part.INPUTS and key.layout != layout.hash),
        slices={name: (found[0], found[1]) for name, found in slices.items()},
    )


def _totals(model: Model, series: Series, span: Span, layout: Layout, *parts: Part) -> list[Profile]:
    """Add up parts of a series within a span."""
    keys = [key for key in model.panes.within(series, span) if key.layout == layout.hash]
    return [model.panes.total(series, keys, layout.shape(part)) for part in parts]


def sample_of(model: Model, window: Window, layout: Layout) -> Reservoir:
    """Put together the samples of the panes of a window, under its layout."""
    keys = (key for key in model.panes.within(window.series, window.span) if key.part is Part.SAMPLE)
    found = (model.panes.sample(window.series, key) for key in keys if key.layout == layout.hash)
    return Reservoir.total(layout.sample_rows, len(layout.blocks), found)


def reported(
    model_id: str,
    window: Window,
    sums: Sums,
    rules: Rules,
    place: Place,
    *,
    decision: Decision = Decision.NONE,
    final: bool = False,
    judged: Judged | None = None,
) -> WindowReport:
    """Write the next revision of a window; `judged` are its measures as far as they were judged already.

    Below the monitor's minimum n there is no risk; label measures of fewer pairs do not weigh in it.
    """
    monitor = rules.monitor(model_id, window.monitor_version)
    layout = rules.layout(model_id, window.monitor_version)
    cells, real = sums.inputs.encode()
    measured, labels = _judged(model_id, window, sums, rules, judged or Judged())
    weighed = (*measured, *labels) if sums.in_time.rows >= monitor.minimum_n else measured
    score, severity = _risk(monitor, window, sums, weighed)
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
        metrics=sums.inputs.encode_metrics(),
        label_metrics=sums.in_time.encode_metrics(),
        levels=_levels(window),
        measures=(*measured, *labels),
        comparisons=compared(rules, monitor, window, sums.inputs),
        risk_score=score,
        severity=severity,
    )


def _judged(
    model_id: str, window: Window, sums: Sums, rules: Rules, known: Judged
) -> tuple[Sequence[Measure], Sequence[Measure]]:
    """The measures of inputs and of labels: those that are known, and the others now."""
    measured = input_measures(model_id, window, sums, rules) if known.inputs is None else known.inputs
    if known.labels is not None:
        return measured, known.labels
    found = label_measures(model_id, window, sums, rules)
    monitor = rules.monitor(model_id, window.monitor_version)
    return measured, _restated(rules, monitor, window, found, sums=sums, evidence_of=evidence_of_labels)


def input_measures(model_id: str, window: Window, sums: Sums, rules: Rules) -> tuple[Measure, ...]:
    """Return the measures of the inputs, held to what the window's decision was held to, with what detectors said there."""
    monitor = rules.monitor(model_id, window.monitor_version)
    cells, real = sums.inputs.encode()
    measured, fair = rules.inputs(monitor, cells, real, sums.inputs), rules.fairness(monitor, sums.slices)
    told = tuple(measure for measure in window.detected if measure.family in INPUT_CHANGES)
    own = (*business_measures(rules, monitor, window, sums, Side.INPUTS), *told)
    if window.terms is None:
        return (*measured, *fair, *own)
    whole = (*measured, *fair)
    key = (model_id, window.monitor_version, window.key.slice, sums.inputs.rows, cells, real, fair, window.terms.to_bytes())
    found = rules.restated(key, lambda: _restated(rules, monitor, window, whole, sums=sums, evidence_of=evidence_of_inputs))
    return (*found, *own)


def label_measures(model_id: str, window: Window, sums: Sums, rules: Rules) -> tuple[Measure, ...]:
    """Return the measures of the in-time pairs once the window is past its label close, with what detectors said there."""
    monitor = rules.monitor(model_id, window.monitor_version)
    if not (monitor.labels and window.labelled):
        return ()
    told = (measure for measure in window.detected if measure.family in LABEL_CHANGES)
    own = business_measures(rules, monitor, window, sums, Side.LABELS)
    labels = rules.labels(monitor, sums.in_time, sums.inputs.rows)
    return (*labels, *rules.outcomes(monitor, sums.slices), *own, *told)


def business_measures(rules: Rules, monitor: Monitor, window: Window, sums: Sums, side: Side) -> tuple[Measure, ...]:
    """Return the business metrics that one of the two decisions makes known."""
    layout = rules.layout(monitor.model_id, monitor.monitor_version)
    return business.measured(monitor, layout, window, side, inputs=sums.inputs, pairs=sums.in_time, base=rules.base(monitor))


def evidence_of_inputs(rules: Rules, monitor: Monitor, sums: Sums) -> Evidence:
    """Return what a tolerance tests at data close; other policies test nothing."""
    if monitor.policy is not Policy.TOLERANCE:
        return Evidence()
    layout = rules.layout(monitor.model_id, monitor.monitor_version)
    return evidence.of_inputs(layout, rules.baseline(monitor), sums.inputs)


def evidence_of_labels(rules: Rules, monitor: Monitor, sums: Sums) -> Evidence:
    """Return what a tolerance tests at label close."""
    if monitor.policy is not Policy.TOLERANCE:
        return Evidence()
    layout = rules.layout(monitor.model_id, monitor.monitor_version)
    return evidence.of_labels(layout, rules.baseline(monitor), sums.in_time)


def decided(
    window: Window, measures: Sequence[Measure], found: Evidence, monitor: Monitor, earlier: Sequence[Measure] = ()
) -> Decided:
    """Return a window as the judge wants it."""
    key = window.key
    return Decided(
        start=key.start,
        end=key.end,
        granularity=key.granularity,
        model_version=key.model_version,
        slice=key.slice,
        measures=tuple(measures),
        evidence=found,
        earlier=tuple(earlier),
        apart=apart(key.granularity, monitor.time_zone, key.start),
    )


def _restated(
    rules: Rules,
    monitor: Monitor,
    window: Window,
    measures: tuple[Measure, ...],
    *,
    sums: Sums,
    evidence_of: Callable[[Rules, Monitor, Sums], Evidence],
) -> tuple[Measure, ...]:
    policy = rules.policy(monitor, window.key.slice)
    if window.terms is None or not measures or not isinstance(policy, Calibrated):
        return measures
    return restated(policy, window.terms, decided(window, measures, evidence_of(rules, monitor, sums), monitor))


def _levels(window: Window) -> tuple[FamilyLevel, ...]:
    levels = {} if window.terms is None else window.terms.levels
    return tuple(FamilyLevel(family=family, alpha=alpha) for family, alpha in sorted(levels.items()))


def _risk(monitor: Monitor, window: Window, sums: Sums, weighed: Sequence[Measure]) -> tuple[float | None, str | None]:
    if sums.inputs.rows < monitor.minimum_n:
        return None, None
    if monitor.policy is Policy.CLASSIC:
        return window.score, None if window.score is None else risk.severity(window.score).value
    scored = risk.score(weighed, monitor.weights)
    return scored.score, None if scored.severity is None else scored.severity.value
