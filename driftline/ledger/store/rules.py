"""What may happen to a row once it is written; every other UPDATE and DELETE is refused by each database's guards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ExecutableDDLElement

__all__ = ["RULES", "Guard", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """When a row may be changed or deleted, as SQL over OLD and NEW that every dialect reads; None is never.

    `columns`: those that an allowed UPDATE sets, and that the writing role may set.
    """

    update: str | None = None
    columns: tuple[str, ...] = ()
    delete: str | None = None

    @property
    def refusal(self) -> str:
        """What follows the table's name when a guard says no to an UPDATE."""
        return "is append-only" if self.update is None else "only changes as a ledger does"


_WITHDRAWN: Final = (
    "EXISTS (SELECT 1 FROM ledger_withdrawal JOIN ledger_entry ON ledger_entry.seq = ledger_withdrawal.by_seq"
    " WHERE ledger_withdrawal.seq = OLD.seq AND ledger_entry.action = '{action}')"
)

RULES: Final[Mapping[str, Rule]] = {
    "ledger_entry": Rule(),
    # What goes only when an entry of the ledger has taken it away: into the archive, or for good.
    "ledger_payload": Rule(
        "NEW.seq = OLD.seq AND NEW.salt = OLD.salt AND OLD.body IS NOT NULL AND NEW.body IS NULL AND NEW.details IS NULL AND "
        + _WITHDRAWN.format(action="ledger.archived"),
        ("body", "details"),
        delete=_WITHDRAWN.format(action="ledger.erased"),
    ),
    "ledger_subject": Rule(
        delete="EXISTS (SELECT 1 FROM ledger_entry"
        " WHERE action = 'ledger.erased' AND resource_type = 'subject' AND resource_id = OLD.actor)"
    ),
    "ledger_withdrawal": Rule(),
    "ledger_cosignature": Rule(),
    "ledger_node": Rule(),
    "ledger_head": Rule(
        "NEW.id = OLD.id AND NEW.origin = OLD.origin AND NEW.size >= OLD.size",
        ("size", "head_hash", "frontier", "last_ts_us"),
    ),
    "ledger_offset": Rule(
        "NEW.source_id = OLD.source_id AND NEW.cluster = OLD.cluster AND NEW.topic = OLD.topic"
        " AND NEW.topic_id = OLD.topic_id AND NEW.partition = OLD.partition AND NEW.next_offset > OLD.next_offset",
        ("next_offset",),
    ),
    "ledger_checkpoint": Rule(
        "NEW.size = OLD.size AND NEW.root = OLD.root AND OLD.note IS NULL AND NEW.note IS NOT NULL", ("note",)
    ),
}


@dataclass(frozen=True, slots=True)
class Guard:
    """Something that a database must have. `statements` put it in place, also where it is there and differs.

    `mark` is what the catalogue shows when it is as it was made.
    """

    statements: tuple[str | ExecutableDDLElement, ...]
    mark: str
