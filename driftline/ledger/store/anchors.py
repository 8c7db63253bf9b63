"""Signed heads in a place that is not the database's: a folder or a bucket, one object for each, never written twice."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from driftline.ledger.checkpoint import MAX_NOTE, VerifierKey, open_checkpoint, signed_text
from driftline.ledger.errors import NoteMalformed, RollbackDetected, SignatureInvalid
from driftline.ledger.heads import SignedHead
from driftline.ledger.store.objects import Objects, ObjectTooLarge
from driftline.ledger.witnessed import FoundNote
from driftline.wording import amount

__all__ = ["anchored_heads", "anchored_notes", "write_anchor"]

_READ: Final = 1_000


def write_anchor(objects: Objects, note: str) -> bool:
    """Write a signed head; False if one of its size is there already.

    Raises RollbackDetected if that has another root: two histories were signed. LedgerUnavailable for a place that is away.
    """
    head = signed_text(note)
    name = f"{_folder(head.origin)}/{head.size:019d}"
    found = _read(objects, name)
    if found is None:
        objects.put(name, note.encode())
        return True
    try:
        same = signed_text(found.decode()) == head
    except (NoteMalformed, UnicodeDecodeError):
        same = False
    if not same:
        raise RollbackDetected(
            f"the anchor {name} holds another head of {amount(head.size, 'entry')} than the ledger signs now"
        )
    return False


def anchored_notes(objects: Objects, origin: str) -> list[FoundNote]:
    """Return the newest thousand anchors of a log, and a thousand spread over the others. Raises LedgerUnavailable."""
    names = objects.names(_folder(origin))
    older = names[:-_READ]
    chosen = [*older[:: max(1, len(older) // _READ)], *names[-_READ:]]
    read = ((name, _read(objects, name)) for name in chosen)
    return [FoundNote(data.decode("utf-8", "replace"), f"anchor {name}") for name, data in read if data is not None]


def anchored_heads(objects: Objects, key: VerifierKey) -> list[SignedHead]:
    """Return the heads that the key has signed among the anchors; anybody may have written the others."""
    heads: list[SignedHead] = []
    for note, where in anchored_notes(objects, key.name):
        try:
            head = open_checkpoint(note, key)
        except (NoteMalformed, SignatureInvalid):
            continue
        heads.append(SignedHead(head.size, head.root, where))
    return heads


def _read(objects: Objects, name: str) -> bytes | None:
    """Return an anchor, None if there is none; what is too large for a signed head is none, and empty."""
    try:
        return objects.get(name, MAX_NOTE)
    except ObjectTooLarge:
        return b""


def _folder(origin: str) -> str:
    return f"checkpoints/{sha256(origin.encode()).hexdigest()}"
