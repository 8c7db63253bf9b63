"""Reads the source topics from where the database stands to their end, before Faust takes over.

So the database alone decides what has been handled: an empty one reads everything, one restored from a backup reads what it
missed, and an offset that Faust committed too early loses nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from driftline.kafka.ports import Admin, Consumer, Isolation, Message, TopicDescription, TopicPartition
from services.alerting.store import inbox
from services.alerting.store.database import Database

_MESSAGES = 500
_POLL_SECONDS = 0.5


class Handle(Protocol):
    """Applies messages; `news=False`: history that nobody is told of yet."""

    def __call__(self, messages: Sequence[Message], *, news: bool) -> None:
        """Apply all of them or raise."""
        ...


class CatchUp:
    """One reading of the history."""

    def __init__(self, database: Database, admin: Admin, consumer: Consumer, topics: Mapping[str, TopicDescription]) -> None:
        """`topics` are the source topics by name; the consumer is closed at the end."""
        self._database = database
        self._admin = admin
        self._consumer = consumer
        self._topics = topics

    def run(self, handle: Handle, stopping: Callable[[], bool]) -> int:
        """Handle what the database has not seen; returns how many messages.

        What was committed when it began is read; what comes later is Faust's.
        """
        consumer = self._consumer
        starts, ends, news = self._span()
        waiting = {place for place, start in starts.items() if start < ends[place]}
        count = 0
        try:
            if waiting:
                consumer.assign({place: starts[place] for place in waiting})
            while waiting and not stopping():
                messages = consumer.consume(_MESSAGES, _POLL_SECONDS)
                if messages:
                    handle(messages, news=news)
                    count += len(messages)
                # Positions, because transaction markers and aborted records lie behind the last message.
                waiting = {place for place, position in consumer.positions(waiting).items() if position < ends[place]}
        finally:
            consumer.close()
        return count

    def _span(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int], bool]:
        topics = self._topics.values()
        places = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
        ends = self._admin.end_offsets(places, Isolation.READ_COMMITTED)
        begins = self._admin.begin_offsets(places)
        with self._database.read() as tx:
            news = inbox.has_flag(tx, inbox.HISTORY_READ)
            noted = inbox.positions_of(tx, {topic.name: topic.topic_id for topic in topics})
        return {place: max(noted.get(place, 0), begins[place]) for place in places}, ends, news
