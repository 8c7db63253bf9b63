"""Stalled is not idle: a partition with data left that does not move, against one that has been read to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from driftline.kafka.ports import TopicPartition

__all__ = ["STALLED_SECONDS", "Stalls"]

STALLED_SECONDS = 30.0
"""Twice the time that a hung transaction may block a read_committed reader."""


class Stalls:
    """Remembers when each partition last moved or was caught up."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Take the seconds from `monotonic`."""
        self._monotonic = monotonic
        self._seen: dict[TopicPartition, tuple[int, float]] = {}

    def reset(self) -> None:
        """Begin anew, after an assignment."""
        self._seen.clear()

    def observe(self, places: Mapping[TopicPartition, tuple[int, bool]]) -> set[TopicPartition]:
        """Take (position, caught up) of each partition; return those stalled now."""
        now = self._monotonic()
        stalled = set()
        for partition, (position, caught_up) in places.items():
            before = self._seen.get(partition)
            if before is None or caught_up or before[0] != position:
                self._seen[partition] = (position, now)
            elif now - before[1] >= STALLED_SECONDS:
                stalled.add(partition)
        return stalled
