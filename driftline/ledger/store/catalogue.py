"""What the database's catalogue says of guards and tables: nothing is gone, nothing is added, nothing cascades."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    Connection,
    Constraint,
    ForeignKeyConstraint,
    Inspector,
    Table,
    UniqueConstraint,
    inspect,
    text,
)
from sqlalchemy.sql.ddl import DDLIf

from driftline.ledger.store.checks import Check
from driftline.ledger.store.guards import guards_of, seen_guards
from driftline.ledger.store.guards_mysql import SHOW
from driftline.ledger.store.schema import INSTALL
from driftline.ledger.store.tables import metadata

__all__ = ["guards", "structure"]

_HARMLESS: Final = {None, "NO ACTION", "RESTRICT"}
_FORMER: Final = {("previous_hash",)}
"""Unique keys that ledgers on SQLite keep from older versions: they refuse nothing that others let in."""


def guards(connection: Connection) -> Iterator[Check]:
    """Every guard is as it was made, and there are no triggers of somebody else: they can change what is written."""
    expected, seen = guards_of(connection.dialect.name), seen_guards(connection)
    gone = "is gone" if connection.dialect.name != "mysql" or SHOW in seen else "is gone, or not shown to this user"
    for name, guard in expected.items():
        found = seen.get(name)
        if found == guard.mark:
            yield Check(f"guard {name}", healthy=True, detail="as it was made")
        else:
            yield Check(f"guard {name}", healthy=False, detail=f"{'was changed' if found else gone}: {INSTALL}")
    foreign = sorted(set(seen).difference(expected))
    yield Check("no other triggers", not foreign, f"{', '.join(foreign)}: drop them" if foreign else "none")


def structure(connection: Connection) -> Iterator[Check]:
    """Columns, keys, checks and the chain of foreign keys are as they were made."""
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        expected, found = _shape_made(table, connection), _shape_found(inspector, table.name)
        changed = [what for what, value in expected.items() if found[what] != value]
        detail = f"{', '.join(changed)} changed: find out who did that, and restore them" if changed else "as it was made"
        yield Check(f"table {table.name}", not changed, detail)
    cascading = sorted(
        name
        for name in inspector.get_table_names()
        for referred, actions in _actions(connection, inspector, name)
        if {name, referred} & set(metadata.tables) and not _HARMLESS.issuperset(actions)
    )
    detail = f"{', '.join(cascading)}: a cascade deletes without a statement that names the table" if cascading else "none"
    yield Check("no cascades", not cascading, detail)


def _actions(connection: Connection, inspector: Inspector, name: str) -> Iterator[tuple[str, set[Any]]]:
    """Yield which table each foreign key of a table refers to, and what it does when that changes."""
    if connection.dialect.name == "sqlite":  # SQLAlchemy does not see what stands beside a column
        listed = text('SELECT "table", on_update, on_delete FROM pragma_foreign_key_list(:name)')
        yield from ((referred, set(actions)) for referred, *actions in connection.execute(listed, {"name": name}))
        return
    for key in inspector.get_foreign_keys(name):
        yield key["referred_table"], {key["options"].get(event) for event in ("ondelete", "onupdate")}


def _shape_made(table: Table, connection: Connection) -> dict[str, object]:
    applying = [constraint for constraint in table.constraints if _applies(constraint, connection)]
    unique = {tuple(column.name for column in c.columns) for c in applying if isinstance(c, UniqueConstraint)}
    return {
        "columns": {c.name: (c.type.python_type, c.nullable) for c in table.columns},
        "primary key": [column.name for column in table.primary_key],
        "unique keys": unique | {(column.name,) for column in table.columns if column.unique},
        "foreign keys": {
            (tuple(c.column_keys), tuple(f"{element.column.table.name}.{element.column.name}" for element in c.elements))
            for c in applying
            if isinstance(c, ForeignKeyConstraint)
        },
        "checks": {str(c.name) for c in applying if isinstance(c, CheckConstraint)},
    }


def _applies(constraint: Constraint, connection: Connection) -> bool:
    condition: DDLIf | None = constraint._ddl_if  # noqa: SLF001 - what `ddl_if` said; there is no public way to ask
    return condition is None or connection.dialect.name in (condition.dialect or ())


def _shape_found(inspector: Inspector, name: str) -> dict[str, object]:
    if not inspector.has_table(name):
        return dict.fromkeys(("columns", "primary key", "unique keys", "foreign keys", "checks"))
    return {
        "columns": {c["name"]: (c["type"].python_type, c["nullable"]) for c in inspector.get_columns(name)},
        "primary key": inspector.get_pk_constraint(name)["constrained_columns"],
        "unique keys": {tuple(key["column_names"]) for key in inspector.get_unique_constraints(name)} - _FORMER,
        "foreign keys": {
            (tuple(key["constrained_columns"]), tuple(f"{key['referred_table']}.{c}" for c in key["referred_columns"]))
            for key in inspector.get_foreign_keys(name)
        },
        "checks": {str(check["name"]) for check in inspector.get_check_constraints(name)},
    }
