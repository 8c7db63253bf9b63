"""Changing the key of a log: an entry, signed by the old key, that names the new one."""

from __future__ import annotations

from typing import Final

from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.statements import statement

__all__ = ["KEY_ROTATED", "rotation_draft"]

KEY_ROTATED: Final = "ledger.key_rotated"


def rotation_draft(old: VerifierKey, new: VerifierKey, *, actor: str, reason: str, entry_id: bytes, salt: bytes) -> Draft:
    """Return the draft of the entry."""
    said = {"from": old.encode(), "to": new.encode()}
    return statement(KEY_ROTATED, said, resource=("ledger", old.name), actor=actor, reason=reason, entry_id=entry_id, salt=salt)
