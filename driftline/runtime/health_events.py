"""HealthOpened and HealthCleared on the topic `health`: said once per condition, not once per look."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Literal

from driftline import codec, topics
from driftline.clock import Clock
from driftline.envelope import Envelope, deterministic_id
from driftline.events import HealthCleared, HealthOpened
from driftline.kafka.ports import Producer

__all__ = ["HealthEvents"]

Severity = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]


class HealthEvents:
    """Reports of one service. Safe from any thread; what is open is remembered in memory only.

    After a restart an open condition is opened again: the same identity, so nobody is told twice.
    """

    def __init__(self, producer: Producer, *, source: str, clock: Clock) -> None:
        """`source` is the service's name, `producer` a plain (not transactional) one."""
        self._producer = producer
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], tuple[Severity, dict[str, str]]] = {}

    def open(
        self, kind: str, subject: str, *, severity: Severity, detail: str, labels: Mapping[str, str] | None = None
    ) -> bool:
        """Say that something is wrong; True if it was news (or its severity changed)."""
        with self._lock:
            known = self._open.get((kind, subject))
            if known is not None and known[0] == severity:
                return False
            self._open[kind, subject] = (severity, dict(labels or {}))
        now = self._clock.now_us()
        event = HealthOpened(
            source=self._source,
            subject=subject,
            kind=kind,
            severity=severity,
            detail=detail,
            labels=dict(labels or {}),
            at=now,
        )
        self._send(event, kind, subject, now)
        return True

    def clear(self, kind: str, subject: str) -> bool:
        """Say that it is well again; False if it was not open."""
        with self._lock:
            known = self._open.pop((kind, subject), None)
        if known is None:
            return False
        now = self._clock.now_us()
        event = HealthCleared(source=self._source, subject=subject, kind=kind, labels=known[1], at=now)
        self._send(event, kind, subject, now)
        return True

    def _send(self, event: HealthOpened | HealthCleared, kind: str, subject: str, now: int) -> None:
        name = type(event).__name__
        envelope = Envelope(
            id=deterministic_id(name, self._source, kind, subject, now),
            type=name,
            source=f"/{self._source}",
            time_us=now,
            subject=subject,
        )
        self._producer.produce(topics.name("health"), codec.encode(event), key=subject.encode(), headers=envelope.headers())
        self._producer.poll(0.0)
