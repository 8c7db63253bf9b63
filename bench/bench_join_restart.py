"""A restart of the label join: its memory from the local disk beside reading both topics again, in seconds of CPU time.

The topics lie in memory, so that decoding, judging and remembering are compared with what the disk saves; a broker only adds to
the reading. Run: `python -m bench.bench_join_restart`.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import stage1_events as work
from bench.results import Result, result
from driftline.batches import from_rows
from driftline.clock import ManualClock
from driftline.codec import encode
from driftline.events import Label, Prediction
from driftline.kafka.configuration import StartAt
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.catalogue import TOPICS, Catalogue
from driftline.runtime.loop import Reach
from driftline.topics import name as topic_name
from services.drift.join.cache import JoinCache
from services.drift.join.handler import JoinHandler, Readers
from services.drift.join.labels import LabelReader
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Place

ROUNDS = 3
LABELLED = 0.5
PLACES = [TopicPartition(topic_name(topic), 0) for topic in ("predictions", "labels")]
ROADS = {"batches of 1,000": (1_000_000, 1_000), "single predictions": (200_000, 1)}
"""Rows, and how many of them are in a message."""


def bodies(rows: int, size: int) -> Iterator[bytes]:
    """Messages of predictions with ids of their own; what else is in them repeats."""
    found = [Prediction(**event | {"model_version": "v1"}) for event in work.events(1_000, nulls=0.05)]
    templates = [encode(from_rows(found))] if size > 1 else [encode(each) for each in found]
    batch = from_rows(found)
    for begin in range(0, rows, size):
        if size > 1:
            ids = b"".join(b"prediction-%08d" % i for i in range(begin, begin + size))
            yield encode(dataclasses.replace(batch, prediction_ids=ids))
        else:
            which = begin % len(templates)
            yield templates[which].replace(b"prediction-%08d" % which, b"prediction-%08d" % begin)


class Join:
    """Stage join with everything committed, and a folder for its cache."""

    def __init__(self, rows: int, size: int, folder: Path) -> None:
        """Send, count and commit everything."""
        self.cluster = MemoryCluster(ManualClock(work.START + 4 * 3600 * work.SECOND))
        names = [*(topic_name(topic) for topic in TOPICS), *(place.topic for place in PLACES)]
        self.cluster.admin().create([NewTopic(name, 1) for name in names])
        producer = self.cluster.producer()
        monitor, baseline = work.monitor_and_baseline()
        producer.produce(topic_name("baselines"), encode(baseline))
        producer.produce(topic_name("monitors"), encode(monitor))
        for value in bodies(rows, size):
            producer.produce(PLACES[0].topic, value, partition=0)
        for i in range(int(rows * LABELLED)):
            time_us = work.START + 3600 * work.SECOND
            label = Label(model_id=work.MODEL, prediction_id=f"prediction-{i:08}", label_time=time_us, label="yes")
            producer.produce(PLACES[1].topic, encode(label), partition=0)
        self.folder = folder
        self.ends = dict.fromkeys(PLACES, 0)
        handler = self.started(folder)
        handler.on_assign(self.ends, 0)
        consumer = self.cluster.consumer(start_at=StartAt.EARLIEST)
        consumer.assign(self.ends)
        while messages := consumer.consume(2_000, 0.0):
            handler.handle(messages, 0)
            ends = consumer.positions(PLACES)
            handler.flush({place: Reach(self.ends[place], ends[place], caught_up=False) for place in PLACES}, 0)
            handler.committed(ends, 0)
            self.ends = ends
        handler.on_revoke(PLACES)

    def started(self, folder: Path | None) -> JoinHandler:
        """A new process, before it is given its partitions."""
        catalogue = Catalogue(self.cluster.consumer(start_at=StartAt.EARLIEST))
        readers = Readers(
            PredictionReader(catalogue.book, catalogue.schemas, 1),
            LabelReader(catalogue.book, catalogue.schemas, 1),
            self.cluster.consumer,
        )
        place = Place("bench", {place.topic: place.topic for place in PLACES}, 1)
        return JoinHandler(catalogue, readers, place, JoinCache(folder, place.topic_ids))

    def restart(self, folder: Path | None, rows: int) -> float:
        """CPU seconds until a new process remembers everything."""
        handler = self.started(folder)
        began = time.process_time()
        handler.on_assign(self.ends, 0)
        seconds = time.process_time() - began
        assert handler.remembered == rows
        return seconds


def measured(road: str) -> Result:
    """Median of alternated restarts with the cache and without."""
    rows, size = ROADS[road]
    with tempfile.TemporaryDirectory() as name:
        join = Join(rows, size, Path(name))
        stored = sum(path.stat().st_size for path in Path(name).rglob("*.segment"))
        both = [(join.restart(Path(name), rows), join.restart(None, rows)) for _ in range(ROUNDS)]
    cached, rebuilt = (statistics.median(column) for column in zip(*both, strict=True))
    print(f"      join restart, {road}: {stored / rows:.0f} bytes on disk a prediction (and half a label)", flush=True)
    name = f"label join: a start with {rows:,} predictions remembered, {road}"
    return result(name, cached, "CPU s", "the same without its cache: both topics read again", rebuilt)


def run() -> list[Result]:
    """Both roads of predictions."""
    return [measured(road) for road in ROADS]


if __name__ == "__main__":
    for line in run():
        print(line)
