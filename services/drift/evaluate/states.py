"""Read back what the evaluator wrote to `states`, to the very last committed transaction.

The order matters. The group's offsets were read first (that waits for a pending transaction); then the *uncommitted* end of
the partition is asked, and it is read (committed records only) until the position reaches that end. An end asked in
read_committed would be the last stable offset: when the commit marker is on the offsets and not yet on `states`, the last
transaction would be missing, and the state would be older than the offsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from driftline.codec import decode
from driftline.errors import Unavailable
from driftline.events import StateEntry
from driftline.kafka.ports import Consumer, Message, TopicPartition
from services.drift.evaluate.cache import Stamp, StateCache

__all__ = ["States"]

_BATCH = 2000
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class States:
    """The topic `states` and its cache. The consumer is outside of any group."""

    consumer: Consumer
    topic: str
    topic_id: str
    cache: StateCache | None = None
    half_retention_us: int = 302_400_000_000
    """Half of delete.retention.ms (7 days): a cache older than that may revive what was deleted."""
    patience: int = 240
    """Polls without a record before giving up: transactions that hang are ended by the broker much earlier."""

    def load(self, partition: int) -> dict[bytes, bytes]:
        """Return the bodies of all states of a partition by key. Raises Unavailable when its end cannot be reached."""
        place = TopicPartition(self.topic, partition)
        stamp = None if self.cache is None else self.cache.stamp(partition)
        if stamp is not None and stamp.topic_id == self.topic_id and self.cache is not None:
            found = self._rolled_forward(place, self.cache.entries(partition), stamp)
            if found is not None:
                return found
        if self.cache is not None:
            self.cache.discard(partition)
        low = self.consumer.watermarks(place).low
        found = self._rolled_forward(place, {}, Stamp(self.topic_id, low, 0))
        return {} if found is None else found

    def first_offset(self, place: TopicPartition) -> int:
        """Return the first offset that a partition of any topic still has."""
        return self.consumer.watermarks(place).low

    def goal(self, place: TopicPartition) -> int:
        """Return where reading has to arrive: the end of the partition, past open transactions."""
        return self.consumer.watermarks(place).end

    def stable_end(self, partition: int) -> int:
        """Return the last stable offset of a partition."""
        return self.consumer.watermarks(TopicPartition(self.topic, partition)).stable

    def _rolled_forward(self, place: TopicPartition, found: dict[bytes, bytes], stamp: Stamp) -> dict[bytes, bytes] | None:
        """Lay the records after the stamp over what was found; None where the stamp turns out to be too old."""
        for message in self._read(place, stamp.position):
            append_time = message.timestamp()[1] * 1000
            if stamp.append_time and append_time - stamp.append_time > self.half_retention_us:
                return None
            key, value = message.key(), message.value()
            assert key is not None
            if value is None:
                found.pop(key, None)
            else:
                entry = decode(value)
                assert isinstance(entry, StateEntry)
                found[key] = entry.body
        return found

    def _read(self, place: TopicPartition, start: int) -> Iterator[Message]:
        end = self.goal(place)
        self.consumer.assign({place: start})
        silent = 0
        while self.consumer.positions([place]).get(place, start) < end:
            messages = self.consumer.consume(_BATCH, _POLL_SECONDS)
            yield from messages
            silent = 0 if messages else silent + 1
            if silent > self.patience:
                raise Unavailable(
                    f"{place.topic}[{place.partition}] cannot be read to its end {end}: a transaction on it hangs. Start again; "
                    "if it stays so, look for the producer with `kafka-transactions.sh find-hanging`."
                )
        self.consumer.assign({})
