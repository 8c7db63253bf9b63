"""Reading a ledger: entries, trails, heads and proofs, each call in one consistent snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Integer, Select, and_, func, literal, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from driftline.ledger.chain import Head, Known
from driftline.ledger.checkpoint import is_signature_line
from driftline.ledger.entries import Query, Statistics, StoredEntry
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.heads import CheckpointRow
from driftline.ledger.keeping import HOLD, RELEASE, RETENTION, Fact, Keeping, Statement, keeping_of
from driftline.ledger.leaf import GENESIS, Source
from driftline.ledger.rollback import ROLLBACK, Superseded, rollback_of, superseded
from driftline.ledger.rows import ENDLESS, EVERYTHING, Row, SourceName, Span, Subject
from driftline.ledger.store import tables as t
from driftline.ledger.store.engine import open_engine, reading
from driftline.ledger.store.schema import check_version
from driftline.ledger.tree import TILE_LEVELS, FetchNodes, root_at
from driftline.ledger.walk import BEGINNING, FIRST, Place, Tail, claimed
from driftline.ledger.withdrawal import ARCHIVED, ERASED, Withdrawal, may_be_withdrawn, withdrawal_of

__all__ = ["LedgerStore", "Snapshot", "open_store"]

_PAGE: Final = 256  # rows that fit into the nearest caches with what verification makes of them
_PULLED: Final = 2_048  # rows that a server sends at a time
_ID_CHUNK: Final = 500
_JOINED: Final = t.entry.outerjoin(t.payload, t.payload.c.seq == t.entry.c.seq)
_CHAIN: Final = (
    t.entry.c.seq,
    t.entry.c.entry_id,
    t.entry.c.ts_us,
    t.entry.c.event_ts_us,
    t.entry.c.action,
    t.entry.c.actor,
    t.entry.c.resource_type,
    t.entry.c.resource_id,
    t.entry.c.data_hash,
    t.entry.c.details_hash,
    t.entry.c.previous_hash,
    t.entry.c.entry_hash,
    t.entry.c.leaf,
    t.entry.c.source_id,
    t.entry.c.src_start,
    t.entry.c.src_end,
)
_COLUMNS: Final = (*_CHAIN, t.payload.c.salt, t.payload.c.body, t.payload.c.details)


class Snapshot:
    """One state of one log, as a transaction sees it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
        e = t.entry.c
        whose = (e.actor == of,) if isinstance(of, str) else (e.resource_type == of[0], e.resource_id == of[1])
        statement = select(e.leaf, e.entry_hash).where(*whose, e.seq < first).order_by(e.seq.desc()).limit(1)
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            return FIRST
        entries, _ = claimed(row[0])[0 if isinstance(of, str) else 1]
        return entries + 1, row[1].hex()

    def pages(self, span: Span = EVERYTHING, *, payloads: bool = True) -> Iterator[Sequence[Row]]:
        """Stream entries in order, as tuples in the order of `Row`; without payloads they end before the last three."""
        statement: Select[Any] = select(*_COLUMNS).select_from(_JOINED) if payloads else select(*_CHAIN)
        return self._stream(_within(statement, t.entry.c.seq, span), t.entry.c.seq)

    def _stream(self, statement: Select[Any], key: ColumnElement[Any], *, descending: bool = False) -> Iterator[Sequence[Any]]:
        """Yield pages of rows in the order of the statement's first column, `key`.

        From SQLite plain tuples: verification is too hot for SQLAlchemy's rows. MariaDB's drivers can stream one result at a
        time only, so there each page is a statement of its own in the same snapshot.
        """
        order = key.desc() if descending else key
        if self._connection.dialect.name == "mysql":
            yield from self._by_page(statement.order_by(order), key, descending=descending)
        elif self._connection.dialect.name == "sqlite":
            cursor = self._connection.execute(statement.order_by(order)).cursor
            while page := cursor.fetchmany(_PAGE):
                yield page
        else:
            options = {"yield_per": _PULLED}
            yield from self._connection.execute(statement.order_by(order), execution_options=options).partitions(_PAGE)

    def _by_page(self, statement: Select[Any], key: ColumnElement[Any], *, descending: bool) -> Iterator[Sequence[Any]]:
        page = self._connection.execute(statement.limit(_PULLED)).all()
        while page:
            yield page
            last = page[-1][0]
            beyond = statement.where(key < last if descending else key > last)
            page = self._connection.execute(beyond.limit(_PULLED)).all()

    def sources(self) -> dict[int, SourceName]:
        """Return what each source id stands for."""
        o = t.offset.c
        found = self._connection.execute(select(o.source_id, o.cluster, o.topic, o.topic_id, o.partition))
        return {row[0]: SourceName(*row[1:]) for row in found}

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
        for page in self._stream(_within(rows, c.size, sizes), c.size):
            yield from (CheckpointRow(*row) for row in page)
        if next_signed and sizes.end < ENDLESS:
            behind = self._connection.execute(rows.where(c.size >= sizes.end, c.note.is_not(None)).order_by(c.size).limit(1))
            yield from (CheckpointRow(*row) for row in behind)

    def checkpoint_count(self, sizes: Span = EVERYTHING) -> int:
        """Return how many checkpoints there are of these sizes."""
        statement = select(func.count()).select_from(t.checkpoint)
        return self._connection.scalar(_within(statement, t.checkpoint.c.size, sizes)) or 0

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
            statement = statement.where(or_(*(and_(n.level == k, *_bounds(n.idx, span.completed(k))) for k in levels)))
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
            e, n = t.entry.c, t.node.c
            if level == 0:
                statement = select(e.entry_hash).where(e.seq >= first, e.seq < end).order_by(e.seq)
            else:
                statement = select(n.hash).where(n.level == level, n.idx >= first, n.idx < end).order_by(n.idx)
            return self._connection.scalars(statement).all()

        return fetch

    def root_at(self, size: int) -> bytes:
        """Return the root over the first `size` entries; LookupError when they are not all there."""
        return root_at(self.fetch_nodes(), size)

    def known(self, entry_ids: Sequence[bytes]) -> dict[bytes, Known]:
        """Return those of the ids that have an entry."""
        found: dict[bytes, Known] = {}
        for first in range(0, len(entry_ids), _ID_CHUNK):
            statement = (
                select(t.entry.c.entry_id, t.entry.c.seq, t.payload.c.salt, t.entry.c.data_hash)
                .select_from(_JOINED)
                .where(
                    t.entry.c.entry_id.in_(entry_ids[first : first + _ID_CHUNK]),
                )
            )
            for entry_id, seq, salt, data_hash in self._connection.execute(statement):
                found[entry_id] = Known(seq, salt, data_hash)
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
        statement = select(e.src_start, *_COLUMNS).select_from(_JOINED).where(e.source_id == source_id)
        for page in self._stream(_within(statement, e.seq, span), e.src_start):
            yield from (Row(*row[1:]) for row in page)

    def entries(self, query: Query) -> Iterator[StoredEntry]:
        """Stream entries that fit."""
        e = t.entry.c
        statement = self._fitting(select(*_COLUMNS).select_from(_JOINED), query)
        pages = self._stream(statement, e.seq, descending=query.newest_first)
        yield from self._named(islice(chain.from_iterable(pages), query.limit))

    def _fitting(self, statement: Select[Any], query: Query) -> Select[Any]:
        """Return the statement with the conditions of a query."""
        e = t.entry.c
        statement = statement.where(e.seq > query.after_seq)
        if query.actor is not None:
            statement = statement.where(e.actor == self._pseudonym(query.actor))
        if query.resource is not None:
            kind, resource_id = query.resource
            statement = statement.where(e.resource_type == kind, e.resource_id == resource_id)
        if query.action is not None:
            statement = statement.where(e.action == query.action)
        if query.mentions is not None:
            statement = statement.where(
                _contains(t.payload.c.body, query.mentions) | _contains(t.payload.c.details, query.mentions)
            )
        if query.since is not None:
            statement = statement.where(e.ts_us >= query.since)
        if query.until is not None:
            statement = statement.where(e.ts_us < query.until)
        for first, end, _ in self.superseded() if query.effective else ():
            statement = statement.where((e.seq < first) | (e.seq >= end))
        if query.before_seq is not None:
            statement = statement.where(e.seq < query.before_seq)
        return statement

    def entry(self, entry_id: bytes) -> StoredEntry | None:
        """Return one entry."""
        found = self._connection.execute(select(*_COLUMNS).select_from(_JOINED).where(t.entry.c.entry_id == entry_id))
        return next(self._named(found), None)

    def entry_at(self, seq: int) -> StoredEntry | None:
        """Return the entry with a sequence."""
        return next(self.entries(Query(after_seq=seq - 1, before_seq=seq + 1)), None)

    def leaves(self, first: int, end: int) -> Sequence[bytes]:
        """Return the leaves of the entries [first, end)."""
        e = t.entry.c
        return self._connection.scalars(select(e.leaf).where(e.seq >= first, e.seq < end).order_by(e.seq)).all()

    def _named(self, rows: Iterable[Any]) -> Iterator[StoredEntry]:
        sources, rolled_back = self.sources(), self.superseded()
        names: dict[str, str | None] = {}
        for values in rows:
            row = Row(*values)
            if row.actor not in names:
                s = t.subject.c
                names[row.actor] = self._connection.scalar(select(s.name).where(s.actor == row.actor))
            by = next((span.by for span in rolled_back if span.first <= row.seq < span.end), None)
            yield _stored(row, sources, names[row.actor], by)

    def superseded(self) -> tuple[Superseded, ...]:
        """Return which entries rollbacks took out of force."""
        statement = select(t.entry.c.seq, t.payload.c.body).select_from(_JOINED).where(t.entry.c.action == ROLLBACK)
        found = (rollback_of(seq, body) for seq, body in self._connection.execute(statement))
        return superseded(rollback for rollback in found if rollback is not None)

    def withdrawals(self) -> list[Withdrawal]:
        """Return the statements that erased or archived payloads, oldest first."""
        e = t.entry.c
        columns = (e.seq, e.action, e.resource_type, e.resource_id, t.payload.c.body)
        rows = self._connection.execute(
            select(*columns).select_from(_JOINED).where(e.action.in_((ERASED, ARCHIVED))).order_by(e.seq)
        )
        found = (withdrawal_of(seq, action, (kind, name), body) for seq, action, kind, name, body in rows)
        return [withdrawal for withdrawal in found if withdrawal is not None]

    def keeping(self) -> Keeping:
        """Return the legal holds and the retention in force."""
        e = t.entry.c
        columns = (e.seq, e.action, e.resource_id, t.payload.c.body)
        rows = self._connection.execute(
            select(*columns).select_from(_JOINED).where(e.action.in_((HOLD, RELEASE, RETENTION))).order_by(e.seq)
        )
        return keeping_of(Statement(*row) for row in rows)

    def facts(self, query: Query | None = None, *, archived: bool = True) -> Iterator[Fact]:
        """Stream what decides about the payloads, still there, of records that fit; without those `archived` already."""
        e, o, p = t.entry.c, t.offset.c, t.payload.c
        columns = (e.seq, e.ts_us, e.action, e.actor, e.resource_type, e.resource_id, o.topic)
        joined = t.entry.join(t.payload, p.seq == e.seq).outerjoin(t.offset, o.source_id == e.source_id)
        statement = self._fitting(select(*columns).select_from(joined), query or Query(limit=None))
        if not archived:
            statement = statement.where(p.body.is_not(None))
        for page in self._stream(statement, e.seq):
            yield from (fact for row in page if may_be_withdrawn((fact := Fact(*row)).action))

    def rows_of(self, spans: Iterable[Span]) -> Iterator[Row]:
        """Stream the entries of spans, payloads joined."""
        e = t.entry.c
        for first, end in spans:
            statement = select(*_COLUMNS).select_from(_JOINED).where(e.seq >= first, e.seq < end)
            for page in self._stream(statement, e.seq):
                yield from (Row(*row) for row in page)

    def sequence_of(self, entry_hash: bytes) -> int | None:
        """Return the sequence of the entry with a hash: the one that the next entry, or the head, links to."""
        head = self.head()
        if head.size and head.hash == entry_hash:
            return head.size - 1
        found = self._connection.scalar(select(t.entry.c.seq).where(t.entry.c.previous_hash == entry_hash))
        return found - 1 if found else None

    def subject(self, actor: str) -> Subject | None:
        """Return the person of a name or pseudonym; None for a service, or who is not (or no longer) known."""
        s = t.subject.c
        named = select(s.actor, s.salt, s.name)
        for condition in (s.name == actor, s.actor == actor):
            if found := self._connection.execute(named.where(condition)).first():
                return Subject(*found)
        return None

    def _pseudonym(self, actor: str) -> str:
        found = self.subject(actor)
        return actor if found is None else found.pseudonym

    def statistics(self) -> Statistics:
        """Count entries, actors, resources and actions."""
        e = t.entry.c
        first, last = self._connection.execute(select(func.min(e.ts_us), func.max(e.ts_us))).one()
        actions = self._connection.execute(select(e.action, func.count()).group_by(e.action).order_by(e.action))
        pairs = select(e.resource_type, e.resource_id).distinct().subquery()
        c = t.checkpoint.c
        signed = self._connection.scalar(select(func.max(c.size)).where(c.note.is_not(None)))
        counts: dict[str, int] = dict(actions.all())
        return Statistics(
            entries=sum(counts.values()),
            actors=self._connection.scalar(select(func.count(e.actor.distinct()))) or 0,
            resources=self._connection.scalar(select(func.count()).select_from(pairs)) or 0,
            actions=counts,
            first_ts=first,
            last_ts=last,
            signed_size=signed or 0,
        )


