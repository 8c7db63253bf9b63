"""The kernels against a plain Python count of the same rows, cell for cell."""

import math
from bisect import bisect_right
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.avro.odd_rows import column_of
from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import Layout, PairCodes, Profile, Tally, portions, profile_rows
from driftline.drift.profile.layout import BlockKind
from driftline.events import ColumnKind, Direction, MonitorColumn, MonitorSlice, Part, Task, Threshold
from tests.builders import monitor_of

KINDS = {
    "age": ColumnKind.NUMERIC,
    "origin": ColumnKind.CATEGORICAL,
    "flag": ColumnKind.CATEGORICAL,
    "count": ColumnKind.NUMERIC,
    ":score": ColumnKind.NUMERIC,
}
HOUR = 3_600_000_000


def monitor(baseline_id, kinds=KINDS, **changes):
    fields = {
        "task": Task.BINARY,
        "positive_class": "yes",
        "columns": tuple(MonitorColumn(name=name, kind=kind) for name, kind in kinds.items()),
        "baseline_id": baseline_id,
        "labels": True,
        "granularities": ("1 hour", "1 day"),
        "alert_on": "1 day",
        "thresholds": (Threshold(family="feature", measure="psi", limit=0.2, direction=Direction.ABOVE),),
    }
    return monitor_of(**(fields | changes))


def reference(seed=1, rows=2000):
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(40, 12, rows),
        "origin": rng.choice(["JFK", "LGA", "EWR"], rows).tolist(),
        "flag": rng.choice(["true", "false"], rows).tolist(),
        "count": rng.integers(0, 5, rows),
        ":score": rng.random(rows),
    }


def layout_of(kinds=KINDS, columns=None, **changes):
    baseline = fit_baseline("m", columns or reference(), kinds)
    return Layout.of(monitor(baseline.baseline_id, kinds, **changes), baseline)


LAYOUT = layout_of()
ABSENT = object()


def columns_of(rows):
    """Columns from rows of dicts; a value ABSENT leaves the cell out."""
    names = {name for row in rows for name in row}
    return {
        name: column_of({i: row[name] for i, row in enumerate(rows) if row.get(name, ABSENT) is not ABSENT}, len(rows))
        for name in names
    }


def plain_cells(layout, rows):
    """The oracle: one row and one column at a time."""
    cells = [0] * layout.cells
    for row in rows:
        for block in layout.blocks:
            value = row.get(block.column)
            if value is ABSENT or value is None:
                cell = 0
            elif block.kind is BlockKind.CATEGORICAL:
                text = {True: "true", False: "false"}.get(value, value)
                cell = 2 + block.categories.index(text) if text in block.categories else 1
            elif math.isnan(value):
                cell = 1
            elif value < block.minimum:
                cell = 2
            elif value > block.maximum:
                cell = block.size - 1
            else:
                cell = 3 + bisect_right(block.edges, value)
            cells[block.offset + cell] += 1
    return cells


numbers = st.one_of(
    st.none(),
    st.just(ABSENT),
    st.floats(allow_infinity=False),
    st.integers(-3, 70),
    st.booleans(),
    st.sampled_from([*LAYOUT.by_column["age"].edges[:5], LAYOUT.by_column["age"].maximum, LAYOUT.by_column["age"].minimum]),
)
texts = st.one_of(st.none(), st.just(ABSENT), st.sampled_from(["JFK", "LGA", "EWR", "BOS", "", "true"]), st.booleans())
some_rows = st.lists(
    st.fixed_dictionaries(
        {"time": st.integers(-5 * HOUR, 5 * HOUR), "stream": st.integers(0, 2)},
        optional={"age": numbers, "count": numbers, ":score": numbers, "origin": texts, "flag": texts},
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(some_rows, st.data())
def test_every_cell_equals_a_plain_count(rows, data):
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True))
    split = data.draw(st.integers(0, len(chosen)))
    times = np.array([row["time"] for row in rows])
    streams = np.array([row["stream"] for row in rows], np.uint64)
    tally = Tally(LAYOUT)
    for part in (chosen[:split], chosen[split:]):
        tally.add(streams, times, columns_of(rows), np.array(part, np.int64))
    expected: dict[Any, Any] = {}
    for i in chosen:
        expected.setdefault((rows[i]["stream"], "", rows[i]["time"] // HOUR * HOUR), []).append(rows[i])
    found = tally.profiles()
    assert found.keys() == expected.keys()
    for key, members in expected.items():
        assert found[key].rows == len(members)
        assert found[key].cells.tolist() == plain_cells(LAYOUT, members)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(math.nan)), max_size=40))
