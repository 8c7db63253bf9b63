"""Business metrics of a window as measures: their values, and what they are held against.

A metric that looks at labels has a value from label close on, of in-time pairs alone; the others have theirs at data close.
A drift metric is told twice: against the baseline under its name, against the window before under its name and `PREVIOUS`.
Limits that follow the past, and the window before, are those of the decision: the window remembers them (`Held`), so that
its revisions are held to the same.

The compiler is imported by whoever has metrics: the layout does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from driftline.drift.profile import Layout, Partial, Profile
from driftline.drift.windows.state import Metered
from driftline.drift.windows.window import Figure, Held, Side, Window
from driftline.events import Baseline, Measure, Monitor, Threshold
from driftline.events.columns import TABLE

if TYPE_CHECKING:
    from driftline.drift.sqlmetrics import Key, MetricValue, Program

__all__ = ["FAMILY", "OUTCOME", "PREVIOUS", "Base", "held", "kind_of", "measured", "of_baseline", "remembered"]

FAMILY = "business"
OUTCOME = "outcome_business"
"""Kind of the episodes of metrics that need labels: they follow label closes, the others data closes."""
PREVIOUS = ":previous"
"""What a drift metric's name ends in where it is held against the window before."""
_Values = Mapping["Key", "MetricValue"]
Base = _Values | None


def kind_of(family: str, side: Side) -> str:
    """The kind of the episodes of a family at one of the two decisions."""
    return OUTCOME if family == FAMILY and side is Side.LABELS else family


def measured(
    monitor: Monitor, layout: Layout, window: Window, side: Side, *, inputs: Profile, pairs: Profile, base: Base
) -> tuple[Measure, ...]:
    """Return the metrics that are known from this decision on, held against their limits; `base` are those of the baseline."""
    program = layout.program
    if program is None:
        return ()
    values = _values(program, inputs, pairs, side)
    before = {figure.key: _metric_value(figure) for figure in window.held.get(side, Held()).previous}
    told = {(name, column): value for (name, column), value in values.items()}
    told |= program.compare(values, base)
    told |= {(name + PREVIOUS, column): value for (name, column), value in program.compare(values, before).items()}
    bands = _bands(window, side)
    return tuple(
        _measure(monitor, window.key.granularity, name, value, bands)
        for (name, _), value in told.items()
        if value.requires_label is (side is Side.LABELS)
    )


def of_baseline(layout: Layout, baseline: Baseline) -> Base:
    """Return the values of the metrics in the baseline, None where it was not fitted with these."""
    if layout.program is None or baseline.metrics is None:
        return None
    from driftline.drift.sqlmetrics.reference import values_of

    return values_of(layout.program, baseline.metrics)


def held(monitor: Monitor, layout: Layout, window: Window, known: Metered | None) -> Held:
    """Return what a window that is now decided is held against; `known` of the windows that were decided before it."""
    if layout.program is None or known is None or known.layout != layout.hash:
        return Held()
    from driftline.drift.sqlmetrics import band_of

    bands = []
    for (name, column), past in sorted(known.past.items()):
        threshold = _threshold(monitor, window.key.granularity, name, column)
        band = band_of(threshold, past) if threshold is not None and threshold.windows else None
        if band is not None:
            bands.append((name, column, band.low, band.high))
    adjacent = known.end == window.key.start
    return Held(known.values if adjacent else (), tuple(bands))


def remembered(
    monitor: Monitor, layout: Layout, window: Window, known: Metered | None, side: Side, *, inputs: Profile, pairs: Profile
) -> Metered | None:
    """Return what the next windows of the series are held against, after this one was decided; None where there are no metrics.

    A value that broke its limit is left out of the past: a slow decline would teach the limit to follow.
    """
    program = layout.program
    if program is None:
        return None
    from driftline.drift.sqlmetrics import judged_number

    past = {} if known is None or known.layout != layout.hash else dict(known.past)
    values = _values(program, inputs, pairs, side)
    bands = _bands(window, side)
    for key, value in values.items():
        threshold = _threshold(monitor, window.key.granularity, *key)
        number = None if threshold is None or not threshold.windows else judged_number(value, threshold)
        broken = _measure(monitor, window.key.granularity, key[0], value, bands).violated
        if threshold is not None and number is not None and not broken:
            past[key] = (*past.get(key, ()), number)[-threshold.windows :]
    figures = tuple(Figure(*key, value.value, value.n, value.coverage) for key, value in values.items())
    return Metered(layout.hash, window.key.end, figures, past)


def _values(program: Program, inputs: Profile, pairs: Profile, side: Side) -> _Values:
    rows = inputs.metrics or Partial.empty(program.inputs.room)
    if side is Side.INPUTS:
        return program.finish(rows)
    return program.finish(rows, pairs.metrics or Partial.empty(program.pairs.room))


def _bands(window: Window, side: Side) -> Mapping[Key, tuple[float, float]]:
    return {(name, column): (low, high) for name, column, low, high in window.held.get(side, Held()).bands}


def _metric_value(figure: Figure) -> MetricValue:
    from driftline.drift.sqlmetrics import MetricValue

    return MetricValue(figure.name, figure.column, figure.value, None, figure.n, figure.coverage, figure.coverage is not None)


def _measure(
    monitor: Monitor, granularity: str, name: str, value: MetricValue, bands: Mapping[Key, tuple[float, float]]
) -> Measure:
    from driftline.drift.sqlmetrics import Band, Verdict, band_of, judge, judged_number

    threshold = _threshold(monitor, granularity, value.name, value.column)
    limit, violated = None, False
    if threshold is not None:
        found = bands.get((value.name, value.column))
        band = (Band(*found) if found else None) if threshold.windows else band_of(threshold)
        verdict = judge(value, threshold, band, minimum_n=monitor.minimum_n)
        violated = verdict is Verdict.VIOLATED
        number = judged_number(value, threshold)
        if band is not None and number is not None and verdict in (Verdict.PASSED, Verdict.VIOLATED):
            per = 1.0 if threshold.per_rows is None else max(value.n, 1) / threshold.per_rows
            limit = per * (band.limit(number) if threshold.windows else threshold.limit)
    return Measure(
        family=FAMILY,
        name=name,
        column=None if value.column == TABLE else value.column,
        value=value.value,
        limit=limit,
        violated=violated,
        n=value.n if value.requires_label else None,
    )


def _threshold(monitor: Monitor, granularity: str, name: str, column: str) -> Threshold | None:
    """The limit of a metric: that of its column before that of all columns, that of the granularity before that of all."""
    fitting = [
        threshold
        for threshold in monitor.thresholds
        if threshold.family == FAMILY
        and threshold.measure == name
        and threshold.column in (None, column)
        and threshold.granularity in (None, granularity)
    ]
    return max(fitting, key=lambda each: (each.column is not None, each.granularity is not None), default=None)
