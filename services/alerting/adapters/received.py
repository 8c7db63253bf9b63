"""A record of a source topic, whoever read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from driftline import envelope
from driftline.kafka.ports import Message


@dataclass(frozen=True, kw_only=True)
class Received:
    """A record as read from a source topic. Its envelope is asked for again and again: it is read once, hence no slots."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @cached_property
    def event_id(self) -> str:
        """By what a repeat is recognised: source and id of the envelope, else the place in the log."""
        return f"{self.topic}/{self.partition}/{self.offset}" if self._identity is None else " ".join(self._identity)

    @property
    def cause(self) -> str:
        """The id that events caused by this one name."""
        return self.event_id if self._identity is None else self._identity[1]

    @cached_property
    def _identity(self) -> tuple[str, str] | None:
        return envelope.identity(self.headers)


def received(message: Message) -> Received:
    """From a message of the Kafka port."""
    return Received(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        value=message.value(),
        headers=message.headers() or (),
    )
