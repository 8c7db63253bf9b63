"""Verifying a stored ledger: reads one consistent snapshot and feeds it to the pure verifier."""

from __future__ import annotations

from collections.abc import Sequence

from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.heads import HeadCheck, SignedHead
from driftline.ledger.report import Findings, Level, Report
from driftline.ledger.store.reader import LedgerStore, Snapshot
from driftline.ledger.verify import ChainVerifier

__all__ = ["verify_snapshot", "verify_store"]


def verify_store(
    store: LedgerStore,
    level: Level,
    *,
    key: VerifierKey | None,
    trusted: Sequence[SignedHead] = (),
) -> Report:
    """Verify a whole log at level hash or full (source: the part that needs no topic).

    `trusted`: heads with checked signatures from outside the database (last-signed file, topic, witness).
    Without a key the verdict is at best `unverifiable`. Raises LedgerUnavailable.
    """
    try:
        with store.snapshot() as snapshot:
            return verify_snapshot(snapshot, store.origin, level, key=key, trusted=trusted)
    except LedgerUnavailable:
        with store.snapshot(tolerant=True) as snapshot:
            return verify_snapshot(snapshot, store.origin, level, key=key, trusted=trusted)


def verify_snapshot(
    snapshot: Snapshot,
    origin: str,
    level: Level,
    *,
    key: VerifierKey | None,
    trusted: Sequence[SignedHead],
    findings: Findings | None = None,
) -> Report:
    """Verify one state of a log; see `verify_store`."""
    findings = Findings() if findings is None else findings
    deep = level is not Level.HASH
    check = HeadCheck(origin, key, trusted, count=snapshot.checkpoint_count(), findings=findings)
    verifier = ChainVerifier(
        origin,
        level,
        heads=check.heads(snapshot.checkpoints()),
        findings=findings,
        sources=snapshot.sources() if deep else None,
        nodes=snapshot.nodes() if deep else None,
    )
    for page in snapshot.pages(payloads=deep):
        verifier.feed(page)
    if deep:
        verifier.check_subjects(snapshot.subjects())
    verifier.check_head(snapshot.head())
    return verifier.finish(None if key is None else check.signed_size)
