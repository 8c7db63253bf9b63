"""What Driftline says while the demo runs: every event of its output topics, read as any subscriber could."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Self

from driftline import codec, topics
from driftline.events import Decision, DriftCleared, DriftDetected, WindowReport
from driftline.kafka.ports import Cluster, TopicPartition

TOPICS = ("windows", "drift-events", "alerts", "notifications", "dead-letters")
WindowKey = tuple[str, int]
MINIMUM_N = 200
"""As in monitor.yaml."""


class Observer:
    """Follows the output topics on a thread of its own, from their beginning."""

    def __init__(self, cluster: Cluster) -> None:
        self._consumer = cluster.consumer()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="observer", daemon=True)
        self._failure: Exception | None = None
        self.counts: Counter[str] = Counter()
        self.quiet_since = time.monotonic()
        """When the last event was seen, monotonic seconds."""
        self.windows: dict[WindowKey, WindowReport] = {}
        """The last revision of every window, by granularity and start."""
        self._decisions: dict[WindowKey, set[Decision]] = defaultdict(set)
        self.drift_events: list[DriftDetected | DriftCleared] = []
        starts = {
            TopicPartition(topics.name(topic), partition): 0
            for topic in TOPICS
            for partition in range(topics.catalogue()[topic].partitions)
        }
        self._consumer.assign(starts)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._consumer.close()

    def check(self) -> None:
        """Raise what stopped the thread, if something did."""
        if self._failure is not None:
            raise self._failure

    def total(self, *events: str) -> int:
        """How many events of these names were seen."""
        return sum(self.counts[event] for event in events)

    def is_decided(self, key: WindowKey) -> bool:
        """Whether a window was decided twice, or seen at both of its closes where it has too few rows to decide anything."""
        report = self.windows.get(key)
        if report is None:
            return False
        decided = {Decision.INPUTS, Decision.PERFORMANCE} <= self._decisions[key]
        return decided or (report.n < MINIMUM_N and report.revision > 1)

    def _follow(self) -> None:
        try:
            while not self._closing.is_set():
                self._note([codec.decode(value) for message in self._consumer.consume(500, 0.2) if (value := message.value())])
        except Exception as error:  # noqa: BLE001  # told by check(), on the thread that can act on it
            self._failure = error

    def _note(self, events: Sequence[Any]) -> None:
        if events:
            self.quiet_since = time.monotonic()
        for event in events:
            self.counts[type(event).__name__] += 1
            if isinstance(event, WindowReport):
                self._note_window(event)
            elif isinstance(event, DriftDetected | DriftCleared):
                self.drift_events.append(event)

    def _note_window(self, report: WindowReport) -> None:
        key = (report.granularity, report.start)
        self._decisions[key].add(report.decision)
        if key not in self.windows or self.windows[key].revision < report.revision:
            self.windows[key] = report
