"""Reports into a folder or bucket, each put on record: of which period it is, and the hash of its bytes."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from driftline.envelope import iso_time
from driftline.ledger.chain import Draft
from driftline.ledger.compliance import RegimeName, assess
from driftline.ledger.compliance_page import as_json, page
from driftline.ledger.entries import Query
from driftline.ledger.leaf import canonical
from driftline.ledger.report import Report
from driftline.ledger.reported import REPORTED, Reported, reported_draft, reported_of
from driftline.ledger.store.assessing import evidence_of
from driftline.ledger.store.erasing import Author
from driftline.ledger.store.objects import Objects, put_once
from driftline.ledger.store.reader import Snapshot
from driftline.ledger.store.writer import LedgerWriter

__all__ = ["last_report", "write_report"]


def last_report(snapshot: Snapshot, regime: RegimeName) -> Reported | None:
    """Return the newest report of a regime on record."""
    query = Query(action=REPORTED, resource=("report", regime.value), newest_first=True, limit=1)
    found = (reported_of(entry.seq, entry.ts, entry.payload) for entry in snapshot.entries(query))
    return next(found, None)


def write_report(
    writer: LedgerWriter,
    objects: Objects,
    regime: RegimeName,
    author: Author,
    *,
    every_us: int,
    verify: Callable[[], Report],
) -> Reported | None:
    """Report on what came since the last report on record, as page and as data; None unless one is due every `every_us`.

    Of several who find it due, one puts it on record. Raises LedgerUnavailable for a place that cannot be written.
    """
    with writer.store.snapshot() as snapshot:
        last = last_report(snapshot, regime)
    if last is not None and author.now - last.until < every_us:
        return None
    checked = verify()
    since = None if last is None else last.until
    with writer.store.snapshot() as snapshot:
        evidence = evidence_of(snapshot, writer.store.origin, checked, now=author.now, since=since, until=author.now)
    found = assess(regime, evidence)
    data, shown = canonical(as_json(found)), page(found).encode()
    name = f"reports/{regime.value}/{iso_time(author.now)[:10]}-{sha256(data).hexdigest()[:16]}"
    put_once(objects, f"{name}.json", data)
    put_once(objects, f"{name}.html", shown)

    def make(snapshot: Snapshot) -> Draft:
        if last_report(snapshot, regime) != last:
            raise _ReportedMeanwhileError
        return reported_draft(
            found,
            name=name,
            data=data,
            page=shown,
            actor=author.actor,
            reason=author.reason,
            entry_id=author.random(16),
            salt=author.random(32),
        )

    try:
        done = writer.state(make, now=author.now)
    except _ReportedMeanwhileError:
        return None
    return Reported(done.size - 1, author.now, author.now, name, len(found.missing))


class _ReportedMeanwhileError(Exception):
    """Another instance has put this report on record."""
