"""Trying what the guards refuse, on the newest row of each table, in transactions that are rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    Row,
    Table,
    and_,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import DBAPIError

from driftline.ledger.store import tables as t
from driftline.ledger.store.checks import Check

__all__ = ["trials"]

_BACKWARDS: Final[Mapping[str, tuple[str, int]]] = {"ledger_head": ("size", -1), "ledger_offset": ("next_offset", -1)}
"""What the tables that may change must not do; in all others, nothing may change."""
_PATIENCE: Final = text("SET LOCAL lock_timeout = '500ms'")
_DENIED: Final = ("permission denied", "command denied")
_CONSTRAINED: Final = ("constraint", "CONSTRAINT")
"""How a database says that keys or checks refuse a row; that counts where a row is new (its trial is called `a ...`)."""
_BUSY: Final = "lock timeout"


def trials(engine: Engine) -> Iterator[Check]:
    """Try every statement; one that goes through is a guard that does not hold."""
    for table in t.metadata.tables.values():
        with engine.connect() as connection:
            newest = _newest(connection, table)
        if newest is None:
            yield Check(f"{table.name} refuses changes", healthy=True, detail="not tried: the table is empty")
            continue
        for what, statement in _statements(engine.dialect.name, table, newest).items():
            guards = (f"{table.name} is", f"{table.name} only", f"{table.name} takes", *_DENIED)
            refusals = (*guards, *_CONSTRAINED) if what.startswith("a") else guards
            yield _trial(engine, f"{table.name} refuses {what}", statement, refusals)


def _newest(connection: Connection, table: Table) -> Row[Any] | None:
    keys = list(table.primary_key)
    return connection.execute(select(table).order_by(*(key.desc() for key in keys)).limit(1)).first()


def _statements(dialect: str, table: Table, newest: Row[Any]) -> dict[str, Executable]:
    row = newest._mapping  # noqa: SLF001 - the public name of a row's values by column
    this = and_(*(key == row[key] for key in table.primary_key))
    name, step = _BACKWARDS.get(table.name, (list(table.columns)[-1].name, 0))
    changed = {name: table.c[name] + step if step else table.c[name]}
    values = {column.name: row[column] for column in table.columns if column.computed is None}
    return {
        "update": update(table).where(this).values(changed),
        "delete": delete(table).where(this),
        **_overwriting(dialect, table, values, changed),
        **(_forged(values, dialect) if table is t.entry else {}),
        **({"a payload of no entry": insert(table).values({**values, "seq": -1})} if table is t.payload else {}),
    }


def _overwriting(dialect: str, table: Table, values: dict[str, Any], changed: dict[str, Any]) -> dict[str, Executable]:
    """Return the ways to write over a row that look like inserting it."""
    if dialect == "postgresql":
        upsert = postgresql.insert(table).values(values)
        upsert = upsert.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)
        return {"upsert": upsert, "truncate": text(f"TRUNCATE {table.name} CASCADE")}
    if dialect == "mysql":  # TRUNCATE cannot be undone there, so it is not tried
        into = ", ".join(f"`{name}`" for name in values)
        replace = text(f"REPLACE INTO {table.name} ({into}) VALUES ({', '.join(f':{name}' for name in values)})")  # noqa: S608 - our own names
        return {
            "upsert": mysql.insert(table).values(values).on_duplicate_key_update(changed),
            "replace": replace.bindparams(**values),
        }
    return {"replace": insert(table).prefix_with("OR REPLACE").values(values)}


def _forged(last: Mapping[str, Any], dialect: str) -> dict[str, Executable]:
    """Return entries that do not continue the chain; each differs from a good one in what its name says."""
    fresh = {**last, "seq": last["seq"] + 1, "entry_id": bytes(16), "source_id": None, "src_start": None, "src_end": None}
    linked = {**fresh, "previous_hash": last["entry_hash"]}
    if dialect == "sqlite":
        linked["entry_hash"] = bytes(32)
    forged = {
        "a gap": {**linked, "seq": last["seq"] + 2},
        "a wrong link": {**linked, "previous_hash": bytes(31) + b"\x01"},
        "a fork": {**linked, "previous_hash": last["previous_hash"]},
        "an entry before the first": {**linked, "seq": -1},
        "an entry of no known source": {**linked, "source_id": -1},
    }
    if dialect != "sqlite":  # it has no SHA-256
        forged["a forged hash"] = {**linked, "entry_hash": bytes(32)}
    return {what: insert(t.entry).values(entry) for what, entry in forged.items()}


def _trial(engine: Engine, check: str, statement: Executable, refusals: Sequence[str]) -> Check:
    """A guard names its table first; anything else is another trouble."""
    with engine.connect().execution_options(ledger_write=True) as connection:
        transaction = connection.begin()
        try:
            if engine.dialect.name == "postgresql":
                connection.execute(_PATIENCE)
            connection.execute(statement)
        except DBAPIError as error:
            said = str(error.orig).splitlines()[0]
            if _BUSY in said:
                return Check(check, healthy=True, detail=f"not tried: {said}")
            return Check(check, any(words in said for words in refusals), said)
        finally:
            transaction.rollback()
    return Check(check, healthy=False, detail="the statement went through (and was undone): `driftline ledger install`")
