"""What ingest does beside answering requests."""

import threading

from driftline.clock import Clock
from driftline.runtime.catalogue import Catalogue
from driftline.runtime.health import Health
from services.ingest.adapters.idempotency import Keys
from services.ingest.adapters.outbox import Outbox

_PERIOD_US = 60_000_000
_POLL_SECONDS = 0.2


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


class Following:
    """Follows the monitors; in between it forgets what is due, and sees to it that the process ends with its producer."""

    def __init__(self, catalogue: Catalogue, outbox: Outbox, forgetting: Forgetting, health: Health) -> None:
        self._catalogue = catalogue
        self._outbox = outbox
        self._forgetting = forgetting
        self._health = health
        self._stopping = threading.Event()

    def run(self) -> None:
        """Until `stop`; an error of Kafka ends the process."""
        while not self._stopping.is_set():
            self._catalogue.follow(_POLL_SECONDS)
            self._outbox.check()
            self._health.beat("monitors")
            self._forgetting.run_if_due()

    def stop(self) -> None:
        """Ask `run` to return soon."""
        self._stopping.set()
