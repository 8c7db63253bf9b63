"""Client settings of librdkafka, each with the reason why it is not the default.

TLS, SASL and anything else passes through from the environment: `DRIFTLINE_KAFKA_SASL_PASSWORD`
becomes `sasl.password`, `DRIFTLINE_KAFKA_BOOTSTRAP` becomes `bootstrap.servers`. Values are never logged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum

from driftline.errors import ConfigurationError

__all__ = [
    "StartAt",
    "client_properties",
    "consumer_properties",
    "producer_properties",
    "transactional_properties",
]

Properties = dict[str, str | int | float | bool]

_PREFIX = "DRIFTLINE_KAFKA_"
TRANSACTION_TIMEOUT_MS = 15_000
"""A hung transaction blocks every read_committed reader for this long (default 60 s)."""


_EXACTNESS = {
    "isolation.level": "read_committed",
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "enable.idempotence": "true",
    "acks": "all",
    "partitioner": "murmur2_random",
    "group.protocol": "classic",
    "partition.assignment.strategy": "range",
}
"""What the promise of counting once stands on; another value is refused rather than obeyed."""


class StartAt(Enum):
    """What a consumer does without a usable position: stop, or begin at an end of the log."""

    STOP = "error"
    EARLIEST = "earliest"
    LATEST = "latest"


def client_properties(environ: Mapping[str, str] | None = None) -> Properties:
    """Return the properties for every client from `DRIFTLINE_KAFKA_*`.

    Raises ConfigurationError when DRIFTLINE_KAFKA_BOOTSTRAP is missing, or a setting would break exactness.
    """
    source = os.environ if environ is None else environ
    bootstrap = source.get(f"{_PREFIX}BOOTSTRAP", "").strip()
    if not bootstrap:
        message = "DRIFTLINE_KAFKA_BOOTSTRAP is not set: give host:port of a Kafka broker, or run `make up`"
        raise ConfigurationError(message)
    passed = {
        name.removeprefix(_PREFIX).lower().replace("_", "."): value
        for name, value in source.items()
        if name.startswith(_PREFIX) and name != f"{_PREFIX}BOOTSTRAP"
    }
    for name, needed in _EXACTNESS.items():
        if passed.get(name, needed).lower() not in {needed, {"all": "-1"}.get(needed, needed)}:
            variable = _PREFIX + name.upper().replace(".", "_")
            message = f"{variable} must stay {needed}: events are counted exactly once only with it; unset it"
            raise ConfigurationError(message)
    return {"bootstrap.servers": bootstrap, **passed}


def connection_properties(client: Mapping[str, str | int | float | bool]) -> Properties:
    """Return what every client shares: quick reconnects, so that a broker's restart is short."""
    return {
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 1000,
        "socket.nagle.disable": True,
        "socket.keepalive.enable": True,
        **client,
    }


def consumer_properties(
    client: Mapping[str, str | int | float | bool],
    *,
    group: str,
    instance_id: str | None,
    start_at: StartAt,
) -> Properties:
    """Return settings of a consumer that commits by itself, in transactions or beside a database."""
    properties: Properties = {
        "group.id": group,
        # Offsets are committed by the loop, with what they stand for; never on a timer.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": start_at.value,
        # Also switches on require_stable in OffsetFetch: no offset of an open transaction is seen.
        "isolation.level": "read_committed",
        # KIP-848 fences the *new* static member until the session ends; classic fences the old one.
        "group.protocol": "classic",
        # Both topics of the join get the same partitions only by range.
        "partition.assignment.strategy": "range",
        "session.timeout.ms": 10_000,
        # Members learn of a rebalance by their heartbeats.
        "heartbeat.interval.ms": 1_000,
        # Restoring state happens between two polls and may take minutes (default: 5).
        "max.poll.interval.ms": 900_000,
        # The default of 1000 costs two thirds of the throughput.
        "fetch.queue.backoff.ms": 5,
        "fetch.error.backoff.ms": 100,
        "queued.max.messages.kbytes": 32_768,
        "allow.auto.create.topics": False,
    }
    if instance_id is not None:
        properties["group.instance.id"] = instance_id
    return connection_properties({**properties, **client})


def producer_properties(
    client: Mapping[str, str | int | float | bool],
) -> Properties:
    """Return settings of an idempotent producer whose partitions agree with every other client's."""
    return connection_properties(
        {
            # librdkafka's default is CRC32; Java, aiokafka and kafka-python use murmur2.
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "acks": "all",
            # A topic that does not exist is known after 5 s, not after 30.
            "topic.metadata.propagation.max.ms": 5_000,
            "linger.ms": 5,
            "compression.type": "lz4",
            # Dead letters carry a source record of maximum size and more.
            "message.max.bytes": 8_388_608,
            "queue.buffering.max.kbytes": 131_072,
            **client,
        }
    )


def transactional_properties(client: Mapping[str, str | int | float | bool], *, transactional_id: str) -> Properties:
    """Return settings of the one transactional producer of a process."""
    return {
        **producer_properties(client),
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
    }
