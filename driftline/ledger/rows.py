"""Rows of the ledger's tables, as verification reads them. Whatever is in the database may be in them: trust no type."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ENDLESS", "EVERYTHING", "Row", "SourceName", "Span", "Subject"]


ENDLESS: Final = 2**62
"""The end of a span that takes all that follows."""


class Span(NamedTuple):
    """Entries [first, end), or whatever is counted."""

    first: int
    end: int = ENDLESS

    def completed(self, level: int) -> Span:
        """Return the tree nodes of a level that these entries complete."""
        return Span(self.first >> level, self.end >> level)

    def common(self, other: Span) -> Span:
        """Return what both hold; one that ends before it begins where they have nothing in common."""
        return Span(max(self.first, other.first), min(self.end, other.end))


EVERYTHING: Final = Span(0)


class Row(NamedTuple):
    """An entry as stored, payload joined; the last three are None when the payload row is gone."""

    seq: int
    entry_id: bytes
    ts_us: int
    event_ts_us: int | None
    action: str
    actor: str
    resource_type: str
    resource_id: str
    data_hash: bytes
    details_hash: bytes | None
    previous_hash: bytes
    entry_hash: bytes
    leaf: bytes
    source_id: int | None
    src_start: int | None
    src_end: int | None
    salt: bytes | None
    body: bytes | None
    details: bytes | None


class SourceName(NamedTuple):
    """What a `source_id` stands for."""

    cluster: str
    topic: str
    topic_id: str
    partition: int


class Subject(NamedTuple):
    """A row of the table of names."""

    pseudonym: str
    salt: bytes
    name: str
