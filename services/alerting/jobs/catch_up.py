"""Reads the source topics from where the database stands to their end, before Faust takes over.

So the database alone decides what has been handled: an empty one reads everything, one restored from a backup reads what it
missed, and an offset that Faust committed too early loses nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from driftline.kafka.ports import Admin, Consumer, Isolation, Message, TopicPartition
from services.alerting.store import inbox
from services.alerting.store.database import Database

_MESSAGES = 500
_POLL_SECONDS = 0.5


class Handle(Protocol):
    """Applies messages; `news=False`: history that nobody is told of yet."""

    def __call__(self, messages: Sequence[Message], *, news: bool) -> None:
        """Apply all of them or raise."""
        ...


@dataclass(frozen=True, slots=True)
class History:
    """Where the history is read: the topics' partition counts and ids, by name, and who reads them."""

    admin: Admin
    consumer: Consumer
    partitions: Mapping[str, int]
    topic_ids: Mapping[str, str]


def catch_up(database: Database, history: History, handle: Handle, stopping: Callable[[], bool]) -> int:
    """Handle what the database has not seen; returns how many messages.

    What was committed when it began is read; what comes later is Faust's.
    """
    places = [TopicPartition(topic, number) for topic, count in history.partitions.items() for number in range(count)]
    ends = history.admin.end_offsets(places, Isolation.READ_COMMITTED)
    begins = history.admin.begin_offsets(places)
    with database.read() as tx:
        news = inbox.has_flag(tx, inbox.HISTORY_READ)
        noted = inbox.positions_of(tx, history.topic_ids)
    starts = {place: max(noted.get(place, 0), begins[place]) for place in places}
    waiting = {place for place in places if starts[place] < ends[place]}
    if not waiting:
        return 0
    consumer = history.consumer
    consumer.assign({place: starts[place] for place in waiting})
    count = 0
    while waiting and not stopping():
        messages = consumer.consume(_MESSAGES, _POLL_SECONDS)
        if messages:
            handle(messages, news=news)
            count += len(messages)
        # Positions, because transaction markers and aborted records lie behind the last message.
        waiting = {place for place, position in consumer.positions(waiting).items() if position < ends[place]}
    return count
