"""Every measure of a window of 1,000,000 rows x 20 numeric columns, counting included, beside what others take for one of them.

CPU seconds, so that a busy machine changes little. scipy and numpy work on the raw values here; nannyml and evidently (PSI
only) in environments of their own, which `python -m bench.peers` makes: they are left out where it has not.
The reference is a baseline, fitted once; so is nannyml's, and its cost is told apart. Run: `python -m bench.bench_measures`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from bench import peers
from bench.results import Result, result
from driftline.avro import Column, Kind
from driftline.drift.baseline import fit_baseline
from driftline.drift.measures import inputs
from driftline.drift.profile import Layout, profile_rows
from driftline.events import ColumnKind, Direction, Monitor, MonitorColumn, Threshold
from tests.builders import monitor_of

ROWS, COLUMNS, REFERENCE = 1_000_000, 20, 100_000
PEER_COLUMNS = 2  # scipy takes the same time for each: two are measured, twenty are stated
ROUNDS = 3
LIMIT = 0.5
"""CPU seconds for a window of this size."""


def _monitor(baseline_id: str, names: list[str]) -> Monitor:
    return monitor_of(
        model_id="bench",
        columns=tuple(MonitorColumn(name=name, kind=ColumnKind.NUMERIC) for name in names),
        baseline_id=baseline_id,
        granularities=("1 hour",),
        minimum_n=200,
        thresholds=(Threshold(family="feature", measure="psi", limit=0.25, direction=Direction.ABOVE),),
    )


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _exact(reference: np.ndarray, current: np.ndarray) -> None:
    """What one column costs on raw values: the exact KS test, and PSI on deciles."""
    stats.ks_2samp(reference, current, method="asymp")
    edges = np.quantile(reference, np.linspace(0, 1, 11)[1:-1])
    p, q = (np.bincount(np.searchsorted(edges, side), minlength=10) / len(side) for side in (current, reference))
    np.sum((p - q) * np.log(p / q))


def run() -> list[Result]:
    """Median of interleaved rounds; the peers of other environments once."""
    random = np.random.default_rng(1)
    names = [f"x{i}" for i in range(COLUMNS)]
    reference = {name: random.normal(size=REFERENCE) for name in names}
    baseline = fit_baseline("bench", reference, dict.fromkeys(names, ColumnKind.NUMERIC))
    monitor = _monitor(baseline.baseline_id, names)
    layout = Layout.of(monitor, baseline)
    current = {name: random.normal(0.05, 1, ROWS) for name in names}
    kind = np.full(ROWS, Kind.REAL, np.int8)
    columns = {name: Column(b"", kind, reals=values) for name, values in current.items()}
    times = np.zeros(ROWS, np.int64)
    profile = profile_rows(layout, times, columns)[0]
    found = inputs(layout, baseline, monitor, profile)

    def ours() -> None:
        inputs(layout, baseline, monitor, profile_rows(layout, times, columns)[0])

    def peer() -> None:
        for name in names[:PEER_COLUMNS]:
            _exact(reference[name], current[name])

    both = [(_cpu(ours), _cpu(peer) * COLUMNS / PEER_COLUMNS) for _ in range(ROUNDS)]
    whole, exact = (statistics.median(column) for column in zip(*both, strict=True))
    alone = statistics.median(_cpu(lambda: inputs(layout, baseline, monitor, profile)) for _ in range(10))
    whole_ = f"count 1M rows x 20 columns, {len(found)} measures with p-values"
    return [
        result(whole_, whole, "CPU s", "limit", LIMIT),
        result(whole_, whole, "CPU s", "scipy ks_2samp + numpy PSI on raw values", exact),
        *(line for name in peers.NAMES for line in _beside(name, whole_, whole)),
        result(
            f"{len(found)} measures of 20 columns from their counts",
            alone * 1000,
            "CPU ms",
            "scipy ks_2samp + numpy PSI",
            exact * 1000,
        ),
    ]


def _beside(name: str, what: str, whole: float) -> list[Result]:
    """Our window beside a peer's, and beside it with what it does once for a reference of as many rows."""
    told = peers.told(name, "measures.py", ROWS, COLUMNS)
    if told is None:
        print(f"measures: without {name}; `python -m bench.peers {name}` makes its environment")
        return []
    lines = []
    version = told.pop("version")
    for measures, cost in told.items():
        peer = f"{name} {version}: {measures}"
        lines.append(result(what, whole, "CPU s", f"{peer}, window alone", cost["window"]))
        if cost["before"]:
            lines.append(result(what, whole, "CPU s", f"{peer}, fit and window", cost["before"] + cost["window"]))
    return lines


if __name__ == "__main__":
    for line in run():
        print(line)
