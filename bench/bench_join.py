"""The memory of the label join beside a plain dictionary: pairs per CPU-second, and bytes for each prediction."""

from __future__ import annotations

import statistics
import sys
import time
import tracemalloc
from typing import Any

import numpy as np

from bench.results import Result, result
from driftline.drift.labels import LabelJoin, LabelRows, PredictionRows, Terms, hash_ids

ROWS, BATCH, ROUNDS = 300_000, 10_000, 3
TERMS = Terms(label_delay=86_400_000_000, label_ttl=30 * 86_400_000_000)


def _ids() -> list[bytes]:
    return [f"UA-{i:07d}-EWR-2013-03-01T05".encode() for i in range(ROWS)]


def _predictions(ids: list[bytes], start: int) -> PredictionRows:
    part = ids[start : start + BATCH]
    n = len(part)
    times = np.arange(start, start + n, dtype=np.int64)
    return PredictionRows(
        terms={0: TERMS},
        stream=np.zeros(n, np.int32),
        keys=hash_ids(part, b"key"),
        event_time=times,
        append_time=times,
        predicted=np.zeros(n, np.int32),
        value=np.full(n, 0.5),
        slices=np.zeros((n, 0), np.uint8),
    )


def _labels(ids: list[bytes], start: int) -> LabelRows:
    part = ids[start : start + BATCH]
    n = len(part)
    times = np.arange(start, start + n, dtype=np.int64)
    return LabelRows(
        keys=hash_ids(part, b"key"),
        label_time=times,
        append_time=times,
        memory=np.full(n, TERMS.memory, np.int64),
        values=["late"] * n,
        sources=part,
    )


def _ours(ids: list[bytes]) -> LabelJoin:
    join = LabelJoin()
    for start in range(0, ROWS, BATCH):
        join.add_predictions(_predictions(ids, start))
    paired = 0
    for start in range(0, ROWS, BATCH):
        join.add_labels(_labels(ids, start))
        join.settle(ROWS, ROWS)
        pairs = join.take().pairs
        paired += sum(map(len, pairs))
    assert paired == ROWS
    return join


def _dictionary(ids: list[bytes]) -> dict[bytes, tuple[int, int, float]]:
    """The same in plain Python: nothing forgotten, no clock, no repeats."""
    known = {each: (i, 0, 0.5) for i, each in enumerate(ids)}
    paired = 0
    for each in ids:
        event_time, _, _ = known[each]
        paired += event_time <= TERMS.label_delay
    assert paired == ROWS
    return known


def _cpu(work: Any, ids: list[bytes]) -> float:
    began = time.process_time()
    work(ids)
    return time.process_time() - began


def run() -> list[Result]:
    """Median of interleaved rounds."""
    ids = _ids()
    _ours(ids)  # kernels are compiled or loaded here
    both = [(_cpu(_ours, ids), _cpu(_dictionary, ids)) for _ in range(ROUNDS)]
    ours, plain = (ROWS / statistics.median(column) for column in zip(*both, strict=True))
    bytes_each = _ours(ids).bytes / ROWS
    tracemalloc.start()
    known = _dictionary([bytes(each) for each in ids])
    plain_each = tracemalloc.get_traced_memory()[0] / ROWS + sys.getsizeof(ids[0])
    tracemalloc.stop()
    del known
    peer = "dict of id -> tuple, without repeats, clocks or forgetting"
    return [
        result("label join: a prediction and its label, hashing included", ours, "pairs/CPU s", peer, plain),
        result("label join: memory of a prediction and its label", bytes_each, "bytes", peer, plain_each),
    ]


if __name__ == "__main__":
    for line in run():
        print(line)
