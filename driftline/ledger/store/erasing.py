"""Erasing, holding and retaining: a statement about the log as it stands, and in the same transaction what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy import Connection, Engine, delete, insert, literal, select

from driftline.ledger.chain import Draft, Entry
from driftline.ledger.entries import Query
from driftline.ledger.errors import WithdrawalRefused
from driftline.ledger.keeping import HOLD, RELEASE, RETENTION, Fact, Policy, Scope, statement_draft
from driftline.ledger.leaf import is_service, pseudonym
from driftline.ledger.store import tables as t
from driftline.ledger.store.reader import Snapshot
from driftline.ledger.store.writer import LedgerWriter
from driftline.ledger.withdrawal import ERASED, SUBJECT, spans_of, withdrawal_draft

__all__ = ["Author", "Erased", "Subjected", "erase", "expire", "hold", "release", "retain", "withdraw"]

LARGEST = 100_000
"""Entries that one statement of `expire` is about."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who states something about the ledger, why, and when (microseconds); `random` returns that many random bytes."""

    actor: str
    reason: str
    now: int
    random: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Subjected:
    """Whose payloads are erased: of all that `actor` did, and of all that mentions one of the texts or is about `resource`."""

    name: str
    mentions: tuple[str, ...] = ()
    resource: tuple[str, str] | None = None

    def facts(self, snapshot: Snapshot) -> list[Fact]:
        """Return the entries, in the order of the log."""
        queries = [Query(actor=self.name, limit=None)]
        queries += [Query(mentions=text, limit=None) for text in self.mentions]
        queries += [] if self.resource is None else [Query(resource=self.resource, limit=None)]
        return sorted({fact for query in queries for fact in snapshot.facts(query)})


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased: the sequence of the statement, how many payloads, and of a person the pseudonym left."""

    seq: int
    entries: int
    subject: str | None = None
    purged: bool = True
    """False while readers keep the erased bytes in SQLite's write-ahead log: they go with its next checkpoint."""


def would_erase(snapshot: Snapshot, subject: Subjected, now: int) -> list[Fact] | None:
    """Return what `erase` would take; None where there is nothing of the person. Raises WithdrawalRefused as it does."""
    if is_service(subject.name):
        raise WithdrawalRefused(f"{subject.name} is a part of the system, no person; nothing was erased")
    found = subject.facts(snapshot)
    if not found and snapshot.subject(subject.name) is None:
        return None
    snapshot.keeping().refuse(found, now)
    return found


def erase(writer: LedgerWriter, subject: Subjected, author: Author) -> Erased | None:
    """Erase the payloads, and the name behind the pseudonym; None where there is nothing of the person.

    Raises WithdrawalRefused under a legal hold, while one of the entries must be kept, and for a service.
    """
    found: list[Fact] = []

    def make(snapshot: Snapshot) -> Draft:
        facts = would_erase(snapshot, subject, author.now)
        if facts is None:
            raise _NothingFoundError
        found.extend(facts)
        known = snapshot.subject(subject.name)
        name = pseudonym(author.random(32), subject.name) if known is None else known.pseudonym
        return _draft(author, found, (SUBJECT, name))

    try:
        done = writer.state(make, withdraw(ERASED, found), now=author.now)
    except _NothingFoundError:
        return None
    leaf = done.entries[0].leaf
    return Erased(leaf.seq, len(found), leaf.resource_id, purge(writer.store.engine))


def expire(writer: LedgerWriter, author: Author) -> Erased | None:
    """Erase the oldest payloads whose retention is over, at most `LARGEST`; None when there is none. Call until then.

    What is under a legal hold stays.
    """
    with writer.store.snapshot() as snapshot:  # while a statement is made, nobody else writes: only where there is one to make
        if next(_expired(snapshot, author.now), None) is None:
            return None
    found: list[Fact] = []

    def make(snapshot: Snapshot) -> Draft:
        found.extend(islice(_expired(snapshot, author.now), LARGEST))
        if not found:
            raise _NothingFoundError
        return _draft(author, found, ("retention", "*"))

    try:
        done = writer.state(make, withdraw(ERASED, found), now=author.now)
    except _NothingFoundError:
        return None
    return Erased(done.entries[0].leaf.seq, len(found), purged=purge(writer.store.engine))


