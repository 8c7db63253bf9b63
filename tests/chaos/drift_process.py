"""Drift as it is, but its transactions stay open for a moment before they are committed, and say so.

Split, it is the mutant that a test must catch: stage profile commits its records in one transaction and the offsets that
they were counted from in the next one. Nothing else differs.
"""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

from driftline import codec
from driftline.clock import SystemClock
from driftline.events import ProfileSet
from driftline.kafka.configuration import client_properties, transactional_properties
from driftline.kafka.confluent import ConfluentCluster, ConfluentTransactionalProducer
from driftline.kafka.ports import GroupMetadata, TopicPartition
from driftline.runtime.health import Health
from driftline.runtime.logs import configure_logs
from driftline.runtime.loop import Surroundings
from driftline.runtime.metrics import LoopMetrics
from driftline.runtime.process import run_parts
from driftline.runtime.settings import load
from driftline.topics import name as topic_name
from services.drift.app import look_around, make_loop
from services.drift.settings import Settings, Stage
from tests.chaos.standstill import say, stand_still

PROFILES = topic_name("profiles")


class HoldingProducer(ConfluentTransactionalProducer):
    """Commits late; where the flag lies, stage 1 stops inside a transaction that counts something."""

    stage: Stage
    flag: Path
    hold = 0.0
    _values: list[bytes]

    def begin(self) -> None:
        self._values = []
        super().begin()

    def produce(self, topic: str, value: bytes | None, **more: Any) -> None:
        if topic == PROFILES and value is not None:
            self._values.append(value)
        super().produce(topic, value, **more)

    def commit(self) -> None:
        self.flush(10.0)
        self.pause()
        super().commit()
        self.finished()

    def pause(self) -> None:
        if self.stage is not Stage.EVALUATE and self.flag.exists() and (rows := self._rows()):
            stand_still(rows)
        time.sleep(self.hold)

    def finished(self) -> None:
        if self.stage is Stage.PROFILE:
            say("done")

    def _rows(self) -> int:
        """Rows that the transaction counts."""
        events = map(codec.decode, self._values)
        return sum(pane.rows for event in events if isinstance(event, ProfileSet) for pane in event.panes)


class SplittingProducer(HoldingProducer):
    """Wrong on purpose: what is counted is committed before the offsets that it was counted from."""

    _offsets: tuple[Mapping[TopicPartition, int], GroupMetadata] | None = None

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: GroupMetadata) -> None:
        self._offsets = offsets, group

    def commit(self) -> None:
        ConfluentTransactionalProducer.commit(self)
        self.pause()
        if self._offsets is not None:
            ConfluentTransactionalProducer.begin(self)
            ConfluentTransactionalProducer.send_offsets(self, *self._offsets)
            ConfluentTransactionalProducer.commit(self)
            self._offsets = None
        self.finished()


class HoldingCluster(ConfluentCluster):
    """A cluster whose transactional producers hold on."""

    make: Callable[[Stage, dict[str, Any]], HoldingProducer]

    def transactional_producer(self, transactional_id: str) -> ConfluentTransactionalProducer:
        stage = next(stage for stage in Stage if transactional_id.startswith(stage.group))
        return self.make(stage, transactional_properties(self._properties, transactional_id=transactional_id))


def work(flag: Path, *, hold: float, split: bool) -> int:
    """What `services.drift.app.run` does, without a web server."""

    def make(stage: Stage, properties: dict[str, Any]) -> HoldingProducer:
        kind = SplittingProducer if split and stage is Stage.PROFILE else HoldingProducer
        producer = kind(properties)
        producer.stage, producer.flag, producer.hold = stage, flag, hold
        return producer

    settings = load(Settings)
    configure_logs("drift", level=settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    kafka = HoldingCluster(client_properties(os.environ))
    kafka.make = make
    cluster = look_around(kafka)
    health = Health()
    surroundings = Surroundings(SystemClock(), health, LoopMetrics(REGISTRY))
    loops = {stage.value: make_loop(stage, settings, cluster, surroundings) for stage in Stage}
    return run_parts(loops, health)
