"""Connections: what each dialect must be told so that a commit is durable and the guards hold."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain, islice
from typing import Any, Final

from sqlalchemy import URL, Connection, Dialect, Engine, Table, Update, create_engine, event, func, insert, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.store.read_only import is_read_only
from driftline.sqlite_files import keep_private

__all__ = [
    "BUSY_SECONDS",
    "SETTINGS",
    "changing",
    "database_url",
    "insert_rows",
    "is_locked",
    "open_engine",
    "reading",
    "write_soon",
    "writing",
]

BUSY_SECONDS: Final = 30
"""How long a writer of SQLite waits for another one, at most."""
_PATIENCE_MS: Final = 500
_REST: Final = 1.0  # seconds after which a connection is tried before it is used
_TOGETHER: Final = 50  # rows of the widest table in one statement of at most 999 parameters
_COPIED: Final = 8  # rows from which on COPY is quicker than statements
_NAMED: Final = re.compile(r"%\((\w+)\)s")
SETTINGS: Final[Mapping[str, object]] = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "secure_delete": 1,
}
"""What SQLite says of every connection of ours, once it is told; synchronous 2 is FULL. What is erased is overwritten."""
_CACHE_KIB: Final = (
    16_000  # holds what a batch changes in a large ledger; with SQLite's 2,000 it reads and writes most of it twice
)
_READER_PRAGMAS: Final = (f"busy_timeout = {1_000 * BUSY_SECONDS}", f"cache_size = -{_CACHE_KIB}", "trusted_schema = 0")
_PRAGMAS: Final = (*_READER_PRAGMAS, *(f"{name} = {value}" for name, value in SETTINGS.items()))
_STRICT: Final = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_SESSION: Final[Mapping[str, str]] = {
    # A commit that returns is on disk; a standby may be asked for more.
    "postgresql": "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    # What does not fit is refused, not cut to fit.
    "mysql": f"SET SESSION sql_mode = '{_STRICT}', foreign_key_checks = 1, unique_checks = 1",
}
_DRIVERS: Final = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_URLS: Final = "sqlite:////path/ledger.db, postgresql://user:password@host/database or mysql://user:password@host/database"


def open_engine(url: str | URL, **pool: Any) -> Engine:
    """Return an engine; `pool`: what SQLAlchemy's `create_engine` takes for its pool of connections.

    Raises LedgerUnavailable for a URL that names no database we can speak to, or whose driver is not installed.
    """
    parsed = database_url(url)
    try:
        engine = create_engine(parsed, hide_parameters=True, **{**_options(parsed), **pool})
    except ImportError as error:
        msg = (
            f"the driver of the ledger's database is not installed ({error.name}): pip install 'driftline[postgresql,mariadb]'"
        )
        raise LedgerUnavailable(msg) from error
    except (ArgumentError, TypeError, ValueError, SQLAlchemyError) as error:
        raise _unusable(error) from error
    if engine.dialect.name == "sqlite":
        keep_private(engine)
        event.listen(engine, "connect", partial(_prepare_sqlite, _READER_PRAGMAS if is_read_only(parsed) else _PRAGMAS))
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name in _SESSION:
        event.listen(engine, "connect", partial(_prepare_server, _SESSION[engine.dialect.name]))
        event.listen(engine, "checkin", _rest)
        event.listen(engine, "checkout", partial(_wake, engine.dialect))
    else:
        raise LedgerUnavailable(f"a ledger cannot live in {engine.dialect.name}; write the URL as {_URLS}")
    return engine


def database_url(text: str | URL) -> URL:
    """Return the URL, with a driver where it leaves that open; raises LedgerUnavailable for what is no URL."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise _unusable(error) from error
    if url.host and "@" in url.host:  # not shown: it is the end of a password
        raise _unusable("write @ as %40 in a password")
    name = url.drivername.replace("mariadb", "mysql", 1)  # one dialect, which asks the server what it is
    return url.set(drivername=_DRIVERS.get(name, name))


def _unusable(why: object) -> LedgerUnavailable:
    return LedgerUnavailable(f"the database URL cannot be used ({why}); write it as {_URLS}")


def _options(url: URL) -> dict[str, Any]:
    """Writers wait for each other's rows and then see what they wrote; see `reading` for readers."""
    if url.get_backend_name() == "sqlite":
        return {}
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED"}
    if url.get_driver_name() == "pymysql":
        options["connect_args"] = {"binary_prefix": True}  # bytes are no text that wants to be valid
    return options


def _prepare_sqlite(pragmas: Sequence[str], connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are ours: BEGIN and BEGIN IMMEDIATE below
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA synchronous = {'NORMAL' if options.get('ledger_soon') else SETTINGS['synchronous']}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("ledger_write") else "BEGIN")


