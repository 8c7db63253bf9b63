"""A backtest from two files to its findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from driftline.backtest.alternatives import Alternative, alternatives
from driftline.backtest.beyond import Harm
from driftline.backtest.columns import times_us
from driftline.backtest.counting import Counter
from driftline.backtest.definition import Choice, inferred, parsed, rows_per_microsecond
from driftline.backtest.reference import Reference, fit_reference, with_classes
from driftline.backtest.replay import Findings, Replay
from driftline.backtest.roles import Roles, resolve
from driftline.backtest.table import Table, open_table
from driftline.drift.baseline import with_metrics
from driftline.drift.profile import Layout
from driftline.errors import ConfigurationError
from driftline.events import Baseline, Monitor

__all__ = ["Backtest", "Evenly", "Outcome", "run"]

Progress = Callable[[str, float], None]
"""Told what is being done and which share of it is, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Evenly:
    """Event times of a file that has none: the first row's, and how far apart rows are, microseconds."""

    start_us: int
    step_us: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """What is asked for."""

    data: Path
    reference: Path
    roles: Roles
    evenly: Evenly | None = None
    """Instead of a time column."""
    monitor: str | None = None
    """A definition; None = one is inferred."""
    positive: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    findings: Findings
    monitor: Monitor
    baseline: Baseline
    layout: Layout
    roles: Roles
    document: str
    """The monitor's definition, as it was read or inferred."""
    rows: int
    labels: int
    notes: tuple[str, ...]
    """What a person should know of how the files were read."""
    harms: tuple[Harm, ...] = ()
    """How good the model is beyond the reference, by column; needs outcomes."""
    alternatives: tuple[Alternative, ...] = ()
    """What other tolerances would have told."""


def run(asked: Backtest, progress: Progress = lambda _what, _share: None) -> Outcome:
    """Fit the reference, count the data, decide every window. Raises DriftlineError naming the file and the remedy."""
    if (asked.roles.time is None) == (asked.evenly is None):
        raise ConfigurationError("say which column holds the event time (--time), or how far apart rows are (--every)")
    data, source = open_table(asked.data), open_table(asked.reference)
    roles, notes = resolve(asked.roles, source, data)
    roles = with_classes(source, roles)
    progress("fitting the reference", 0.0)
    reference = fit_reference(source, roles, "backtest")
    kinds = _data_kinds(reference, data)
    choice = _choice(asked, reference, data)
    baseline = with_metrics(replace(reference.baseline, model_id=choice.monitor.model_id), choice.monitor, reference.values)
    monitor = replace(choice.monitor, baseline_id=baseline.baseline_id)
    reference = replace(reference, values={})
    layout = Layout.of(monitor, baseline)
    counter = Counter(monitor, layout, reference.roles, kinds)
    _count(data, kinds, counter, asked.evenly, progress)
    if not counter.rows:
        raise ConfigurationError(f"{data.path} has no row that could be counted; {'; '.join(counter.refused.described())}")
    findings = _decide(counter, monitor, baseline, layout, progress)
    notes += [*reference.notes, *counter.refused.described()]
    others = alternatives(findings, monitor, baseline, layout, lambda share: progress("asking other tolerances", share))
    return Outcome(
        findings=findings,
        monitor=monitor,
        baseline=baseline,
        layout=layout,
        roles=reference.roles,
        document=choice.document,
        rows=counter.rows,
        labels=counter.labels,
        notes=tuple(notes),
        harms=counter.beyond.harms() if counter.labels else (),
        alternatives=tuple(others),
    )


def _choice(asked: Backtest, reference: Reference, data: Table) -> Choice:
    if asked.monitor is not None:
        return parsed(asked.monitor, reference.baseline)
    density = _density(data, reference) if asked.evenly is None else 1.0 / asked.evenly.step_us
    return inferred(reference, rows_per_us=density, positive=asked.positive)


def _density(data: Table, reference: Reference) -> float:
    """Rows per microsecond at the head of the data; what follows is taken to be alike."""
    name = reference.roles.time
    assert name is not None
    head = next(data.batches({name: data.columns[name]}), None)
    if head is None:
        raise ConfigurationError(f"{data.path} has a header but no rows")
    batch, _ = head
    times, known = times_us(batch.column(name), name)
    if not known.any():
        raise ConfigurationError(f"{data.path}: column {name!r} has no time in its first {batch.num_rows:,} rows")
    return rows_per_microsecond(int(known.sum()), int(times[known].min()), int(times[known].max()))


def _data_kinds(reference: Reference, data: Table) -> dict[str, pa.DataType]:
    roles = reference.roles
    kinds = {name: kind for name, kind in reference.kinds.items() if name in data.columns}
    for name in (roles.time, roles.label_time):
        if name is not None:
            kinds[name] = data.columns[name]
    kinds |= {name: data.moments(name) for name in roles.timestamps if name in kinds}
    if roles.version is not None:
        kinds[roles.version] = pa.string()
    return kinds


def _count(data: Table, kinds: dict[str, pa.DataType], counter: Counter, evenly: Evenly | None, progress: Progress) -> None:
    row = 0
    for batch, share in data.batches(kinds):
        times = None
        if evenly is not None:
            found = evenly.start_us + evenly.step_us * np.arange(row, row + batch.num_rows, dtype=np.int64)
            times = (found, np.ones(batch.num_rows, np.bool_))
        counter.add(batch, times)
        row += batch.num_rows
        progress("counting", share)


def _decide(counter: Counter, monitor: Monitor, baseline: Baseline, layout: Layout, progress: Progress) -> Findings:
    profiles = list(counter.profiles())
    first, last = profiles[0][0].pane, profiles[-1][0].pane
    replayed = Replay(monitor, baseline, layout)
    for pane in replayed.follow(profiles):
        progress("deciding", (pane - first) / max(last - first, 1))
    return replayed.findings
