"""The guards of PostgreSQL: triggers that also fire for the table's owner, for superusers, and on a replica (ENABLE ALWAYS).

Inserts need none: keys, checks and the chain of foreign keys refuse what does not fit, and there is no REPLACE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, text

from driftline.ledger.store.rules import RULES, Guard

__all__ = ["GUARDS", "seen"]

_TYPES: Final = {"UPDATE": 19, "DELETE": 11, "TRUNCATE": 34}
"""What `pg_trigger.tgtype` says of BEFORE triggers: 1 each row, 2 before, 8 DELETE, 16 UPDATE, 32 TRUNCATE."""

_SEEN: Final = text("""
SELECT t.tgname, c.relname, t.tgtype, t.tgenabled, t.tgqual IS NULL AND t.tgattr = '' AS always, p.prosrc
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT r.rulename, c.relname, 0, r.ev_enabled, false, 'a rule' FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY 1""")


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


def _guard(table: str, event: str, allowed: str | None, refusal: str) -> Guard:
    name = f"{table}_no_{event.lower()}"
    refuse = f"RAISE EXCEPTION '{table} {refusal}' USING ERRCODE = 'integrity_constraint_violation';"
    result = "NEW" if event == "UPDATE" else "OLD"
    body = f"BEGIN {refuse} END"
    if allowed is not None:
        body = f"BEGIN IF ({allowed}) IS NOT TRUE THEN {refuse} END IF; RETURN {result}; END"
    each = "STATEMENT" if event == "TRUNCATE" else "ROW"
    statements = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $guard${body}$guard$",
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
    )
    return Guard(statements, _mark(table, _TYPES[event], "A", body))


def _guards() -> dict[str, Guard]:
    guards: dict[str, Guard] = {}
    for table, rule in RULES.items():
        guards[f"{table}_no_update"] = _guard(table, "UPDATE", rule.update, rule.refusal)
        guards[f"{table}_no_delete"] = _guard(table, "DELETE", rule.delete, "is append-only")
        guards[f"{table}_no_truncate"] = _guard(table, "TRUNCATE", None, "is append-only")
    return guards


GUARDS: Final[Mapping[str, Guard]] = _guards()
