"""Stage 1 end to end on a real broker, beside bare `consume()` + `value()` and beside Faust on the same work.

Decode 14 numeric and 6 categorical columns, 64 fine cells each, nulls and moments, a score histogram, panes, two model
versions, a transaction every 0.5 s. Events per CPU-second of the whole process (librdkafka's threads included),
alternated in one run, median of three. Run: `python -m bench.bench_stage1`.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from prometheus_client import CollectorRegistry

from bench import stage1_events as work
from bench.results import Result, result
from driftline.batches import from_rows
from driftline.broker.embedded import EmbeddedBroker
from driftline.clock import SystemClock
from driftline.codec import encode, fingerprint
from driftline.drift.profile import Layout, Tally
from driftline.events import Group, Prediction, ProfileSet, SchemaRegistered
from driftline.kafka.configuration import StartAt, consumer_properties
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import Isolation, NewTopic
from driftline.kafka.ports import Message as Message_
from driftline.kafka.ports import TopicPartition as LogPlace
from driftline.runtime.catalogue import Catalogue
from driftline.runtime.health import Health
from driftline.runtime.loop import BatchLoop, Handled, Surroundings
from driftline.runtime.metrics import LoopMetrics
from driftline.runtime.preflight import new_topic
from driftline.topics import catalogue
from driftline.validation import batch_rows
from services.drift.app import PROFILE_LIMITS, collect_rarely
from services.drift.profile.duplicates import Duplicates
from services.drift.profile.handler import ProfileHandler
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Place, set_records

EVENTS = int(os.environ.get("DRIFTLINE_BENCH_EVENTS", "400000"))
FAUST_EVENTS = 20_000
ROUNDS = 3
UNIT = "events/CPU-s"
HOLD = {"typed non-null": 0.55, "typed nullable": 0.45, "map": 0.40}


def topic_of(layout: str) -> str:
    """Topic that holds the events of a layout."""
    return f"bench.{layout.replace(' ', '-')}"


@contextmanager
def broker() -> Iterator[str]:
    """A broker: KAFKA_BOOTSTRAP if set, else an embedded one with nothing on it."""
    if given := os.environ.get("KAFKA_BOOTSTRAP"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="driftline-bench-") as folder, EmbeddedBroker(Path(folder)) as started:
        yield started.bootstrap


def prepare(bootstrap: str) -> dict[str, int]:
    """Create the topics and fill them; returns the events in each layout's topic."""
    cluster = ConfluentCluster.at(bootstrap)
    names = ("profiles", "monitors", "baselines", "schemas", "dead-letters")
    cluster.admin().create([new_topic(catalogue()[name]) for name in names])
    config = {"message.timestamp.type": "LogAppendTime"}
    cluster.admin().create([NewTopic(topic_of(layout), work.PARTITIONS, config) for layout in work.LAYOUTS])
    monitor, baseline = work.monitor_and_baseline()
    producer = cluster.producer()
    producer.produce("driftline.baselines", encode(baseline), key=baseline.baseline_id.encode())
    producer.flush(30)
    producer.produce("driftline.monitors", encode(monitor), key=f"{monitor.model_id}/1".encode())
    for layout, schema in work.SCHEMAS.items():
        if layout != "map":
            number = f"{fingerprint(schema):016x}"
            event = SchemaRegistered(fingerprint=number, name=schema["name"], schema=json.dumps(schema), sha256="")
            producer.produce("driftline.schemas", encode(event), key=number.encode())
    producer.flush(30)
    time.sleep(0.05)  # append times are milliseconds: nothing below may seem older than its monitor
    return {layout: fill(bootstrap, layout) for layout in work.LAYOUTS}


