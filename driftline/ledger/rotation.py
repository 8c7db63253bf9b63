"""Changing the key of a log: an entry, signed by the old key, that names the new one."""

from __future__ import annotations

from typing import Final

from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.leaf import canonical

__all__ = ["KEY_ROTATED", "rotation_draft"]

KEY_ROTATED: Final = "ledger.key_rotated"


def rotation_draft(old: VerifierKey, new: VerifierKey, *, actor: str, reason: str, entry_id: bytes, salt: bytes) -> Draft:
    """Return the draft of the entry."""
    return Draft(
        entry_id=entry_id,
        action=KEY_ROTATED,
        actor=actor,
        resource_type="ledger",
        resource_id=old.name,
        event_ts=None,
        payload=canonical({"from": old.encode(), "reason": reason, "to": new.encode(), "v": 1}),
        details=None,
        salt=salt,
        source=None,
    )