def test_moments_and_extremes_are_those_of_the_finite_values(values):
    columns = columns_of([{"age": value} for value in values]) if values else {}
    profile = profile_rows(LAYOUT, np.zeros(len(values), np.int64), columns).get(0, Profile.zero(LAYOUT.shape(Part.INPUTS)))
    finite = [value for value in values if value is not None and not math.isnan(value)]
    about = [value - LAYOUT.by_column["age"].origin for value in finite]
    n, total, squares, zeros = profile.sums[LAYOUT.moments("age")]
    assert n == len(finite)
    assert zeros == finite.count(0.0)
    assert total == pytest.approx(math.fsum(about), abs=1e-9 * math.fsum(map(abs, about)) + 1e-300)
    assert squares == pytest.approx(math.fsum(a * a for a in about), rel=1e-9)
    assert profile.sums[LAYOUT.minimum("age")] == min(finite, default=math.inf)
    assert profile.sums[LAYOUT.maximum("age")] == max(finite, default=-math.inf)


def test_the_baseline_counts_itself_as_the_fit_did():
    data = reference(seed=7) | {"age": [None, math.nan, *reference(seed=7)["age"][2:].tolist()]}
    baseline = fit_baseline("m", data, KINDS)
    layout = Layout.of(monitor(baseline.baseline_id), baseline)
    columns = {name: column_of(dict(enumerate(np.asarray(values, object))), 2000) for name, values in data.items()}
    columns["count"] = column_of({i: int(v) for i, v in enumerate(data["count"])}, 2000)
    profile = profile_rows(layout, np.zeros(2000, np.int64), columns)[0]
    for column in baseline.columns:
        assert tuple(profile.cells[layout.by_column[column.name].cells].tolist()) == column.counts
        if column.kind is ColumnKind.NUMERIC:
            assert profile.sums[layout.moments(column.name)] == pytest.approx((*column.sums[:3], column.zeros))


def test_a_column_that_nobody_sent_is_null_in_every_row():
    profile = profile_rows(LAYOUT, np.array([0, 1, 2]), {})[0]
    assert all(profile.cells[block.null] == 3 for block in LAYOUT.blocks)
    assert profile.cells.sum() == 3 * len(LAYOUT.blocks)


def test_rows_of_many_panes_make_the_tables_grow():
    times = np.arange(5000, dtype=np.int64) * HOUR
    profiles = profile_rows(LAYOUT, times, {})
    assert sorted(profiles) == times.tolist()
    assert all(profile.rows == 1 for profile in profiles.values())


def test_a_cleared_tally_starts_from_nothing():
    tally = Tally(LAYOUT)
    tally.add(np.zeros(1, np.uint64), np.zeros(1, np.int64), {}, np.array([0]))
    tally.clear()
    assert len(tally) == 0
    assert tally.profiles() == {}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2**64 - 1) | st.integers(0, 40), st.integers(-3, 3)), max_size=80), max_size=4)
)
def test_pairs_get_dense_codes_in_order_of_first_sight(batches):
    codes = PairCodes()
    known: dict[Any, int] = {}
    for batch in batches:
        expected = [known.setdefault(pair, len(known)) for pair in batch]
        first = np.array([pair[0] for pair in batch], np.uint64)
        second = np.array([pair[1] for pair in batch], np.int64)
        assert codes.encode(first, second, np.arange(len(batch), dtype=np.int64)).tolist() == expected
    assert codes.pairs() == list(known)
    assert len(codes) == len(known)


def test_rows_that_lie_scattered_are_counted_in_portions_and_others_in_one():
    layout = layout_of(slices=(MonitorSlice(columns=("origin",)), MonitorSlice(columns=("flag",))))
    chosen = np.arange(1000, dtype=np.int64)
    near, far = np.zeros(1000, np.int64), np.random.default_rng(1).permutation(1000) * HOUR
    size = 8 * (layout.cells + layout.sums)
    assert [len(part) for part in portions(layout, near, chosen, streams=2, maximum=20 * size)] == [1000]
    found = portions(layout, far, chosen, streams=2, maximum=20 * size)
    assert max(2 * len(part) for part in found) <= 20
    assert (np.diff(far[np.concatenate(found)]) > 0).all()
    assert sorted(np.concatenate(found).tolist()) == chosen.tolist()
    assert [len(part) for part in portions(layout, far, chosen[:0], streams=2, maximum=size)] == [0]
