"""The guards of MariaDB and MySQL.

Any session may switch foreign keys and checks off for itself: a trigger looks after the chain and the source, too. (MySQL 9.7 does not
look a foreign key up at all if its index goes on with a column that is NULL, as that of `source_id` with `src_start`.)

TRUNCATE fires no trigger, but is refused for a table that another one refers to: an empty table, `ledger_pin`, refers to each
that has none. (Who may TRUNCATE may also drop, and gets past this by `foreign_key_checks = 0`.)

A server shows triggers, or their text, only to users who may drop them. To writers and readers a procedure shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Column, Connection, ForeignKeyConstraint, Integer, MetaData, Row, Table, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from driftline.ledger.store import tables as t
from driftline.ledger.store.columns import ZERO_HASH
from driftline.ledger.store.rules import RULES, Guard

__all__ = ["GUARDS", "PIN", "SHOW", "seen"]

PIN: Final = "ledger_pin"
SHOW: Final = "ledger_guards"
_PINNED: Final[Mapping[Table, tuple[str, ...]]] = {
    t.payload: ("seq",),
    t.subject: ("actor",),
    t.node: ("level", "idx"),
    t.withdrawal: ("seq", "by_seq"),
    t.cosignature: ("size", "cosigner"),
    t.head: ("id",),
}
"""The keys of the tables to which no table of the ledger refers."""

_CATALOGUE: Final = (
    "SELECT trigger_name, event_object_table, concat(action_timing, ' ', event_manipulation), action_statement"  # noqa: S608 - constants
    " FROM information_schema.triggers WHERE trigger_schema = database() UNION ALL"
    " SELECT routine_name, '', security_type, routine_definition"
    f" FROM information_schema.routines WHERE routine_schema = database() AND routine_name = '{SHOW}'"
)

_NEXT_ENTRY: Final = (
    f"((NEW.seq = 0 AND NEW.previous_hash = {ZERO_HASH['mysql']})"  # noqa: S608 - constants
    " OR EXISTS (SELECT 1 FROM ledger_entry WHERE seq = NEW.seq - 1 AND entry_hash = NEW.previous_hash))"
    " AND (NEW.source_id IS NULL OR EXISTS (SELECT 1 FROM ledger_offset WHERE source_id = NEW.source_id))"
)


def seen(connection: Connection) -> dict[str, str]:
    """Return the triggers of the ledger's tables, the procedure that shows them, and what the pin refers to."""
    found = {name: _mark(table, when, body) for name, table, when, body in _shown(connection) if table in {*RULES, ""} and body}
    inspector = inspect(connection)
    if inspector.has_table(PIN):
        found[PIN] = " ".join(sorted(str(key["referred_table"]) for key in inspector.get_foreign_keys(PIN)))
    return found


def _shown(connection: Connection) -> Sequence[Row[str, str, str, str | None]]:
    rows = connection.execute(text(_CATALOGUE)).all()
    if rows and all(row[3] is not None for row in rows):
        return rows
    try:
        return connection.execute(text(f"CALL {SHOW}()")).all()
    except DBAPIError:  # it is gone, or this user is in none of the roles
        return rows


def _mark(table: str, when: str, body: str) -> str:
    return f"{table} {when} {body}"


def _trigger(name: str, table: str, event: str, allowed: str | None, refusal: str) -> Guard:
    refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{table} {refusal}'"
    body = refuse if allowed is None else f"BEGIN IF ({allowed}) IS NOT TRUE THEN {refuse}; END IF; END"
    statements = (
        f"DROP TRIGGER IF EXISTS {name}",
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {body}",
    )
    return Guard(statements, _mark(table, f"BEFORE {event}", body))


def _show() -> Guard:
    create = f"CREATE PROCEDURE {SHOW}() READS SQL DATA SQL SECURITY DEFINER {_CATALOGUE}"
    return Guard((f"DROP PROCEDURE IF EXISTS {SHOW}", create), _mark("", "DEFINER", _CATALOGUE))


def _pin() -> Guard:
    pin = Table(PIN, MetaData(), Column("id", Integer, primary_key=True), mysql_engine="InnoDB")  # some servers want a key
    for table, key in _PINNED.items():
        own = [Column(f"{table.name.removeprefix('ledger_')}_{name}", table.c[name].type) for name in key]
        for column in own:
            pin.append_column(column)
        pin.append_constraint(ForeignKeyConstraint(own, [table.c[name] for name in key]))
    return Guard((f"DROP TABLE IF EXISTS {PIN}", CreateTable(pin)), " ".join(sorted(table.name for table in _PINNED)))


def _guards() -> dict[str, Guard]:
    guards: dict[str, Guard] = {PIN: _pin(), SHOW: _show()}
    for table, rule in RULES.items():
        name = f"{table}_no_update"
        guards[name] = _trigger(name, table, "UPDATE", rule.update, rule.refusal)
        name = f"{table}_no_delete"
        guards[name] = _trigger(name, table, "DELETE", rule.delete, "is append-only")
    name, refusal = "ledger_entry_no_replace", "takes only the next row"
    guards[name] = _trigger(name, "ledger_entry", "INSERT", _NEXT_ENTRY, refusal)
    return guards


GUARDS: Final[Mapping[str, Guard]] = _guards()
