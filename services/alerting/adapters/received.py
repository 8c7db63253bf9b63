"""A record of a source topic, whoever read it."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftline import envelope
from driftline.kafka.ports import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A record as read from a source topic."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @property
    def event_id(self) -> str:
        """By what a repeat is recognised: source and id of the envelope, else the place in the log."""
        found = envelope.read(self.headers)
        return f"{found.source} {found.id}" if found is not None else f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def cause(self) -> str:
        """The id that events caused by this one name."""
        found = envelope.read(self.headers)
        return found.id if found is not None else self.event_id


def received(message: Message) -> Received:
    """From a message of the Kafka port."""
    return Received(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        value=message.value(),
        headers=message.headers() or (),
    )
