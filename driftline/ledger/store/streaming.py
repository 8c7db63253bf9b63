"""What a snapshot reads with: one transaction of one database, and its rows streamed in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select

from driftline.ledger.rows import ENDLESS, Span
from driftline.ledger.store import tables as t

__all__ = ["CHAIN", "COLUMNS", "JOINED", "Streaming", "bounds", "within"]

_PAGE: Final = 256  # rows that fit into the nearest caches with what verification makes of them
_PULLED: Final = 2_048  # rows that a server sends at a time
JOINED: Final = t.entry.outerjoin(t.payload, t.payload.c.seq == t.entry.c.seq)
CHAIN: Final = (
    t.entry.c.seq,
    t.entry.c.entry_id,
    t.entry.c.ts_us,
    t.entry.c.event_ts_us,
    t.entry.c.action,
    t.entry.c.actor,
    t.entry.c.resource_type,
    t.entry.c.resource_id,
    t.entry.c.data_hash,
    t.entry.c.details_hash,
    t.entry.c.previous_hash,
    t.entry.c.entry_hash,
    t.entry.c.leaf,
    t.entry.c.source_id,
    t.entry.c.src_start,
    t.entry.c.src_end,
)
"""The columns of an entry, in the order of `Row`."""
COLUMNS: Final = (*CHAIN, t.payload.c.salt, t.payload.c.body, t.payload.c.details)
"""With its payload, out of `JOINED`: a whole `Row`."""


class Streaming:
    """One state of one log, as a transaction sees it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _stream(
        self, statement: Select[Any], key: ColumnElement[Any], *, descending: bool = False, limit: int | None = None
    ) -> Iterator[Sequence[Any]]:
        """Yield pages of rows in the order of the statement's first column, `key`: at least `limit` of them, if there are.

        From SQLite plain tuples: verification is too hot for SQLAlchemy's rows. MariaDB's drivers can stream one result at a
        time only, so there each page is a statement of its own in the same snapshot.
        """
        statement = statement.order_by(key.desc() if descending else key).limit(limit)
        if self._connection.dialect.name == "mysql":
            yield from self._by_page(statement.limit(min(_PULLED, limit or _PULLED)), key, descending=descending)
        elif self._connection.dialect.name == "sqlite":
            cursor = self._connection.execute(statement).cursor
            while page := cursor.fetchmany(_PAGE):
                yield page
        else:
            yield from self._connection.execute(statement, execution_options={"yield_per": _PULLED}).partitions(_PAGE)

    def _by_page(self, statement: Select[Any], key: ColumnElement[Any], *, descending: bool) -> Iterator[Sequence[Any]]:
        page = self._connection.execute(statement).all()
        while page:
            yield page
            last = page[-1][0]
            page = self._connection.execute(statement.where(key < last if descending else key > last)).all()


def bounds(column: ColumnElement[int], span: Span) -> list[ColumnElement[bool]]:
    """Return the conditions that a column lies in a span."""
    first = [column >= span.first] if span.first else []  # from the beginning on, what no writer wrote is there, too
    return first if span.end >= ENDLESS else [*first, column < span.end]


def within(statement: Select[Any], column: ColumnElement[int], span: Span) -> Select[Any]:
    """Return the statement for what lies in a span."""
    return statement.where(*bounds(column, span))