def _bounds(column: ColumnElement[int], span: Span) -> list[ColumnElement[bool]]:
    bounds = [column >= span.first] if span.first else []  # from the beginning on, what no writer wrote is there, too
    return bounds if span.end >= ENDLESS else [*bounds, column < span.end]


def _within(statement: Select[Any], column: ColumnElement[int], span: Span) -> Select[Any]:
    return statement.where(*_bounds(column, span))


def _contains(column: ColumnElement[bytes], text: str) -> ColumnElement[bool]:
    """Tell whether bytes contain a text; INSTR takes bytes in SQLite and MariaDB, PostgreSQL calls it `position`."""
    return _Position(column, literal(text.encode(), column.type)) > 0


class _Position(GenericFunction[int]):
    """Where bytes begin within bytes, 0 for nowhere."""

    name = "instr"
    type = Integer()
    inherit_cache = True


@compiles(_Position, "postgresql")
def _position(element: _Position, compiler: SQLCompiler, **kw: Any) -> str:
    within, sought = element.clauses
    return f"position({compiler.process(sought, **kw)} IN {compiler.process(within, **kw)})"


def _stored(row: Row, sources: Mapping[int, SourceName], name: str | None, superseded_by: int | None) -> StoredEntry:
    """Return a row as an entry for people."""
    source = None
    if row.source_id is not None and row.src_start is not None and row.src_end is not None:
        source = Source(*sources[row.source_id], row.src_start, row.src_end)
    return StoredEntry(
        seq=row.seq,
        entry_id=row.entry_id,
        ts=row.ts_us,
        event_ts=row.event_ts_us,
        action=row.action,
        actor=row.actor,
        actor_name=name,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        data_hash=row.data_hash,
        details_hash=row.details_hash,
        previous_hash=row.previous_hash,
        entry_hash=row.entry_hash,
        leaf=row.leaf,
        source=source,
        salt=row.salt,
        payload=row.body,
        details=row.details,
        superseded_by=superseded_by,
    )


