"""Verifying a stored ledger, or a span of it: reads one consistent snapshot and feeds it to the pure verifier.

A large span is first gone over in pieces, by several processes where told so: of each piece only whether all is right with
it, and where it leads. Behind the last piece that is right, and continues the one before, entries are verified row by row.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.errors import LedgerError, LedgerUnavailable
from driftline.ledger.heads import HeadCheck, SignedHead
from driftline.ledger.receipt import check_receipt
from driftline.ledger.report import FindingKind, Findings, Level, Report
from driftline.ledger.rows import ENDLESS, EVERYTHING, Span
from driftline.ledger.store.archiving import check_archive
from driftline.ledger.store.objects import Objects
from driftline.ledger.store.pieces import Task, heads_of, pieces_of, verified_pieces
from driftline.ledger.store.proving import receipt_of
from driftline.ledger.store.reader import LedgerStore, Snapshot
from driftline.ledger.tree import TILE_LEVELS, Frontier
from driftline.ledger.verify import ChainVerifier, Start
from driftline.ledger.walk import Walk
from driftline.ledger.withdrawal import Withdrawals

__all__ = ["Effort", "Progress", "verify_snapshot", "verify_store"]

Progress = Callable[[int, int], None]
"""Called with the entries verified so far, and how many there are."""


def _silent(_done: int, _all: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How to go about a verification; the answer is the same."""

    many: int = 300_000
    """Entries from which on pieces save more time (some 6 us each) than numba takes to load (some 2 s)."""
    piece: int = 1 << 16
    """Entries of a piece: a power of two."""
    jobs: int = 1
    """Processes that verify pieces."""
    progress: Progress = _silent


USUAL: Final = Effort()


def verify_store(
    store: LedgerStore,
    level: Level,
    *,
    key: VerifierKey | None,
    trusted: Sequence[SignedHead] = (),
    span: Span = EVERYTHING,
    archive: Objects | None = None,
    effort: Effort = USUAL,
) -> Report:
    """Verify a log or a span of it at level hash or full (source: the part that needs no topic).

    `trusted`: heads with checked signatures from outside the database (last-signed file, topic, witness).
    `archive`: where the payloads that were archived are verified as well; without it they are counted.
    Without a key the verdict is at best `unverifiable`. Raises LedgerUnavailable, also for a span that is not there.
    """
    task = Task.of(store, level, key=key, trusted=trusted, archive=archive)
    try:
        with store.snapshot() as snapshot:
            return verify_snapshot(snapshot, task, span=span, effort=effort)
    except LedgerUnavailable:
        with store.snapshot(tolerant=True) as snapshot:
            return verify_snapshot(snapshot, task, span=span, effort=replace(effort, many=sys.maxsize))


def verify_snapshot(
    snapshot: Snapshot, task: Task, *, span: Span = EVERYTHING, findings: Findings | None = None, effort: Effort = USUAL
) -> Report:
    """Verify one state of a log; see `verify_store`."""
    findings = Findings() if findings is None else findings
    whole, size = span == EVERYTHING, snapshot.last_sequence() + 1
    end = size if span.end == ENDLESS else span.end
    if not whole and not (0 <= span.first <= end <= size):
        raise LedgerUnavailable(f"there are no entries {span.first} to {end - 1}: the ledger has {size}")
    start = _gone_over(snapshot, task, Span(span.first, end), effort, findings)
    statements = snapshot.withdrawals() if task.deep else []
    check, verifier = _verifier(snapshot, task, start, span, withdrawn=Withdrawals(statements), findings=findings)
    for page in snapshot.pages(Span(start.tree.size, span.end), payloads=task.deep):
        verifier.feed(page)
        effort.progress(start.tree.size - span.first, end - span.first)
    if task.deep:
        verifier.check_claims(lambda of: snapshot.tail_before(of, span.first))
        verifier.check_subjects(snapshot.subjects(), only_met=not whole)
    if end == size:
        verifier.check_head(snapshot.head())
    unread = check_archive(snapshot, task.archive, findings, span) if task.deep and task.archive is not None else ()
    return verifier.finish(
        None if task.key is None else check.signed_size,
        wanted=max((_wanted(snapshot, task.key, statement.seq, span) for statement in statements), default=0),
        behind=None if whole else snapshot.fetch_nodes(),
        unread=unread,
    )


