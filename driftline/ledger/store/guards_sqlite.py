"""The guards of SQLite.

A BEFORE INSERT trigger is needed besides those of UPDATE and DELETE: `INSERT OR REPLACE` deletes the rows it
collides with, by any unique key or by rowid, without firing a DELETE trigger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, text

from driftline.ledger.store.rules import RULES, Guard

__all__ = ["GUARDS", "seen"]

# Which existing rows a new one would collide with; REPLACE would delete them.
_COLLISIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "ledger_entry": (
        "entry_id = NEW.entry_id",
        "source_id = NEW.source_id AND src_start = NEW.src_start",
    ),
    "ledger_payload": ("seq = NEW.seq",),
    "ledger_subject": ("actor = NEW.actor", "name = NEW.name"),
    "ledger_node": ("level = NEW.level AND idx = NEW.idx",),
    "ledger_withdrawal": ("seq = NEW.seq AND by_seq = NEW.by_seq",),
    "ledger_checkpoint": ("size = NEW.size",),
    "ledger_cosignature": ("size = NEW.size AND cosigner = NEW.cosigner",),
    "ledger_head": ("id = NEW.id",),
    "ledger_offset": (
        "source_id = NEW.source_id",
        "cluster = NEW.cluster AND topic_id = NEW.topic_id AND partition = NEW.partition",
    ),
}

# A collision by seq or previous_hash is impossible for the next entry of the chain, and nothing else gets in.
_NEXT_ENTRY: Final = """
   OR EXISTS (SELECT 1 FROM ledger_entry WHERE seq >= NEW.seq)
   OR (NEW.seq = 0 AND NEW.previous_hash IS NOT zeroblob(32))
   OR (NEW.seq <> 0 AND NOT EXISTS (SELECT 1 FROM ledger_entry WHERE seq = NEW.seq - 1 AND entry_hash = NEW.previous_hash))
   OR typeof(NEW.seq) <> 'integer' OR typeof(NEW.leaf) <> 'blob'
   OR typeof(NEW.entry_hash) <> 'blob' OR length(NEW.entry_hash) <> 32"""


def seen(connection: Connection) -> dict[str, str]:
    """Return the triggers of the ledger's tables, each as the statement that made it."""
    rows = connection.execute(text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"))
    return {name: sql for name, table, sql in rows if table in RULES}


def _guards() -> dict[str, Guard]:
    guards: dict[str, Guard] = {}

    def add(name: str, event: str, body: str) -> None:
        statement = f"CREATE TRIGGER {name} BEFORE {event} BEGIN\n{body}\nEND"
        guards[name] = Guard((f"DROP TRIGGER IF EXISTS {name}", statement), statement)

    for table, rule in RULES.items():
        for event, allowed, refusal in (("UPDATE", rule.update, rule.refusal), ("DELETE", rule.delete, "is append-only")):
            when = "" if allowed is None else f" WHEN ({allowed}) IS NOT 1"
            add(f"{table}_no_{event.lower()}", f"{event} ON {table}{when}", f"SELECT RAISE(ABORT, '{table} {refusal}');")
        extra = _NEXT_ENTRY if table == "ledger_entry" else ""
        add(f"{table}_no_replace", f"INSERT ON {table}", _no_collision(table, extra))
    return guards


def _no_collision(table: str, extra: str) -> str:
    keys = (*_COLLISIONS[table], "rowid = NEW.rowid")
    found = [f"EXISTS (SELECT 1 FROM {table} WHERE {key})" for key in keys]  # noqa: S608 - constants of this file
    condition = "\n   OR ".join(found)
    return f"SELECT RAISE(ABORT, '{table} takes only the next row')\nWHERE {condition}{extra};"


GUARDS: Final[Mapping[str, Guard]] = _guards()
