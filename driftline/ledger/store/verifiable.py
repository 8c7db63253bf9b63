"""What verification and proofs are made of: the chain in order, tree nodes, heads and their signatures, positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Select, and_, any_, bindparam, func, or_, select
from sqlalchemy.types import NullType

from driftline.ledger.chain import Head, Known
from driftline.ledger.checkpoint import is_signature_line
from driftline.ledger.heads import CheckpointRow
from driftline.ledger.leaf import GENESIS
from driftline.ledger.rows import ENDLESS, EVERYTHING, Row, Span, Subject
from driftline.ledger.store import tables as t
from driftline.ledger.store.streaming import CHAIN, COLUMNS, JOINED, Streaming, bounds, within
from driftline.ledger.tree import TILE_LEVELS, FetchNodes, root_at
from driftline.ledger.walk import BEGINNING, FIRST, Place, Tail, claimed

__all__ = ["Verifiable"]

_ID_CHUNK: Final = 500
_e, _n = t.entry.c, t.node.c
_BEFORE: Final = select(_e.leaf, _e.entry_hash).where(_e.seq < bindparam("first")).order_by(_e.seq.desc()).limit(1)
_BEFORE_OF_ACTOR: Final = _BEFORE.where(_e.actor == bindparam("of"))
_BEFORE_OF_RESOURCE: Final = _BEFORE.where(_e.resource_type == bindparam("kind"), _e.resource_id == bindparam("of"))
_KNOWN: Final = select(t.entry.c.entry_id, t.entry.c.seq, t.payload.c.salt, t.entry.c.data_hash).select_from(JOINED)
_KNOWN_IN_CHUNK: Final = _KNOWN.where(t.entry.c.entry_id.in_(bindparam("ids", expanding=True)))
_KNOWN_IN_ARRAY: Final = _KNOWN.where(t.entry.c.entry_id == any_(bindparam("ids", type_=NullType())))
_HASHES: Final = select(_e.entry_hash).where(_e.seq >= bindparam("first"), _e.seq < bindparam("end")).order_by(_e.seq)
_NODES: Final = (
    select(_n.hash)
    .where(_n.level == bindparam("level"), _n.idx >= bindparam("first"), _n.idx < bindparam("end"))
    .order_by(_n.idx)
)


class Verifiable(Streaming):
    """The evidence of one snapshot."""

    def head(self) -> Head:
        """Return the head row."""
        h = t.head.c
        row = self._connection.execute(select(h.size, h.head_hash, h.frontier, h.last_ts_us)).one()
        return Head(*row)

    def last_sequence(self) -> int:
        """Return the largest sequence, 0 when there is none (or no number: someone put it there by force)."""
        found = self._connection.scalar(select(func.max(t.entry.c.seq)))
        return found if isinstance(found, int) else 0

    def span_of(self, since: int | None, until: int | None) -> Span:
        """Return the entries of the times [since, until), with the one before and the one behind: those show that it is all."""
        e = t.entry.c
        first, end = 0, ENDLESS
        if since is not None:
            before = select(e.seq).where(e.ts_us < since).order_by(e.ts_us.desc(), e.seq.desc()).limit(1)
            first = self._connection.scalar(before) or 0
        if until is not None:
            behind = self._connection.scalar(select(e.seq).where(e.ts_us >= until).order_by(e.ts_us, e.seq).limit(1))
            end = ENDLESS if behind is None else behind + 1
        return Span(first, end)

    def place(self, first: int) -> Place:
        """Return what stands before an entry."""
        e = t.entry.c
        before = select(e.seq, e.entry_hash, e.ts_us).where(e.seq < first).order_by(e.seq.desc()).limit(1)
        row = self._connection.execute(before).one_or_none()
        if row is None or tuple(map(type, row)) != (int, bytes, int):
            return Place(first, GENESIS, 0) if first else BEGINNING
        return Place(row[0] + 1, row[1], row[2])

    def tail_before(self, of: str | tuple[str, str], first: int) -> Tail:
        """Return how many entries an actor or a resource has before an entry, and the hash of the last of them."""
        if isinstance(of, str):
            found = self._connection.execute(_BEFORE_OF_ACTOR, {"first": first, "of": of})
        else:
            found = self._connection.execute(_BEFORE_OF_RESOURCE, {"first": first, "kind": of[0], "of": of[1]})
        row = found.one_or_none()
        if row is None:
            return FIRST
        entries, _ = claimed(row[0])[0 if isinstance(of, str) else 1]
        return entries + 1, row[1].hex()

    def pages(self, span: Span = EVERYTHING, *, payloads: bool = True) -> Iterator[Sequence[Row]]:
        """Stream entries in order, as tuples in the order of `Row`; without payloads they end before the last three."""
        statement: Select[Any] = select(*COLUMNS).select_from(JOINED) if payloads else select(*CHAIN)
        return self._stream(within(statement, t.entry.c.seq, span), t.entry.c.seq)

    def positions(self) -> dict[int, int]:
        """Return the next offset of each source id."""
        o = t.offset.c
        found = self._connection.execute(select(o.source_id, o.next_offset))
        return dict(found.all())

    def subjects(self) -> Iterator[Subject]:
        """Stream the table of names."""
        s = t.subject.c
        for page in self._stream(select(s.actor, s.salt, s.name), s.actor):
            yield from (Subject(*row) for row in page)

    def checkpoints(self, sizes: Span = EVERYTHING, *, next_signed: bool = False) -> Iterator[CheckpointRow]:
        """Stream the checkpoints of these sizes, smallest first; `next_signed`: and the first signed one behind them."""
        c = t.checkpoint.c
        rows = select(c.size, c.root, c.note)
        for page in self._stream(within(rows, c.size, sizes), c.size):
            yield from (CheckpointRow(*row) for row in page)
        if next_signed and sizes.end < ENDLESS:
            behind = self._connection.execute(rows.where(c.size >= sizes.end, c.note.is_not(None)).order_by(c.size).limit(1))
            yield from (CheckpointRow(*row) for row in behind)

    def checkpoint_count(self, sizes: Span = EVERYTHING) -> int:
        """Return how many checkpoints there are of these sizes."""
        statement = select(func.count()).select_from(t.checkpoint)
        return self._connection.scalar(within(statement, t.checkpoint.c.size, sizes)) or 0

    def latest_note(self) -> str | None:
        """Return the newest signed checkpoint, with the cosignatures that it has by now."""
        c = t.checkpoint.c
        newest = select(c.size, c.note).where(c.note.is_not(None)).order_by(c.size.desc()).limit(1)
        row = self._connection.execute(newest).first()
        return None if row is None else row.note + self._cosignatures(row.size)

    def cosigned_notes(self) -> Iterator[str]:
        """Yield the checkpoints that somebody has cosigned, with their cosignatures, the newest first."""
        c, w = t.checkpoint.c, t.cosignature.c
        below: int | None = None
        while True:
            statement = select(func.max(w.size)) if below is None else select(func.max(w.size)).where(w.size < below)
            below = self._connection.scalar(statement)
            if below is None:
                return
            note = self._connection.scalar(select(c.note).where(c.size == below))
            if note is not None:
                yield note + self._cosignatures(below)

    def _cosignatures(self, size: int) -> str:
        w = t.cosignature.c
        lines = self._connection.scalars(select(w.line).where(w.size == size).order_by(w.cosigner))
        return "".join(line for line in lines if is_signature_line(line))

    def witnessed_size(self, log: str) -> int:
        """Return the size of the largest head that anybody but the log cosigned, as stored; 0 without one."""
        w = t.cosignature.c
        others = ~w.cosigner.startswith(f"{log}+", autoescape=True)
        return self._connection.scalar(select(func.max(w.size)).where(others)) or 0

    def nodes(self, span: Span = EVERYTHING) -> dict[tuple[int, int], bytes]:
        """Return stored tree nodes by (level, index): all of them, or those that the entries of a span complete."""
        n = t.node.c
        statement = select(n.level, n.idx, n.hash)
        if span != EVERYTHING:
            levels = range(TILE_LEVELS, 64, TILE_LEVELS)
            statement = statement.where(or_(*(and_(n.level == k, *bounds(n.idx, span.completed(k))) for k in levels)))
        return {(level, index): value for level, index, value in self._connection.execute(statement)}

    def entry_count(self) -> int:
        """Return how many entries are stored."""
        return self._connection.scalar(select(func.count(t.entry.c.seq))) or 0

    def node_count(self) -> int:
        """Return how many tree nodes are stored."""
        return self._connection.scalar(select(func.count()).select_from(t.node)) or 0

    def fetch_nodes(self) -> FetchNodes:
        """Return the nodes that roots and proofs are computed from."""

        def fetch(level: int, first: int, end: int) -> Sequence[bytes]:
            if level == 0:
                return self._connection.scalars(_HASHES, {"first": first, "end": end}).all()
            return self._connection.scalars(_NODES, {"level": level, "first": first, "end": end}).all()

        return fetch

    def root_at(self, size: int) -> bytes:
        """Return the root over the first `size` entries; LookupError when they are not all there."""
        return root_at(self.fetch_nodes(), size)

    def known(self, entry_ids: Sequence[bytes]) -> dict[bytes, Known]:
        """Return those of the ids that have an entry."""
        found: dict[bytes, Known] = {}
        for statement, ids in _known(self._connection.dialect.name, entry_ids):
            found.update((entry_id, Known(*row)) for entry_id, *row in self._connection.execute(statement, {"ids": ids}))
        return found

    def offsets_of(self, source_id: int, span: Span) -> Span:
        """Return the offsets of one source partition that the entries of a span must explain: all between their neighbours."""
        e = t.entry.c
        first, end = 0, ENDLESS
        if span.first:
            first = (
                self._connection.scalar(select(func.max(e.src_end)).where(e.source_id == source_id, e.seq < span.first)) or 0
            )
        if span.end < ENDLESS:
            behind = select(func.min(e.src_start)).where(e.source_id == source_id, e.seq >= span.end)
            end = self._connection.scalar(behind) or ENDLESS
        return Span(first, end)

    def source_rows(self, source_id: int, span: Span = EVERYTHING) -> Iterator[Row]:
        """Stream the entries of one source partition in offset order, payloads joined."""
        e = t.entry.c
        statement = select(e.src_start, *COLUMNS).select_from(JOINED).where(e.source_id == source_id)
        for page in self._stream(within(statement, e.seq, span), e.src_start):
            yield from (Row(*row[1:]) for row in page)

    def leaves(self, first: int, end: int) -> Sequence[bytes]:
        """Return the leaves of the entries [first, end)."""
        e = t.entry.c
        return self._connection.scalars(select(e.leaf).where(e.seq >= first, e.seq < end).order_by(e.seq)).all()

    def sequence_of(self, entry_hash: bytes) -> int | None:
        """Return the sequence of the entry with a hash: a rollback asks, so seldom that it looks through all of them."""
        found: int | None = self._connection.scalar(select(t.entry.c.seq).where(t.entry.c.entry_hash == entry_hash))
        return found


def _known(dialect: str, ids: Sequence[bytes]) -> Iterator[tuple[Select[Any], object]]:
    """Yield what to ask for these ids, and how. PostgreSQL takes them as one array, in its own text: one plan does for all."""
    if dialect == "postgresql":
        yield _KNOWN_IN_ARRAY, "{" + ",".join([f'"\\\\x{entry_id.hex()}"' for entry_id in ids]) + "}"
        return
    yield from ((_KNOWN_IN_CHUNK, list(ids[first : first + _ID_CHUNK])) for first in range(0, len(ids), _ID_CHUNK))
