"""Which tables and guards a database has, and bringing them up to date.

Tables are made by the revisions of `migrations`. Guards have no history: what is missing or different is put in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.store.engine import changing, reading
from driftline.ledger.store.guards import guards_of, seen_guards
from driftline.ledger.store.tables import VERSION
from driftline.revisions import known_revision, one_after_the_other, upgrade

__all__ = [
    "INSTALL",
    "MIGRATIONS",
    "READABLE_SINCE",
    "VERSION_TABLE",
    "check_version",
    "install_schema",
    "missing_guards",
    "prepare_schema",
]

VERSION_TABLE: Final = "ledger_schema"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
INSTALL: Final = "run `driftline ledger install` with a URL of the database's owner"
READABLE_SINCE: Final = "0001"
"""The oldest revision whose tables have every column that is read: later ones changed only keys and indexes."""
_UNKNOWN: Final = ""


def prepare_schema(engine: Engine) -> list[str]:
    """Make sure that a writer finds its tables and guards; returns the guards that a ledger had lost (empty is healthy).

    What is missing is made where the user of the URL may do that. Raises LedgerUnavailable, with what to do, where not, and
    for tables of a newer Driftline.
    """
    with reading(engine) as connection:
        version = _version(connection)
        lost = missing_guards(connection) if version == VERSION else set()
    if version == VERSION and not lost:
        return []
    try:
        install_schema(engine)
    except LedgerUnavailable:
        if version == VERSION:
            return sorted(lost)  # a writer may not put them back; the doctor says so
        raise
    return sorted(lost)


def install_schema(engine: Engine) -> None:
    """Create or upgrade the tables, and put guards in place; raises LedgerUnavailable."""
    try:
        with changing(engine) as connection, one_after_the_other(connection, "driftlne"):
            _upgrade(connection)
            _make_guards(connection, sorted(missing_guards(connection)))
    except DBAPIError as error:
        directly = ", who has the rights directly, not by a role" if engine.dialect.name == "mysql" else ""
        msg = f"the ledger's tables and guards cannot be made or upgraded ({error.orig}): {INSTALL}{directly}"
        raise LedgerUnavailable(msg) from error


def _make_guards(connection: Connection, names: Sequence[str]) -> None:
    kind = connection.dialect.name
    if names and kind == "mysql":  # guards act for who made them, without the roles that are active here
        connection.detach()  # it is not for anybody else
        connection.execute(text("SET ROLE NONE"))
    for name in names:
        for statement in guards_of(kind)[name].statements:
            connection.execute(text(statement) if isinstance(statement, str) else statement)


def check_version(connection: Connection, *, oldest: str = VERSION) -> None:
    """Raise LedgerUnavailable, with what to do, for tables that are not those of this Driftline, or older than `oldest`."""
    version = _version(connection)
    if version is None:
        raise LedgerUnavailable(f"this database holds no ledger; {INSTALL}")
    if version != _UNKNOWN and version < oldest:  # without a version entries can still be verified
        raise LedgerUnavailable(f"the ledger's tables are of version {version}, this Driftline wants {VERSION}: {INSTALL}")


def missing_guards(connection: Connection) -> set[str]:
    """Return the guards that are absent or changed, as far as this user can see them."""
    seen = seen_guards(connection)
    expected = guards_of(connection.dialect.name)
    return {name for name, guard in expected.items() if name not in seen or seen[name] != guard.mark}


def _version(connection: Connection) -> str | None:
    """Return the revision of the tables, None where there are none. Raises LedgerUnavailable for a newer one."""
    version = known_revision(connection, VERSION_TABLE, VERSION, of="the ledger's tables", error=LedgerUnavailable)
    if version is None:
        inspector = inspect(connection)
        return _UNKNOWN if inspector.has_table(VERSION_TABLE) or inspector.has_table("ledger_entry") else None
    return version


def _upgrade(connection: Connection) -> None:
    version = _version(connection)
    if version == _UNKNOWN:
        msg = (
            f"there are tables of a ledger, but {VERSION_TABLE} is gone or empty: making them was interrupted, or somebody "
            "removed it; drop the tables if they are empty, else restore it"
        )
        raise LedgerUnavailable(msg)
    if version == VERSION:
        return
    upgrade(connection, MIGRATIONS, VERSION_TABLE)
