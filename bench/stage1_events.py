"""The predictions that stage 1 is measured with: 14 numeric and 6 categorical features, a score, two model versions."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import fastavro
import numpy as np

from driftline.batches import from_rows
from driftline.codec import encode, header
from driftline.drift.baseline import fit_baseline
from driftline.events import Baseline, ColumnKind, Monitor, MonitorColumn, Prediction, Task
from driftline.kafka.partitioning import partition_for
from driftline.schemas import avro_schema
from tests.builders import monitor_of

NUMBERS = [f"number_{i:02}" for i in range(14)]
CATEGORIES = [f"category_{i}" for i in range(6)]
SIZES = (2, 3, 5, 10, 20, 50)
PARTITIONS = 4
MODEL = "bench.model"
SECOND = 1_000_000
START = 1_700_000_000 * SECOND
DISTINCT = 8_000
"""Different events; they are sent round and round."""
ROWS_A_BATCH = 1_000


def events(rows: int, *, nulls: float, seed: int = 1) -> list[dict[str, Any]]:
    """Events over three hours; `nulls` is the share of features without a value."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(0, 1, (rows, len(NUMBERS))).tolist()
    codes = [rng.integers(0, size, rows).tolist() for size in SIZES]
    missing = (rng.random((rows, len(NUMBERS) + len(CATEGORIES))) < nulls).tolist()
    found = []
    for i in range(rows):
        features = dict(zip(NUMBERS, numbers[i], strict=True))
        features |= {name: f"{name}-value-{codes[c][i]}" for c, name in enumerate(CATEGORIES)}
        for name, gone in zip(list(features), missing[i], strict=True):
            if gone:
                features[name] = None
        found.append(
            {
                "model_id": MODEL,
                "model_version": f"v{i % 2 + 1}",
                "prediction_id": f"prediction-{i:08}",
                "event_time": START + i * 3 * 3600 * SECOND // rows,
                "prediction": "yes" if i % 3 else "no",
                "score": float(rng.random()),
                "features": features,
            }
        )
    return found


def monitor_and_baseline() -> tuple[Monitor, Baseline]:
    """What they are counted by."""
    sample = events(20_000, nulls=0.02, seed=2)
    kinds = dict.fromkeys(NUMBERS, ColumnKind.NUMERIC) | dict.fromkeys(CATEGORIES, ColumnKind.CATEGORICAL)
    columns: dict[str, Any] = {name: [event["features"][name] for event in sample] for name in kinds}
    kinds[":score"] = ColumnKind.NUMERIC
    columns[":score"] = [event["score"] for event in sample]
    baseline = fit_baseline(MODEL, columns, kinds)
    monitor = monitor_of(
        model_id=MODEL,
        task=Task.BINARY,
        positive_class="yes",
        columns=tuple(MonitorColumn(name=name, kind=kind) for name, kind in kinds.items()),
        baseline_id=baseline.baseline_id,
        labels=True,
        granularities=("1 hour", "1 day"),
        alert_on="1 day",
        lateness_us=300 * SECOND,
        idle_timeout_us=60 * SECOND,
        max_wait_us=3600 * SECOND,
        label_delay_us=86_400 * SECOND,
        label_ttl_us=30 * 86_400 * SECOND,
        future_skew_us=300 * SECOND,
        minimum_n=200,
    )
    return monitor, baseline


def typed_schema(*, nullable: bool) -> dict[str, Any]:
    """A record with a field for each feature."""
    plain = {"model_id": "string", "model_version": "string", "prediction_id": "string", "event_time": "long"}
    rest = {"prediction": "string", "score": "double"}
    rest |= dict.fromkeys(NUMBERS, "double") | dict.fromkeys(CATEGORIES, "string")
    types: dict[str, Any] = plain | ({name: ["null", kind] for name, kind in rest.items()} if nullable else rest)
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    name = "BenchNullable" if nullable else "BenchTyped"
    return {"type": "record", "name": name, "namespace": "bench", "fields": fields}


SCHEMAS: Mapping[str, dict[str, Any]] = {
    "typed non-null": typed_schema(nullable=False),
    "typed nullable": typed_schema(nullable=True),
    "map": avro_schema("Prediction"),
}
LAYOUTS = (*SCHEMAS, "PredictionBatch")


def messages(layout: str) -> Iterator[tuple[int, bytes, bytes, int]]:
    """Partition, key, value and number of events of each different message of a layout."""
    found = events(DISTINCT, nulls=0.0 if layout == "typed non-null" else 0.05)
    if layout == "PredictionBatch":
        yield from _batches(found)
        return
    schema = SCHEMAS[layout]
    parsed, prefix = fastavro.parse_schema(schema), header(schema)
    for event in found:
        out = io.BytesIO()
        record = event | {"latency_ms": None} if layout == "map" else event | event["features"]
        fastavro.schemaless_writer(out, parsed, record)
        key = event["prediction_id"].encode()
        yield partition_for(key, PARTITIONS), key, prefix + out.getvalue(), 1


def _batches(found: list[dict[str, Any]]) -> Iterator[tuple[int, bytes, bytes, int]]:
    groups: dict[tuple[int, str], list[Prediction]] = {}
    for event in found:
        partition = partition_for(event["prediction_id"].encode(), PARTITIONS)
        groups.setdefault((partition, event["model_version"]), []).append(Prediction(**event))
    for (partition, _), rows in groups.items():
        for begin in range(0, len(rows), ROWS_A_BATCH):
            part = rows[begin : begin + ROWS_A_BATCH]
            yield partition, part[0].prediction_id.encode(), encode(from_rows(part)), len(part)
