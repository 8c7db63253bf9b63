"""Pieces of a large ledger, each verified by itself: by whole pages where numba is installed, by processes where told so.

A piece stands on what is stored before it: the hash of one entry, some tree nodes, and what its own entries say of the trails.
Whoever joins it to the piece before finds out whether all of that was right. Nothing else is asked of a piece than whether
all is right with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, pairwise
from multiprocessing import get_context
from typing import NamedTuple

from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.heads import HeadCheck, SignedHead
from driftline.ledger.report import Findings, Level
from driftline.ledger.rows import ENDLESS, SourceName, Span
from driftline.ledger.store.objects import Objects
from driftline.ledger.store.reader import LedgerStore, Snapshot, open_store
from driftline.ledger.tree import Frontier, fold
from driftline.ledger.verify import ChainVerifier, Start
from driftline.ledger.walk import AtOnce, Place, Walk
from driftline.ledger.withdrawal import Withdrawals

__all__ = ["Piece", "Task", "Verified", "heads_of", "pieces_of", "verified_pieces"]


@dataclass(frozen=True, slots=True)
class Task:
    """Which log to verify, how deep, and against what."""

    url: str
    origin: str
    level: Level
    key: VerifierKey | None
    trusted: tuple[SignedHead, ...] = ()
    archive: Objects | None = None

    @classmethod
    def of(
        cls,
        store: LedgerStore,
        level: Level,
        *,
        key: VerifierKey | None,
        trusted: Sequence[SignedHead],
        archive: Objects | None = None,
    ) -> Task:
        """Return the task for a store."""
        url = store.engine.url.render_as_string(hide_password=False)
        return cls(url, store.origin, level, key, tuple(trusted), archive)

    @property
    def deep(self) -> bool:
        """Tell whether columns and payloads are verified, too."""
        return self.level is not Level.HASH


class Piece(NamedTuple):
    """Entries to verify, of a larger span."""

    span: Span
    within: Span
    heads: int
    """Heads of the larger span."""
    passed: int
    """Those of them before this piece."""


class Verified(NamedTuple):
    """All is right with a piece that stands on `before`; where it leads, and the entries that a checked signature vouches for."""

    before: bytes
    walk: Walk
    size: int
    frontier: bytes
    good_size: int
    signed: int
    erased: int
    archived: int


def pieces_of(snapshot: Snapshot, span: Span, width: int) -> list[Piece]:
    """Cut a span with an end where whole subtrees of `width` entries end."""
    edges = range((span.first // width + 1) * width, span.end, width)
    parts = [Span(*part) for part in pairwise((span.first, *edges, span.end)) if span.first < span.end]
    passed = [0, *accumulate(snapshot.checkpoint_count(heads_of(part, span)) for part in parts)]
    return [Piece(part, span, passed[-1], before) for part, before in zip(parts, passed, strict=False)]


def heads_of(span: Span, within: Span) -> Span:
    """Return the sizes of the heads that end in a span; those that it begins at are of the span before, if there is one."""
    end = min(span.end + 1, ENDLESS)
    return Span(span.first if span.first == within.first else span.first + 1, end)


def verified_pieces(snapshot: Snapshot, task: Task, pieces: Sequence[Piece], jobs: int) -> Iterator[Verified | None]:
    """Verify pieces and yield in order what became of them; None for one with which something is wrong."""
    if jobs == 1:
        yield from (_verify(snapshot, task, piece) for piece in pieces)
        return
    pool = ProcessPoolExecutor(min(jobs, len(pieces)), mp_context=get_context("spawn"))
    try:
        yield from pool.map(_verify_elsewhere, [replace(task, archive=None)] * len(pieces), pieces)
    finally:
        pool.shutdown(cancel_futures=True)


def _verify_elsewhere(task: Task, piece: Piece) -> Verified | None:
    """Verify a piece in another process, which keeps its connection for the next one."""
    with _store(task.url, task.origin).snapshot() as snapshot:
        return _verify(snapshot, task, piece)


_store = cache(open_store)


def _verify(snapshot: Snapshot, task: Task, piece: Piece) -> Verified | None:
    span, findings = piece.span, Findings()
    place, sources = snapshot.place(span.first), snapshot.sources() if task.deep else {}
    at_once = _at_once(task.origin, sources, place) if task.deep else None
    try:
        tree = Frontier.before(snapshot.fetch_nodes(), span.first, fold=fold if at_once is None else at_once.fold)
    except LookupError:
        return None
    before, sizes = tree.to_bytes(), heads_of(span, piece.within)
    check = HeadCheck(
        task.origin,
        task.key,
        [head for head in task.trusted if sizes.first <= head.size < sizes.end],
        count=piece.heads,
        passed=piece.passed,
        findings=findings,
    )
    verifier = ChainVerifier(
        task.origin,
        task.level,
        Start(Walk(task.origin, sources, place), tree, span.first, at_once=at_once),
        heads=check.heads(snapshot.checkpoints(sizes)),
        findings=findings,
        sources=sources,
        nodes=snapshot.nodes(span) if task.deep else None,
        withdrawn=Withdrawals(snapshot.withdrawals()) if task.deep else None,
    )
    for page in snapshot.pages(span, payloads=task.deep):
        verifier.feed(page)
        if findings.first is not None:
            return None
    if not verifier.settled or tree.size != span.end:
        return None
    return Verified(
        before,
        verifier.walk(),
        tree.size,
        tree.to_bytes(),
        verifier.good_size,
        check.signed_size(tree.size),
        verifier.erased,
        verifier.archived,
    )


def _at_once(origin: str, sources: Mapping[int, SourceName], at: Place) -> AtOnce | None:
    """Return the quick way over pages; None where numba is not installed, or for whose words it was not written."""
    if sys.byteorder != "little":
        return None
    try:
        from driftline.ledger.pages import Pages
    except ImportError:
        return None
    return Pages(origin, sources, at)
