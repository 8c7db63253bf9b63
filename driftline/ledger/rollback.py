"""Rolling back without removing: an entry that says from where on the entries before it no longer count.

The log keeps every entry, and its size only grows, so signed heads and proofs go on. Two views of it: *physical*, all
entries; *effective*, those that no rollback supersedes. A rollback to entry t at sequence r supersedes t+1..r-1, the
rollbacks among them included: rolling back to before a rollback undoes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from driftline.ledger.chain import Draft
from driftline.ledger.statements import statement

__all__ = ["ROLLBACK", "Rollback", "Superseded", "rollback_draft", "rollback_of", "superseded"]

ROLLBACK: Final = "ledger.rollback"


class Rollback(NamedTuple):
    """A rollback entry: its sequence, and the last entry that stays in force."""

    seq: int
    target: int


class Superseded(NamedTuple):
    """Entries [first, end) that the rollback `by` took out of force."""

    first: int
    end: int
    by: int


def rollback_draft(
    target: int, target_hash: bytes, *, log: str, actor: str, reason: str, entry_id: bytes, salt: bytes
) -> Draft:
    """Return the draft of a rollback to the entry with that sequence and hash."""
    said = {"target_hash": target_hash.hex(), "target_seq": target}
    return statement(ROLLBACK, said, resource=("ledger", log), actor=actor, reason=reason, entry_id=entry_id, salt=salt)


def rollback_of(seq: int, payload: bytes | None) -> Rollback | None:
    """Read a rollback entry; None for a payload that is none, which verification tells."""
    try:
        said: Any = orjson.loads(payload or b"")
        target = said["target_seq"]
    except (ValueError, TypeError, KeyError):
        return None
    return Rollback(seq, target) if type(target) is int and 0 <= target < seq else None


def superseded(rollbacks: Iterable[Rollback]) -> tuple[Superseded, ...]:
    """Return what is out of force, oldest first and without overlaps: each entry by the newest rollback in force over it."""
    spans: list[Superseded] = []
    reach: int | None = None  # the first sequence that a later rollback has taken out of force, going backwards
    for seq, target in sorted(rollbacks, reverse=True):
        if reach is not None and seq >= reach:
            continue  # this rollback is itself out of force
        spans.append(Superseded(target + 1, seq, seq))
        reach = target + 1
    return tuple(reversed(spans))
