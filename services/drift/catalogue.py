"""Monitors, baselines and writer schemas, read by hand outside the groups: everything there was before a row was written.

Each stage has a catalogue of its own (they run in threads of their own) and refreshes it after every fetch, before it
judges what was fetched. Nothing is ever forgotten, so a restart reads the same topics to the same answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from driftline.codec import EVENT_NAMES, Schemas, decode, fingerprint
from driftline.errors import DriftlineError
from driftline.events import Baseline, Monitor, SchemaRegistered
from driftline.kafka.ports import Consumer, Message, TopicPartition
from driftline.schemas import avro_schema, retired_schemas
from driftline.topics import name as topic_name
from driftline.validation import FROM_THE_BEGINNING, MonitorBook

BASELINES, MONITORS, SCHEMAS = topic_name("baselines"), topic_name("monitors"), topic_name("schemas")
TOPICS = (BASELINES, MONITORS, SCHEMAS)
_READ_AT_ONCE = 1000
_WAIT_SECONDS = 0.1
_ATTEMPTS = 300


class CatalogueBehind(DriftlineError):
    """The end of a catalogue topic could not be reached: rows cannot be judged, so the process stops."""


class Catalogue:
    """The book of what is known, kept up to the end of its three topics."""

    def __init__(self, consumer: Consumer, *, on_monitor: Callable[[Monitor, int], None] | None = None) -> None:
        """Take the partitions by hand from their beginning; `on_monitor` hears each version and its append time."""
        self.book = MonitorBook()
        self.schemas = Schemas()
        for schema in (*map(avro_schema, EVENT_NAMES), *retired_schemas()):
            self.book.add_schema(fingerprint(schema), schema, FROM_THE_BEGINNING)
        self._consumer = consumer
        self._on_monitor = on_monitor
        self._places = [TopicPartition(topic, 0) for topic in TOPICS]
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
            self._learn(self._consumer.consume(_READ_AT_ONCE, _WAIT_SECONDS))
            self._positions |= self._consumer.positions(self._places)
        behind = ", ".join(f"{place.topic} at {self._positions[place]} of {end}" for place, end in ends.items())
        raise CatalogueBehind(f"the catalogue does not reach its end: {behind}; look for a transaction that hangs")

    def _learn(self, messages: Sequence[Message]) -> None:
        learn: Mapping[str, Callable[[Message, int], None]] = {
            BASELINES: self._learn_baseline,
            MONITORS: self._learn_monitor,
            SCHEMAS: self._learn_schema,
        }
        for message in messages:
            if message.value() is not None:
                learn[message.topic()](message, message.timestamp()[1] * 1000)

    def _learn_baseline(self, message: Message, append_time: int) -> None:
        baseline = decode(message.value() or b"")
        if isinstance(baseline, Baseline):
            self.book.add_baseline(baseline, append_time)

    def _learn_monitor(self, message: Message, append_time: int) -> None:
        monitor = decode(message.value() or b"")
        if isinstance(monitor, Monitor):
            self.book.add_monitor(monitor, append_time)
            if self._on_monitor is not None:
                self._on_monitor(monitor, append_time)

    def _learn_schema(self, message: Message, append_time: int) -> None:
        registered = decode(message.value() or b"")
        if isinstance(registered, SchemaRegistered):
            schema = json.loads(registered.schema)
            self.book.add_schema(self.schemas.add(schema), schema, append_time)
