"""What ingest does now and then."""

from driftline.clock import Clock
from services.ingest.adapters.idempotency import Keys

_PERIOD_US = 60_000_000


class Forgetting:
    """Drops Idempotency-Keys that were kept long enough."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._due_us = 0

    def run_if_due(self) -> None:
        """Once a minute."""
        now_us = self._clock.now_us()
        if now_us >= self._due_us:
            self._due_us = now_us + _PERIOD_US
            self._keys.forget(now_us)
