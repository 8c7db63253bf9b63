"""Proofs out of a stored ledger. Each is checked before it is handed out: nobody gets one that does not hold."""

from __future__ import annotations

from driftline.ledger.checkpoint import Checkpoint, signed_text
from driftline.ledger.entries import StoredEntry
from driftline.ledger.errors import LedgerUnavailable, ProofInvalid
from driftline.ledger.growth import Growth
from driftline.ledger.opening import opening_of
from driftline.ledger.proofs import check_consistency, check_inclusion
from driftline.ledger.receipt import Receipt
from driftline.ledger.store.reader import Snapshot
from driftline.ledger.tree import consistency_proof, inclusion_proof

__all__ = ["growth_of", "receipt_of", "signed_head"]

_REWRITTEN = "the entries are not those that were signed: run `driftline ledger verify`"


def signed_head(snapshot: Snapshot) -> tuple[Checkpoint, str]:
    """Return the newest signed head and its note; raises LedgerUnavailable while nothing is signed."""
    note = snapshot.latest_note()
    if note is None:
        raise LedgerUnavailable("nothing is signed yet; come back when the ledger has an entry")
    return signed_text(note), note


def receipt_of(snapshot: Snapshot, entry: StoredEntry, *, payload: bool) -> Receipt:
    """Return the receipt of an entry.

    Raises LedgerUnavailable while no signed head covers it, ProofInvalid for a ledger that was tampered with.
    """
    head, note = signed_head(snapshot)
    if entry.seq >= head.size:
        raise LedgerUnavailable(f"entry {entry.seq} is not signed yet; try again in a moment")
    receipt = Receipt(opening_of(entry, payload=payload), entry.seq, _inclusion(snapshot, entry.seq, head.size), note)
    try:
        check_inclusion(receipt.opening.hash, entry.seq, head.size, receipt.path, head.root)
    except ProofInvalid as error:
        raise ProofInvalid(f"entry {entry.seq} cannot be proven: {_REWRITTEN}") from error
    return receipt


def _inclusion(snapshot: Snapshot, index: int, size: int) -> tuple[bytes, ...]:
    try:
        return tuple(inclusion_proof(snapshot.fetch_nodes(), index, size))
    except LookupError as error:
        raise ProofInvalid(f"{error}: {_REWRITTEN}") from error


def growth_of(snapshot: Snapshot, old: int) -> Growth:
    """Return the proof that the log of `old` entries is a prefix of the newest signed head.

    Raises LedgerUnavailable for a size that no signed head has reached, ProofInvalid for a ledger that was tampered with.
    """
    head, note = signed_head(snapshot)
    if not 0 <= old <= head.size:
        raise LedgerUnavailable(f"there is no proof from {old} entries: {head.size} are signed")
    fetch = snapshot.fetch_nodes()
    try:
        path = tuple(consistency_proof(fetch, old, head.size)) if old else ()
        check_consistency(old, head.size, path, old_root=snapshot.root_at(old), root=head.root)
    except (LookupError, ProofInvalid) as error:
        raise ProofInvalid(f"the growth from {old} entries cannot be proven: {_REWRITTEN}") from error
    return Growth(old, path, note)