def _prepare_server(statement: str, connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.commit()


def _rest(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["rests since"] = time.monotonic()


def _wake(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Ask whether the server is still there, of a connection that nobody used for a while: it is a round trip."""
    if time.monotonic() - record.info.get("rests since", time.monotonic()) < _REST:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error  # the pool makes a new one


@contextmanager
def changing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that may write; commits at the end, rolls back on any exception, which it passes on as it is."""
    with engine.connect().execution_options(ledger_write=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open the one writing transaction; commits at the end, rolls back on any exception.

    Raises LedgerUnavailable for a database that is gone, locked or full.
    """
    with _may_be_unavailable(), changing(engine) as connection:
        yield connection


def is_locked(engine: Engine) -> bool:
    """Whether somebody else writes to a SQLite file, and has not done after half a second; other databases wait row by row."""
    if engine.dialect.name != "sqlite":
        return False
    try:
        with engine.connect() as connection:
            driver: Any = connection.connection.dbapi_connection
            connection.detach()  # this connection is not for anybody else
            driver.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
            driver.execute("BEGIN IMMEDIATE")
            driver.execute("ROLLBACK")
    except (DBAPIError, sqlite3.Error) as error:  # what else is wrong says the command itself
        return "locked" in str(error)
    return False


@contextmanager
def _may_be_unavailable() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        msg = f"the ledger's database cannot be written: {error.orig}"
        raise LedgerUnavailable(msg) from error


def write_soon(engine: Engine, change: Update, values: Mapping[str, object]) -> None:
    """Change rows in a transaction of its own that need not wait for the disk: for what can be made again after a power cut.

    Everybody sees the change at once, and it is never lost when a later transaction is not: those are written in their order.
    MariaDB has no such commit. Raises LedgerUnavailable as `writing` does.
    """
    with _may_be_unavailable():
        if engine.dialect.name == "postgresql":  # in one round trip
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(_soon(change), values)
            return
        with engine.connect().execution_options(ledger_write=True, ledger_soon=True) as connection, connection.begin():
            connection.execute(change, values)


@cache
def _soon(change: Update) -> Update:
    """Return a statement that lets its own transaction commit without waiting."""
    return change.where(func.set_config("synchronous_commit", "off", True) == "off")


@contextmanager
def reading(engine: Engine, *, tolerant: bool = False) -> Iterator[Connection]:
    """Open a transaction that sees one state of the ledger; raises LedgerUnavailable when there is none.

    `tolerant` lets text that is no UTF-8, put there by force, arrive (with surrogates) instead of raising.
    """
    try:
        with engine.connect() as connection:
            if engine.dialect.name != "sqlite":
                connection.execution_options(isolation_level="REPEATABLE READ")
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


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Insert many rows by the quickest way of the driver: SQLAlchemy's per-row work costs as much as the insert.

    SQLite takes several rows in a statement: where triggers are, each statement prepares to be undone, page by page.
    PyMySQL makes one statement of many rows by itself, PostgreSQL takes them by COPY, the first while `rows` makes the later ones.
    """
    statement = _compiled(table, tuple(columns), connection.dialect)
    if connection.dialect.driver == "psycopg":
        left = iter(rows)
        rows = list(islice(left, _COPIED))
        if len(rows) == _COPIED:
            _copy(connection, table, columns, chain(rows, left))
            return
    rows = list(rows)
    whole = 0
    if connection.dialect.name == "sqlite" and len(rows) >= _TOGETHER:
        whole = len(rows) - len(rows) % _TOGETHER
        start, values = statement.rsplit(" VALUES ", 1)
        together = f"{start} VALUES {', '.join([values] * _TOGETHER)}"
        groups = (rows[at : at + _TOGETHER] for at in range(0, whole, _TOGETHER))
        connection.exec_driver_sql(together, [tuple(chain.from_iterable(group)) for group in groups])
    if whole < len(rows):
        connection.exec_driver_sql(statement, rows[whole:])


def _copy(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Write rows by COPY, in PostgreSQL's own binary form."""
    from psycopg.types.string import BytesBinaryDumper

    driver: Any = connection.connection.driver_connection
    types = [table.c[name].type.compile(connection.dialect).partition("(")[0].lower() for name in columns]
    with driver.cursor() as cursor:
        cursor.adapters.register_dumper(bytes, BytesBinaryDumper)  # the last one counts, by default a slow one
        with cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


@cache
def _compiled(table: Table, columns: tuple[str, ...], dialect: Dialect) -> str:
    """Return the INSERT in the words of a dialect, its parameters by their places."""
    compiled = insert(table).compile(dialect=dialect, column_keys=list(columns))
    order = tuple(compiled.positiontup or _NAMED.findall(str(compiled)))
    if order != columns:
        msg = f"the columns of {table.name} must be given in the order {order}"
        raise ValueError(msg)
    return _NAMED.sub("%s", str(compiled))
