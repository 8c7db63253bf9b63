"""What people and programs ask a ledger for: entries, trails, names, statistics, and what its statements say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from driftline.ledger.entries import Query, Statistics, StoredEntry
from driftline.ledger.keeping import HOLD, RELEASE, RETENTION, Fact, Keeping, Statement, keeping_of
from driftline.ledger.leaf import Source, is_service
from driftline.ledger.payloads import severity_of
from driftline.ledger.rollback import ROLLBACK, Superseded, rollback_of, superseded
from driftline.ledger.rows import Row, SourceName, Span, Subject
from driftline.ledger.store import tables as t
from driftline.ledger.store.streaming import COLUMNS, JOINED, Streaming
from driftline.ledger.withdrawal import ARCHIVED, ERASED, Withdrawal, Withdrawals, may_be_withdrawn, withdrawal_of

__all__ = ["Searchable"]


class Searchable(Streaming):
    """The answers of one snapshot."""

    def superseded(self) -> tuple[Superseded, ...]:
        """Return which entries rollbacks took out of force."""
        statement = select(t.entry.c.seq, t.payload.c.body).select_from(JOINED).where(t.entry.c.action == ROLLBACK)
        found = (rollback_of(seq, body) for seq, body in self._connection.execute(statement))
        return superseded(rollback for rollback in found if rollback is not None)

    def withdrawals(self) -> list[Withdrawal]:
        """Return the statements that erased or archived payloads, oldest first."""
        e = t.entry.c
        columns = (e.seq, e.action, e.resource_type, e.resource_id, t.payload.c.body)
        rows = self._connection.execute(
            select(*columns).select_from(JOINED).where(e.action.in_((ERASED, ARCHIVED))).order_by(e.seq)
        )
        found = (withdrawal_of(seq, action, (kind, name), body) for seq, action, kind, name, body in rows)
        return [withdrawal for withdrawal in found if withdrawal is not None]

    def withdrawal_of(self, entry: StoredEntry) -> StoredEntry | None:
        """Return the entry that says why the payload of one is not here; None where it is, or where none says so."""
        if entry.payload is not None:
            return None
        by = Withdrawals(self.withdrawals()).took(entry.seq, salted=entry.salt is not None)
        return None if by is None else self.entry_at(by)

    def erased_subjects(self) -> int:
        """Return how many persons were erased."""
        return len(Withdrawals(self.withdrawals()).subjects - {None})

    def keeping(self) -> Keeping:
        """Return the legal holds and the retention in force."""
        e = t.entry.c
        columns = (e.seq, e.action, e.resource_id, t.payload.c.body)
        rows = self._connection.execute(
            select(*columns).select_from(JOINED).where(e.action.in_((HOLD, RELEASE, RETENTION))).order_by(e.seq)
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
            statement = select(*COLUMNS).select_from(JOINED).where(e.seq >= first, e.seq < end)
            for page in self._stream(statement, e.seq):
                yield from (Row(*row) for row in page)

    def entries(self, query: Query) -> Iterator[StoredEntry]:
        """Stream entries that fit."""
        e = t.entry.c
        statement = self._fitting(select(*COLUMNS).select_from(JOINED), query)
        limit = query.limit if query.severity is None else None
        rows: Iterable[Any] = chain.from_iterable(self._stream(statement, e.seq, descending=query.newest_first, limit=limit))
        if query.severity is not None:
            rows = (row for row in map(Row._make, rows) if severity_of(row.body) == query.severity)
        yield from self._named(islice(rows, query.limit))

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
        if query.severity is not None:  # somewhere in the event; where, `entries` sees
            statement = statement.where(_contains(t.payload.c.body, query.severity))
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
        found = self._connection.execute(select(*COLUMNS).select_from(JOINED).where(t.entry.c.entry_id == entry_id))
        return next(self._named(found), None)

    def entry_at(self, seq: int) -> StoredEntry | None:
        """Return the entry with a sequence."""
        return next(self.entries(Query(after_seq=seq - 1, before_seq=seq + 1)), None)

    def _named(self, rows: Iterable[Any]) -> Iterator[StoredEntry]:
        sources, rolled_back = self.sources(), self.superseded()
        names: dict[str, str | None] = {}
        for values in rows:
            row = Row._make(values)
            if row.actor not in names:
                names[row.actor] = self._name_of(row.actor)
            by = next((span.by for span in rolled_back if span.first <= row.seq < span.end), None) if rolled_back else None
            yield _stored(row, sources, names[row.actor], by)

    def _name_of(self, actor: str) -> str | None:
        if is_service(str(actor)):
            return None
        return self._connection.scalar(select(t.subject.c.name).where(t.subject.c.actor == actor))

    def subject(self, actor: str) -> Subject | None:
        """Return the person of a name or pseudonym; None for a service, or who is not (or no longer) known."""
        s = t.subject.c
        named = select(s.actor, s.salt, s.name)
        for condition in (s.name == actor, s.actor == actor):
            if found := self._connection.execute(named.where(condition)).first():
                return Subject(*found)
        return None

    def _pseudonym(self, actor: str) -> str:
        found = None if is_service(actor) else self.subject(actor)
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

    def sources(self) -> dict[int, SourceName]:
        """Return what each source id stands for."""
        o = t.offset.c
        found = self._connection.execute(select(o.source_id, o.cluster, o.topic, o.topic_id, o.partition))
        return {row[0]: SourceName(*row[1:]) for row in found}


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
    (
        seq, entry_id, ts, event_ts, action, actor, kind, resource_id, data_hash, details_hash,
        previous, stored, leaf, source_id, start, end, salt, body, details,
    ) = row  # fmt: skip
    source = None
    if source_id is not None and start is not None and end is not None:
        source = Source(*sources[source_id], start, end)
    return StoredEntry(
        seq, entry_id, ts, event_ts, action, actor, name, kind, resource_id, data_hash, details_hash,
        previous, stored, leaf, source, salt, body, details, superseded_by,
    )  # fmt: skip
