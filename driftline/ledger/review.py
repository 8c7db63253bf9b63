"""Reviews: entries that say that somebody examined the ledger, and what its verification said at that moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from driftline.ledger.chain import Draft
from driftline.ledger.report import Report
from driftline.ledger.statements import statement

__all__ = ["REVIEWED", "Review", "review_draft", "review_of"]

REVIEWED: Final = "ledger.reviewed"


@dataclass(frozen=True, slots=True)
class Review:
    """A review: the sequence and time (microseconds) of its entry, by whom, what verification said, and of how many entries."""

    seq: int
    ts: int
    actor: str
    verdict: str
    entries: int


def review_draft(report: Report, *, log: str, actor: str, reason: str, entry_id: bytes, salt: bytes) -> Draft:
    """Return the draft of a review of the ledger as the report has it."""
    said = {
        "entries": report.entries,
        "level": report.level.value,
        "root": report.root.hex(),
        "verdict": report.verdict.value,
    }
    return statement(REVIEWED, said, resource=("ledger", log), actor=actor, reason=reason, entry_id=entry_id, salt=salt)


def review_of(seq: int, ts: int, actor: str, payload: bytes | None) -> Review | None:
    """Read a review; None for a payload that is none."""
    try:
        said: Any = orjson.loads(payload or b"")
        return Review(seq, ts, actor, str(said["verdict"]), int(said["entries"]))
    except (ValueError, TypeError, KeyError):
        return None
