"""Connections: what each dialect must be told so that a commit is durable and the guards hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, event, insert, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.store.guards import guards_of
from driftline.ledger.store.tables import metadata

__all__ = ["SETTINGS", "create_schema", "insert_rows", "missing_guards", "open_engine", "reading", "writing"]

_BUSY_MS: Final = 30_000
_TOGETHER: Final = 50  # rows of the widest table in one statement of at most 999 parameters
SETTINGS: Final[Mapping[str, object]] = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "secure_delete": 1,
}
"""What SQLite says of every connection of ours, once it is told; synchronous 2 is FULL. What is erased is overwritten."""
_PRAGMAS: Final = (f"busy_timeout = {_BUSY_MS}", *(f"{name} = {value}" for name, value in SETTINGS.items()))


def open_engine(url: str, **pool: Any) -> Engine:
    """Return an engine; `pool`: what SQLAlchemy's `create_engine` takes for its pool of connections. Raises LedgerUnavailable for a URL that names no database we can speak to."""
    try:
        options = {"pool_pre_ping": not url.startswith("sqlite"), **pool}
        engine = create_engine(make_url(url), hide_parameters=True, **options)
    except (ArgumentError, TypeError, ImportError, SQLAlchemyError) as error:
        msg = f"the database URL cannot be used ({error}); write it as sqlite:////path/ledger.db"
        raise LedgerUnavailable(msg) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are ours: BEGIN and BEGIN IMMEDIATE below
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("ledger_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open the one writing transaction; commits at the end, rolls back on any exception."""
    with engine.connect().execution_options(ledger_write=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine, *, tolerant: bool = False) -> Iterator[Connection]:
    """Open a transaction that sees one state of the ledger; raises LedgerUnavailable when there is none.

    `tolerant` lets text that is no UTF-8, put there by force, arrive (with surrogates) instead of raising.
    """
    try:
        with engine.connect() as connection:
            if tolerant and engine.dialect.name == "sqlite":
                driver: Any = connection.connection.dbapi_connection
                driver.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
                connection.detach()  # this connection is not for anybody else
            with connection.begin():
                yield connection
    except DBAPIError as error:
        msg = f"the ledger's database cannot be read: {error.orig}"
        raise LedgerUnavailable(msg) from error
    except sqlite3.Error as error:
        msg = f"the ledger's database cannot be read: {error}"
        raise LedgerUnavailable(msg) from error


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    """Insert many rows by the driver's own executemany: SQLAlchemy's per-row work costs as much as the insert.

    SQLite takes several rows in a statement: where triggers are, each statement prepares to be undone, page by page.
    """
    statement, named = _compiled(table, tuple(columns), connection.dialect)
    if named:
        connection.exec_driver_sql(statement, [dict(zip(columns, row, strict=True)) for row in rows])
        return
    whole = 0
    if connection.dialect.name == "sqlite" and len(rows) >= _TOGETHER:
        whole = len(rows) - len(rows) % _TOGETHER
        start, values = statement.rsplit(" VALUES ", 1)
        together = f"{start} VALUES {', '.join([values] * _TOGETHER)}"
        groups = (rows[at : at + _TOGETHER] for at in range(0, whole, _TOGETHER))
        connection.exec_driver_sql(together, [tuple(chain.from_iterable(group)) for group in groups])
    if whole < len(rows):
        connection.exec_driver_sql(statement, list(rows[whole:]))


@cache
def _compiled(table: Table, columns: tuple[str, ...], dialect: Dialect) -> tuple[str, bool]:
    """Return the INSERT in a dialect's own parameter style, and whether its parameters are named."""
    compiled = insert(table).compile(dialect=dialect, column_keys=list(columns))
    order = compiled.positiontup
    if order is not None and tuple(order) != columns:
        msg = f"the columns of {table.name} must be given in the order {order}"
        raise ValueError(msg)
    return str(compiled), order is None


def create_schema(engine: Engine) -> list[str]:
    """Create what is missing; returns the guards that a ledger with entries had lost (empty is healthy)."""
    try:
        with writing(engine) as connection:
            existed = engine.dialect.has_table(connection, "ledger_entry")
            metadata.create_all(connection)
            lost = _missing(connection)
            for name, statement in guards_of(engine.dialect.name).items():
                if name in lost:
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
                    connection.exec_driver_sql(statement)
            return sorted(lost) if existed else []
    except OperationalError as error:
        msg = f"the ledger's database cannot be opened: {error.orig}"
        raise LedgerUnavailable(msg) from error


def missing_guards(engine: Engine) -> list[str]:
    """Return the guards that are absent or changed."""
    with reading(engine) as connection:
        return sorted(_missing(connection))


def _missing(connection: Connection) -> set[str]:
    expected = guards_of(connection.dialect.name)
    if not expected:
        return set()
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    found: dict[str, str] = dict(rows)
    return {name for name, statement in expected.items() if found.get(name) != statement}
