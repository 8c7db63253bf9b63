"""Whether everything that protects a stored ledger is in place: looked up, and tried on the living database.

Each guard is tried by the statement that it refuses, in a transaction that is rolled back: a trigger of the right text that
does not fire would be found. This cannot find who has changed entries already (that is verification).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from driftline.ledger.store.engine import SETTINGS, missing_guards, reading
from driftline.ledger.store.guards import guards_of
from driftline.ledger.store.tables import metadata

__all__ = ["Check", "examine"]

_OTHERS_MAY_WRITE: Final = 0o022
_BACKWARDS: Final = {"ledger_head": "size = size - 1", "ledger_offset": "next_offset = next_offset - 1"}
"""What the tables that may change must not do; in all others, nothing may change."""


@dataclass(frozen=True, slots=True)
class Check:
    """One protection: its name, whether it holds, and what was seen."""

    name: str
    healthy: bool
    detail: str


def examine(engine: Engine) -> list[Check]:
    """Return every check, in a fixed order; raises LedgerUnavailable for a database that cannot be read.

    A database for which no guards are written fails as a whole.
    """
    if not guards_of(engine.dialect.name):
        return [Check("guards", healthy=False, detail=f"none are written for {engine.dialect.name}")]
    lost = set(missing_guards(engine))
    checks = [
        Check(f"trigger {name}", name not in lost, "is gone, or was changed" if name in lost else "as it was made")
        for name in guards_of(engine.dialect.name)
    ]
    with reading(engine) as connection:
        checks += [*_foreign_triggers(connection), *_structure(connection), *_cascades(connection), *_settings(connection)]
    checks += [*_file(engine), *_trials(engine)]
    return checks


def _foreign_triggers(connection: Connection) -> Iterator[Check]:
    """A trigger of somebody else can change what is written, or write it elsewhere."""
    rows = connection.execute(text("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"))
    foreign = [name for name, table in rows if table in metadata.tables and name not in guards_of("sqlite")]
    yield Check("no other triggers", not foreign, ", ".join(foreign) or "none")


def _structure(connection: Connection) -> Iterator[Check]:
    """Keys, unique constraints and the chain of foreign keys stand in the statement that made the table."""
    found: dict[str, str] = dict(connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all())
    for table in metadata.sorted_tables:
        made = str(CreateTable(table).compile(dialect=connection.dialect))
        same = found.get(table.name, "").split() == made.split()
        yield Check(f"table {table.name}", same, "as it was made" if same else "its columns or constraints were changed")


def _cascades(connection: Connection) -> Iterator[Check]:
    """A cascade deletes entries without any statement that names them."""
    tables = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
    cascading = []
    for name in tables:
        keys = connection.execute(
            text('SELECT "table", on_update, on_delete FROM pragma_foreign_key_list(:name)'), {"name": name}
        )
        cascading += [
            name for table, *actions in keys if {table, name} & set(metadata.tables) and set(actions) != {"NO ACTION"}
        ]
    yield Check("no cascades", not cascading, ", ".join(cascading) or "none")


def _settings(connection: Connection) -> Iterator[Check]:
    """The settings that hold on a connection of ours, read back; SQLite ignores in silence what it cannot do."""
    for name, expected in SETTINGS.items():
        value = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        yield Check(f"setting {name}", value == expected, f"is {value}" if value == expected else f"is {value}, not {expected}")


def _file(engine: Engine) -> Iterator[Check]:
    path = Path(engine.url.database or "")
    mode = path.stat().st_mode & 0o777
    closed = not mode & _OTHERS_MAY_WRITE
    yield Check("file", closed, f"{path} has the mode {mode:o}" + ("" if closed else f": chmod go-w {path}"))


def _trials(engine: Engine) -> Iterator[Check]:
    """Try what the guards refuse, on the newest row of each table."""
    for name, table in metadata.tables.items():
        columns = ", ".join(column.name for column in table.columns if column.computed is None)
        change = _BACKWARDS.get(name, f"{columns.split(',')[0]} = {columns.split(',')[0]}")
        newest = f"{name} WHERE rowid = (SELECT max(rowid) FROM {name})"  # noqa: S608 - our own tables, here and below
        statements = {
            "update": f"UPDATE {newest.replace('WHERE', f'SET {change} WHERE')}",
            "delete": f"DELETE FROM {newest}",  # noqa: S608
            "replace": f"INSERT OR REPLACE INTO {name} ({columns}) SELECT {columns} FROM {newest}",  # noqa: S608
        }
        for what, statement in statements.items():
            yield _trial(engine, f"{name} refuses {what}", name, statement)


def _trial(engine: Engine, check: str, table: str, statement: str) -> Check:
    with engine.connect().execution_options(ledger_write=True) as connection:
        transaction = connection.begin()
        try:
            if connection.execute(text(f"SELECT 1 FROM {table} LIMIT 1")).first() is None:  # noqa: S608
                return Check(check, healthy=True, detail="not tried: the table is empty")
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            said = str(error.orig)  # a guard names its table first; a constraint, or a locked database, says something else
            return Check(check, said.startswith(table), said)
        finally:
            transaction.rollback()
    return Check(check, healthy=False, detail="the statement went through (and was undone)")
