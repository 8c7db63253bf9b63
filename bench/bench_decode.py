"""Columnar decode beside fastavro, on the same bytes in the same run: three layouts of one prediction.

A prediction has two ids, an event time, 14 numeric and 6 categorical features, a prediction, a score and a map of two
segments. Run: `python -m bench.bench_decode`.
"""

from __future__ import annotations

import gc
import io
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import fastavro

from bench.results import Result, result
from driftline.avro import compile_schema

NUMERIC, CATEGORICAL = 14, 6
BATCH, FASTAVRO_BATCH, ROUNDS = 2_000, 500, 9
Schema = dict[str, Any]


def _nullable(kind: str) -> list[str]:
    return ["null", kind]


def _schema(layout: str) -> Schema:
    names = [f"num_{i}" for i in range(NUMERIC)], [f"cat_{i}" for i in range(CATEGORICAL)]
    features: list[Schema]
    if layout == "map":
        features = [{"name": "features", "type": {"type": "map", "values": ["null", "double", "string"]}}]
    else:
        wrap = _nullable if layout == "typed nullable" else str
        features = [{"name": n, "type": wrap("double")} for n in names[0]]
        features += [{"name": n, "type": wrap("string")} for n in names[1]]
    return {
        "type": "record",
        "name": "Prediction",
        "fields": [
            {"name": "prediction_id", "type": "string"},
            {"name": "model_id", "type": "string"},
            {"name": "model_version", "type": "string"},
            {"name": "event_time", "type": "long"},
            *features,
            {"name": "prediction", "type": "string"},
            {"name": "score", "type": "double"},
            {"name": "segments", "type": {"type": "map", "values": "string"}},
        ],
    }


def _record(layout: str, row: int, chance: random.Random) -> dict[str, Any]:
    features: dict[str, Any] = {f"num_{i}": chance.gauss(0, 1) for i in range(NUMERIC)}
    features |= {f"cat_{i}": f"value-{chance.randrange(20)}" for i in range(CATEGORICAL)}
    if layout != "typed non-null":
        features |= {name: None for name in features if chance.random() < 0.03}
    return {
        "prediction_id": f"8f14e45f-{row:012d}",
        "model_id": "shop/checkout",
        "model_version": "2026.11",
        "event_time": 1_790_000_000_000_000 + row * 1_000,
        **({"features": features} if layout == "map" else features),
        "prediction": chance.choice(["late", "in time"]),
        "score": chance.random(),
        "segments": {"region": chance.choice(["north", "south"]), "device": "phone"},
    }


def _bodies(layout: str, schema: Schema) -> list[bytes]:
    chance = random.Random(7)
    parsed = fastavro.parse_schema(schema)
    bodies = []
    for row in range(BATCH):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, _record(layout, row, chance))
        bodies.append(out.getvalue())
    return bodies


def _rate(work: Callable[[], object], rows: int) -> float:
    began = time.process_time()
    work()
    return rows / (time.process_time() - began)


def _measure(layout: str) -> Result:
    schema = _schema(layout)
    bodies = _bodies(layout, schema)
    parsed = fastavro.parse_schema(schema)
    program = compile_schema(schema)
    expected = [fastavro.schemaless_reader(io.BytesIO(body), parsed, None) for body in bodies]
    columns = program.decode(bodies)
    if [columns.row(row) for row in range(BATCH)] != expected:
        raise AssertionError(f"{layout}: the columns differ from fastavro's records")

    def by_columns() -> None:
        for _ in range(10):
            program.decode(bodies)

    def by_rows() -> None:
        for body in bodies[:FASTAVRO_BATCH]:
            fastavro.schemaless_reader(io.BytesIO(body), parsed, None)

    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_rate(by_columns, 10 * BATCH))
        theirs.append(_rate(by_rows, FASTAVRO_BATCH))
    value, peer = statistics.median(ours), statistics.median(theirs)
    print(
        f"decode, {layout:15} {len(bodies[0]):4} B  {value / 1e3:7.0f}k/s ({min(ours) / 1e3:.0f}-{max(ours) / 1e3:.0f}k)"
        f"  fastavro {peer / 1e3:5.0f}k/s ({min(theirs) / 1e3:.0f}-{max(theirs) / 1e3:.0f}k)  {value / peer:5.1f}x"
    )
    return result(f"decode, {layout}", value, "events/cpu-s", "fastavro schemaless_reader", peer)


def run() -> list[Result]:
    """Measure the three layouts; each figure is the median of interleaved runs."""
    gc.collect()
    gc.freeze()
    return [_measure(layout) for layout in ("map", "typed nullable", "typed non-null")]


if __name__ == "__main__":
    run()
