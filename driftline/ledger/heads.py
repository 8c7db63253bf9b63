"""Heads that a verification holds the entries against: checkpoints of the database, and signed heads from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from driftline.ledger.checkpoint import VerifierKey, open_checkpoint
from driftline.ledger.errors import NoteMalformed, SignatureInvalid
from driftline.ledger.report import FindingKind, Findings

__all__ = ["CheckpointRow", "SignedHead", "open_checkpoints", "sound_checkpoints"]


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


def sound_checkpoints(rows: Iterable[CheckpointRow], findings: Findings) -> list[CheckpointRow]:
    """Return the rows that a writer can have written; the others (SQLite stores any type) are findings."""
    sound: list[CheckpointRow] = []
    for row in rows:
        if type(row.size) is int and row.size > 0 and type(row.root) is bytes and isinstance(row.note, str | None):
            sound.append(row)
        else:
            findings.add(None, FindingKind.CHECKPOINT_INVALID, f"a checkpoint row holds values of the wrong type: {row.size!r}")
    return sound


def open_checkpoints(rows: Sequence[CheckpointRow], key: VerifierKey, findings: Findings) -> list[SignedHead]:
    """Check the signatures of stored checkpoints; each must sign just what its row says."""
    heads: list[SignedHead] = []
    for size, root, note in rows:
        if note is None:
            continue
        try:
            checkpoint = open_checkpoint(note, key)
        except (NoteMalformed, SignatureInvalid) as error:
            findings.add(size - 1, FindingKind.CHECKPOINT_INVALID, f"checkpoint {size}: {error}")
            continue
        if (checkpoint.size, checkpoint.root) != (size, root):
            detail = f"the row of checkpoint {size} differs from its signed note"
            findings.add(size - 1, FindingKind.CHECKPOINT_INVALID, detail)
        heads.append(SignedHead(checkpoint.size, checkpoint.root, "checkpoint"))
    return heads
