"""Moving payloads into an archive by entries that name the objects, and reading and verifying them there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from driftline.ledger.archive import object_name, pack, seal, unpack, unseal
from driftline.ledger.chain import Draft
from driftline.ledger.entries import Query
from driftline.ledger.errors import LedgerUnavailable, ProofInvalid, ProofMalformed
from driftline.ledger.keeping import Fact
from driftline.ledger.leaf import data_hash, details_hash
from driftline.ledger.report import FindingKind, Findings
from driftline.ledger.rows import EVERYTHING, Row, Span
from driftline.ledger.store.erasing import Author, purge, withdraw
from driftline.ledger.store.objects import Objects, put_once
from driftline.ledger.store.reader import Snapshot
from driftline.ledger.store.writer import LedgerWriter
from driftline.ledger.withdrawal import ARCHIVED, Withdrawal, Withdrawals, spans_of, withdrawal_draft

__all__ = ["Archived", "archive", "check_archive", "payload_from"]

_TOGETHER: Final = 2_000
"""Payloads in one object."""


@dataclass(frozen=True, slots=True)
class Archived:
    """An object: the sequence of its entry, its name, bytes, and how many payloads it holds."""

    seq: int
    object: str
    size: int
    entries: int


def archive(writer: LedgerWriter, objects: Objects, author: Author, *, before: int | None = None) -> Iterator[Archived]:
    """Archive what is due, object by object: older than `before` (microseconds), else by the retention in force.

    What is under a legal hold stays. An object is written and read back before the payloads leave the database. Several may
    archive at once: what another one took in the meantime is left out. Raises LedgerUnavailable for an archive that cannot be
    written, ProofInvalid for a payload that is not what its leaf commits to.
    """
    with writer.store.snapshot() as snapshot:
        due = list(_due(snapshot, author.now, before))
    for first in range(0, len(due), _TOGETHER):
        done = _archived(writer, objects, author, due[first : first + _TOGETHER])
        if done is not None:
            yield done


def _due(snapshot: Snapshot, now: int, before: int | None) -> Iterator[Fact]:
    keeping = snapshot.keeping()
    youngest = keeping.archivable_until(now)
    until = before if before is not None else None if youngest is None else youngest + 1
    if until is None:
        return
    for fact in snapshot.facts(Query(until=until, limit=None), archived=False):
        if keeping.archivable(fact, now) if before is None else keeping.held_by(fact) is None:
            yield fact


def _archived(writer: LedgerWriter, objects: Objects, author: Author, facts: Sequence[Fact]) -> Archived | None:
    """Archive these payloads in one object; None if meanwhile others have archived or erased, or hold, all of them."""
    with writer.store.snapshot() as snapshot:
        there = _there(snapshot, facts)
    if not there:
        return None
    facts = [fact for fact, _ in there]
    sealed = [(row.seq, _sealed(row)) for _, row in there]
    data = pack(writer.store.origin, sealed)
    name = object_name(data, facts[0].seq)
    put_once(objects, name, data)

    def make(snapshot: Snapshot) -> Draft:
        if len(_there(snapshot, facts)) < len(facts):
            raise _TakenMeanwhileError
        return withdrawal_draft(
            ARCHIVED,
            spans_of(fact.seq for fact in facts),
            resource=("archive", name),
            actor=author.actor,
            reason=author.reason,
            entry_id=author.random(16),
            salt=author.random(32),
            archive=(name, sha256(data).digest()),
        )

    try:
        done = writer.state(make, withdraw(ARCHIVED, facts), now=author.now)
    except _TakenMeanwhileError:
        return _archived(writer, objects, author, facts)
    purge(writer.store.engine)
    return Archived(done.size - 1, name, len(data), len(sealed))


def _there(snapshot: Snapshot, facts: Sequence[Fact]) -> list[tuple[Fact, Row]]:
    """Return those whose payloads are still in the database, or should be, and are not held."""
    keeping, withdrawn = snapshot.keeping(), Withdrawals(snapshot.withdrawals())
    known = {fact.seq: fact for fact in facts if keeping.held_by(fact) is None}
    rows = snapshot.rows_of(spans_of(known))
    return [(known[row.seq], row) for row in rows if not withdrawn.explain(row)]


class _TakenMeanwhileError(Exception):
    """Another writer has archived, erased or put under a hold what was to be archived."""


def _sealed(row: Row) -> bytes:
    """Return a payload sealed; what was changed is not carried into the archive as if it were sound."""
    if row.salt is None or row.body is None or not _committed(row, row.salt, row.body, row.details):
        raise ProofInvalid(f"the payload of entry {row.seq} is not what its leaf commits to: run `driftline ledger verify`")
    return seal(row.salt, row.body, row.details)


def _committed(row: Row, salt: bytes, payload: bytes, details: bytes | None) -> bool:
    return data_hash(salt, payload) == row.data_hash and row.details_hash == (
        None if details is None else details_hash(salt, details)
    )


def payload_from(objects: Objects, snapshot: Snapshot, seq: int) -> tuple[bytes, bytes | None] | None:
    """Return payload and details of an archived entry; None for one that is not archived, or erased.

    Raises LedgerUnavailable for an object that is gone, ProofMalformed for one that was changed.
    """
    row = next(snapshot.rows_of((Span(seq, seq + 1),)), None)
    if row is None or row.salt is None:
        return None
    for withdrawal in snapshot.withdrawals():
        if withdrawal.object is not None and any(first <= seq < end for first, end in withdrawal.entries):
            payload, details = unseal(row.salt, _contents(objects, withdrawal)[seq])
            if not _committed(row, row.salt, payload, details):
                raise ProofMalformed(f"{withdrawal.object} holds another payload of entry {seq}")
            return payload, details
    return None


def _contents(objects: Objects, withdrawal: Withdrawal) -> Mapping[int, bytes]:
    name = withdrawal.object or ""
    data = objects.get(name)
    if data is None:
        raise LedgerUnavailable(f"the object {name} is not in the archive")
    if sha256(data).digest() != withdrawal.sha256:
        raise ProofMalformed(f"{name} is not the object that was archived")
    return unpack(data)


def check_archive(snapshot: Snapshot, objects: Objects, findings: Findings, span: Span = EVERYTHING) -> tuple[str, ...]:
    """Open what of a span was archived and not erased, and compare it with the leaves; returns objects that are gone.

    An object is read if the span reaches into it and something there is not erased.
    """
    missing: list[str] = []
    for withdrawal in snapshot.withdrawals():
        if withdrawal.object is None:
            continue
        parts = [part for part in map(span.common, withdrawal.entries) if part.first < part.end]
        rows = {row.seq: row for row in snapshot.rows_of(parts) if row.salt is not None}
        if not rows:
            continue
        try:
            contents = _contents(objects, withdrawal)
        except LedgerUnavailable:
            missing.append(withdrawal.object)
        except ProofMalformed as error:
            findings.add(min(rows), FindingKind.ARCHIVE_CHANGED, str(error))
        else:
            _check_contents(withdrawal.object, contents, rows, findings)
    return tuple(missing)


def _check_contents(name: str, contents: Mapping[int, bytes], rows: Mapping[int, Row], findings: Findings) -> None:
    for seq, row in rows.items():
        try:
            sound = row.salt is not None and _committed(row, row.salt, *unseal(row.salt, contents[seq]))
        except (ProofMalformed, KeyError, TypeError):
            sound = False
        if not sound:
            findings.add(seq, FindingKind.ARCHIVE_CHANGED, f"{name} does not hold what the leaf commits to")
