"""Windows through the real evaluator: false alarms of a null month, the cost of windows that hop, and memory by the model.

Counts are drawn, not binned, so that a month takes seconds. DRIFTLINE_BENCH_MONTHS (6) and DRIFTLINE_BENCH_MODELS (10,000) set
how much is simulated. Run: `python -m bench.bench_windows`.
"""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from bench.results import Result, result
from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import Layout, Profile
from driftline.drift.windows import Evaluator, Output, Rules, take_changes
from driftline.events import (
    Baseline,
    ColumnKind,
    DriftDetected,
    Group,
    Monitor,
    MonitorColumn,
    MonitorReference,
    Part,
    Policy,
    ProfileSet,
    Progress,
    Reference,
    SourceTime,
)
from driftline.validation.book import MonitorBook
from tests.builders import monitor_of

HOUR_US = 3_600_000_000
START = 1_362_096_000_000_000
NOW = 1_700_000_000_000_000
ROWS = 1000
MONTHS = int(os.environ.get("DRIFTLINE_BENCH_MONTHS", "6"))
MODELS = int(os.environ.get("DRIFTLINE_BENCH_MODELS", "10000"))
NUMERIC, CATEGORICAL = 14, 6
SOURCES = {Group.PROFILE: [("predictions", 0)]}


def _baseline(random: np.random.Generator, columns: int, *, rows: int = 10_000, categorical: int = 0) -> Baseline:
    data: dict[str, Any] = {f"x{i:02}": random.normal(0, 1, rows) for i in range(columns)}
    kinds = dict.fromkeys(data, ColumnKind.NUMERIC)
    for i in range(categorical):
        data[f"c{i:02}"] = [f"value-{code}" for code in random.integers(0, 20, rows)]
        kinds[f"c{i:02}"] = ColumnKind.CATEGORICAL
    return fit_baseline("bench", data, kinds)


def _monitor(baseline: Baseline, **changes: Any) -> Monitor:
    monitor = monitor_of(
        model_id="bench",
        columns=tuple(MonitorColumn(name=column.name, kind=column.kind) for column in baseline.columns),
        baseline_id=baseline.baseline_id,
        granularities=("1 hour",),
        idle_timeout_us=60_000_000,
        max_wait_us=HOUR_US,
        label_ttl_us=24 * HOUR_US,
        minimum_n=200,
        weights={"feature": 1.0},
        policy=Policy.TOLERANCE,
    )
    return replace(monitor, **changes)


