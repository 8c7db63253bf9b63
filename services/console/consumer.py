"""Follows the topics into the read models and says what has changed."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from driftline import topics
from driftline.kafka.errors import KafkaFailure
from driftline.kafka.ports import Admin, Consumer, Isolation, TopicPartition
from driftline.runtime.health import Health
from services.console import metrics
from services.console.store.projection import Projection
from services.console.store.tables import BY_TOPIC

BATCH = 2000
POLL_SECONDS = 0.25
PAUSE_SECONDS = 0.01
"""So that a consumer that does not wait (the in-memory twin) does not spin."""
LAG_SECONDS = 5.0


class Cluster(Protocol):
    """The clients that are needed; both clusters of `driftline.kafka` have them."""

    def consumer(self, group: str | None = None) -> Consumer:
        """A consumer that takes partitions by hand."""
        ...

    def admin(self) -> Admin:
        """An admin client."""
        ...


class Follower:
    """Reads every partition by hand, from where the read models stand. One thread only."""

    def __init__(self, cluster: Cluster, projection: Projection, changed: Callable[[set[str]], None]) -> None:
        """`changed` is told the models concerned by each batch, "" standing for the page as a whole."""
        self._projection = projection
        self._changed = changed
        self._cluster = cluster
        self._consumer = cluster.consumer()
        self._admin = cluster.admin()
        self._declared = [topics.catalogue()[topic] for topic in BY_TOPIC]
        self._places = [TopicPartition(each.name, number) for each in self._declared for number in range(each.partitions)]
        self._topic_ids: dict[str, str] = {}

    def open(self) -> None:
        """Begin where the read models stand, or at the beginning of the log."""
        found = self._admin.describe([declared.name for declared in self._declared])
        self._topic_ids = {name: described.topic_id for name, described in found.items()}
        known = self._projection.positions(self._topic_ids)
        begins = self._admin.begin_offsets(self._places)
        self._consumer.assign({place: max(known.get(place, 0), begin) for place, begin in begins.items()})

    def step(self, timeout_seconds: float = 0.0) -> int:
        """Take in what has come within the timeout; returns how many records."""
        messages = self._consumer.consume(BATCH, timeout_seconds)
        if messages:
            with metrics.TAKE_SECONDS.time():
                positions = self._consumer.positions(self._places)
                concerned = self._projection.take(messages, positions, self._topic_ids)
            metrics.RECORDS_READ.inc(len(messages))
            self._changed(concerned)
        return len(messages)

    def lag(self) -> int:
        """Records on the topics that are not taken in yet. Raises KafkaFailure while the broker does not say."""
        positions = self._consumer.positions(self._places)
        try:
            ends = self._admin.end_offsets(self._places, Isolation.READ_COMMITTED)
        except KafkaFailure:
            # After a broker has fallen librdkafka asks with the leader epoch that it remembers, and is refused for ever.
            self._admin = self._cluster.admin()
            raise
        behind = sum(max(end - positions.get(place, 0), 0) for place, end in ends.items())
        metrics.LAG_RECORDS.set(behind)
        return behind

    def close(self) -> None:
        """Let go."""
        self._consumer.close()


class FollowerPart:
    """The follower as a part of the process: ready once the page shows everything that was there."""

    def __init__(self, follower: Follower, health: Health) -> None:
        self._follower = follower
        self._health = health
        self._stop = threading.Event()

    def open(self) -> None:
        """Begin."""
        self._follower.open()

    def run(self) -> None:
        """Take in what comes until stopped."""
        measured = 0.0
        while not self._stop.is_set():
            if self._follower.step(POLL_SECONDS) == 0:
                self._stop.wait(PAUSE_SECONDS)
            self._health.beat("follower")
            if time.monotonic() - measured >= LAG_SECONDS or "starting" in self._health.not_ready():
                measured = time.monotonic()
                self._measure()

    def _measure(self) -> None:
        try:
            behind = self._follower.lag()
        except KafkaFailure as error:
            self._health.block("kafka", str(error))
            return
        self._health.clear("kafka")
        if behind == 0:
            self._health.ready()

    def stop(self) -> None:
        """End after the batch under way."""
        self._stop.set()

    def close(self) -> None:
        """Let the consumer go, after `run` has ended."""
        self._follower.close()
