"""One broker, drift and audit processes, traffic, and what torments them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confluent_kafka as ck

from driftline.broker.embedded import EmbeddedBroker
from driftline.codec import decode, encode
from driftline.kafka.errors import KafkaFailure
from driftline.kafka.ports import Isolation, NewTopic, TopicPartition
from driftline.topics import catalogue
from driftline.topics import name as topic_name
from services.drift.settings import Stage
from tests.chaos.audit_process import WRITES
from tests.chaos.nursery import Nursery, Worker
from tests.chaos.traffic import BASELINE, MONITOR, Traffic
from tests.integration.ledger_place import LedgerPlace

HOLD_SECONDS = 0.02
RATE = 2300
BROKER_SECONDS = 180.0
SETTLE_SECONDS = 300.0
"""What the slowest machine may need; where all is well it takes seconds."""


@dataclass
class Tally:
    """What was done to the system."""

    kills: int = 0
    inside: int = 0
    broker_kills: int = 0
    audit_kills: int = 0
    audit_inside: int = 0


class Playground:
    """A broker with the declared topics, one monitored model, workers that are not started yet, and traffic."""

    def __init__(
        self, broker: EmbeddedBroker, folder: Path, *, drift: str, audit: str = "", split: bool = False, seed: int
    ) -> None:
        """Each letter of `drift` and `audit` is a process of that service."""
        self.broker = broker
        self.random = random.Random(seed)
        self.tally = Tally()
        broker.start(timeout_seconds=BROKER_SECONDS)
        self.ledger = LedgerPlace(folder, broker.bootstrap)
        if audit:
            self.ledger.furnish()
        self.cluster = self.ledger.cluster
        declared = catalogue().values()
        self.cluster.admin().create([NewTopic(each.name, each.partitions, each.config) for each in declared])
        producer = self.cluster.producer()
        producer.produce(topic_name("baselines"), encode(BASELINE), key=BASELINE.baseline_id.encode())
        producer.flush(30)
        producer.produce(topic_name("monitors"), encode(MONITOR), key=b"flights/1")
        producer.flush(30)
        self.traffic = Traffic(producer, rate=RATE, seed=seed)
        workers = [Worker("drift", f"drift-{each}") for each in drift] + [Worker("audit", f"audit-{each}") for each in audit]
        environment = self.ledger.environment | {"DRIFTLINE_LOG_LEVEL": "warning", "DRIFTLINE_HTTP_PORT": "0"}
        arguments = ("--hold", str(HOLD_SECONDS), *(("--split",) if split else ()))
        self.nursery = Nursery(folder, environment, arguments, workers)

    def torment(self, *, kills: int, broker_kills: int, audit_kills: int) -> None:
        """Kill drift, and audit and the broker in between."""
        for turn in range(kills):
            self._kill_drift(turn)
            if turn in _spread(audit_kills, kills):
                self._kill_audit()
            if turn in _spread(broker_kills, kills):
                self._kill_broker()

    def _kill_drift(self, turn: int) -> None:
        """Every second time inside the transaction of records and offsets."""
        victim = self.random.choice(self.nursery.of("drift"))
        self._stir(victim, ("records", "offsets")[turn // 2 % 2] if turn % 2 else "")
        self.tally.inside += self.nursery.kill(victim)
        self.tally.kills += 1

    def _kill_audit(self) -> None:
        """Two times of three inside the transaction of entries and offsets."""
        victim = self.random.choice(self.nursery.of("audit"))
        self._stir(victim, (*WRITES, "")[self.tally.audit_kills % 3])
        self.tally.audit_inside += self.nursery.kill(victim)
        self.tally.audit_kills += 1

    def _stir(self, victim: Worker, inside: str) -> None:
        """Wait until it stands still inside the transaction of something, or for a random time after its first one."""
        self.nursery.revive()
        if inside:
            self.nursery.freeze(victim, inside)
        else:
            self.nursery.wait_until(lambda: victim.committed > 0 or not victim.alive, 2.0)
            time.sleep(self.random.uniform(0, 0.7))

    def _kill_broker(self) -> None:
        self.broker.kill()
        time.sleep(self.random.uniform(0.1, 1))
        self.broker.start(timeout_seconds=BROKER_SECONDS)
        self.tally.broker_kills += 1

    def close(self) -> None:
        """End traffic and processes."""
        self.traffic.stop()
        self.nursery.stop()

    def settle(self, holds: Callable[[], bool], of: str = "") -> bool:
        """Keep the workers (those of a service, or all) alive until it holds; returns whether it did in time."""
        give_up = time.monotonic() + SETTLE_SECONDS
        while not (held := holds()) and time.monotonic() < give_up:
            self.nursery.revive(of)
            time.sleep(1)
        return held

    def caught_up(self) -> bool:
        """Whether both groups of stage 1 have committed everything that was sent."""
        admin = self.cluster.admin()
        try:
            for stage in (Stage.PROFILE, Stage.JOIN):
                places = [
                    TopicPartition(d.name, n) for d in map(catalogue().get, stage.reads) if d for n in range(d.partitions)
                ]
                done, ends = admin.group_offsets(stage.group), admin.end_offsets(places, Isolation.READ_UNCOMMITTED)
                if any(done.get(place, 0) < end for place, end in ends.items()):
                    return False
        except KafkaFailure:
            return False
        return True

    def events(self, topic: str, *, isolation: str = "read_committed") -> Iterator[Any]:
        """Every event on a topic."""
        return (decode(message.value() or b"") for message in self.records(topic, isolation=isolation))

    def records(self, topic: str, *, isolation: str = "read_committed") -> Iterator[ck.Message]:
        """Every record of a topic, read by nothing of Driftline's."""
        consumer = ck.Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap,
                "group.id": "check",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        partitions = catalogue()[topic].partitions
        consumer.assign([ck.TopicPartition(topic_name(topic), p, 0) for p in range(partitions)])
        ended = 0
        while ended < partitions:
            for message in consumer.consume(1000, 0.2):
                if message.error() is None:
                    yield message
                else:
                    assert message.error().code() == ck.KafkaError._PARTITION_EOF, message.error()
                    ended += 1
        consumer.close()


def _spread(number: int, turns: int) -> set[int]:
    """That many of the turns, evenly."""
    return {(i + 1) * turns // (number + 1) for i in range(number)}