@dataclass
class Stream:
    """One evaluator, fed with counts; what it tells is kept."""

    monitors: Sequence[Monitor]
    baseline: Baseline
    told: list[Output] = field(default_factory=list)
    offset: int = 0

    def __post_init__(self) -> None:
        book = MonitorBook()
        book.add_baseline(self.baseline, NOW - 2)
        for monitor in self.monitors:
            book.add_monitor(monitor, NOW - 1)
        self.layout = Layout.of(self.monitors[0], self.baseline)
        self.evaluator = Evaluator(0, SOURCES, Rules(book))

    def send(self, monitor: Monitor, time_us: int, profile: Profile | None) -> None:
        """Rows of one pane, if any; the clock of the model moves to the time."""
        pane = () if profile is None else (profile.to_event("", time_us // self.layout.pane_us * self.layout.pane_us),)
        source = SourceTime(topic="predictions", partition=0, event_time=time_us)
        self._apply(
            ProfileSet(
                model_id=monitor.model_id,
                model_version="1",
                monitor_version=1,
                layout=self.layout.hash,
                group=Group.PROFILE,
                writer="w",
                times=(source,),
                panes=pane,
            )
        )

    def progress(self, sets: int) -> None:
        """Decide what is due."""
        self._apply(Progress(group=Group.PROFILE, writer="w", ranges=(), profile_sets=sets, commit_interval_us=500_000))
        while self.evaluator.busy:
            self.told += (output for output in self.evaluator.work(1000) if isinstance(output, DriftDetected))

    def _apply(self, record: ProfileSet | Progress) -> None:
        self.evaluator.apply(record, self.offset, NOW + self.offset)
        self.offset += 1


def _drawn(random: np.random.Generator, layout: Layout, baseline: Baseline) -> Profile:
    """Counts of rows that come from where the baseline came from: its own cells' shares, in every column apart."""
    shape = layout.shape(Part.INPUTS)
    cells = np.zeros(shape.cells, np.int64)
    for block, column in zip(layout.blocks, baseline.columns, strict=True):
        counts = np.array(column.counts, np.float64)
        cells[block.cells] = random.multinomial(ROWS, counts / counts.sum())
    return Profile(shape, ROWS, cells, Profile.zero(shape).sums)


def _null(months: int) -> Iterator[Result]:
    """Pages of months in which nothing changes, against what was tolerated."""
    everything = (
        MonitorReference(reference=Reference.CONSECUTIVE, granularities=("1 hour",)),
        MonitorReference(reference=Reference.SEASON, granularities=("1 hour",)),
    )
    cases: tuple[tuple[str, dict[str, Any]], ...] = (
        ("baseline only, any change, 10 pages", {"tolerated_psi": 0.0, "tolerated_false_pages": 10.0}),
        (
            "the hour before and last week's too, any change, 10 pages",
            {"tolerated_psi": 0.0, "tolerated_false_pages": 10.0, "references": everything},
        ),
        ("PSI 0.1, 1 page", {"tolerated_psi": 0.1, "tolerated_false_pages": 1.0}),
    )
    for name, changes in cases:
        pages, hours = 0, 30 * 24
        for month in range(months):
            random = np.random.default_rng([7, month])
            baseline = _baseline(random, 5)
            monitor = _monitor(baseline, **changes)
            stream = Stream([monitor], baseline)
            for hour in range(hours + 1):
                stream.send(monitor, START + hour * HOUR_US, _drawn(random, stream.layout, baseline))
                stream.progress(1)
            pages += sum(event.alert and event.sequence == 1 for event in stream.told if isinstance(event, DriftDetected))
        stated = monitor.tolerated_false_pages * months
        surely = stats.poisson.sf(pages - 1, stated) < 0.01
        yield result(
            f"pages of {months} null months of 720 hours, 5 columns, through the evaluator: {name}",
            float(pages),
            "pages",
            f"{'SURELY MORE THAN' if surely else 'at most'} tolerated",
            stated,
        )


def _hopping() -> Iterator[Result]:
    """CPU of four weeks of hourly panes, by the windows that they are in."""
    random = np.random.default_rng(8)
    baseline = _baseline(random, NUMERIC, categorical=CATEGORICAL)
    spent = {}
    for text in ("1 week", "1 week every 1 day", "1 day every 1 hour"):
        monitor = _monitor(baseline, granularities=(text,), alert_on=text)
        stream = Stream([monitor], baseline)
        profiles = [_drawn(random, stream.layout, baseline) for _ in range(8)]
        began = time.process_time()
        for hour in range(28 * 24):
            stream.send(monitor, START + hour * HOUR_US, profiles[hour % 8])
            stream.progress(1)
            take_changes(stream.evaluator.state)
        spent[text] = time.process_time() - began
    for text, seconds in spent.items():
        name = f"four weeks of hours, 20 columns, in windows of {text}"
        yield result(name, seconds / 28 * 1000, "CPU ms a day", "1 week", spent["1 week"] / 28 * 1000)


def _memory() -> Iterator[Result]:
    """Resident memory by the model: many that began, and some after nine days of hours. A process for each: none reuses what another freed."""
    for models, hours, limit in ((MODELS, 2, 0.1), (max(20, MODELS // 100), 9 * 24, 2.0)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            used = process.submit(_grown, models, hours).result()
        name = f"{models:,} models of 20 columns in one evaluator after {hours} hours of hourly and daily windows"
        yield result(name, used / models, "MB a model", "limit", limit)


def _grown(models: int, hours: int) -> float:
    """MB that an evaluator grows by."""
    random = np.random.default_rng(9)
    baseline = _baseline(random, NUMERIC, categorical=CATEGORICAL)
    monitors = [_monitor(baseline, model_id=f"m{n}", granularities=("1 hour", "1 day")) for n in range(models)]
    stream = Stream(monitors, baseline)
    profiles = [_drawn(random, stream.layout, baseline) for _ in range(8)]
    before = _resident_mb()
    for hour in range(hours):
        for number, monitor in enumerate(monitors):
            stream.send(monitor, START + hour * HOUR_US, profiles[(hour + number) % 8])
            if number % 500 == 499 or number == models - 1:
                stream.progress(number % 500 + 1)
                take_changes(stream.evaluator.state)
    return _resident_mb() - before


def _resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def run() -> list[Result]:
    """Every figure beside its limit or peer."""
    found = []
    for line in (*_hopping(), *_memory(), *_null(MONTHS)):
        print(
            f"windows: {line['name']}: {line['value']:,.4g} {line['unit']} ({line['peer']}: {line['peer_value']:,.4g})",
            flush=True,
        )
        found.append(line)
    return found


if __name__ == "__main__":
    run()
