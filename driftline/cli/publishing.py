"""Send one event from the command line and wait until the broker has it."""

from typing import Any

from driftline import codec, topics
from driftline.envelope import Envelope
from driftline.errors import Unavailable
from driftline.kafka.ports import Producer

TIMEOUT_SECONDS = 30


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
