"""Where time comes from. The cores take `now` as an argument; only edges hold a Clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Says what time it is."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1_000


class ManualClock:
    """A clock that a test or a simulation moves."""

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """Microseconds since 1970 UTC, as last set."""
        return self._now_us

    def advance(self, microseconds: int) -> None:
        """Move on; never back."""
        if microseconds < 0:
            message = f"a clock does not run backwards ({microseconds} us)"
            raise ValueError(message)
        self._now_us += microseconds
