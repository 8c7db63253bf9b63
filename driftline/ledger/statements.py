"""What the ledger says about itself, in an entry of its own: a decision of a person, with its reason."""

from __future__ import annotations

from collections.abc import Mapping

from driftline.ledger.chain import Draft
from driftline.ledger.leaf import canonical

__all__ = ["statement"]


def statement(
    action: str,
    said: Mapping[str, object],
    *,
    resource: tuple[str, str],
    actor: str,
    reason: str,
    entry_id: bytes,
    salt: bytes,
) -> Draft:
    """Return the draft of the entry; `resource` is the type and id of what is spoken of. Raises ValueError if it is nobody's, or for no reason."""
    if not actor.strip() or not reason.strip():
        raise ValueError("a decision about the ledger needs who decides it, and why")
    return Draft(
        entry_id=entry_id,
        action=action,
        actor=actor,
        resource_type=resource[0],
        resource_id=resource[1],
        event_ts=None,
        payload=canonical({**said, "reason": reason, "v": 1}),
        details=None,
        salt=salt,
        source=None,
    )
