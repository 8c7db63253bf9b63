"""What a channel must be able to do."""

from dataclasses import dataclass
from typing import Protocol

from driftline.alerting.delivery import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for a channel: the id by which repeats are recognised, and the payload as JSON."""

    notification_id: str
    body: bytes


class Channel(Protocol):
    """Sends one message at a time per thread; called from several threads."""

    def send(self, message: Outgoing) -> Outcome:
        """Send, within the channel's timeout. Returns what came of it; raises nothing that a network can cause."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
