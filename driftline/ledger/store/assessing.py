"""Gathering evidence out of a stored ledger: one pass over the entries of a period."""

from __future__ import annotations

from driftline.ledger.entries import Query
from driftline.ledger.evidence import Counting, Evidence
from driftline.ledger.report import Report
from driftline.ledger.review import REVIEWED, Review, review_of
from driftline.ledger.store.reader import Snapshot
from driftline.ledger.withdrawal import ERASED, Withdrawals

__all__ = ["evidence_of"]


def evidence_of(
    snapshot: Snapshot, log: str, verification: Report, *, now: int, since: int | None = None, until: int | None = None
) -> Evidence:
    """Return what the entries of [since, until) show, with a verification of the whole log made just before."""
    statements = snapshot.withdrawals()
    withdrawn, counting = Withdrawals(statements), Counting()
    first: int | None = None
    for entry in snapshot.entries(Query(since=since, until=until, limit=None)):
        first = entry.ts if first is None else first
        archived = entry.salt is not None and withdrawn.archived_by(entry.seq) is not None
        counting.add(entry, archived=archived)
    names = {name.topic for name in snapshot.sources().values()}
    return Evidence(
        log=log,
        since=since,
        until=until,
        now=now,
        entries=counting.entries,
        first_ts=first,
        coverage=counting.result(),
        actions=counting.actions,
        topics=tuple(sorted(names)),
        keeping=snapshot.keeping(),
        erasures=sum(statement.action == ERASED for statement in statements),
        archived=verification.archived,
        verification=verification,
        reviews=_reviews(snapshot),
        witnessed_size=snapshot.witnessed_size(log),
    )


def _reviews(snapshot: Snapshot) -> tuple[Review, ...]:
    entries = snapshot.entries(Query(action=REVIEWED, limit=None))
    found = (review_of(entry.seq, entry.ts, entry.actor_name or entry.actor, entry.payload) for entry in entries)
    return tuple(review for review in found if review is not None)
