"""The monitors and their baselines, followed from the beginning of their topics: which models there are."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from driftline import codec, topics
from driftline.errors import Unavailable
from driftline.events import Baseline, Monitor
from driftline.kafka.ports import Consumer, TopicPartition
from driftline.validation import MonitorBook
from services.ingest import metrics

Integers = NDArray[np.int64]
TOPICS = ("baselines", "monitors")
_READ_AT_ONCE = 500
_LATEST = np.iinfo(np.int64).max


class MonitorDirectory:
    """What is known now, for requests on one thread while another one learns.

    Every version that was read counts: what is written after it was read is appended after it, too.
    """

    def __init__(self) -> None:
        self._book = MonitorBook()
        self._lock = threading.Lock()

    def learn(self, event: object, append_time: int) -> None:
        """Take note of a Monitor or Baseline; anything else is none of our business."""
        with self._lock:
            if isinstance(event, Monitor):
                self._book.add_monitor(event, append_time)
            elif isinstance(event, Baseline):
                self._book.add_baseline(event, append_time)
            metrics.MODELS.set(len(self._book.model_ids()))

    def lots(self, model_id: str, event_time: Integers) -> list[tuple[Monitor, Integers]] | None:
        """The rows (indices) that each monitor version holds for, None for a model without one that counts."""
        with self._lock:
            entries = self._book.entries(model_id)
            if not entries:
                return None
            if len(entries) == 1:  # the first version holds from the beginning
                return [(entries[0].monitor, np.arange(len(event_time)))]
            places = self._book.versions_for(model_id, event_time, np.full(len(event_time), _LATEST))
        return [(entries[place].monitor, np.flatnonzero(places == place)) for place in np.unique(places).tolist()]


class Follower:
    """Reads the topics by hand: every replica all of them. One thread only."""

    def __init__(self, consumer: Consumer, directory: MonitorDirectory) -> None:
        self._consumer = consumer
        self._directory = directory
        self._places = [TopicPartition(topics.name(topic), 0) for topic in TOPICS]

    def read_to_end(self, attempts: int = 300) -> None:
        """Read what is there now. Raises Unavailable when the broker does not give it within half a minute or so."""
        self._consumer.assign({place: self._consumer.watermarks(place).low for place in self._places})
        ends = {place: self._consumer.watermarks(place).stable for place in self._places}
        for _ in range(attempts):
            positions = self._consumer.positions(self._places)
            if all(positions.get(place, 0) >= end for place, end in ends.items()):
                return
            self.step(0.1)
        raise Unavailable("the topics monitors and baselines could not be read to their end; look at the broker")

    def step(self, timeout_seconds: float) -> int:
        """Read what has come; returns how many records."""
        messages = self._consumer.consume(_READ_AT_ONCE, timeout_seconds)
        for message in messages:
            if (value := message.value()) is not None:
                self._directory.learn(codec.decode(value), message.timestamp()[1] * 1000)
        return len(messages)

    def close(self) -> None:
        """Let go."""
        self._consumer.close()
