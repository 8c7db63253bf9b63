"""What the join remembers of the partitions that it owns: a function of the committed offsets of both topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from driftline.drift.labels import LabelJoin, LabelRows, PredictionRows
from driftline.kafka.ports import Consumer, Message, TopicPartition
from driftline.topics import name as topic_name
from services.drift.join.cache import JoinCache
from services.drift.join.columns import Integers, Streams, append_times
from services.drift.join.stored import Rows, Stamp
from services.drift.stage1.rebuild import Seconds, replay

__all__ = ["LABELS", "PREDICTIONS", "Memory"]

PREDICTIONS, LABELS = topic_name("predictions"), topic_name("labels")
_NEVER = -(2**62)
_LOG = structlog.get_logger("driftline.drift.join")


class Memory:
    """The joins by partition and model, how far append time has come, and the cache of both."""

    def __init__(self, streams: Streams, cache: JoinCache, monotonic: Seconds) -> None:
        """Nothing is remembered yet."""
        self.streams = streams
        self._cache = cache
        self._monotonic = monotonic
        self._reset()

    def _reset(self) -> None:
        self._joins: dict[int, dict[str, LabelJoin]] = defaultdict(dict)
        self._reached: dict[str, dict[int, int]] = {PREDICTIONS: {}, LABELS: {}}
        self._positions: dict[TopicPartition, int] = {}
        self._fresh: dict[int, Rows] = defaultdict(Rows)

    @property
    def key(self) -> bytes:
        """That of the hashed ids."""
        return self._cache.key

    @property
    def remembered(self) -> int:
        """Predictions and waiting labels."""
        return sum(join.remembered + join.waiting for joins in self._joins.values() for join in joins.values())

    def forget(self) -> None:
        """Let go of all partitions; what is committed goes to the cache."""
        self._cache.close(self.streams)
        self._reset()
        self.streams.forget()

    def restore(
        self, consumer: Consumer, starts: Mapping[TopicPartition, int], learn: Callable[[Sequence[Message]], None]
    ) -> float:
        """Remember what both topics say up to these offsets: from the cache, then by giving messages to `learn`; returns seconds."""
        began = self._monotonic()
        begins: dict[TopicPartition, int] = {}
        for partition in sorted({place.partition for place in starts}):
            places = TopicPartition(PREDICTIONS, partition), TopicPartition(LABELS, partition)
            low = consumer.watermarks(places[0]).low, consumer.watermarks(places[1]).low
            found = self._recall(partition, low, (starts[places[0]], starts[places[1]]))
            begins |= zip(places, found, strict=True)
            self._cache.follow(partition, found)
        if self.remembered:
            _LOG.info("remembered from the cache", rows=self.remembered, seconds=round(self._monotonic() - began, 2))
        self._positions = dict(begins)

        def relearn(messages: Sequence[Message], positions: Mapping[TopicPartition, int]) -> None:
            learn(messages)
            self.take_silently()
            self.committed(positions)

        replay(consumer, starts, relearn, self._monotonic, begins=begins)
        return self._monotonic() - began

    def _recall(self, partition: int, low: tuple[int, int], end: tuple[int, int]) -> tuple[int, int]:
        """Take the cache of a partition in; returns where to read on."""
        stamp = None
        for block in self._cache.recall(partition, end, self.streams):
            stamp = block.end
            for model_id, lots in block.rows.predictions.items():
                for predictions in lots:
                    self._join_of(partition, model_id).add_predictions(predictions)
            for model_id, found in block.rows.labels.items():
                for labels in found:
                    self._join_of(partition, model_id).add_labels(labels)
            self._reached[PREDICTIONS][partition] = stamp.predictions_at
            self._reached[LABELS][partition] = stamp.labels_at
            self.take_silently(partition)
        if stamp is None:
            return low
        if stamp.predictions >= low[0] and stamp.labels >= low[1]:
            return stamp.predictions, stamp.labels
        self._cache.drop(partition, f"it ends at {stamp}, before the topics begin, {low}: what lies between is gone")
        del self._joins[partition], self._reached[PREDICTIONS][partition], self._reached[LABELS][partition]
        return low

    def append_times(self, topic: str, messages: Sequence[Message]) -> Integers:
        """Append time of each message, never less than an earlier one's of its partition."""
        return append_times(messages, self._reached[topic])

    def add_predictions(self, partition: int, model_id: str, rows: PredictionRows) -> None:
        """Remember predictions, and pair those whose label is there."""
        admitted = self._join_of(partition, model_id).add_predictions(rows)
        if len(admitted):
            self._fresh[partition].predictions[model_id].append(rows.take(admitted))

    def add_labels(self, partition: int, model_id: str, rows: LabelRows) -> None:
        """Pair labels with their predictions; the others wait."""
        self._join_of(partition, model_id).add_labels(rows)
        self._fresh[partition].labels[model_id].append(rows)

    def settle(self, partition: int, *, labels_idle: bool) -> None:
        """Forget by append time. Labels that are all read cannot hold an older append time back."""
        predictions_at = self._reached[PREDICTIONS].get(partition, _NEVER)
        labels_at = self._reached[LABELS].get(partition, _NEVER)
        if labels_idle:
            labels_at = max(labels_at, predictions_at)
        for join in self._joins[partition].values():
            join.settle(predictions_at, labels_at)

    def joins(self) -> Iterator[tuple[int, dict[str, LabelJoin]]]:
        """Partition and its joins by model."""
        return iter(self._joins.items())

    def take_silently(self, only: int | None = None) -> None:
        """Forget what can be forgotten, and what would be told."""
        for partition in [*self._joins] if only is None else [only]:
            self.settle(partition, labels_idle=False)
            for join in self._joins[partition].values():
                join.take()

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """What was added is committed up to these offsets: the cache may have it."""
        self._positions.update(offsets)
        now, fresh = self._monotonic(), self._fresh
        self._fresh = defaultdict(Rows)
        for partition in {place.partition for place in offsets}:
            end = Stamp(
                self._positions[TopicPartition(PREDICTIONS, partition)],
                self._positions[TopicPartition(LABELS, partition)],
                self._reached[PREDICTIONS].get(partition, _NEVER),
                self._reached[LABELS].get(partition, _NEVER),
            )
            self._cache.note(partition, end, fresh[partition], self.streams, now)

    def _join_of(self, partition: int, model_id: str) -> LabelJoin:
        joins = self._joins[partition]
        if model_id not in joins:
            joins[model_id] = LabelJoin()
        return joins[model_id]
