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
from driftline.kafka.configuration import Properties, client_properties, transactional_properties
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
    """Commits late; where the flag lies, it stops just before a commit of what counts something.

    The flag says of what: "records" or "offsets", or those of a stage ("profile offsets"). They are one transaction, so
    both stop it in the same place; were they two, as in the mutant, each would stop it inside another one.
    """

    stage: Stage
    flag: Path
    hold = 0.0

    def __init__(self, properties: Properties) -> None:
        super().__init__(properties)
        self._inside: set[str] = set()
        self._uncovered: list[bytes] = []
        """Profile sets since offsets were committed."""

    def begin(self) -> None:
        self._inside = set()
        super().begin()

    def produce(self, topic: str, value: bytes | None, **more: Any) -> None:
        if topic == PROFILES and value is not None:
            self._uncovered.append(value)
            self._inside.add("records")
        super().produce(topic, value, **more)

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: GroupMetadata) -> None:
        self._inside.add("offsets")
        super().send_offsets(offsets, group)

    def commit(self) -> None:
        self.flush(10.0)
        if self._is_wanted() and (rows := self._rows()):
            stand_still(rows)
        time.sleep(self.hold)
        super().commit()
        if "offsets" in self._inside:
            self._uncovered = []
            if self.stage is Stage.PROFILE:
                say("done")

    def _is_wanted(self) -> bool:
        if not self.flag.exists():
            return False
        stage, _, what = self.flag.read_text().rpartition(" ")
        return what in self._inside and stage in ("", self.stage.value)

    def _rows(self) -> int:
        """Rows that are counted here and whose offsets are not committed yet."""
        events = map(codec.decode, self._uncovered)
        return sum(pane.rows for event in events if isinstance(event, ProfileSet) for pane in event.panes)


class SplittingProducer(HoldingProducer):
    """Wrong on purpose: what is counted is committed before the offsets that it was counted from."""

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: GroupMetadata) -> None:
        self.commit()
        self.begin()
        super().send_offsets(offsets, group)


class HoldingCluster(ConfluentCluster):
    """A cluster whose transactional producers hold on."""

    make: Callable[[Stage, Properties], HoldingProducer]

    def transactional_producer(self, transactional_id: str) -> ConfluentTransactionalProducer:
        stage = next(stage for stage in Stage if transactional_id.startswith(stage.group))
        return self.make(stage, transactional_properties(self._properties, transactional_id=transactional_id))


def work(flag: Path, *, hold: float, split: bool) -> int:
    """What `services.drift.app.run` does, without a web server."""

    def make(stage: Stage, properties: Properties) -> HoldingProducer:
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
