"""Follows the topics into the read models and says what has changed."""

from collections.abc import Callable
from typing import Protocol

from driftline import topics
from driftline.kafka.errors import TopicMissing
from driftline.kafka.ports import Admin, Consumer, TopicPartition
from services.console import metrics
from services.console.store.projection import Projection
from services.console.store.tables import BY_TOPIC

BATCH = 2000


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
        self._cluster = cluster
        self._projection = projection
        self._changed = changed
        self._consumer = cluster.consumer()
        self._declared = [topics.catalogue()[topic] for topic in BY_TOPIC]
        self._places = [TopicPartition(each.name, number) for each in self._declared for number in range(each.partitions)]
        self._topic_ids: dict[str, str] = {}

    def open(self) -> None:
        """Begin where the read models stand, or at the beginning of the log. Raises TopicMissing."""
        names = [declared.name for declared in self._declared]
        found = self._cluster.admin().describe(names)
        if missing := [name for name in names if name not in found]:
            raise TopicMissing(f"there is no topic {', '.join(missing)}; create what is declared with `driftline topics apply`")
        self._topic_ids = {name: described.topic_id for name, described in found.items()}
        known = self._projection.positions(self._topic_ids)
        self._consumer.assign({place: max(known.get(place, 0), self._consumer.watermarks(place).low) for place in self._places})

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
        """Records on the topics that are not taken in yet."""
        positions = self._consumer.positions(self._places)
        ends = self._consumer.ends(self._places)
        behind = sum(max(end - positions.get(place, 0), 0) for place, end in ends.items())
        metrics.LAG_RECORDS.set(behind)
        return behind

    def close(self) -> None:
        """Let go."""
        self._consumer.close()
