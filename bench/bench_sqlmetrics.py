"""Five business metrics over 1,000,000 rows: partials on numpy, beside DuckDB with one thread on the same columns.

And both groups of stage 1 with five of them beside the same without, as `bench_slices` measures it.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from bench.bench_slices import CUTS, beside, beside_joins, monitored
from bench.results import Result, result
from driftline.avro.layout import hash_texts
from driftline.drift.profile import Layout
from driftline.drift.sqlmetrics import Program, Texts, Type, compile_metrics, pack
from driftline.events import MonitorMetric

ROWS, ROUNDS, GROUPS = 1_000_000, 5, 66
LIMIT = 2_000_000
COLUMNS = {"monthly_charges": Type.NUMBER, ":prediction": Type.TEXT, ":label": Type.TEXT, ":score": Type.NUMBER}
CONFIDENCE = MonitorMetric(
    name="prediction_confidence",
    definition="avg(CASE WHEN score > 0.8 OR score < 0.2 THEN 1.0 ELSE 0.0 END)",
)
METRICS = (*pack("business").metrics, CONFIDENCE)
STREAMED = (
    MonitorMetric(name="revenue", definition="sum(CASE WHEN prediction = 'yes' THEN number_00 * 12 ELSE 0 END)"),
    MonitorMetric(name="mean", definition="avg(number_01) FILTER (WHERE category_2 <> 'category_2-value-1')"),
    MonitorMetric(name="sure", definition="avg(CASE WHEN score > 0.8 OR score < 0.2 THEN 1.0 ELSE 0.0 END)"),
    MonitorMetric(name="spread", definition="stddev(number_02 - number_03)"),
    MonitorMetric(name="share", definition="count_if(number_04 > 1 AND prediction = 'no') / count(number_04)"),
)
"""Over the columns that stage 1 is measured with."""
OF_OUTCOMES = tuple(
    MonitorMetric(name=f"cost_{at}", definition=f"avg(CASE WHEN prediction <> label THEN number_0{at} ELSE 0 END)")
    for at in range(5)
)
"""And the same of outcomes: six columns that are remembered."""
_COLUMN_NAMES = {"{{prediction_col}}": "prediction", "{{label_col}}": "label"}


def _cpu(work: Any) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _words(random: np.random.Generator) -> tuple[Texts, np.ndarray]:
    words = np.array(["No", "Yes"])
    codes = (random.random(ROWS) < 0.3).astype(np.int64)
    return Texts(hash_texts(["No", "Yes"])[codes]), words[codes]


def _median(works: dict[str, Any]) -> dict[str, float]:
    """Median CPU seconds of each, interleaved, so that a busy machine does the same to all."""
    for work in works.values():
        work()
    rounds = [{name: _cpu(work) for name, work in works.items()} for _ in range(ROUNDS)]
    return {name: statistics.median(each[name] for each in rounds) for name in works}


def _count(program: Program, vectors: dict[str, Any], codes: np.ndarray | None) -> dict[tuple[str, str], float | None]:
    groups = 1 if codes is None else GROUPS
    rows = program.inputs.partials(vectors, codes, ROWS, groups)
    pairs = program.pairs.partials(vectors, codes, ROWS, groups)
    return {key: value.value for key, value in program.finish(rows[0], pairs[0]).items()}


def run() -> list[Result]:
    """Rows per CPU-second and core; the columns are there, as stage 1 has decoded them."""
    random = np.random.default_rng(1)
    prediction, predicted = _words(random)
    label, actual = _words(random)
    charges, score = random.uniform(20, 120, ROWS), random.random(ROWS)
    holes = random.random(ROWS) < 0.01
    vectors = {"monthly_charges": np.where(holes, np.nan, charges), ":prediction": prediction, ":label": label, ":score": score}
    frame = pd.DataFrame({"monthly_charges": charges, "prediction": predicted, "label": actual, "score": score})
    frame.loc[holes, "monthly_charges"] = None
    program = compile_metrics(METRICS, COLUMNS)
    codes = random.integers(0, GROUPS, ROWS).astype(np.int32)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("frame", frame)
        connection.execute("CREATE TABLE rows AS SELECT * FROM frame")
        query = "SELECT " + ", ".join(_in_duckdb(metric) for metric in METRICS) + " FROM rows"
        ours, theirs = _count(program, vectors, None), connection.execute(query).fetchall()[0]
        assert np.allclose([each or 0.0 for each in ours.values()], theirs, rtol=1e-9), (ours, theirs)
        seconds = _median(
            {
                "one": lambda: _count(program, vectors, None),
                "groups": lambda: _count(program, vectors, codes),
                "duckdb": lambda: connection.execute(query).fetchall(),
            }
        )
    rate = {name: ROWS / each for name, each in seconds.items()}
    return [
        _line(f"5 SQL metrics, rows per CPU-second (limit {LIMIT:,})", rate["one"], rate["duckdb"]),
        _line(f"the same in {GROUPS} groups (panes, versions, slices)", rate["groups"], rate["duckdb"]),
        *_stage1("PredictionBatch"),
        *_stage1("map"),
        *_joins(),
    ]


def _joins() -> list[Result]:
    """Stage join with metrics of outcomes beside the same without."""
    monitor, baseline = monitored()
    monitors = {"no metrics": monitor, "5 metrics of outcomes": dataclasses.replace(monitor, metrics=OF_OUTCOMES)}
    return beside_joins({name: Layout.of(each, baseline) for name, each in monitors.items()})


def _stage1(kind: str) -> list[Result]:
    """Stage profile with metrics beside the same without: decoding, judging, counting and encoding, without a broker."""
    monitor, baseline = monitored()
    monitors = {
        "no metrics": monitor,
        "5 metrics": dataclasses.replace(monitor, metrics=STREAMED),
        "5 metrics of 100 slices": dataclasses.replace(monitor, metrics=STREAMED, slices=CUTS["100 values of a column"]),
    }
    return beside(monitors, baseline, kind)


def _in_duckdb(metric: MonitorMetric) -> str:
    definition = metric.definition
    for parameter, name in _COLUMN_NAMES.items():
        definition = definition.replace(parameter, name)
    return definition


def _line(name: str, value: float, peer: float) -> Result:
    return result(name, value, "rows/s", "DuckDB, one thread, its own table, not grouped", peer)


if __name__ == "__main__":
    for line in run():
        print(line)
