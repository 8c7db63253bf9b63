"""What the database itself refuses, by dialect. Here SQLite; the others get their own list beside it.

Guards hold against statements, by whomever. They cannot hold against the owner of the file, who can drop
them: that is what checkpoints outside the database are for.

A BEFORE INSERT trigger is needed besides those of UPDATE and DELETE: `INSERT OR REPLACE` deletes the rows it
collides with, by any unique key or by rowid, without firing a DELETE trigger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["guards_of"]

_APPEND_ONLY: Final = (
    "ledger_entry",
    "ledger_payload",
    "ledger_subject",
    "ledger_node",
    "ledger_withdrawal",
    "ledger_cosignature",
)
_KEPT: Final = ("ledger_head", "ledger_offset", "ledger_checkpoint")

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

_WITHDRAWN: Final = """EXISTS (
    SELECT 1 FROM ledger_withdrawal JOIN ledger_entry ON ledger_entry.seq = ledger_withdrawal.by_seq
    WHERE ledger_withdrawal.seq = OLD.seq AND ledger_entry.action = '{action}')"""

_CHANGES: Final[Mapping[str, str]] = {
    "ledger_payload": f"""NEW.seq = OLD.seq AND NEW.salt = OLD.salt AND OLD.body IS NOT NULL
    AND NEW.body IS NULL AND NEW.details IS NULL AND {_WITHDRAWN.format(action="ledger.archived")}""",
    "ledger_head": "NEW.id = OLD.id AND NEW.origin = OLD.origin AND NEW.size >= OLD.size",
    "ledger_offset": """NEW.source_id = OLD.source_id
    AND NEW.cluster = OLD.cluster AND NEW.topic = OLD.topic AND NEW.topic_id = OLD.topic_id
    AND NEW.partition = OLD.partition AND NEW.next_offset > OLD.next_offset""",
    "ledger_checkpoint": """NEW.size = OLD.size AND NEW.root = OLD.root
    AND OLD.note IS NULL AND NEW.note IS NOT NULL""",
}

# What goes only when an entry of the ledger has taken it away.
_DELETIONS: Final[Mapping[str, str]] = {
    "ledger_payload": _WITHDRAWN.format(action="ledger.erased"),
    "ledger_subject": """EXISTS (
    SELECT 1 FROM ledger_entry WHERE action = 'ledger.erased' AND resource_type = 'subject' AND resource_id = OLD.actor)""",
}


def guards_of(dialect: str) -> Mapping[str, str]:
    """Return name -> CREATE statement of every guard of a dialect; empty where none are written yet."""
    return _SQLITE if dialect == "sqlite" else {}


def _sqlite() -> dict[str, str]:
    guards: dict[str, str] = {}
    for table in _APPEND_ONLY:
        guards[f"{table}_no_update"] = _trigger(
            f"{table}_no_update", f"UPDATE ON {table}", f"SELECT RAISE(ABORT, '{table} is append-only');"
        )
    for table, allowed in _CHANGES.items():
        refusal = f"SELECT RAISE(ABORT, '{table} only changes as a ledger does');"
        guards[f"{table}_no_update"] = _trigger(f"{table}_no_update", f"UPDATE ON {table} WHEN ({allowed}) IS NOT 1", refusal)
    for table in (*_APPEND_ONLY, *_KEPT):
        unless = f" WHEN NOT {_DELETIONS[table]}" if table in _DELETIONS else ""
        guards[f"{table}_no_delete"] = _trigger(
            f"{table}_no_delete", f"DELETE ON {table}{unless}", f"SELECT RAISE(ABORT, '{table} is append-only');"
        )
        extra = _NEXT_ENTRY if table == "ledger_entry" else ""
        guards[f"{table}_no_replace"] = _trigger(f"{table}_no_replace", f"INSERT ON {table}", _no_collision(table, extra))
    return guards


def _trigger(name: str, event: str, body: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {event} BEGIN\n{body}\nEND"


def _no_collision(table: str, extra: str) -> str:
    keys = (*_COLLISIONS[table], "rowid = NEW.rowid")
    found = [f"EXISTS (SELECT 1 FROM {table} WHERE {key})" for key in keys]  # noqa: S608 - constants of this file
    condition = "\n   OR ".join(found)
    return f"SELECT RAISE(ABORT, '{table}: only the next row can be inserted')\nWHERE {condition}{extra};"


_SQLITE: Final = _sqlite()
