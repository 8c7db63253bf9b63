"""Both groups of stage 1 with slices beside the same without: CPU time without a broker.

Of stage profile decoding, judging, counting and encoding; of stage join the memory of predictions and the counting of pairs.

The events of `stage1_events` and one more feature with 120 values. 100 slices (the values of that column) have to cost less
than twice of none; the others are printed beside it. Run: `python -m bench.bench_slices`.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench import stage1_events as work
from bench.results import Result, result
from driftline.batches import from_rows
from driftline.clock import ManualClock
from driftline.codec import encode
from driftline.drift.baseline import fit_baseline
from driftline.drift.labels import Features, LabelJoin, LabelRows, Pairs, PredictionRows, Terms, count_pairs
from driftline.drift.profile import ALL_ROWS, Layout
from driftline.events import Baseline, ColumnKind, Monitor, MonitorColumn, MonitorSlice, Part, Prediction
from driftline.events.columns import LABEL
from driftline.kafka.configuration import StartAt
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Message, NewTopic, TopicPartition
from driftline.runtime.catalogue import TOPICS, Catalogue
from driftline.runtime.loop import Reach
from driftline.topics import name as topic_name
from services.drift.profile.duplicates import Duplicates
from services.drift.profile.handler import ProfileHandler
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Place

STORE, STORES = "store", 120
PREDICTIONS = topic_name("predictions")
ROUNDS, TRANSACTIONS, PASSES = 5, 2, 12
"""Of a measurement; transactions of each; times that the events are sent in a transaction."""
POLL = 8_000
TWICE = 2.0

CUTS: dict[str, tuple[MonitorSlice, ...]] = {
    "no slices": (),
    "100 values of a column": (MonitorSlice(columns=(STORE,)),),
    "10 bins of a number": (MonitorSlice(columns=("number_00",)),),
    "100 pairs of two columns": (MonitorSlice(columns=(STORE, "category_2")),),
    "a column, a pair and a number": (
        MonitorSlice(columns=(STORE,)),
        MonitorSlice(columns=(STORE, "category_2")),
        MonitorSlice(columns=("number_00",)),
    ),
    "1 condition": (MonitorSlice(where="number_00 > 0.5"),),
    "5 conditions": (
        MonitorSlice(where="number_00 > 0.5"),
        MonitorSlice(where="category_0 = 'category_0-value-1' AND number_01 < 0"),
        MonitorSlice(where="store IN ('store-1', 'store-2', 'store-3')"),
        MonitorSlice(where="number_02 IS NULL OR number_03 BETWEEN -1 AND 1"),
        MonitorSlice(where="abs(number_04) + abs(number_05) > 2"),
    ),
}


def events(rows: int, seed: int) -> list[dict[str, Any]]:
    """Events with a store, some of which sell much more than others."""
    weights = 1 / np.arange(1, STORES + 1)
    stores = np.random.default_rng(seed).choice(STORES, rows, p=weights / weights.sum()).tolist()
    found = work.events(rows, nulls=0.05, seed=seed)
    for event, store in zip(found, stores, strict=True):
        event["features"][STORE] = f"store-{store}"
    return found


def monitored() -> tuple[Monitor, Baseline]:
    """The monitor without slices, and its baseline."""
    monitor, _ = work.monitor_and_baseline()
    sample = events(20_000, seed=2)
    kinds = {column.name: column.kind for column in monitor.columns} | {STORE: ColumnKind.CATEGORICAL}
    columns: dict[str, Any] = {
        name: [event["score"] if name == ":score" else event["features"][name] for event in sample] for name in kinds
    }
    baseline = fit_baseline(work.MODEL, columns, kinds)
    watched = tuple(MonitorColumn(name=name, kind=kind) for name, kind in kinds.items())
    return dataclasses.replace(monitor, columns=watched, baseline_id=baseline.baseline_id), baseline


def bodies(kind: str) -> list[tuple[int, bytes, int]]:
    """Partition, value and number of events of each message."""
    groups: dict[tuple[int, str], list[Prediction]] = {}
    for event in events(work.DISTINCT, seed=1):
        partition = partition_for(event["prediction_id"].encode(), work.PARTITIONS)
        groups.setdefault((partition, event["model_version"]), []).append(Prediction(**event))
    if kind == "map":
        return [(partition, encode(row), 1) for (partition, _), rows in groups.items() for row in rows]
    size = work.ROWS_A_BATCH
    return [
        (partition, encode(from_rows(rows[begin : begin + size])), len(rows[begin : begin + size]))
        for (partition, _), rows in groups.items()
        for begin in range(0, len(rows), size)
    ]


class Stage:
    """Stage profile under one monitor, and the messages of one pass."""

    def __init__(self, monitor: Monitor, baseline: Baseline, kind: str) -> None:
        """Send everything to a cluster in memory."""
        cluster = MemoryCluster(ManualClock(work.START + 86_400 * work.SECOND))
        names = [topic_name(topic) for topic in TOPICS]
        cluster.admin().create([*(NewTopic(name, 1) for name in names), NewTopic(PREDICTIONS, work.PARTITIONS)])
        producer = cluster.producer()
        producer.produce(topic_name("baselines"), encode(baseline))
        producer.produce(topic_name("monitors"), encode(monitor))
        found = bodies(kind)
        for partition, value, _ in found:
            producer.produce(PREDICTIONS, value, partition=partition)
        self.events = sum(rows for _, _, rows in found)
        consumer = cluster.consumer(start_at=StartAt.EARLIEST)
        self.places = {TopicPartition(PREDICTIONS, partition): 0 for partition in range(work.PARTITIONS)}
        consumer.assign(self.places)
        self.messages: list[Message] = []
        while polled := consumer.consume(POLL, 0.0):
            self.messages += polled
        catalogue = Catalogue(cluster.consumer(start_at=StartAt.EARLIEST))
        reader = PredictionReader(catalogue.book, catalogue.schemas, work.PARTITIONS)
        self.handler = ProfileHandler(
            catalogue, reader, Place("bench", {PREDICTIONS: "id"}, 4), Duplicates(reader, cluster.consumer, key=b"bench")
        )
        self.handler.on_assign(self.places, 0)

    def run(self) -> tuple[float, int]:
        """Events per CPU-second, and how many profiles a transaction wrote."""
        began = time.process_time()
        for _ in range(TRANSACTIONS):
            for _ in range(PASSES):
                for begin in range(0, len(self.messages), POLL):
                    self.handler.handle(self.messages[begin : begin + POLL], 0)
            flush = self.handler.flush({place: Reach(0, 1, caught_up=True) for place in self.places}, 0)
            partials = sum(len(record.value or b"") for record in flush.records)
            self.handler.committed({}, 0)
        return TRANSACTIONS * PASSES * self.events / (time.process_time() - began), partials


def compared(kind: str) -> list[Result]:
    """Every way to cut beside none."""
    monitor, baseline = monitored()
    return beside({name: dataclasses.replace(monitor, slices=cuts) for name, cuts in CUTS.items()}, baseline, kind)


def beside(monitors: Mapping[str, Monitor], baseline: Baseline, kind: str) -> list[Result]:
    """Stage profile under some monitors beside the first of them, alternated; medians of the ratios."""
    plain = next(iter(monitors))
    stages = {name: Stage(monitor, baseline, kind) for name, monitor in monitors.items()}
    rates: dict[str, list[float]] = {name: [] for name in stages}
    sizes: dict[str, int] = {}
    for turn in range(ROUNDS + 1):  # the first one warms up
        for name, stage in stages.items():
            rate, sizes[name] = stage.run()
            rates[name] += [rate] if turn else []
    rows: list[Result] = []
    for name in stages:
        costs = [none / rate for none, rate in zip(rates[plain], rates[name], strict=True)]
        cost, rate = statistics.median(costs), statistics.median(rates[name])
        goal = f", less than {TWICE:g} wanted" if name == "100 values of a column" else ""
        print(
            f"{kind:>16}, {name:<30} {rate / 1000:6,.0f}k events/CPU-s, cost {cost:.2f} "
            f"[{min(costs):.2f} to {max(costs):.2f}] of {plain}{goal}; {sizes[name] / 1000:,.0f} kB a transaction",
            flush=True,
        )
        rows.append(
            result(f"stage 1, {kind}, {name}", rate, "events/CPU-s", plain, statistics.median(rates[plain]), ratio=1 / cost)
        )
    return rows


def joined(layout: Layout, rows: int = 200_000, batch: int = 20_000) -> tuple[float, float]:
    """Pairs per CPU-second of the label join with the slices and metrics of a layout, hashing left out; bytes of each prediction."""
    random = np.random.default_rng(3)
    looked_at = () if layout.program is None else tuple(name for name in layout.program.pairs.columns if name != LABEL)
    cells = random.normal(size=(rows, len(looked_at))).view(np.uint64)
    slices = np.zeros((rows, len(layout.cuts)), np.uint8)
    for at, cut in enumerate(layout.cuts):
        slices[:, at] = random.integers(0, len(cut.names), rows)
    keys, times = random.integers(0, 2**63, (rows, 2)).astype(np.uint64), np.arange(rows, dtype=np.int64)
    terms, join, paired = Terms(label_delay=86_400 * work.SECOND, label_ttl=86_400 * work.SECOND), LabelJoin(), 0
    began = time.process_time()
    for part in (slice(begin, begin + batch) for begin in range(0, rows, batch)):
        said, score = np.zeros(batch, np.int32), np.full(batch, 0.5)
        stream, now = np.zeros(batch, np.int32), times[part]
        seen = Features(cells[part], {})
        join.add_predictions(PredictionRows({0: terms}, stream, keys[part], now, now, said, score, slices[part], seen))
    for part in (slice(begin, begin + batch) for begin in range(0, rows, batch)):
        memory = np.full(batch, terms.memory, np.int64)
        join.add_labels(LabelRows(keys[part], times[part], times[part], memory, ["yes"] * batch, [None] * batch))
        found = join.take().pairs
        paired += count_pairs(layout, Pairs.total(found))[Part.IN_TIME, ALL_ROWS, 0].rows
    seconds = time.process_time() - began
    assert paired == rows
    return rows / seconds, join.bytes / rows


def compared_joins() -> list[Result]:
    """The label join with slices beside the same without."""
    monitor, baseline = monitored()
    return beside_joins({name: Layout.of(dataclasses.replace(monitor, slices=CUTS[name]), baseline) for name in CUTS})


def beside_joins(layouts: Mapping[str, Layout]) -> list[Result]:
    """The label join under some layouts beside the first of them, alternated."""
    plain = next(iter(layouts))
    rates: dict[str, list[float]] = {name: [] for name in layouts}
    sizes: dict[str, float] = {}
    for turn in range(ROUNDS + 1):
        for name, layout in layouts.items():
            rate, sizes[name] = joined(layout)
            rates[name] += [rate] if turn else []
    rows: list[Result] = []
    for name, found in rates.items():
        rate, none = statistics.median(found), statistics.median(rates[plain])
        print(f"      label join, {name:<30} {rate / 1000:6,.0f}k pairs/CPU-s, {sizes[name]:.0f} bytes each", flush=True)
        rows.append(result(f"label join, {name}", rate, "pairs/CPU-s", plain, none))
    return rows


def run() -> list[Result]:
    """The SDK's batches, single predictions, and labels."""
    return [*compared("PredictionBatch"), *compared("map"), *compared_joins()]


if __name__ == "__main__":
    for row in run():
        print(row)
