"""Verification against the source: every record of a topic partition must be explained by the ledger, and back.

Retention is no tampering: entries whose records the topic no longer keeps are counted as expired. Neither is
compaction, nor an aborted transaction: read committed, its records never appear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from driftline.ledger.chain import ID_CONFLICT, Known
from driftline.ledger.digest import DigestBuilder, parse_statement
from driftline.ledger.errors import LeafMalformed
from driftline.ledger.leaf import data_hash, details_hash
from driftline.ledger.records import DIGEST, GAP, Record, details_of, entry_id_of
from driftline.ledger.report import FindingKind, Findings, SourceCounts
from driftline.ledger.rows import Row, SourceName
from driftline.wording import amount

__all__ = ["DUPLICATES_KEPT", "Extent", "PartitionCheck", "Repeat", "Tally"]

DUPLICATES_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Extent:
    """What is known of a partition: the log's first offset and stable end, and the ledger's position."""

    low: int
    end: int
    position: int
    compacted: bool


@dataclass(frozen=True, slots=True)
class Repeat:
    """A record without an entry of its own, because it repeats the entry with that sequence."""

    topic: str
    partition: int
    offset: int
    sequence: int


@dataclass(slots=True)
class Tally:
    """Counts over all partitions."""

    matched: int = 0
    digested: int = 0
    duplicates: int = 0
    pending: int = 0
    expired: int = 0
    compacted: int = 0
    gaps: int = 0

    def counts(self) -> SourceCounts:
        """Return the counts as a value."""
        return SourceCounts(
            matched=self.matched,
            digested=self.digested,
            duplicates=self.duplicates,
            pending=self.pending,
            expired=self.expired,
            compacted=self.compacted,
            gaps=self.gaps,
        )


class PartitionCheck:
    """Compares one partition: feed its committed records from `extent.low` on in offset order, then finish.

    `entries` are the rows of this source in the order of their start, `size` the entries of the log, and
    `known` looks an entry up by id.
    """

    def __init__(
        self,
        source: SourceName,
        extent: Extent,
        entries: Iterator[Row],
        *,
        size: int,
        known: Callable[[bytes], Known | None],
        findings: Findings,
        tally: Tally,
        repeats: list[Repeat],
    ) -> None:
        self._source = source
        self._extent = extent
        self._entries = entries
        self._size = size
        self._known = known
        self._findings = findings
        self._tally = tally
        self._repeats = repeats
        self._seen = False
        self._digest = DigestBuilder(0)
        self._entry: Row | None = None
        self._next_entry()

    def feed(self, record: Record) -> None:
        """Take the next record."""
        offset = record.offset()
        if offset >= self._extent.position:
            self._tally.pending += 1
            return
        while self._entry is not None and _range(self._entry)[1] <= offset:
            self._close(self._entry)
        entry = self._entry
        if entry is None or _range(entry)[0] > offset:
            self._uncovered(record)
        elif entry.action == DIGEST:
            self._digest.add(record.key(), record.value(), record.headers(), record.timestamp()[1])
        elif entry.action == GAP:
            self._add(entry.seq, FindingKind.SOURCE_OMITTED, f"offset {offset} was declared lost but is in the topic")
        else:
            self._seen = True
            self._compare(entry, record)

    def finish(self) -> None:
        """Settle the entries after the last record."""
        while self._entry is not None:
            self._close(self._entry)
        if self._extent.position > self._extent.end:
            detail = f"the ledger has read up to {self._extent.position}, the topic ends at {self._extent.end}"
            self._add(None, FindingKind.SOURCE_LOST, detail)

    def _next_entry(self) -> None:
        self._entry = next(self._entries, None)
        self._seen = False
        self._digest = DigestBuilder(0)

    def _close(self, entry: Row) -> None:
        """Judge an entry whose range is over."""
        start, _ = _range(entry)
        if entry.action == GAP:
            self._tally.gaps += 1
        elif start < self._extent.low:
            self._tally.expired += 1
        elif entry.action == DIGEST:
            self._judge_digest(entry)
        elif not self._seen and self._extent.compacted:
            self._tally.compacted += 1
        elif not self._seen:
            self._add(entry.seq, FindingKind.SOURCE_UNKNOWN, f"the topic has no record at offset {start}")
        self._next_entry()

    def _judge_digest(self, entry: Row) -> None:
        start, end = _range(entry)
        try:
            said_start, said_end, count, root = parse_statement(entry.body or b"")
        except LeafMalformed as error:
            self._add(entry.seq, FindingKind.SOURCE_CHANGED, str(error))
            return
        found = self._digest.count
        if (said_start, said_end) != (start, end):
            self._add(entry.seq, FindingKind.SOURCE_CHANGED, "the digest speaks of another range than its source")
        elif found != count:
            kind = FindingKind.SOURCE_OMITTED if found > count else FindingKind.SOURCE_UNKNOWN
            self._add(
                entry.seq, kind, f"the digest of {start}..{end - 1} counts {amount(count, 'record')}, the topic has {found}"
            )
        elif self._digest.root() != root:
            self._add(entry.seq, FindingKind.SOURCE_CHANGED, f"the records {start}..{end - 1} are not those digested")
        else:
            self._tally.digested += found

    def _compare(self, entry: Row, record: Record) -> None:
        """Compare a record with the entry of its offset; an erased payload cannot be compared."""
        if entry.salt is None:
            self._tally.matched += 1
            return
        same = data_hash(entry.salt, record.value() or b"") == entry.data_hash
        details = details_of(record)
        if entry.action == ID_CONFLICT:
            same = same and (entry.body is None or _original_details(entry.details) == details)
        else:
            same = same and details_hash(entry.salt, details) == entry.details_hash
            same = same and entry_id_of(self._source.topic_id, record) == entry.entry_id
        if same:
            self._tally.matched += 1
        else:
            self._add(entry.seq, FindingKind.SOURCE_CHANGED, f"the record at offset {record.offset()} has other bytes")

    def _uncovered(self, record: Record) -> None:
        """Explain a record without an entry: a repeat of one, or an omission."""
        known = self._known(entry_id_of(self._source.topic_id, record))
        payload = record.value() or b""
        if known is not None and (known.salt is None or data_hash(known.salt, payload) == known.data_hash):
            self._tally.duplicates += 1
            if len(self._repeats) < DUPLICATES_KEPT:
                self._repeats.append(Repeat(self._source.topic, self._source.partition, record.offset(), known.seq))
            return
        after = self._size if self._entry is None else self._entry.seq
        self._add(after, FindingKind.SOURCE_OMITTED, f"the record at offset {record.offset()} is not in the ledger")

    def _add(self, sequence: int | None, kind: FindingKind, detail: str) -> None:
        self._findings.add(sequence, kind, f"{self._source.topic}/{self._source.partition}: {detail}")


def _range(entry: Row) -> tuple[int, int]:
    """Return the offsets of an entry of a source; a row without (found at level full) covers nothing."""
    start = entry.src_start or 0
    return start, start if entry.src_end is None else entry.src_end


def _original_details(details: bytes | None) -> bytes | None:
    """Return the details that a conflict entry wraps."""
    try:
        wrapped = orjson.loads(details or b"")["details"]
    except (ValueError, TypeError, KeyError):
        return None
    return wrapped.encode() if isinstance(wrapped, str) else None
