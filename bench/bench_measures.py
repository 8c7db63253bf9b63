"""Every measure of a window of 1,000,000 rows x 20 numeric columns, counting included, beside scipy and numpy on raw values."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from scipy import stats

from driftline.avro import Column, Kind
from driftline.drift.baseline import fit_baseline
from driftline.drift.measures import inputs
from driftline.drift.profile import Layout, profile_rows
from driftline.events import ColumnKind, Direction, Monitor, MonitorColumn, Task, Threshold

ROWS, COLUMNS, REFERENCE = 1_000_000, 20, 100_000
PEER_COLUMNS = 2  # scipy takes the same time for each: two are measured, twenty are stated
ROUNDS = 3


def _monitor(baseline_id: str, names: list[str]) -> Monitor:
    return Monitor(
        model_id="bench",
        monitor_version=1,
        effective_from=-(2**63),
        task=Task.REGRESSION,
        columns=tuple(MonitorColumn(name=name, kind=ColumnKind.NUMERIC) for name in names),
        baseline_id=baseline_id,
        labels=False,
        granularities=("1 hour",),
        alert_on="1 hour",
        lateness_us=0,
        idle_timeout_us=0,
        max_wait_us=0,
        label_delay_us=0,
        label_ttl_us=0,
        future_skew_us=0,
        minimum_n=200,
        thresholds=(Threshold(family="feature", measure="psi", limit=0.25, direction=Direction.ABOVE),),
        weights={},
        retired_versions=(),
        actor="bench",
    )


def _cpu(work: Any) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _exact(reference: np.ndarray, current: np.ndarray) -> None:
    """What one column costs on raw values: the exact KS test, and PSI on deciles."""
    stats.ks_2samp(reference, current, method="asymp")
    edges = np.quantile(reference, np.linspace(0, 1, 11)[1:-1])
    p, q = (np.bincount(np.searchsorted(edges, side), minlength=10) / len(side) for side in (current, reference))
    np.sum((p - q) * np.log(p / q))


def run() -> list[dict[str, Any]]:
    """Median of interleaved rounds; CPU seconds, so that a busy machine changes little."""
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

    def ours() -> None:
        inputs(layout, baseline, monitor, profile_rows(layout, times, columns)[0])

    def peer() -> None:
        for name in names[:PEER_COLUMNS]:
            _exact(reference[name], current[name])

    both = [(_cpu(ours), _cpu(peer) * COLUMNS / PEER_COLUMNS) for _ in range(ROUNDS)]
    whole, exact = (statistics.median(column) for column in zip(*both, strict=True))
    alone = statistics.median(_cpu(lambda: inputs(layout, baseline, monitor, profile)) for _ in range(10))
    return [
        {
            "name": "count and measure 1M rows x 20 columns (limit 0.5)",
            "value": round(whole, 3),
            "unit": "CPU s",
            "peer": "scipy ks_2samp + numpy PSI on raw values",
            "peer_value": round(exact, 3),
            "ratio": round(exact / whole, 1),
        },
        {
            "name": "all measures of one window of 20 columns from its counts",
            "value": round(alone * 1000, 2),
            "unit": "CPU ms",
            "peer": "scipy ks_2samp + numpy PSI on raw values",
            "peer_value": round(exact * 1000, 1),
            "ratio": round(exact / alone, 1),
        },
    ]


if __name__ == "__main__":
    for line in run():
        print(line)
