"""Reports on record: entries that say that a report was made, of which period, and what its bytes are."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from driftline.ledger.chain import Draft
from driftline.ledger.compliance import Assessment
from driftline.ledger.requirements import State
from driftline.ledger.statements import statement

__all__ = ["REPORTED", "Reported", "reported_draft", "reported_of"]

REPORTED: Final = "ledger.reported"


@dataclass(frozen=True, slots=True)
class Reported:
    """A report: sequence and time (microseconds) of its entry, the end of its period, its objects' name, how much is missing."""

    seq: int
    ts: int
    until: int
    object: str
    missing: int


def reported_draft(
    found: Assessment, *, name: str, data: bytes, page: bytes, actor: str, reason: str, entry_id: bytes, salt: bytes
) -> Draft:
    """Return the draft of a report whose `data` and `page` lie as the objects `name`.json and .html."""
    evidence = found.evidence
    said: dict[str, object] = {
        "missing": len(found.missing),
        "object": name,
        "page_sha256": sha256(page).hexdigest(),
        "sha256": sha256(data).hexdigest(),
        "since": evidence.since,
        "states": {state.value: sum(one.state is state for one in found.findings) for state in State},
        "until": evidence.until,
        "verdict": evidence.verification.verdict.value,
    }
    resource = ("report", found.regime.value)
    return statement(REPORTED, said, resource=resource, actor=actor, reason=reason, entry_id=entry_id, salt=salt)


def reported_of(seq: int, ts: int, payload: bytes | None) -> Reported | None:
    """Read a report on record; None for a payload that is none."""
    try:
        said: Any = orjson.loads(payload or b"")
        return Reported(seq, ts, int(said["until"]), str(said["object"]), int(said["missing"]))
    except (ValueError, TypeError, KeyError):
        return None
