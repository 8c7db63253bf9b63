"""The guards of PostgreSQL: triggers that also fire for the table's owner, for superusers, and on a replica (ENABLE ALWAYS).

What entries and payloads refer to is looked up once for all rows of a statement: foreign keys do it row by row, and not on a
replica. There is no REPLACE. Functions see the ledger's tables whatever the session's `search_path` and temporary tables are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, text

from driftline.ledger.store.rules import RULES, Guard

__all__ = ["GUARDS", "seen"]

_TYPES: Final = {"INSERT": 4, "UPDATE": 19, "DELETE": 11, "TRUNCATE": 34}
"""What `pg_trigger.tgtype` says: 1 each row, 2 before, 4 INSERT, 8 DELETE, 16 UPDATE, 32 TRUNCATE."""

_LINKS: Final[Mapping[str, str]] = {
    "ledger_entry": "EXISTS (SELECT FROM added WHERE prev_seq IS NOT NULL"
    " AND (SELECT e.entry_hash FROM ledger_entry e WHERE e.seq = added.prev_seq) IS DISTINCT FROM previous_hash)"
    " OR EXISTS (SELECT FROM (SELECT DISTINCT source_id FROM added) of"
    " WHERE (SELECT o.source_id FROM ledger_offset o WHERE o.source_id = of.source_id) IS DISTINCT FROM of.source_id)",
    "ledger_payload": "EXISTS (SELECT FROM added WHERE (SELECT e.seq FROM ledger_entry e WHERE e.seq = added.seq) IS NULL)",
}
"""When some of the rows `added` by a statement refer to nothing. Scalar look-ups: no plan can join the whole table to them."""

_SETTINGS: Final = "'search_path=' || quote_ident(current_schema()) || ', pg_temp', 'enable_seqscan=off'"
"""What functions run under: also a plan made while the tables were empty looks up by keys when they are large."""

_SETTLE: Final = """DO $do$ BEGIN
EXECUTE format('ALTER FUNCTION {name}() SET search_path = %I, pg_temp', current_schema());
ALTER FUNCTION {name}() SET enable_seqscan = off;
END $do$"""

_SEEN: Final = text(f"""
SELECT t.tgname, c.relname, t.tgtype, t.tgenabled,
  t.tgqual IS NULL AND t.tgattr = '' AND p.proconfig IS NOT DISTINCT FROM ARRAY[{_SETTINGS}] AS always,
  coalesce(t.tgnewtable || ' ', '') || p.prosrc
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT r.rulename, c.relname, 0, r.ev_enabled, false, 'a rule' FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY 1""")  # noqa: S608 - constants


def seen(connection: Connection) -> dict[str, str]:
    """Return the triggers and rules of the ledger's tables, each as where it fires and what it does."""
    rows = connection.execute(_SEEN)
    return {
        name: _mark(table, kind, enabled if always else "sometimes", body)
        for name, table, kind, enabled, always, body in rows
        if table in RULES
    }


def _mark(table: str, kind: int, enabled: str | bytes, body: str) -> str:
    state = enabled.decode() if isinstance(enabled, bytes) else enabled
    return f"{table} {kind} {state} {body}"


def _refuse(table: str, refusal: str) -> str:
    return f"RAISE EXCEPTION '{table} {refusal}' USING ERRCODE = 'integrity_constraint_violation';"


def _guard(table: str, event: str, allowed: str | None, refusal: str) -> Guard:
    """Return what is asked before each row is changed, or before all go."""
    result = "NEW" if event == "UPDATE" else "OLD"
    body = f"BEGIN {_refuse(table, refusal)} END"
    if allowed is not None:
        body = f"BEGIN IF ({allowed}) IS NOT TRUE THEN {_refuse(table, refusal)} END IF; RETURN {result}; END"
    when = f"BEFORE {event} ON {table} FOR EACH {'STATEMENT' if event == 'TRUNCATE' else 'ROW'}"
    return Guard(_statements(f"{table}_no_{event.lower()}", table, body, when), _mark(table, _TYPES[event], "A", body))


def _link(table: str, missing: str) -> Guard:
    """Return what is asked after all rows of a statement are there."""
    refuse = _refuse(table, "takes only rows that are linked to those before")
    body = f"BEGIN IF {missing} THEN {refuse} END IF; RETURN NULL; END"
    when = f"AFTER INSERT ON {table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT"
    return Guard(_statements(f"{table}_links", table, body, when), _mark(table, _TYPES["INSERT"], "A", f"added {body}"))


def _statements(name: str, table: str, body: str, when: str) -> tuple[str, ...]:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $guard${body}$guard$",
        _SETTLE.format(name=name),
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
        f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
    )


def _guards() -> dict[str, Guard]:
    guards = {f"{table}_links": _link(table, missing) for table, missing in _LINKS.items()}
    for table, rule in RULES.items():
        guards[f"{table}_no_update"] = _guard(table, "UPDATE", rule.update, rule.refusal)
        guards[f"{table}_no_delete"] = _guard(table, "DELETE", rule.delete, "is append-only")
        guards[f"{table}_no_truncate"] = _guard(table, "TRUNCATE", None, "is append-only")
    return guards


GUARDS: Final[Mapping[str, Guard]] = _guards()
