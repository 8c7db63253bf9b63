"""The two implementations under one suite: the twin always, the real one as an integration test."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from driftline.clock import ManualClock
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import Cluster, Consumer, Message, NewTopic, TopicPartition

START_US = 1_700_000_000_000_000


@dataclass
class Bench:
    """One cluster, a prefix, and ways to wait that suit it."""

    cluster: Cluster
    prefix: str
    patience: float
    pause: Callable[[float], None]
    closing: list[Consumer] = field(default_factory=list)

    def topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        full = self.prefix + name
        self.cluster.admin().create([NewTopic(full, partitions, config or {})])
        return full

    def group(self, name: str = "g") -> str:
        return self.prefix + name

    def by_hand(self, *places: TopicPartition, at: int = 0) -> Consumer:
        consumer = self.cluster.consumer()
        self.closing.append(consumer)
        consumer.assign(dict.fromkeys(places, at))
        return consumer

    def read(self, consumer: Consumer, count: int, patience: float | None = None) -> list[Message]:
        """Read until `count` messages came, or patience ends."""
        found: list[Message] = []
        for _ in self.tries(patience):
            found += consumer.consume(500, 0.1)
            if len(found) >= count:
                return found
        return found

    def drain(self, consumer: Consumer) -> list[Message]:
        """Read for a while and return everything: for what must *not* come."""
        return self.read(consumer, 1 << 30, patience=min(self.patience, 1.0))

    def tries(self, patience: float | None = None) -> Iterator[int]:
        """Give turns until patience ends."""
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        turn = 0
        while turn < 20 or time.monotonic() < deadline:
            yield turn
            turn += 1
            if self.patience == 0.0 and turn >= 20:
                return
            self.pause(0.02)

    def settle(self, consumers: Sequence[Consumer], holds: Callable[[], bool]) -> None:
        """Poll all consumers in turns until a condition holds."""
        for _ in self.tries():
            for consumer in consumers:
                consumer.consume(1, 0.05)
            if holds():
                return
        pytest.fail("the group did not settle")


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.integration)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench for the twin, then for the real thing."""
    prefix = f"c{uuid.uuid4().hex[:8]}."
    if request.param == "memory":
        made = Bench(MemoryCluster(ManualClock(START_US)), prefix, 0.0, lambda _seconds: None)
    else:
        made = Bench(request.getfixturevalue("kafka").cluster, prefix, 20.0, time.sleep)
    yield made
    for consumer in made.closing:
        consumer.close()
