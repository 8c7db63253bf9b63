"""Columns of every shape through the whole evaluator: what is counted of them, and that nothing falls over."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, run
from driftline.backtest.story import deciding
from driftline.backtest.table import open_table
from driftline.events import DriftDetected

ROWS = 500
DAYS = 6


def rows(seed, days, **changed):
    rng = np.random.default_rng(seed)
    n = ROWS * days
    found = {
        "constant": np.full(n, 7.0),
        "one value": ["only"] * n,
        "nothing": pa.nulls(n, pa.float64()),
        "no text": pa.nulls(n, pa.string()),
        "heavy": rng.standard_cauchy(n) * 1e6,
        "huge": np.full(n, 1e308),
        "mostly zero": np.where(rng.random(n) < 0.9, 0.0, rng.exponential(size=n)),
        "few": rng.integers(0, 5, n).astype(np.float64),
        "flag": rng.random(n) < 0.3,
        "text": rng.choice(["a", "b", "c"], n),
    }
    start = np.datetime64("2026-01-01T00:00:00")
    at = start + (np.arange(n) * 86_400 // ROWS)
    return {"at": at} | found | {name: change(rng, n) for name, change in changed.items()}


def written(path, columns):
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


@pytest.fixture(scope="module")
def backtest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    reference = written(folder / "reference.parquet", rows(1, 8))

    def made(name, **changed):
        data = rows(2, DAYS, **changed)
        return data, run(Backtest(written(folder / name, data), reference, Roles(time="at")))

    return made


def measured(outcome):
    reports = deciding(outcome.findings, outcome.monitor)
    return [{(m.column, m.name): m.value for m in report.measures} for report in reports]


def test_columns_without_change_of_any_shape_raise_no_alarm_and_every_value_is_finite(backtest):
    _, outcome = backtest("same.parquet")
    assert [event for event in outcome.findings.drift if isinstance(event, DriftDetected)] == []
    windows = measured(outcome)
    assert len(windows) == DAYS
    assert all(value is None or math.isfinite(value) for found in windows for value in found.values())
    assert {found["nothing", "null_rate"] for found in windows} == {1.0}
    assert {found["constant", "psi"] for found in windows} == {0.0}


def test_zeros_and_different_values_are_those_of_the_rows(backtest):
    data, outcome = backtest("zeros.parquet", few=lambda rng, n: rng.integers(0, 3, n).astype(np.float64))
    for day, found in enumerate(measured(outcome)):
        part = slice(day * ROWS, (day + 1) * ROWS)
        assert found["mostly zero", "zero_rate"] == pytest.approx(np.mean(data["mostly zero"][part] == 0))
        assert found["few", "zero_rate"] == pytest.approx(np.mean(data["few"][part] == 0))
        assert found["few", "distinct_count"] == len(np.unique(data["few"][part])) == 3
        assert found["few", "distinct_count_delta"] == 3 - 5
        assert found["text", "distinct_rate"] == 3 / ROWS
        assert found["one value", "distinct_count"] == 1
        assert found["mostly zero", "distinct_count"] is None  # more values than cells: nobody counts them
        assert found[None, "count_delta"] == ROWS - 8 * ROWS
    reference = rows(1, 8)
    assert measured(outcome)[0]["few", "zero_rate_delta"] == pytest.approx(
        np.mean(data["few"][:ROWS] == 0) - np.mean(reference["few"] == 0)
    )


def test_a_constant_that_changes_a_new_value_and_a_flag_that_is_always_true_are_found(backtest):
    _, outcome = backtest(
        "changed.parquet",
        constant=lambda _, n: np.full(n, 8.0),
        flag=lambda _, n: np.ones(n, np.bool_),
        **{"one value": lambda _, n: ["other"] * n, "nothing": lambda rng, n: rng.normal(size=n)},
    )
    found = measured(outcome)[0]
    failing = {
        measure.column
        for report in deciding(outcome.findings, outcome.monitor)
        for measure in report.measures
        if measure.violated
    }
    assert {"constant", "flag", "one value"} <= failing
    assert found["one value", "unseen_rate"] == 1.0
    assert found["constant", "above_rate"] == 1.0
    assert found["nothing", "null_rate"] == 0.0


def test_a_blank_where_a_number_belongs_is_null(tmp_path):
    path = tmp_path / "charges.csv"
    path.write_text("tenure,total\n1,29.85\n0, \n2,108.15\n", encoding="utf-8")
    table = open_table(path)
    assert table.columns["total"] == pa.float64()
    assert [value for batch, _ in table.batches(table.columns) for value in batch["total"].to_pylist()] == [29.85, None, 108.15]