def fill(bootstrap: str, layout: str) -> int:
    """Send the different messages round and round until there are enough events."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 1_000_000,
        }
    )
    rounds, sent = list(work.messages(layout)), 0
    while sent < EVENTS:
        for partition, key, value, rows in rounds:
            producer.produce(topic_of(layout), value, key, partition)
            sent += rows
        producer.poll(0)
    producer.flush(60)
    return sent


class Stopwatch:
    """CPU and wall seconds of this process."""

    def __init__(self) -> None:
        """Start."""
        gc.collect()
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def rate(self, events: int) -> tuple[float, float]:
        """Events per CPU-second and per second since the start."""
        return events / (time.process_time() - self.cpu), events / (time.perf_counter() - self.wall)


def bare(bootstrap: str, layout: str, messages: int, events: int) -> tuple[float, float]:
    """`consume()` + `value()` of every message, with the settings that the service uses."""
    properties = consumer_properties(
        {"bootstrap.servers": bootstrap}, group="bench-bare", instance_id=None, start_at=StartAt.EARLIEST
    )
    watch = Stopwatch()
    consumer = Consumer(properties)
    consumer.assign([TopicPartition(topic_of(layout), partition, 0) for partition in range(work.PARTITIONS)])
    seen = 0
    while seen < messages:
        found = consumer.consume(2000, 1.0)
        seen += len(list(map(Message.value, found)))
    rates = watch.rate(events)
    consumer.close()
    return rates


def stage1(bootstrap: str, layout: str, messages: int, events: int) -> tuple[float, float]:
    """Stage profile as the service runs it, in a group of its own, until everything is committed."""
    cluster = ConfluentCluster.at(bootstrap)
    topic, name = topic_of(layout), uuid.uuid4().hex[:12]
    catalogue = Catalogue(cluster.consumer(start_at=StartAt.EARLIEST))
    catalogue.refresh()
    reader = PredictionReader(catalogue.book, catalogue.schemas, work.PARTITIONS)
    handler = ProfileHandler(
        catalogue, reader, Place("bench", {topic: "id"}, 4), Duplicates(reader, cluster.consumer, key=b"bench")
    )
    loop = BatchLoop(
        "profile",
        handler,
        consumer=cluster.consumer(f"bench-{name}", instance_id="1"),
        producer=cluster.transactional_producer(f"bench-{name}"),
        topics=[topic],
        surroundings=Surroundings(SystemClock(), Health(), LoopMetrics(CollectorRegistry())),
        limits=PROFILE_LIMITS,
    )
    seen = 0
    handle = handler.handle

    def count(found: Sequence[Message_], now: int) -> Handled:
        nonlocal seen
        seen += len(found)
        return handle(found, now)

    handler.handle = count  # type: ignore[assignment]  # one call for each poll: not measurable
    watch = Stopwatch()
    loop.start()
    while seen < messages:
        loop.step()
    loop.flush()
    rates = watch.rate(events)
    loop.abandon()
    return rates


def compare(bootstrap: str, layout: str, events: int) -> tuple[list[float], list[float], list[float]]:
    """Rates per CPU-second of bare and stage 1, and their ratio, alternated; the first round warms up and is dropped."""
    messages = events if layout != "PredictionBatch" else _messages(bootstrap, layout)
    bares, stages, walls = [], [], []
    for _ in range(ROUNDS + 1):
        bares.append(bare(bootstrap, layout, messages, events)[0])
        cpu, wall = stage1(bootstrap, layout, messages, events)
        stages.append(cpu)
        walls.append(wall)
    return bares[1:], stages[1:], walls[1:]


def _messages(bootstrap: str, layout: str) -> int:
    places = [LogPlace(topic_of(layout), partition) for partition in range(work.PARTITIONS)]
    return sum(ConfluentCluster.at(bootstrap).admin().end_offsets(places, Isolation.READ_COMMITTED).values())


def faust_rate(bootstrap: str) -> float:
    """Faust's events per CPU-second on the same work, in a process of its own."""
    command = [sys.executable, "-m", "bench.faust_stage1", bootstrap, topic_of("map"), str(FAUST_EVENTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            return float(json.loads(line)["rate"])
    raise RuntimeError(f"faust did not finish: {done.stderr[-2000:]}")


def partials_per_second() -> float:
    """ProfileSets of one pane that are counted and encoded in a CPU-second: what many small models cost first."""
    monitor, baseline = work.monitor_and_baseline()
    rows = batch_rows(from_rows([Prediction(**event) for event in work.events(20, nulls=0.05)]))
    layout, models = Layout.of(monitor, baseline), 2000
    times, everyone = np.zeros(len(rows), np.int64), np.arange(len(rows), dtype=np.int64)
    began, tally = time.process_time(), Tally(layout)
    for model in range(models):
        tally.add(np.full(len(rows), model, np.uint64), times, rows.columns, everyone)
    counted = time.process_time()
    sets = [
        ProfileSet(
            model_id=monitor.model_id,
            model_version="v1",
            monitor_version=1,
            layout=layout.hash,
            group=Group.PROFILE,
            writer="bench",
            times=(),
            panes=(profile.to_event("", 0),),
        )
        for profile in tally.profiles().values()
    ]
    records = set_records(sets, Place("bench", {}, 4))
    encoded = time.process_time()
    size = statistics.mean(len(record.value or b"") for record in records)
    print(
        f"partials: {models / (encoded - counted):,.0f} encoded per CPU-second ({size:,.0f} bytes each), counting one of 20 rows"
    )
    print(f"          takes {(counted - began) / models * 1e6:,.0f} us")
    return models / (encoded - counted)


def run() -> list[Result]:
    """All layouts, PredictionBatch and Faust beside them."""
    rows: list[Result] = []
    ours: dict[str, float] = {}
    partials = partials_per_second()
    with broker() as bootstrap:
        counts = prepare(bootstrap)
        collect_rarely()
        gc.collect()
        gc.freeze()
        for layout, events in counts.items():
            bares, stages, walls = compare(bootstrap, layout, events)
            share = statistics.median(stage / one for stage, one in zip(stages, bares, strict=True))
            hold = f", hold {HOLD[layout]}" if layout in HOLD else ""
            print(
                f"{layout:>16}: share {share:.2f}{hold}   stage 1 {spread(stages)}, bare {spread(bares)} events/CPU-s, "
                f"wall {statistics.median(walls):,.0f}/s",
                flush=True,
            )
            ours[layout] = statistics.median(stages)
            peer = "bare consume() + value()"
            rows.append(result(f"stage 1, {layout}", ours[layout], UNIT, peer, statistics.median(bares), ratio=share))
        faust = faust_rate(bootstrap)
    rows.append(result("stage 1, map, beside Faust", ours["map"], UNIT, "Faust 0.15.3, same work", faust))
    rows.append(result("stage 1, partial profiles encoded", partials, "partials/CPU-s"))
    return rows


def spread(values: list[float]) -> str:
    """Median and range, in thousands."""
    return f"{statistics.median(values) / 1000:,.0f}k [{min(values) / 1000:,.0f} to {max(values) / 1000:,.0f}]"


if __name__ == "__main__":
    for row in run():
        print(row)
