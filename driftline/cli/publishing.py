"""Send one event from the command line, where it is not there yet, and wait until the broker has it."""

from typing import Any

from driftline import codec, topics
from driftline.envelope import Envelope
from driftline.errors import Unavailable
from driftline.kafka.ports import Cluster, Producer, TopicPartition

TIMEOUT_SECONDS = 30
_READ_AT_ONCE = 1000


def publish_once(cluster: Cluster, topic: str, event: Any, *, key: str, envelope: Envelope) -> bool:
    """Send an event to a compacted topic of one partition, unless its key is there; returns whether it was sent.

    The key names the content. Sent again, compaction would leave the later record only, and what was written between
    the two would look as if it had come before the event was known. Raises Unavailable.
    """
    if _has(cluster, TopicPartition(topics.name(topic), 0), key.encode()):
        return False
    publish_event(cluster.producer(), topic, event, key=key, envelope=envelope)
    return True


def _has(cluster: Cluster, place: TopicPartition, key: bytes) -> bool:
    """Whether the last record of a key is there and no tombstone."""
    consumer = cluster.consumer()
    try:
        marks = consumer.watermarks(place)
        consumer.assign({place: marks.low})
        found = False
        silent = 0
        while consumer.positions([place]).get(place, marks.low) < marks.stable:
            messages = consumer.consume(_READ_AT_ONCE, 1.0)
            silent = 0 if messages else silent + 1
            if silent > TIMEOUT_SECONDS:
                raise Unavailable(f"{place.topic} cannot be read to its end: no answer within {TIMEOUT_SECONDS} s")
            for message in messages:
                if message.key() == key:
                    found = message.value() is not None
        return found
    finally:
        consumer.close()


def publish_event(producer: Producer, topic: str, event: Any, *, key: str, envelope: Envelope) -> None:
    """Send an event to a declared topic. Raises Unavailable when the broker does not acknowledge it."""
    errors: list[str | None] = []
    producer.produce(
        topics.name(topic),
        codec.encode(event),
        key=key.encode(),
        headers=envelope.headers(),
        on_delivery=lambda delivery: errors.append(delivery.error),
    )
    left = producer.flush(TIMEOUT_SECONDS)
    if left or errors != [None]:
        why = errors[0] if errors else f"no answer within {TIMEOUT_SECONDS} s"
        raise Unavailable(f"the broker did not take the {envelope.type}: {why}")
