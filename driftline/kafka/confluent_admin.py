"""The admin port over confluent-kafka."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    TopicCollection,
)
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)
from confluent_kafka.admin import NewTopic as AdminNewTopic

from driftline.kafka.configuration import Properties
from driftline.kafka.confluent_clients import make_client
from driftline.kafka.confluent_errors import failure
from driftline.kafka.errors import KafkaUnavailable, TopicMissing
from driftline.kafka.ports import Isolation, NewTopic, TopicDescription, TopicPartition

__all__ = ["ConfluentAdmin", "uncommitted_ends"]

_SECONDS = 15.0


class ConfluentAdmin:
    """`confluent_kafka.admin.AdminClient` behind the port; every call waits for its answer."""

    def __init__(self, properties: Properties) -> None:
        """Connect in the background."""
        self._admin = make_client(AdminClient, {**properties, "log_level": 0})

    def topic_names(self) -> list[str]:
        """Return the names of all topics, sorted, internal ones left out."""
        try:
            topics = self._admin.list_topics(timeout=_SECONDS).topics
        except KafkaException as error:
            raise failure(error, "list topics") from error
        return sorted(name for name in topics if not name.startswith("__"))

    def describe(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """Describe those of the names that exist, with every setting they have."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        futures = self._admin.describe_topics(TopicCollection(wanted), request_timeout=_SECONDS)
        found = {}
        for name, future in futures.items():
            with contextlib.suppress(TopicMissing):
                found[name] = _result(future, f"describe {name}")
        configs = self._configs(ResourceType.TOPIC, found)
        return {
            name: TopicDescription(
                name=name,
                topic_id=str(topic.topic_id),
                partitions=len(topic.partitions),
                config=configs[name],
            )
            for name, topic in found.items()
        }

    def create(self, topics: Sequence[NewTopic]) -> None:
        """Create topics and wait until every broker's metadata shows them."""
        new = [
            AdminNewTopic(
                topic.name,
                num_partitions=topic.partitions,
                replication_factor=topic.replication_factor,
                config=dict(topic.config),
            )
            for topic in topics
        ]
        if not new:
            return
        futures = self._admin.create_topics(new, request_timeout=_SECONDS)
        for name, future in futures.items():
            _result(future, f"create topic {name}")
        self._wait(lambda names: {topic.name for topic in topics} <= names, "the new topics")

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings of a topic, leaving its others alone."""
        entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        for future in self._admin.incremental_alter_configs([resource], request_timeout=_SECONDS).values():
            _result(future, f"configure topic {name}")

    def delete(self, names: Iterable[str]) -> None:
        """Delete topics and wait until they are gone."""
        gone = list(names)
        if not gone:
            return
        for name, future in self._admin.delete_topics(gone, request_timeout=_SECONDS).items():
            _result(future, f"delete topic {name}")
        self._wait(lambda present: not present & set(gone), "the deleted topics to go")

    def begin_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset kept of each."""
        return _offsets(self._admin, partitions, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED, _SECONDS)

    def end_offsets(self, partitions: Iterable[TopicPartition], isolation: Isolation) -> dict[TopicPartition, int]:
        """Return the end of each; READ_COMMITTED gives the last stable offset."""
        level = IsolationLevel.READ_COMMITTED if isolation is Isolation.READ_COMMITTED else IsolationLevel.READ_UNCOMMITTED
        return _offsets(self._admin, partitions, OffsetSpec.latest(), level, _SECONDS)

    def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        """Return what a group has committed, without the offsets of open transactions."""
        request = [ConsumerGroupTopicPartitions(group)]
        future = self._admin.list_consumer_group_offsets(request, require_stable=True, request_timeout=_SECONDS)[group]
        found = _result(future, f"read the offsets of group {group}")
        places = found.topic_partitions or []
        return {TopicPartition(p.topic, p.partition): p.offset for p in places if p.offset >= 0}

    def broker_config(self, names: Iterable[str]) -> dict[str, str]:
        """Return settings of one broker, by name."""
        try:
            brokers = self._admin.list_topics(timeout=_SECONDS).brokers
        except KafkaException as error:
            raise failure(error, "list brokers") from error
        if not brokers:
            message = "no broker is known yet"
            raise KafkaUnavailable(message)
        broker = str(min(brokers))
        found = self._configs(ResourceType.BROKER, [broker])[broker]
        return {name: found[name] for name in names if name in found}

    def _configs(self, kind: ResourceType, names: Iterable[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(kind, name) for name in names]
        if not resources:
            return {}
        futures = self._admin.describe_configs(resources, request_timeout=_SECONDS)
        return {
            resource.name: {
                entry.name: entry.value
                for entry in _result(future, f"read the settings of {resource.name}").values()
                if entry.value is not None
            }
            for resource, future in futures.items()
        }

    def _wait(self, holds: Any, what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not holds(set(self._admin.list_topics(timeout=_SECONDS).topics)):
            if time.monotonic() > deadline:
                message = f"waited {_SECONDS:.0f} s for {what}"
                raise KafkaUnavailable(message)
            time.sleep(0.02)


def uncommitted_ends(
    admin: AdminClient, partitions: Iterable[TopicPartition], timeout_seconds: float
) -> dict[TopicPartition, int]:
    """Return the high-water marks past open transactions."""
    return _offsets(admin, partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED, timeout_seconds)


def _offsets(
    admin: AdminClient,
    partitions: Iterable[TopicPartition],
    spec: OffsetSpec,
    level: IsolationLevel,
    timeout_seconds: float,
) -> dict[TopicPartition, int]:
    request = {Place(topic, partition): spec for topic, partition in partitions}
    if not request:
        return {}
    futures = admin.list_offsets(request, isolation_level=level, request_timeout=timeout_seconds)
    return {
        TopicPartition(place.topic, place.partition): _result(
            future, f"ask for offsets of {place.topic}[{place.partition}]"
        ).offset
        for place, future in futures.items()
    }


def _result(future: Future[Any], doing: str) -> Any:
    """Wait for an admin answer; the library types its futures as Any."""
    try:
        return future.result(_SECONDS)
    except KafkaException as error:
        raise failure(error, doing) from error
    except TimeoutError as error:
        message = (
            f"could not {doing}: no broker answered within {_SECONDS:.0f} s; is it up, and DRIFTLINE_KAFKA_BOOTSTRAP right?"
        )
        raise KafkaUnavailable(message) from error
