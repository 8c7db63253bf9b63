"""Stage 2: partials counted per second beside their decoding by fastavro alone, and from a window's close to its drift event.

A partial is the profile of 500 rows of 14 numeric and 6 categorical columns in one pane. The anchor, 15,000 a second, is what
hundreds of writers of one pane need. Where each partial of a transaction is of another pane, storing the panes costs most. The latency is of the evaluator
itself: from the progress record that closes the window of 20 columns to the encoded report and drift event; the commit of
the transaction comes on top. Run: `python -m bench.bench_evaluate`.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.results import Result, result
from driftline.clock import ManualClock
from driftline.codec import decode, encode
from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import Layout, Profile
from driftline.drift.windows import Rules
from driftline.events import (
    Baseline,
    ColumnKind,
    Direction,
    Group,
    Monitor,
    MonitorColumn,
    Part,
    ProfileSet,
    Progress,
    SourceRange,
    SourceTime,
    Threshold,
)
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import Message, NewTopic, TopicPartition
from driftline.runtime.loop import Reach
from driftline.validation.book import MonitorBook
from services.drift.evaluate.handler import EvaluateHandler
from services.drift.evaluate.states import States
from tests.builders import monitor_of

NUMERIC, CATEGORICAL, ROWS = 14, 6, 500
HOUR_US, SECOND_US = 3_600_000_000, 1_000_000
START = 1_362_096_000 * SECOND_US
ROUNDS, SETS_PER_ROUND, WINDOWS = 5, 40, 60
ANCHOR = 15_000
"""Partials per second."""
PLACE = TopicPartition("profiles", 0)


def _data(rng: np.random.Generator, rows: int, shift: float) -> dict[str, Any]:
    data: dict[str, Any] = {f"num_{i}": rng.normal(shift, 1, rows) for i in range(NUMERIC)}
    return data | {f"cat_{i}": [f"value-{code}" for code in rng.integers(0, 20, rows)] for i in range(CATEGORICAL)}


def _monitor(baseline: Baseline, kinds: dict[str, ColumnKind]) -> Monitor:
    return monitor_of(
        model_id="bench",
        columns=tuple(MonitorColumn(name=name, kind=kind) for name, kind in kinds.items()),
        baseline_id=baseline.baseline_id,
        granularities=("1 hour", "1 day"),
        idle_timeout_us=60 * SECOND_US,
        max_wait_us=HOUR_US,
        label_delay_us=24 * HOUR_US,
        label_ttl_us=720 * HOUR_US,
        minimum_n=200,
        thresholds=(Threshold(family="feature", measure="psi", limit=0.25, direction=Direction.ABOVE),),
        weights={"feature": 1.0},
    )


class Rig:
    """One evaluator, fed by hand with what stage 1 would write."""

    def __init__(self) -> None:
        rng = np.random.default_rng(8)
        kinds = {f"num_{i}": ColumnKind.NUMERIC for i in range(NUMERIC)}
        kinds |= {f"cat_{i}": ColumnKind.CATEGORICAL for i in range(CATEGORICAL)}
        baseline = fit_baseline("bench", _data(rng, 20_000, 0.0), kinds)
        self.monitor = _monitor(baseline, kinds)
        self.layout = Layout.of(self.monitor, baseline)
        self.profiles = [self._profile(_data(rng, ROWS, 0.8)) for _ in range(8)]
        book = MonitorBook()
        book.add_baseline(baseline, 0)
        book.add_monitor(self.monitor, 1)
        self.clock = ManualClock(1_700_000_000 * SECOND_US)
        self.cluster = MemoryCluster(self.clock)
        self.cluster.admin().create([NewTopic("profiles", 1), NewTopic("states", 1)])
        states = States(self.cluster.consumer(), "states", "T")
        source = ("predictions", 0)
        self.handler = EvaluateHandler(
            Rules(book),
            states,
            {Group.PROFILE: [source], Group.JOIN: [source]},
            instance="bench",
            partitions=1,
            refresh=lambda: None,
        )
        self.handler.on_assign({PLACE: 0}, 0)
        self.read = 0
        self.offset = 0
        self.consumer = self.cluster.consumer()
        self.consumer.assign({PLACE: 0})

    def _profile(self, data: dict[str, Any]) -> Profile:
        """Counts of rows, by way of the same binning as a baseline's."""
        shape = self.layout.shape(Part.INPUTS)
        cells = np.zeros(shape.cells, np.int64)
        for block in self.layout.blocks:
            values = data[block.column]
            if block.edges:
                fine = np.searchsorted(block.edges, values, side="right") + 3
                np.add.at(cells, block.offset + fine, 1)
            else:
                codes = [block.categories.index(value) + 2 for value in values]
                np.add.at(cells, block.offset + np.array(codes), 1)
        sums = np.linspace(1.0, 2.0, shape.sums)
        return Profile(shape, ROWS, cells, sums)

    def messages(self, event_time: int, sets: int, versions: int = 1) -> list[Message]:
        """One transaction of stage 1 with so many sets of one pane for each model version."""
        producer = self.cluster.producer()
        for number in range(sets):
            pane = self.profiles[number % len(self.profiles)].to_event("", event_time // HOUR_US * HOUR_US)
            record = ProfileSet(
                model_id="bench",
                model_version=str(number % versions),
                monitor_version=1,
                layout=self.layout.hash,
                group=Group.PROFILE,
                writer="w",
                times=(SourceTime(topic="predictions", partition=0, event_time=event_time),),
                panes=(pane,),
            )
            producer.produce("profiles", encode(record), key=b"bench", partition=0)
        begin, self.read = self.read, self.read + sets * ROWS
        covered = SourceRange(
            topic="predictions", topic_id="T", partition=0, from_offset=begin, to_offset=self.read, caught_up=False
        )
        progress = Progress(group=Group.PROFILE, writer="w", ranges=(covered,), profile_sets=sets, commit_interval_us=500_000)
        producer.produce("profiles", encode(progress), key=b"w", partition=0)
        self.clock.advance(500_000)
        found = self.consumer.consume(100_000, 0.0)
        self.offset = found[-1].offset() + 1
        return found

    def evaluate(self, messages: list[Message]) -> int:
        """Everything that is due; returns the records that would be produced."""
        self.handler.handle(messages, 0)
        records = 0
        more = True
        while more:
            flush = self.handler.flush({PLACE: Reach(0, self.offset, caught_up=True)}, 0)
            records += len(flush.records)
            more = flush.more
        return records


def _rates(rig: Rig, versions: int = 1) -> Iterator[tuple[float, float]]:
    """Partials per CPU-second: through the evaluator, and decoded by fastavro with nothing done to them."""
    for number in range(ROUNDS):
        batches = [rig.messages(START + number * SECOND_US, SETS_PER_ROUND, versions) for _ in range(5)]
        values = [message.value() or b"" for batch in batches for message in batch]
        began = time.process_time()
        for value in values:
            decode(value)
        between = time.process_time()
        for batch in batches:
            rig.evaluate(batch)
        ended = time.process_time()
        count = 5 * SETS_PER_ROUND
        yield count / (ended - between), count / (between - began)


def _latencies(rig: Rig) -> list[float]:
    """Milliseconds from a progress record in hand to the encoded report and drift event of the window it closes."""
    found = []
    for hour in range(WINDOWS):
        rig.evaluate(rig.messages(START + hour * HOUR_US, 2))
        closing = rig.messages(START + (hour + 1) * HOUR_US, 1)
        began = time.perf_counter()
        rig.evaluate(closing)
        found.append(1000 * (time.perf_counter() - began))
    return found


def run() -> list[Result]:
    """The figures, each beside its peer or limit of the same run."""
    gc.collect()
    gc.freeze()
    rates = list(_rates(Rig()))
    ours, alone = (statistics.median(column) for column in zip(*rates, strict=True))
    spread = [round(rate) for rate, _ in rates]
    apart = statistics.median(rate for rate, _ in _rates(Rig(), SETS_PER_ROUND))
    latencies = sorted(_latencies(Rig()))
    p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
    print(
        f"evaluate: {ours:,.0f} partials per CPU-second (rounds {min(spread):,} to {max(spread):,}), {ours / ANCHOR:.2f} of the "
        f"anchor of {ANCHOR:,}; decoded alone {alone:,.0f}; each in a pane of its own {apart:,.0f}"
    )
    print(f"evaluate: window close to drift event p50 {p50:.2f} ms, p99 {p99:.2f} ms of {len(latencies)} (limit 1000 ms)")
    return [
        result("evaluate partials", ours, "partials/CPU-s", "anchor", ANCHOR),
        result("evaluate partials, each in a pane of its own", apart, "partials/CPU-s", "fastavro decode alone", alone),
        result("window close to drift event p99", p99, "ms", "limit", 1000.0),
        result("window close to drift event p50", p50, "ms", "limit", 1000.0),
    ]


if __name__ == "__main__":
    run()