class LedgerStore:
    """One log in one database, for reading."""

    def __init__(self, engine: Engine, origin: str) -> None:
        self.engine = engine
        self.origin = origin

    @contextmanager
    def snapshot(self, *, tolerant: bool = False) -> Iterator[Snapshot]:
        """Open a consistent view; `tolerant` also reads text that is no UTF-8."""
        with reading(self.engine, tolerant=tolerant) as connection:
            yield Snapshot(connection)

    def close(self) -> None:
        """Let the connections go."""
        self.engine.dispose()


def open_store(url: str, origin: str | None = None) -> LedgerStore:
    """Open an existing ledger ; with an origin, only that one. Raises LedgerUnavailable when there is none."""
    engine = open_engine(url)
    database = engine.url.database
    if engine.dialect.name == "sqlite" and (not database or not Path(database).exists()):
        msg = f"there is no ledger at {database!r}; check the database URL"
        raise LedgerUnavailable(msg)
    try:
        with reading(engine) as connection:
            check_version(connection)
            found = connection.scalar(select(t.head.c.origin))
    except SQLAlchemyError as error:
        msg = f"this database holds no ledger: {error}"
        raise LedgerUnavailable(msg) from error
    if found is None or origin not in {None, found}:
        msg = f"this database holds {f'the ledger {found!r}' if found else 'no ledger'}, not {origin!r}"
        raise LedgerUnavailable(msg)
    return LedgerStore(engine, found)