def _expired(snapshot: Snapshot, now: int) -> Iterator[Fact]:
    keeping = snapshot.keeping()
    if (until := keeping.expired_until(now)) is not None:
        facts = snapshot.facts(Query(until=until + 1, limit=None))
        yield from (fact for fact in facts if keeping.expired(fact, now))


def hold(writer: LedgerWriter, name: str, scope: Scope, author: Author) -> int:
    """Put what fits under a legal hold; returns the sequence of the entry. WithdrawalRefused for a name in use."""

    def make(snapshot: Snapshot) -> Draft:
        if any(known.name == name for known in snapshot.keeping().holds):
            raise WithdrawalRefused(f"the legal hold {name!r} is in force already; give this one a name of its own")
        known = None if scope.actor is None else snapshot.subject(scope.actor)
        if scope.actor is not None and known is None and not is_service(scope.actor):
            raise WithdrawalRefused(f"nobody of the name {scope.actor!r} is known to this ledger")
        named = scope if known is None else replace(scope, actor=known.pseudonym)
        return _statement(HOLD, name, named, author)

    return writer.state(make, now=author.now).size - 1


def release(writer: LedgerWriter, name: str, author: Author) -> int:
    """End a legal hold; returns the sequence of the entry. WithdrawalRefused without such a hold."""

    def make(snapshot: Snapshot) -> Draft:
        if all(known.name != name for known in snapshot.keeping().holds):
            raise WithdrawalRefused(f"no legal hold {name!r} is in force")
        return _statement(RELEASE, name, None, author)

    return writer.state(make, now=author.now).size - 1


def retain(writer: LedgerWriter, topic: str, policy: Policy, author: Author) -> int:
    """Set how long the payloads of a topic (`*`: of all others) are kept; returns the sequence of the entry."""
    return writer.state(lambda _: _statement(RETENTION, topic, policy, author), now=author.now).size - 1


def withdraw(action: str, facts: Sequence[Fact]) -> Callable[[Connection, Entry], None]:
    """Return what carries a statement out: which entries, then what the guards let go of because of that."""

    def carry_out(connection: Connection, entry: Entry) -> None:
        w, p, s, by = t.withdrawal.c, t.payload.c, t.subject.c, entry.leaf.seq
        for first, end in spans_of(fact.seq for fact in facts):
            taken = (p.seq >= first, p.seq < end, *(() if action == ERASED else (p.body.is_not(None),)))
            named = select(p.seq, literal(by)).where(*taken)
            connection.execute(insert(t.withdrawal).from_select([w.seq, w.by_seq], named))
            if action == ERASED:
                connection.execute(delete(t.payload).where(*taken))
            else:
                connection.execute(t.payload.update().where(*taken).values(body=None, details=None))
        if action == ERASED:
            connection.execute(delete(t.subject).where(s.actor == entry.leaf.resource_id))

    return carry_out


def purge(engine: Engine) -> bool:
    """Take what was erased out of SQLite's write-ahead log as well; False while a reader keeps it there."""
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()
    try:
        busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    return not busy[0]


def _draft(author: Author, facts: Sequence[Fact], resource: tuple[str, str]) -> Draft:
    return withdrawal_draft(
        ERASED,
        spans_of(fact.seq for fact in facts),
        resource=resource,
        actor=author.actor,
        reason=author.reason,
        entry_id=author.random(16),
        salt=author.random(32),
    )


def _statement(action: str, name: str, said: Scope | Policy | None, author: Author) -> Draft:
    return statement_draft(
        action, name, said, actor=author.actor, reason=author.reason, entry_id=author.random(16), salt=author.random(32)
    )


class _NothingFoundError(Exception):
    """There is nothing to state."""
