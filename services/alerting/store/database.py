"""The database: one writer at a time, whatever keeps it and however many replicas there are.

So nobody reasons about what two transactions may do to each other: who looks at a group, ends a message or places an alert sees
everything that others did before, and deadlocks cannot be. Transactions are short, and nothing is sent in them.
"""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from driftline.errors import ConfigurationError, Unavailable
from driftline.sqlite_files import keep_private
from services.alerting.store.schema import prepare_schema
from services.alerting.store.tables import flags

KEEPS_EVENTS = "driftline_keeps_events"
"""Execution option of the connections of a database."""

_BUSY_MS = 30_000
_CACHE_KIB = 32_768
"""Of SQLite, for each connection: with its 2 MiB the indexes of 100,000 alerts are read again for every batch."""

_WAL_PAGES = 16_384
"""Of SQLite, 64 MiB of its log, are copied into the database at once. Ids of alerts are hashes: each batch changes most pages of the
indexes again, and with SQLite's 1,000 pages each of them would be copied, and waited for, for every batch."""

_PEN = "pen"
"""The flag whose row is locked by the replica that writes."""
_TAKE_PEN = select(flags.c.at).where(flags.c.name == _PEN).with_for_update()


class Database:
    """Connections to the alerting database, whose tables it makes or brings up to date.

    On SQLite a lock beside the file keeps a second replica out; elsewhere replicas pass one row on. Raises ConfigurationError.
    """

    def __init__(self, url: str, *, keeps_events: bool = True) -> None:
        """`keeps_events=False`: there is no Kafka that they would be kept for."""
        self.keeps_events = keeps_events
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            message = "DRIFTLINE_DATABASE_URL is no SQLAlchemy URL, such as sqlite:////var/lib/driftline/alerting.db"
            raise ConfigurationError(message) from error
        kind = parsed.get_backend_name()
        if kind not in {"sqlite", "postgresql"}:
            raise ConfigurationError(
                f"DRIFTLINE_DATABASE_URL: alerting keeps its tables in SQLite or PostgreSQL, not in {kind}"
            )
        self.single_replica = kind == "sqlite"
        self._turn = _Turns()
        self._owner: IO[str] | None = None
        if self.single_replica and parsed.database:
            self._owner = _own(Path(parsed.database))
        self._engine = create_engine(parsed, execution_options={KEEPS_EVENTS: keeps_events})
        if self.single_replica:
            keep_private(self._engine)
            _tune_sqlite(self._engine, can_read_again=keeps_events)
        self._prepare()

    def _prepare(self) -> None:
        """Make the tables or bring them up to date."""
        try:
            with self._engine.connect() as connection, _immediate(connection) if self.single_replica else connection.begin():
                prepare_schema(connection)
                if not self.single_replica:
                    _lay_pen(connection)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that changes something; rolled back where the block raises."""
        # Databases would let the threads of this process poll or queue for the one lock; waiting in line here is quicker.
        begin = _immediate if self.single_replica else _with_pen
        with self._turn, self._engine.connect() as connection, begin(connection):
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; changes made in it are lost."""
        with self._engine.connect() as connection:
            if self.single_replica:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            try:
                yield connection
            finally:
                if self.single_replica:
                    connection.exec_driver_sql("ROLLBACK")

    def close(self) -> None:
        """Let go of everything."""
        self._engine.dispose()
        if self._owner is not None:
            self._owner.close()


@contextmanager
def _immediate(connection: Connection) -> Iterator[None]:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:  # its low byte says what kind it is
            raise
        path = connection.engine.url.database
        message = (
            f"another process has locked {path} for {_BUSY_MS / 1000:g} s, such as a backup or a shell of sqlite3; "
            f"`fuser {path}` names it: end it. If nothing restarts this service, start it again"
        )
        raise Unavailable(message) from error
    try:
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        # After some errors, such as a full disk, SQLite has rolled back already, and says that there is nothing to end.
        with suppress(DBAPIError):
            connection.exec_driver_sql("ROLLBACK")
        raise


@contextmanager
def _with_pen(connection: Connection) -> Iterator[None]:
    with connection.begin():
        connection.execute(_TAKE_PEN)
        yield


def _lay_pen(connection: Connection) -> None:
    if connection.execute(select(flags.c.name).where(flags.c.name == _PEN)).one_or_none() is None:
        connection.execute(insert(flags), {"name": _PEN, "at": 0})


class _Turns:
    """A lock that is handed over in the order of asking: a thread that writes in a loop must not shut out the others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = 0
        self._served = 0

    def __enter__(self) -> None:
        with self._changed:
            mine = self._asked
            self._asked += 1
            while mine != self._served:
                self._changed.wait()

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._served += 1
            self._changed.notify_all()


def _own(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("a", encoding="ascii")
    except OSError as error:
        message = f"cannot write to the folder {path.parent}: {error.strerror}; name another one with DRIFTLINE_DATA_DIR"
        raise ConfigurationError(message) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        message = (
            f"{path} belongs to another running alerting service: with SQLite one replica runs. "
            "Stop that one, or give DRIFTLINE_DATABASE_URL a PostgreSQL database"
        )
        raise ConfigurationError(message) from error
    return lock


def _tune_sqlite(engine: Engine, *, can_read_again: bool) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are opened by the statements above, not by the driver
        # A power cut may take the last transactions back; positions go back with them and Kafka is read again.
        # Without Kafka what was accepted is on disk before that is said.
        durable = ("synchronous=NORMAL",) if can_read_again else ("synchronous=FULL", f"wal_autocheckpoint={_WAL_PAGES}")
        for pragma in (
            "journal_mode=WAL",
            *durable,
            f"busy_timeout={_BUSY_MS}",
            f"cache_size=-{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")
