"""What stands in a sample of rows."""

from typing import Any

import numpy as np
import pytest

from driftline.avro.odd_rows import column_of
from driftline.drift.baseline import fit_baseline, sample_of
from driftline.drift.profile import Layout, Reservoir, Sampler
from driftline.events import ColumnKind, MonitorColumn
from tests.unit.drift.windows.building import HOUR, MONITOR, change

KINDS = {"age": ColumnKind.NUMERIC, "origin": ColumnKind.CATEGORICAL, "flag": ColumnKind.CATEGORICAL}
DATA: dict[str, Any] = {
    "age": [1_000_000.0, 1_000_001.0, 1_000_002.0, None] * 300,
    "origin": ["JFK", "LGA", None, "JFK"] * 300,
    "flag": ["true", "true", "false", "true"] * 300,
}
BASELINE = fit_baseline("m", DATA, KINDS, sampled=True)
COLUMNS = tuple(MonitorColumn(name=name, kind=kind) for name, kind in KINDS.items())
LAYOUT = Layout.of(change(MONITOR, columns=COLUMNS, baseline_id=BASELINE.baseline_id, multivariate="mmd"), BASELINE)


def sampled(sampler: Sampler) -> dict[tuple[int, int], Reservoir]:
    return {(stream, pane.pane): Reservoir.decode(LAYOUT.sample_rows, 3, pane.cells) for stream, pane in sampler.take()}


def added(sampler: Sampler, rows, *, streams=None, times=None, first=0):
    n = len(rows["age"])
    columns = {name: column_of(dict(enumerate(values)), n) for name, values in rows.items()}
    ids = np.arange(first, first + n, dtype=np.uint64)
    chosen = np.arange(n, dtype=np.int64)
    sampler.add(
        np.zeros(n, np.uint64) if streams is None else np.array(streams, np.uint64),
        np.zeros(n, np.int64) if times is None else np.array(times, np.int64),
        columns,
        chosen,
        ids,
    )


def test_numbers_stand_about_their_origin_categories_by_their_place_and_nothing_is_nan():
    sampler = Sampler(LAYOUT)
    rows = {
        "age": [1_000_000.5, None, float("nan"), 7],
        "origin": ["JFK", "LGA", "BOS", None],
        "flag": [True, False, "maybe", None],
    }
    added(sampler, rows)
    (found,) = sampled(sampler).values()
    origin = BASELINE.columns[0].origin
    codes = [BASELINE.columns[1].categories.index("JFK"), BASELINE.columns[1].categories.index("LGA"), 2, None]
    flags = [BASELINE.columns[2].categories.index("true"), BASELINE.columns[2].categories.index("false"), 2, None]
    expected = {
        (value, code, flag)
        for value, code, flag in zip((1_000_000.5 - origin, None, None, 7 - origin), codes, flags, strict=True)
    }
    told = {tuple(None if np.isnan(value) else float(value) for value in row) for row in found.values}
    assert told == expected


def test_streams_and_panes_have_samples_of_their_own_and_batches_change_nothing():
    rows: dict[str, Any] = {"age": [float(i) for i in range(2_000)], "origin": ["JFK"] * 2_000, "flag": [True] * 2_000}
    streams = [i % 2 for i in range(2_000)]
    times = [(i // 1_000) * HOUR for i in range(2_000)]
    whole, parts = Sampler(LAYOUT), Sampler(LAYOUT)
    added(whole, rows, streams=streams, times=times)
    for first in range(0, 2_000, 300):
        piece = {name: values[first : first + 300] for name, values in rows.items()}
        added(parts, piece, streams=streams[first : first + 300], times=times[first : first + 300], first=first)
    one, other = sampled(whole), sampled(parts)
    assert one.keys() == other.keys() == {(stream, hour * HOUR) for stream in (0, 1) for hour in (0, 1)}
    assert {key: found.encode() for key, found in one.items()} == {key: found.encode() for key, found in other.items()}
    assert [len(found) for found in one.values()] == [500] * 4
    assert sampled(whole) == {}


def test_a_layout_that_nobody_looks_at_rows_of_samples_nothing():
    plain = Sampler(Layout.of(change(MONITOR, columns=COLUMNS, baseline_id=BASELINE.baseline_id), BASELINE))
    added(plain, {"age": [1.0], "origin": ["JFK"], "flag": [True]})
    assert list(plain.take()) == []


def test_a_baseline_keeps_rows_when_asked_and_is_another_one_then():
    kept = sample_of(BASELINE)
    assert kept.shape == (500, 3)
    assert np.isnan(kept[:, 0]).mean() == pytest.approx(0.25, abs=0.06)
    assert set(kept[:, 1][~np.isnan(kept[:, 1])].tolist()) == {0.0, 1.0}
    plain = fit_baseline("m", DATA, KINDS)
    assert plain.sample is None
    assert plain.baseline_id != BASELINE.baseline_id
