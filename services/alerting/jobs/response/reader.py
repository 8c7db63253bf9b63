"""Reads what the response decides on: decided windows, stages of versions, and what serving adapters say.

Partitions are taken by hand and positions stand in the database, in the transaction of what was read. The first start begins at the
end of `windows`: history is no reason to act. What governance decided and what serves is read from the beginning.
"""

import threading
from collections.abc import Callable, Mapping, Sequence

from driftline import codec, topics
from driftline.alerting.response.evidence import bears, observe
from driftline.clock import Clock
from driftline.events import Decision, ServingObserved, StageChanged, WindowReport
from driftline.kafka.ports import Admin, Consumer, Isolation, Message, TopicDescription, TopicPartition
from driftline.runtime.health import Health
from services.alerting.metrics import RESPONSE_WINDOWS
from services.alerting.store import inbox
from services.alerting.store.database import Database
from services.alerting.store.response import plans, serving, windows

SOURCES = ("windows", "governance", "serving-status")
_WINDOWS = topics.name("windows")
_OWN = "response/"
"""Before the names of topics among the positions: others read some of them too, and stand elsewhere."""
_MESSAGES = 500
_POLL_SECONDS = 0.5
_ALL_ROWS = b"//"
"""In the key of a window the slice of all rows is nothing between two slashes."""
_NEEDED: codec.Keep = {"measures": bears, "comparisons": lambda _: False}
"""Of the hundreds of measures of a report a few are looked at."""


class ResponseReader:
    """A part of the process."""

    def __init__(
        self,
        database: Database,
        *,
        admin: Admin,
        consumer: Consumer,
        sources: Mapping[str, TopicDescription],
        clock: Clock,
        health: Health,
        on_read: Callable[[], None],
    ) -> None:
        """`sources` are the topics by name; `on_read` wakes who decides."""
        self._database = database
        self._admin = admin
        self._consumer = consumer
        self._sources = sources
        self._topic_ids = {_OWN + name: topic.topic_id for name, topic in sources.items()}
        self._clock = clock
        self._health = health
        self._on_read = on_read
        self._stopping = threading.Event()

    def run(self) -> None:
        """Read until stopped; a record that cannot be read ends the process."""
        try:
            self._consumer.assign(self._starts())
            while not self._stopping.is_set():
                self._health.beat("response reader")
                messages = self._consumer.consume(_MESSAGES, _POLL_SECONDS)
                if messages and self.handle(messages):
                    self._on_read()
        finally:
            self._consumer.close()

    def stop(self) -> None:
        """Read no more."""
        self._stopping.set()

    def handle(self, messages: Sequence[Message]) -> int:
        """Keep what records say; returns of how many something is new. Handling one twice changes nothing."""
        now = self._clock.now_us()
        ends = {_own(TopicPartition(one.topic(), one.partition())): one.offset() + 1 for one in messages}
        with self._database.write() as tx:
            plans.take_fence(tx)
            new = 0
            for message in messages:
                value = message.value()
                if value is None or (message.topic() == _WINDOWS and not _decides(message.key(), value)):
                    continue
                match codec.decode(value, _NEEDED if message.topic() == _WINDOWS else None):
                    case WindowReport() as report:
                        seen = observe(report, now)
                        new += seen is not None and windows.save(tx, seen, report.revision)
                    case StageChanged() as changed:
                        serving.change_stage(tx, changed)
                    case ServingObserved() as said:
                        serving.observe(tx, said)
                        new += 1
            inbox.set_positions(tx, ends, self._topic_ids)
        RESPONSE_WINDOWS.inc(new)
        return new

    def _starts(self) -> dict[TopicPartition, int]:
        places = [TopicPartition(topic.name, number) for topic in self._sources.values() for number in range(topic.partitions)]
        begins = self._admin.begin_offsets(places)
        ends = self._admin.end_offsets(places, Isolation.READ_COMMITTED)
        with self._database.write() as tx:
            noted = inbox.positions_of(tx, self._topic_ids)
            first = {place: ends[place] if place.topic == _WINDOWS else begins[place] for place in places}
            starts = {place: max(noted.get(_own(place), first[place]), begins[place]) for place in places}
            # From now on every partition has a position: what comes while no process runs is no history.
            inbox.set_positions(tx, {_own(place): start for place, start in starts.items()}, self._topic_ids)
        return starts


def _decides(key: bytes | None, value: bytes) -> bool:
    """Whether a report is of all rows and decides something; a third of them is not read further than up to that."""
    return _ALL_ROWS in (key or _ALL_ROWS) and codec.leading(value, "decision").get("decision") != Decision.NONE


def _own(place: TopicPartition) -> TopicPartition:
    return TopicPartition(_OWN + place.topic, place.partition)
