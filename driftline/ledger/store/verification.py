"""Verifying a stored ledger: reads one consistent snapshot and feeds it to the pure verifier."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.heads import HeadCheck, SignedHead
from driftline.ledger.report import Findings, Level, Report
from driftline.ledger.rows import SourceName
from driftline.ledger.store.archiving import check_archive
from driftline.ledger.store.objects import Objects
from driftline.ledger.store.reader import LedgerStore, Snapshot
from driftline.ledger.verify import ChainVerifier
from driftline.ledger.walk import AtOnce
from driftline.ledger.withdrawal import Withdrawals

__all__ = ["MANY", "verify_snapshot", "verify_store"]

MANY: Final = 300_000
"""Entries from which on verifying whole pages at once saves more time (some 6 us each) than numba takes to load (some 2 s)."""


def verify_store(
    store: LedgerStore,
    level: Level,
    *,
    key: VerifierKey | None,
    trusted: Sequence[SignedHead] = (),
    many: int = MANY,
    archive: Objects | None = None,
) -> Report:
    """Verify a whole log at level hash or full (source: the part that needs no topic).

    `trusted`: heads with checked signatures from outside the database (last-signed file, topic, witness).
    `many`: how many entries are verified by whole pages at level full (where numba is installed), fewer row by row.
    `archive`: where archived payloads are verified as well; without it they are counted.
    Without a key the verdict is at best `unverifiable`. Raises LedgerUnavailable.
    """
    try:
        with store.snapshot() as snapshot:
            return verify_snapshot(snapshot, store.origin, level, key=key, trusted=trusted, many=many, archive=archive)
    except LedgerUnavailable:
        with store.snapshot(tolerant=True) as snapshot:
            return verify_snapshot(snapshot, store.origin, level, key=key, trusted=trusted, many=many, archive=archive)


def verify_snapshot(
    snapshot: Snapshot,
    origin: str,
    level: Level,
    *,
    key: VerifierKey | None,
    trusted: Sequence[SignedHead],
    findings: Findings | None = None,
    many: int = MANY,
    archive: Objects | None = None,
) -> Report:
    """Verify one state of a log; see `verify_store`."""
    findings = Findings() if findings is None else findings
    deep = level is not Level.HASH
    check = HeadCheck(origin, key, trusted, count=snapshot.checkpoint_count(), findings=findings)
    sources = snapshot.sources() if deep else {}
    verifier = ChainVerifier(
        origin,
        level,
        heads=check.heads(snapshot.checkpoints()),
        findings=findings,
        sources=sources,
        nodes=snapshot.nodes() if deep else None,
        at_once=_at_once(origin, sources) if deep and snapshot.last_sequence() >= many else None,
        withdrawn=Withdrawals(snapshot.withdrawals()) if deep else None,
    )
    for page in snapshot.pages(payloads=deep):
        verifier.feed(page)
    if deep:
        verifier.check_subjects(snapshot.subjects())
    verifier.check_head(snapshot.head())
    unread = check_archive(snapshot, archive, findings) if deep and archive is not None else ()
    return verifier.finish(None if key is None else check.signed_size, unread=unread)


def _at_once(origin: str, sources: Mapping[int, SourceName]) -> AtOnce | None:
    """Return the quick way over pages; None where numba is not installed, or for whose words it was not written."""
    if sys.byteorder != "little":
        return None
    try:
        from driftline.ledger.pages import Pages
    except ImportError:
        return None
    return Pages(origin, sources)
