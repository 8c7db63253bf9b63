"""The admin client of the in-memory twin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from driftline.kafka.errors import KafkaFailure, TopicExists
from driftline.kafka.memory_state import MemoryBroker
from driftline.kafka.ports import Isolation, NewTopic, TopicDescription, TopicPartition

__all__ = ["MemoryAdmin"]

_DEFAULTS = {"cleanup.policy": "delete", "retention.ms": "604800000", "message.timestamp.type": "LogAppendTime"}


class MemoryAdmin:
    """Topics and offsets of the twin."""

    def __init__(self, broker: MemoryBroker) -> None:
        """Keep the broker."""
        self._broker = broker

    def topic_names(self) -> list[str]:
        """Return the names of all topics, sorted."""
        self._broker.reach()
        return sorted(self._broker.topics)

    def describe(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """Describe those of the names that exist."""
        self._broker.reach()
        found = [self._broker.topics[name] for name in names if name in self._broker.topics]
        return {
            topic.name: TopicDescription(topic.name, topic.topic_id, len(topic.logs), {**_DEFAULTS, **topic.config})
            for topic in found
        }

    def create(self, topics: Sequence[NewTopic]) -> None:
        """Create topics."""
        self._broker.reach()
        for topic in topics:
            if topic.name in self._broker.topics:
                raise TopicExists(f"could not create topic {topic.name}: it exists")
            if topic.partitions < 1:
                raise KafkaFailure(f"could not create topic {topic.name}: {topic.partitions} partitions")
            self._broker.new_topic(topic.name, topic.partitions, topic.config)

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings of a topic."""
        self._broker.reach()
        self._broker.topic(name).config.update(config)

    def delete(self, names: Iterable[str]) -> None:
        """Delete topics; a later topic of the same name has another id and begins at 0."""
        self._broker.reach()
        for name in names:
            self._broker.topic(name)
            del self._broker.topics[name]

    def begin_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset kept of each."""
        self._broker.reach()
        return {place: self._broker.log(place).low for place in partitions}

    def end_offsets(self, partitions: Iterable[TopicPartition], isolation: Isolation) -> dict[TopicPartition, int]:
        """Return the end of each; READ_COMMITTED gives the last stable offset."""
        self._broker.reach()
        logs = {place: self._broker.log(place) for place in partitions}
        stable = isolation is Isolation.READ_COMMITTED
        return {place: log.stable if stable else log.end for place, log in logs.items()}

    def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        """Return what a group has committed."""
        self._broker.reach()
        known = self._broker.groups.get(group)
        return dict(known.committed) if known is not None else {}

    def broker_config(self, names: Iterable[str]) -> dict[str, str]:
        """Return what the embedded broker would say."""
        self._broker.reach()
        known = {"offsets.retention.minutes": "144000"}
        return {name: known[name] for name in names if name in known}
