"""Opening a ledger for reading, each time in one consistent snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.store import tables as t
from driftline.ledger.store.engine import database_url, open_engine, reading
from driftline.ledger.store.read_only import for_reading
from driftline.ledger.store.schema import READABLE_SINCE, check_version
from driftline.ledger.store.searchable import Searchable
from driftline.ledger.store.verifiable import Verifiable

__all__ = ["LedgerStore", "Snapshot", "open_store"]


class Snapshot(Verifiable, Searchable):
    """One state of one log, as a transaction sees it: to verify and to prove by, and to search."""


class LedgerStore:
    """One log in one database, for reading."""

    def __init__(self, engine: Engine, origin: str) -> None:
        self.engine = engine
        self.origin = origin

    @contextmanager
    def snapshot(self, *, tolerant: bool = False) -> Iterator[Snapshot]:
        """Open a consistent view; `tolerant` also reads text that is no UTF-8."""
        with reading(self.engine, tolerant=tolerant) as connection:
            yield Snapshot(connection)

    def close(self) -> None:
        """Let the connections go."""
        self.engine.dispose()


def open_store(url: str, origin: str | None = None) -> LedgerStore:
    """Open an existing ledger; with an origin, only that one. Raises LedgerUnavailable when there is none.

    A SQLite file that cannot be written, or lies where nothing can be, is read as it is: nothing is made beside it.
    Tables of an older Driftline are read as they are, too.
    """
    engine = open_engine(for_reading(database_url(url)))
    try:
        with reading(engine) as connection:
            check_version(connection, oldest=READABLE_SINCE)
            found = connection.scalar(select(t.head.c.origin))
    except SQLAlchemyError as error:
        msg = f"this database holds no ledger: {error}"
        raise LedgerUnavailable(msg) from error
    if found is None:
        raise LedgerUnavailable("this database holds tables, but no ledger that has begun")
    if origin not in {None, found}:
        raise LedgerUnavailable(f"this database holds the ledger {found!r}, not {origin!r}")
    return LedgerStore(engine, found)
