"""Partitions of the in-memory twin: records, transaction markers, last stable offset."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from driftline.kafka.ports import TopicPartition

__all__ = ["Log", "MemoryMessage", "Transaction", "TransactionState"]

APPEND_TIME = 2
"""The timestamp type that a broker gives under LogAppendTime."""


class TransactionState(Enum):
    """Where a transaction stands at its coordinator."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(slots=True)
class Transaction:
    """One transaction: the partitions it wrote to, and the offsets of a group it holds."""

    transactional_id: str
    began_ms: int
    state: TransactionState = TransactionState.OPEN
    partitions: list[TopicPartition] = field(default_factory=list)
    offsets: dict[str, dict[TopicPartition, int]] = field(default_factory=dict)
    failure: str | None = None
    """Why it can only be aborted, if so."""


class MemoryMessage:
    """A record in a log; the methods of `confluent_kafka.Message`."""

    __slots__ = ("_headers", "_key", "_offset", "_partition", "_time_ms", "_topic", "_value", "transaction")

    def __init__(
        self,
        place: TopicPartition,
        offset: int,
        content: tuple[bytes | None, bytes | None, list[tuple[str, bytes]] | None],
        *,
        time_ms: int,
        transaction: Transaction | None,
    ) -> None:
        """Keep (key, value, headers) at a place; `transaction` None was written outside of any."""
        self._topic, self._partition = place
        self._offset = offset
        self._key, self._value, self._headers = content
        self._time_ms = time_ms
        self.transaction = transaction

    def topic(self) -> str:
        """Return the topic's name."""
        return self._topic

    def partition(self) -> int:
        """Return the partition's number."""
        return self._partition

    def offset(self) -> int:
        """Return the record's offset."""
        return self._offset

    def key(self) -> bytes | None:
        """Return the key."""
        return self._key

    def value(self) -> bytes | None:
        """Return the value."""
        return self._value

    def headers(self) -> list[tuple[str, bytes]] | None:
        """Return the headers, None when there are none."""
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        """Return (append time, milliseconds)."""
        return APPEND_TIME, self._time_ms

    def error(self) -> None:
        """Return None: errors are raised."""
        return

    def __len__(self) -> int:
        """Return the length of the value."""
        return len(self._value or b"")

    def __repr__(self) -> str:
        """Show where it lies."""
        return f"<{self._topic}[{self._partition}]@{self._offset}>"


class Log:
    """One partition. A None entry is a transaction marker: it takes an offset and is never seen."""

    def __init__(self, place: TopicPartition) -> None:
        """Begin empty."""
        self.place = place
        self.low = 0
        self._entries: list[MemoryMessage | None] = []
        self._open: dict[int, int] = {}

    @property
    def end(self) -> int:
        """Return the high-water mark, past open transactions."""
        return len(self._entries)

    @property
    def stable(self) -> int:
        """Return the last stable offset: the first record of the oldest open transaction, else the end."""
        return min(self._open.values(), default=self.end)

    def append(
        self,
        content: tuple[bytes | None, bytes | None, list[tuple[str, bytes]] | None],
        *,
        time_ms: int,
        transaction: Transaction | None,
    ) -> int:
        """Append a record and return its offset."""
        offset = self.end
        if transaction is not None:
            self._open.setdefault(id(transaction), offset)
        self._entries.append(MemoryMessage(self.place, offset, content, time_ms=time_ms, transaction=transaction))
        return offset

    def mark(self, transaction: Transaction) -> None:
        """Append the transaction's commit or abort marker."""
        self._open.pop(id(transaction), None)
        self._entries.append(None)

    def truncate(self, low: int) -> None:
        """Forget everything before `low`, as retention does."""
        self.low = max(self.low, min(low, self.end))

    def read(self, position: int, limit: int) -> tuple[list[MemoryMessage], int]:
        """Return up to `limit` committed records from `position`, and the position after them.

        Without a record left to give, the position passes markers and aborted records to the last stable offset.
        """
        found: list[MemoryMessage] = []
        stable = self.stable
        while position < stable and len(found) < limit:
            entry = self._entries[position]
            position += 1
            if entry is not None and _visible(entry):
                found.append(entry)
        while position < stable and not _gives(self._entries[position]):
            position += 1
        return found, position

    def first_at(self, time_ms: int) -> int:
        """Return the first record appended at or after a time, else the last stable offset."""
        for offset in range(self.low, self.stable):
            entry = self._entries[offset]
            if entry is not None and entry.timestamp()[1] >= time_ms:
                return offset
        return self.stable

    def records(self, *, committed_only: bool = True) -> list[MemoryMessage]:
        """Return all records, for assertions."""
        return [e for e in self._entries[self.low :] if e is not None and (not committed_only or _visible(e))]


def _visible(entry: MemoryMessage) -> bool:
    return entry.transaction is None or entry.transaction.state is TransactionState.COMMITTED


def _gives(entry: MemoryMessage | None) -> bool:
    return entry is not None and _visible(entry)
