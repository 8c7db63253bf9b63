"""Heads that a verification holds the entries against: checkpoints of the database, and signed heads from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Final, NamedTuple

from driftline.ledger.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from driftline.ledger.errors import NoteMalformed, SignatureInvalid
from driftline.ledger.report import FindingKind, Findings

__all__ = ["CheckpointRow", "HeadCheck", "SignedHead"]

_LEAST: Final = 100
_MOST: Final = 1_000


class CheckpointRow(NamedTuple):
    """A checkpoint as stored; `note` None means committed but not signed (a crash, or a slower writer)."""

    size: int
    root: bytes
    note: str | None


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head whose signature was checked, and where it was found."""

    size: int
    root: bytes
    where: str


class HeadCheck:
    """Checks stored checkpoints as they stream by, and remembers what signatures vouch for.

    Every root is compared with the entries, and every note must say what its row says. Of the signatures the newest
    tenth (at least a hundred, at most a thousand) and as many spread over the others are checked: a later one vouches for all
    entries before it.
    """

    def __init__(
        self,
        origin: str,
        key: VerifierKey | None,
        trusted: Sequence[SignedHead],
        *,
        count: int,
        findings: Findings,
        passed: int = 0,
    ) -> None:
        """`count`: how many checkpoints the verified entries have, of which the first `passed` will not stream by."""
        self._origin = origin
        self._key = key
        self._trusted = sorted(trusted, key=lambda head: head.size)
        self._passed = passed
        checked = min(max(count // 10, _LEAST), _MOST)
        self._newest = count - checked
        self._stride = max(1, count // checked)
        self._findings = findings
        self._checked: list[int] = []

    def heads(self, rows: Iterable[CheckpointRow]) -> Iterator[SignedHead]:
        """Yield every head, smallest first. `rows` come in the order of their size."""
        return merge(self._stored(rows), self._trusted, key=lambda head: head.size)

    def signed_size(self, size: int) -> int:
        """Return how many of `size` entries a checked signature vouches for, once the heads have streamed by."""
        vouched = (*self._checked, *(head.size for head in self._trusted))
        return max((each for each in vouched if each <= size), default=0)

    def _stored(self, rows: Iterable[CheckpointRow]) -> Iterator[SignedHead]:
        for number, (size, root, note) in enumerate(rows, self._passed):
            if type(size) is not int or size <= 0 or type(root) is not bytes or not isinstance(note, str | None):
                self._bad(None, f"a checkpoint row holds values of the wrong type: {size!r}")
                continue
            if note is not None and self._key is not None:
                self._note(number, size, root, note, self._key)
            yield SignedHead(size, root, "checkpoint")

    def _note(self, number: int, size: int, root: bytes, note: str, key: VerifierKey) -> None:
        """Check what a note says, and for many of them who says so."""
        if not note.startswith(Checkpoint(self._origin, size, root).text() + "\n"):
            self._bad(size - 1, f"the row of checkpoint {size} differs from its note")
            return
        if number % self._stride and number < self._newest:
            return
        try:
            open_checkpoint(note, key)
        except (NoteMalformed, SignatureInvalid) as error:
            self._bad(size - 1, f"checkpoint {size}: {error}")
        else:
            self._checked.append(size)

    def _bad(self, sequence: int | None, detail: str) -> None:
        self._findings.add(sequence, FindingKind.CHECKPOINT_INVALID, detail)
