"""What a channel must be able to do."""

import json
from dataclasses import dataclass, field, replace
from typing import Protocol

from driftline.alerting.channels.message import Message, OwnWords, read
from driftline.alerting.delivery import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for a channel: the id by which repeats are recognised, and the payload as JSON."""

    notification_id: str
    body: bytes
    thread: str | None = None
    """What the channel answered as `Delivered.thread` when this group began to fire; None: it begins now."""
    own: OwnWords = field(default_factory=OwnWords)
    """What the channel's own texts say of it."""

    @property
    def message(self) -> Message:
        """The payload as those channels read it that say it in words of their own."""
        return replace(read(self.notification_id, json.loads(self.body)), own=self.own)


class Channel(Protocol):
    """Sends one message at a time per thread; called from several threads."""

    @property
    def host(self) -> str:
        """Name of the machine or service that it sends to, for people; never the path of a URL, which is often a secret."""
        ...

    def send(self, message: Outgoing) -> Outcome:
        """Send, within the channel's timeout. Returns what came of it; raises nothing that a network can cause."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def shows_care(channel: object) -> bool:
    """Whether a channel shows that somebody takes care of an alert, and so is told of that; it then says `shows_care = True`."""
    return bool(getattr(channel, "shows_care", False))
