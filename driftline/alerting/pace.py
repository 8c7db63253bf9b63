"""How fast a channel may be told: a number of messages in any minute, a sixth of them at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MINUTE_US: Final = 60_000_000
_AT_ONCE: Final = 6
"""One of so many may go without a pause: what a cause tells at once is rarely more, and receivers bear short bursts."""

MOST_PER_MINUTE: Final = 60_000
USUAL: Final[Mapping[str, int]] = {"slack": 60}
"""Messages in a minute by kind of channel, where nothing else is configured; no limit where a service publishes none.

Slack takes one message a second for each of its channels (docs.slack.dev, rate limits); who goes on above it may be switched off.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """The generic cell rate algorithm (ITU-T I.371) with times in microseconds.

    `spent` is what it remembers: until when the messages so far fill the time at the steady rate. 0: none was sent.
    """

    max_per_minute: int

    def __post_init__(self) -> None:
        if self.max_per_minute < 1:
            raise ValueError("at least one message in a minute must be allowed")

    @property
    def burst(self) -> int:
        """So many messages may go at once."""
        return max(1, self.max_per_minute // _AT_ONCE)

    @property
    def interval_us(self) -> int:
        """Between two messages at the steady rate; with a burst before it a minute still holds no more than allowed."""
        return -(-_MINUTE_US // (self.max_per_minute - self.burst + 1))

    def allowed(self, spent: int, now: int) -> int:
        """How many messages may go now."""
        ahead = max(0, spent - now)
        return max(0, self.burst - -(-ahead // self.interval_us))

    def after(self, spent: int, now: int, count: int) -> int:
        """What is spent once so many messages went."""
        return max(spent, now) + count * self.interval_us

    def next_at(self, spent: int) -> int:
        """When the next message may go, once this much is spent."""
        return spent - (self.burst - 1) * self.interval_us
