"""Proofs out of a stored ledger. Each is checked before it is handed out: nobody gets one that does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from driftline.ledger.bundle import Completeness, Selection, closing_line, manifest_line
from driftline.ledger.checkpoint import Checkpoint, signed_text
from driftline.ledger.entries import Query, StoredEntry
from driftline.ledger.errors import LedgerUnavailable, ProofInvalid
from driftline.ledger.growth import Growth
from driftline.ledger.multiproof import by_tile, check_inclusions, multiproof
from driftline.ledger.opening import opening_of
from driftline.ledger.proofs import check_consistency, check_inclusion
from driftline.ledger.receipt import Receipt
from driftline.ledger.store.reader import Snapshot
from driftline.ledger.tree import consistency_proof, inclusion_proof, root_at
from driftline.wording import amount

__all__ = ["bundle_of", "growth_of", "receipt_of", "signed_head"]

_REWRITTEN = "the entries are not those that were signed: run `driftline ledger verify`"


def signed_head(snapshot: Snapshot) -> tuple[Checkpoint, str]:
    """Return the newest signed head and its note; raises LedgerUnavailable while nothing is signed."""
    note = snapshot.latest_note()
    if note is None:
        raise LedgerUnavailable("nothing is signed yet; come back when the ledger has an entry")
    return signed_text(note), note


def _cosigned_head(snapshot: Snapshot, entry: int) -> tuple[Checkpoint, str]:
    """Return the newest head that a witness has cosigned, the newest signed one for an entry that none covers yet."""
    note = next(snapshot.cosigned_notes(), None)
    if note is None or (head := signed_text(note)).size <= entry:
        return signed_head(snapshot)
    return head, note


def receipt_of(snapshot: Snapshot, entry: StoredEntry, *, payload: bool) -> Receipt:
    """Return the receipt of an entry.

    Raises LedgerUnavailable while no signed head covers it, ProofInvalid for a ledger that was tampered with.
    """
    head, note = _cosigned_head(snapshot, entry.seq)
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
        return tuple(inclusion_proof(by_tile(snapshot.fetch_nodes(), size), index, size))
    except LookupError as error:
        raise ProofInvalid(f"{error}: {_REWRITTEN}") from error


def growth_of(snapshot: Snapshot, old: int, note: str | None = None) -> Growth:
    """Return the proof that the log of `old` entries is a prefix of a signed head: that of a note of ours, or the newest.

    Raises LedgerUnavailable for a size that the head has not reached, ProofInvalid for a ledger that was tampered with.
    """
    head, note = signed_head(snapshot) if note is None else (signed_text(note), note)
    if not 0 <= old <= head.size:
        raise LedgerUnavailable(f"there is no proof from {amount(old, 'entry')}: {head.size} are signed")
    fetch = by_tile(snapshot.fetch_nodes(), head.size)
    try:
        path = tuple(consistency_proof(fetch, old, head.size)) if old else ()
        check_consistency(old, head.size, path, old_root=root_at(fetch, old), root=head.root)
    except (LookupError, ProofInvalid) as error:
        raise ProofInvalid(f"the growth from {amount(old, 'entry')} cannot be proven: {_REWRITTEN}") from error
    return Growth(old, path, note)


def bundle_of(snapshot: Snapshot, query: Query, *, payloads: bool) -> Iterator[bytes]:
    """Yield the lines of the bundle of all signed entries that fit (`query` without limit and sequences).

    Raises LedgerUnavailable while nothing is signed or for times that end before they begin, ProofInvalid for a ledger
    that was tampered with.
    """
    if query.since is not None and query.until is not None and query.since > query.until:
        raise LedgerUnavailable("the times end before they begin")
    head, note = signed_head(snapshot)
    selection = _selection(snapshot, query, payloads=payloads)
    yield manifest_line(note, selection)
    indices: list[int] = []
    hashes: list[bytes] = []
    chosen = replace(query, before_seq=head.size, limit=None)
    for entry in snapshot.entries(chosen):
        opening = opening_of(entry, payload=payloads)
        indices.append(entry.seq)
        hashes.append(opening.hash)
        yield opening.encode() + b"\n"
    before, after = _borders(snapshot, selection, head.size)
    if before is not None:
        indices.insert(0, before.seq)
        hashes.insert(0, before.entry_hash)
    if after is not None:
        indices.append(after.seq)
        hashes.append(after.entry_hash)
    try:
        nodes = multiproof(snapshot.fetch_nodes(), indices, head.size)
        check_inclusions(hashes, indices, head.size, nodes, head.root)
    except (LookupError, ProofInvalid) as error:
        raise ProofInvalid(f"the selection cannot be proven: {_REWRITTEN}") from error
    count = len(indices) - (before is not None) - (after is not None)
    yield closing_line(
        count, nodes, before=None if before is None else before.leaf, after=None if after is None else after.leaf
    )


def _selection(snapshot: Snapshot, query: Query, *, payloads: bool) -> Selection:
    subject = None if query.actor is None else snapshot.subject(query.actor)
    actor = query.actor if subject is None else subject.pseudonym
    named = subject if payloads else None
    return Selection(
        actor=actor,
        name=named and named.name,
        name_salt=named and named.salt,
        resource=query.resource,
        action=query.action,
        since=query.since,
        until=query.until,
    )


def _borders(snapshot: Snapshot, selection: Selection, size: int) -> tuple[StoredEntry | None, StoredEntry | None]:
    """Return the neighbours of a range."""
    before = after = None
    if selection.provable is Completeness.RANGE:
        if selection.since is not None:
            earlier = Query(until=selection.since, before_seq=size, newest_first=True, limit=1)
            before = next(snapshot.entries(earlier), None)
        if selection.until is not None:
            after = next(snapshot.entries(Query(since=selection.until, before_seq=size, limit=1)), None)
    return before, after
