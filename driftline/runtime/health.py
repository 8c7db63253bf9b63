"""Whether a process lives and is ready, with the reasons, for `/healthz` and `/readyz`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Health"]


class Health:
    """Reasons against being ready, and heartbeats of the threads that must not stand still.

    A process begins not ready, for the reason "starting", until `ready()`. Safe from any thread.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin as starting; `monotonic` gives seconds."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._reasons: dict[str, str] = {"starting": "the service is starting"}
        self._failed: str | None = None
        self._beats: dict[str, tuple[float, float]] = {}

    def ready(self) -> None:
        """Say that starting is over; other reasons against readiness stay."""
        self.clear("starting")

    def block(self, cause: str, reason: str) -> None:
        """Give a reason against being ready; a later one of the same cause replaces it."""
        with self._lock:
            self._reasons[cause] = reason

    def clear(self, cause: str) -> None:
        """Withdraw a reason."""
        with self._lock:
            self._reasons.pop(cause, None)

    def fail(self, reason: str) -> None:
        """Say that the process cannot go on; it stays so."""
        with self._lock:
            self._failed = self._failed or reason

    def beat(self, part: str, *, within_seconds: float = 60.0) -> None:
        """Note that a part is moving; it must beat again within that time."""
        with self._lock:
            self._beats[part] = (self._monotonic(), within_seconds)

    def forget(self, part: str) -> None:
        """Note that a part has ended as it should: it need not beat any more."""
        with self._lock:
            self._beats.pop(part, None)

    def not_ready(self) -> dict[str, str]:
        """Return the reasons against being ready by cause; empty when ready."""
        with self._lock:
            reasons = dict(self._reasons)
            if self._failed is not None:
                reasons["failed"] = self._failed
        return reasons | self.not_live()

    def not_live(self) -> dict[str, str]:
        """Return why the process should be restarted, by cause; empty when it lives."""
        now = self._monotonic()
        with self._lock:
            reasons = {} if self._failed is None else {"failed": self._failed}
            for part, (at, within) in self._beats.items():
                if now - at > within:
                    reasons[part] = f"{part} has not moved for {now - at:.0f} s (expected every {within:.0f} s)"
        return reasons
