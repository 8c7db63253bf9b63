"""The work of stage 1 as one would write it in Faust: an agent, fastavro, histograms by bisection.

`python -m bench.faust_stage1 BOOTSTRAP TOPIC EVENTS` prints {"rate": events per CPU-second} and ends.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import os
import sys
import tempfile
import time
import uuid
from bisect import bisect_right
from collections import defaultdict
from typing import Any

import fastavro
import faust

from bench import stage1_events as work
from driftline.codec import HEADER_BYTES
from driftline.events import ColumnKind
from driftline.schemas import avro_schema

BOOTSTRAP, TOPIC, EVENTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
HOUR_US = 3_600_000_000

app = faust.App(
    f"bench-{uuid.uuid4().hex[:12]}",
    broker=f"kafka://{BOOTSTRAP}",
    datadir=tempfile.mkdtemp(prefix="driftline-bench-faust-"),
    topic_disable_leader=True,
    topic_allow_declare=False,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
    stream_wait_empty=False,
)
source = app.topic(TOPIC, value_serializer="raw", key_serializer="raw")
_, baseline = work.monitor_and_baseline()
numeric = [column for column in baseline.columns if column.kind is ColumnKind.NUMERIC]
categorical = [
    (column.name, {value: code + 2 for code, value in enumerate(column.categories)})
    for column in baseline.columns
    if column.kind is ColumnKind.CATEGORICAL
]
parsed = fastavro.parse_schema(avro_schema("Prediction"))
state: dict[str, Any] = {"seen": 0, "cpu": 0.0}


def count(counts: dict[Any, dict[Any, int]], moments: dict[Any, list[float]], event: dict[str, Any]) -> None:
    """Count one event: cells of every column, moments of the numbers."""
    group = (event["model_version"], event["event_time"] // HOUR_US)
    cells, features = counts[group], event["features"]
    for column in numeric:
        value = event["score"] if column.name == ":score" else features.get(column.name)
        if value is None or math.isnan(value):
            cells[column.name, value is None] += 1
            continue
        cells[column.name, 3 + bisect_right(column.edges, value)] += 1
        sums = moments[group, column.name]
        sums[0] += 1
        sums[1] += value
        sums[2] += value * value
        sums[3] = min(sums[3], value)
        sums[4] = max(sums[4], value)
    for name, codes in categorical:
        cells[name, codes.get(features.get(name), 1)] += 1


@app.agent(source)
async def stage1(stream: Any) -> None:
    """Take what comes, count it; what was counted goes out every half second."""
    counts: dict[Any, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
    moments: dict[Any, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, math.inf, -math.inf])
    due = time.monotonic()
    async for values in stream.take(1000, within=0.1):
        if not state["seen"]:
            state["cpu"] = time.process_time()
        for value in values:
            count(counts, moments, fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), parsed, None))
        state["seen"] += len(values)
        if time.monotonic() >= due:
            json.dumps([[str(group), {str(cell): n for cell, n in cells.items()}] for group, cells in counts.items()])
            counts.clear()
            moments.clear()
            due = time.monotonic() + 0.5
        if state["seen"] >= EVENTS:
            rate = state["seen"] / (time.process_time() - state["cpu"])
            os.write(1, json.dumps({"rate": rate}).encode() + b"\n")  # Faust makes log lines of what is printed
            os._exit(0)


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    faust.Worker(app, loglevel="error", loop=loop).execute_from_commandline()
