"""Reading a topic again, without waiting for more than it has."""

import pytest

from driftline.clock import ManualClock
from driftline.errors import Unavailable
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.memory_consumer import MemoryConsumer
from driftline.kafka.ports import Message, NewTopic, TopicPartition
from driftline.runtime import ledger_source
from driftline.runtime.ledger_source import SourceReader

PLACE = TopicPartition("events", 0)


class Watched:
    """A consumer that notes how many records it is asked for."""

    def __init__(self, inner: MemoryConsumer) -> None:
        self._inner = inner
        self.asked: list[int] = []
        self.assign, self.positions, self.close = inner.assign, inner.positions, inner.close

    def consume(self, max_messages: int, timeout_seconds: float) -> list[Message]:
        self.asked.append(max_messages)
        return self._inner.consume(max_messages, timeout_seconds)


class House:
    """A cluster with one topic of so many records, and one consumer."""

    def __init__(self, records: int) -> None:
        self._cluster = MemoryCluster(ManualClock(0))
        self._cluster.admin().create([NewTopic("events", 1)])
        producer = self._cluster.producer()
        for number in range(records):
            producer.produce("events", b"%d" % number, partition=0)
        producer.flush(1.0)
        self.watched = Watched(self._cluster.consumer())
        self.admin = self._cluster.admin

    def consumer(self, group: str | None = None) -> Watched:
        return self.watched


def test_no_more_is_asked_for_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_source, "BATCH", 4)
    house = House(10)
    reader = SourceReader(house)  # type: ignore[arg-type]  # of a consumer only what reading needs
    found = [message.value() for message in reader.read(PLACE, *reader.extent(PLACE))]
    assert found == [b"%d" % number for number in range(10)]
    assert house.watched.asked == [4, 4, 2]


def test_nothing_is_asked_for_where_nothing_is() -> None:
    house = House(0)
    reader = SourceReader(house)  # type: ignore[arg-type]
    assert list(reader.read(PLACE, *reader.extent(PLACE))) == []
    assert house.watched.asked == []


def test_records_that_never_come_are_not_waited_for_forever() -> None:
    house = House(3)
    reader = SourceReader(house, quiet_seconds=0.1)  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="gives no records before its end"):
        list(reader.read(PLACE, 0, 5))
