"""Taking payloads away without breaking the record: by an entry that says whose, and why.

    ledger.erased     payload, details and salt are destroyed: without the salt, `data_hash` says nothing about what it was
    ledger.archived   payload and details lie sealed in an object outside; the salt, which is the key to them, stays here

Leaves stay, so that chain, tree, signed heads and proofs hold on. Verification knows three states of an entry: OK (what the
leaf commits to is there), ERASED (gone, and an entry says so), MISSING (gone, and none does: tampering).

    statement = JCS {"entries": [[first, end], ...], "reason", "v": 1}      and of an archive "object", "sha256"

The ledger's own statements are never withdrawn: verification needs them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import orjson

from driftline.ledger.chain import ID_CONFLICT, Draft
from driftline.ledger.rows import Row, Span
from driftline.ledger.statements import statement

__all__ = [
    "ARCHIVED",
    "ERASED",
    "SUBJECT",
    "Withdrawal",
    "Withdrawals",
    "may_be_withdrawn",
    "spans_of",
    "withdrawal_draft",
    "withdrawal_of",
]

ERASED: Final = "ledger.erased"
ARCHIVED: Final = "ledger.archived"
SUBJECT: Final = "subject"
"""Type of the resource of an erasure that is about a person."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A statement: its sequence and action, and the entries that it is about.

    `subject`: the pseudonym whose name it erased; `object` and `sha256`: what it archived them in.
    """

    seq: int
    action: str
    entries: tuple[Span, ...]
    subject: str | None = None
    object: str | None = None
    sha256: bytes | None = None


class _Taken(NamedTuple):
    first: int
    end: int
    by: int


def may_be_withdrawn(action: str) -> bool:
    """Tell whether entries of an action are records, not statements of the ledger itself."""
    return not action.startswith("ledger.") or action == ID_CONFLICT


def spans_of(sequences: Iterable[int]) -> tuple[Span, ...]:
    """Return ascending sequences as the fewest spans."""
    numbers = list(sequences)
    if not numbers:
        return ()
    breaks = [at for at, (one, other) in enumerate(pairwise(numbers), 1) if other != one + 1]
    bounds = [0, *breaks, len(numbers)]
    return tuple(Span(numbers[first], numbers[end - 1] + 1) for first, end in pairwise(bounds))


def withdrawal_draft(
    action: str,
    entries: Sequence[Span],
    *,
    resource: tuple[str, str],
    actor: str,
    reason: str,
    entry_id: bytes,
    salt: bytes,
    archive: tuple[str, bytes] | None = None,
) -> Draft:
    """Return the draft of an erasure, or of an archival into the object `archive` (its name and SHA-256)."""
    said: dict[str, object] = {"entries": [list(span) for span in entries]}
    if archive is not None:
        said |= {"object": archive[0], "sha256": archive[1].hex()}
    return statement(action, said, resource=resource, actor=actor, reason=reason, entry_id=entry_id, salt=salt)


def withdrawal_of(seq: int, action: str, resource: tuple[str, str], payload: object) -> Withdrawal | None:
    """Read a statement; None for a payload that is none, which then excuses nothing."""
    if not isinstance(payload, bytes) or action not in {ERASED, ARCHIVED}:
        return None
    subject = resource[1] if action == ERASED and resource[0] == SUBJECT else None
    try:
        said: Any = orjson.loads(payload)
        spans = tuple(Span(*span) for span in said["entries"])
        archive = (said["object"], bytes.fromhex(said["sha256"])) if action == ARCHIVED else (None, None)
    except (ValueError, TypeError, KeyError):
        return None
    if not all(type(n) is int for span in spans for n in span) or not all(0 <= s.first < s.end <= seq for s in spans):
        return None
    if action == ARCHIVED and not isinstance(archive[0], str):
        return None
    return Withdrawal(seq, action, spans, subject, *archive)


class Withdrawals:
    """What all statements of a log together took away."""

    __slots__ = ("_archived", "_erased", "last", "subjects")

    def __init__(self, statements: Iterable[Withdrawal] = ()) -> None:
        known = list(statements)
        self._erased = _disjoint(w for w in known if w.action == ERASED)
        self._archived = _disjoint(w for w in known if w.action == ARCHIVED)
        self.last = max((w.seq for w in known), default=-1)
        """Sequence of the newest statement; -1 without any."""
        self.subjects = frozenset(w.subject for w in known)
        """Pseudonyms whose names were erased."""

    def erased_by(self, seq: int) -> int | None:
        """Return the sequence of the entry that erased this one's payload."""
        return _by(self._erased, seq)

    def archived_by(self, seq: int) -> int | None:
        """Return the sequence of the entry that archived this one's payload."""
        return _by(self._archived, seq)

    def took(self, seq: int, *, salted: bool) -> int | None:
        """Return the sequence of the entry that says why a payload is not here: where its salt is, it was archived, else erased."""
        return self.archived_by(seq) if salted else self.erased_by(seq)

    def explain(self, row: Row) -> bool:
        """Tell whether a statement says that this payload is not here: with its salt archived, without it erased."""
        return bool(self.absent([row]))

    def absent(self, rows: Sequence[Row]) -> dict[int, bool]:
        """Return which of these rows, in the order of the log, have no payload as a statement says; True: it is in the archive."""
        erased = [row[0] for row in _among(self._erased, rows) if row[16:19] == (None, None, None)]
        archived = [row[0] for row in _among(self._archived, rows) if row[16] is not None and row[17:19] == (None, None)]
        return dict.fromkeys(erased, False) | dict.fromkeys(archived, True)

    def undone(self, rows: Sequence[Row]) -> list[int]:
        """Return which of these rows, in the order of the log, have again what was erased."""
        return [row[0] for row in _among(self._erased, rows) if (row[16], row[17]) != (None, None)]


def _disjoint(statements: Iterable[Withdrawal]) -> list[_Taken]:
    """Return all spans in order without overlaps; what two took, the earlier did."""
    taken: list[_Taken] = []
    for first, end, by in sorted(_Taken(*span, by=w.seq) for w in statements for span in w.entries):
        start = max(first, taken[-1].end) if taken else first
        if start < end:
            taken.append(_Taken(start, end, by))
    return taken


def _by(taken: Sequence[_Taken], seq: int) -> int | None:
    at = bisect_right(taken, seq, key=_first) - 1
    return taken[at].by if at >= 0 and seq < taken[at].end else None


def _among(taken: Sequence[_Taken], rows: Sequence[Row]) -> Iterator[Row]:
    """Yield those of some rows, in the order of the log, that spans name; a sequence that is no number has no name."""
    numbered = [row for row in rows if type(row[0]) is int] if taken else []
    if not numbered:
        return
    at = max(bisect_right(taken, numbered[0][0], key=_first) - 1, 0)
    for row in numbered:
        while taken[at].end <= row[0]:
            at += 1
            if at == len(taken):
                return
        if taken[at].first <= row[0]:
            yield row


def _first(taken: _Taken) -> int:
    return taken.first
