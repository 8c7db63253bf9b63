"""Monitors, baselines and writer schemas, read by hand outside the groups: everything there was before a row was written.

Who judges rows refreshes the catalogue after every fetch, before it judges what was fetched; who answers requests follows
it in the background. Nothing is ever forgotten, so a restart reads the same topics to the same answers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

from driftline.codec import EVENT_NAMES, Schemas, decode, fingerprint
from driftline.errors import DriftlineError
from driftline.events import Baseline, Monitor, SchemaRegistered
from driftline.kafka.ports import Consumer, TopicPartition
from driftline.schemas import avro_schema, retired_schemas
from driftline.topics import name as topic_name
from driftline.validation import FROM_THE_BEGINNING, MonitorBook
from driftline.validation.book import Faults

__all__ = ["TOPICS", "Catalogue", "CatalogueBehind"]

TOPICS = ("baselines", "monitors", "schemas")
_READ_AT_ONCE = 1000
_WAIT_SECONDS = 0.1
_ATTEMPTS = 300


class CatalogueBehind(DriftlineError):
    """The end of a catalogue topic could not be reached: rows cannot be judged, so the process stops."""


class Catalogue:
    """The book of what is known, kept up to the end of its topics. One thread reads; others look under `lock`."""

    def __init__(self, consumer: Consumer, *, topics: Sequence[str] = TOPICS, faults: Faults | None = None) -> None:
        """Take the partitions of `topics` (short names, some of TOPICS) by hand from their beginning; `faults` as the book has it."""
        self.book = MonitorBook(faults)
        self.schemas = Schemas()
        self.lock = threading.Lock()
        """Held while something is learnt."""
        for schema in (*map(avro_schema, EVENT_NAMES), *retired_schemas()):
            self.book.add_schema(fingerprint(schema), schema, FROM_THE_BEGINNING)
        self._consumer = consumer
        self._places = [TopicPartition(topic_name(topic), 0) for topic in topics]
        self._positions: dict[TopicPartition, int] = {}

    def refresh(self) -> None:
        """Read to the present ends, open transactions included.

        Raises CatalogueBehind when the ends stay out of reach for half a minute, as under an open transaction.
        """
        if not self._positions:
            self._positions = {place: self._consumer.watermarks(place).low for place in self._places}
            self._consumer.assign(self._positions)
        ends = self._consumer.ends(self._places)
        for _ in range(_ATTEMPTS):
            if all(self._positions[place] >= end for place, end in ends.items()):
                return
            self.follow(_WAIT_SECONDS)
            self._positions |= self._consumer.positions(self._places)
        behind = ", ".join(f"{place.topic} at {self._positions[place]} of {end}" for place, end in ends.items())
        raise CatalogueBehind(f"the catalogue does not reach its end: {behind}; look for a transaction that hangs")

    def follow(self, timeout_seconds: float) -> int:
        """Learn what comes within the time, after a first `refresh`; returns how many records came."""
        messages = self._consumer.consume(_READ_AT_ONCE, timeout_seconds)
        for message in messages:
            if (value := message.value()) is not None:
                self.learn(decode(value), message.timestamp()[1] * 1000)
        return len(messages)

    def learn(self, event: object, append_time: int) -> None:
        """Take note of an event; one that is none of ours is passed over."""
        with self.lock:
            match event:
                case Monitor():
                    self.book.add_monitor(event, append_time)
                case Baseline():
                    self.book.add_baseline(event, append_time)
                case SchemaRegistered():
                    schema = json.loads(event.schema)
                    self.book.add_schema(self.schemas.add(schema), schema, append_time)

    def close(self) -> None:
        """Let go of the consumer."""
        self._consumer.close()