def _verifier(
    snapshot: Snapshot, task: Task, start: Start, span: Span, *, withdrawn: Withdrawals, findings: Findings
) -> tuple[HeadCheck, ChainVerifier]:
    """Return what verifies the rest of a span, and what vouches for it."""
    rest = Span(start.tree.size, span.end)
    heads = heads_of(rest, span)
    check = HeadCheck(
        task.origin,
        task.key,
        [head for head in task.trusted if head.size >= heads.first],
        count=snapshot.checkpoint_count(Span(start.first, heads.end)),
        passed=snapshot.checkpoint_count(Span(start.first, heads.first)),
        findings=findings,
    )
    return check, ChainVerifier(
        task.origin,
        task.level,
        start,
        heads=check.heads(snapshot.checkpoints(heads, next_signed=True)),
        findings=findings,
        sources=snapshot.sources() if task.deep else {},
        nodes=snapshot.nodes(rest) if task.deep else None,
        withdrawn=withdrawn,
    )


def _wanted(snapshot: Snapshot, key: VerifierKey | None, seq: int, span: Span) -> int:
    """Return how many entries must be signed for a statement about payloads to count; one outside the span proves itself."""
    if span.first <= seq < span.end:
        return seq + 1
    entry = snapshot.entry_at(seq)
    try:
        if entry is not None and key is not None:
            check_receipt(receipt_of(snapshot, entry, payload=True), key)
            return 0
    except LedgerError:
        pass
    return sys.maxsize


def _gone_over(snapshot: Snapshot, task: Task, span: Span, effort: Effort, findings: Findings) -> Start:
    """Go over the pieces of a large span for as long as all is right; of a small one, to its beginning."""
    start = Start(
        Walk(task.origin, snapshot.sources() if task.deep else {}, snapshot.place(span.first)),
        _tree_before(snapshot, span.first, findings),
        span.first,
    )
    count = span.end - span.first
    worthwhile = count >= effort.many and (task.deep or effort.jobs > 1)
    if not worthwhile or findings.first is not None or not _all_fall_into_pieces(snapshot):
        return start
    pieces = pieces_of(snapshot, span, effort.piece)
    for piece in verified_pieces(snapshot, task, pieces, effort.jobs):
        if piece is None or piece.before != start.tree.to_bytes() or not start.walk.join(piece.walk):
            break
        start.tree = Frontier.from_bytes(piece.size, piece.frontier)
        start.good_size = max(start.good_size, piece.good_size)
        start.signed = max(start.signed, piece.signed)
        start.erased, start.archived = start.erased + piece.erased, start.archived + piece.archived
        effort.progress(piece.size - span.first, count)
    return start


def _tree_before(snapshot: Snapshot, first: int, findings: Findings) -> Frontier:
    try:
        return Frontier.before(snapshot.fetch_nodes(), first)
    except (LookupError, TypeError) as error:
        findings.add(first, FindingKind.NODE_CHANGED, f"there is no way from the entries before {first} to the root: {error}")
        return Frontier(first, [bytes(32)] * first.bit_count())


def _all_fall_into_pieces(snapshot: Snapshot) -> bool:
    """Tell whether there are as many entries and tree nodes as there should be, and no checkpoint has a size that is no number."""
    size = snapshot.last_sequence() + 1
    nodes = sum(size >> level for level in range(TILE_LEVELS, 64, TILE_LEVELS))
    return (snapshot.entry_count(), snapshot.node_count()) == (
        size,
        nodes,
    ) and snapshot.checkpoint_count() == snapshot.checkpoint_count(Span(0, ENDLESS - 1))
