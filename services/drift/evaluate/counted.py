"""Stage evaluate with its counters as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from driftline.kafka.ports import Message, TopicPartition
from driftline.runtime.loop import Flush, Reach
from services.drift import metrics
from services.drift.evaluate.handler import EvaluateHandler


class CountedEvaluate:
    """Passes everything on, and after each commit tells the metrics what happened since."""

    def __init__(self, handler: EvaluateHandler) -> None:
        """Watch one handler."""
        self._handler = handler
        self._told: Counter[tuple[int, str]] = Counter()

    def commit_interval(self) -> float:
        """As the handler says."""
        return self._handler.commit_interval()

    def on_assign(self, starts: Mapping[TopicPartition, int], now: int) -> None:
        """New evaluators count from nothing."""
        self._told.clear()
        self._handler.on_assign(starts, now)

    def on_revoke(self, partitions: Sequence[TopicPartition]) -> None:
        """As the handler does."""
        self._handler.on_revoke(partitions)

    def handle(self, messages: Sequence[Message], now: int) -> None:
        """As the handler does."""
        self._handler.handle(messages, now)

    def flush(self, reach: Mapping[TopicPartition, Reach], now: int) -> Flush:
        """As the handler does."""
        return self._handler.flush(reach, now)

    def committed(self, offsets: Mapping[TopicPartition, int], now: int) -> None:
        """Tell the metrics."""
        self._handler.committed(offsets, now)
        for partition, counters in self._handler.counters():
            for verdict, times in counters.verdicts.items():
                metrics.SOURCE_RANGES.labels(verdict.value).inc(self._since(partition, verdict.value, times))
            metrics.LOST_SETS.inc(self._since(partition, "lost sets", counters.lost_sets))
            metrics.LATE_AFTER_FINAL.inc(self._since(partition, "late after final", counters.late_after_final))
            metrics.INEXACT_REPORTS.inc(self._since(partition, "inexact", counters.inexact))
            for report, times in counters.reports.items():
                metrics.REPORTS.labels(*report).inc(self._since(partition, f"report {report}", times))
            for event, times in counters.drift.items():
                metrics.DRIFT_EVENTS.labels(*event).inc(self._since(partition, f"drift {event}", times))
            for check, times in counters.checks.items():
                metrics.CHECKS.labels(*check).inc(self._since(partition, f"check {check}", times))
            metrics.CHECK_ALERTS.inc(self._since(partition, "check alerts", counters.check_alerts))
            metrics.CHECK_WAIT_SECONDS.inc(self._since(partition, "check wait", counters.check_wait_us) / 1_000_000)

    def _since(self, partition: int, what: str, total: int) -> int:
        more = total - self._told[partition, what]
        self._told[partition, what] = total
        return max(0, more)
