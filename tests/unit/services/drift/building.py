"""What tests of both groups of stage 1 build on: a monitor and its baseline, and a stage on the in-memory twin of Kafka."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from driftline.clock import ManualClock
from driftline.codec import decode, encode
from driftline.drift.baseline import fit_baseline
from driftline.events import (
    Baseline,
    ColumnKind,
    DeadLetter,
    Monitor,
    MonitorColumn,
    Prediction,
    ProfileSet,
    Progress,
    Task,
)
from driftline.kafka.configuration import StartAt
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.loop import Reach
from tests.builders import monitor_of

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START = 400_000 * HOUR
PARTITIONS = 2
PROFILES_PARTITIONS = 4
SCORES = np.linspace(0, 1, 100)
TOPICS = ("predictions", "labels", "monitors", "baselines", "schemas", "profiles", "dead-letters")


def monitored(kinds: Mapping[str, ColumnKind], data: Mapping[str, Any], **changes) -> tuple[Monitor, Baseline]:
    """A binary monitor of these columns that requires an age, and its baseline."""
    baseline = fit_baseline("m", data, kinds)
    monitor = monitor_of(
        task=Task.BINARY,
        positive_class="yes",
        columns=tuple(MonitorColumn(name=name, kind=kind, required=name == "age") for name, kind in kinds.items()),
        baseline_id=baseline.baseline_id,
        labels=True,
        granularities=("1 hour",),
    )
    return dataclasses.replace(monitor, **changes), baseline


def home_of(prediction_id: str) -> int:
    """The partition that an id belongs to."""
    return partition_for(prediction_id.encode(), PARTITIONS)


def predicted(i: int, time: int, features: dict[str, Any], **others) -> Prediction:
    """A prediction of the model, with an id of this number."""
    values: dict[str, Any] = {"model_id": "m", "model_version": "v1", "prediction": "yes", "score": 0.5} | others
    return Prediction(prediction_id=f"p{i}", event_time=time, features=features, **values)


@dataclasses.dataclass
class Out:
    """What went out in one transaction, decoded."""

    sets: list[ProfileSet]
    dead: list[DeadLetter]
    progress: list[Progress]

    def reasons(self):
        return [(each.reason, each.field) for each in self.dead]


class StageWorld:
    """A cluster with monitors on it, and a stage that reads what is sent to it. Subclasses start the stage."""

    sources: tuple[str, ...] = ("predictions",)
    stage: Any

    def __init__(self, baseline: Baseline, *monitors: Monitor):
        self.clock = ManualClock(START)
        self.cluster = MemoryCluster(self.clock)
        counts = {"predictions": PARTITIONS, "labels": PARTITIONS, "profiles": PROFILES_PARTITIONS}
        self.cluster.admin().create([NewTopic(f"driftline.{name}", counts.get(name, 1)) for name in TOPICS])
        self.producer = self.cluster.producer()
        self.put("baselines", baseline)
        for monitor in monitors:
            self.put("monitors", monitor)
        self.positions = {TopicPartition(f"driftline.{topic}", p): 0 for topic in self.sources for p in range(PARTITIONS)}
        self.restart()

    def restart(self):
        """What a new process does: read on from what is committed."""
        self.consumer = self.cluster.consumer(start_at=StartAt.EARLIEST)
        self.consumer.assign(self.positions)
        self.stage = self.started()
        self.stage.on_assign(self.positions, self.clock.now_us())

    def started(self) -> Any:
        raise NotImplementedError

    def put(self, topic, event, partition=0, *, key=b"the key"):
        value = event if isinstance(event, bytes) or event is None else encode(event)
        self.producer.produce(f"driftline.{topic}", value, key=key, partition=partition)
        self.producer.flush(1)

    def read(self, most=10_000):
        self.stage.handle(self.consumer.consume(most, 0), self.clock.now_us())

    def flush(self) -> Out:
        """Read all there is, and commit it: what went out, decoded."""
        self.read()
        return self.commit()

    def commit(self) -> Out:
        ends = self.consumer.positions(self.positions)
        reach = {place: Reach(self.positions[place], ends[place], caught_up=True) for place in self.positions}
        flush = self.stage.flush(reach, self.clock.now_us())
        self.records = flush.records
        if flush.offsets is None:
            self.positions = ends
            self.stage.committed(ends, self.clock.now_us())
        events = [decode(record.value or b"") for record in flush.records]
        return Out(
            [event for event in events if isinstance(event, ProfileSet)],
            [event for event in events if isinstance(event, DeadLetter)],
            [event for event in events if isinstance(event, Progress)],
        )
