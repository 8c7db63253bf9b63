"""Appending: entries, offsets, head and checkpoint row in one transaction; the signature right after it.

No leader is elected. Who moves an offset from just the position it read at owns that record; a writer that
stalled and came back finds the offset elsewhere, writes nothing and reads its positions again (StaleOffsets).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from driftline.ledger.chain import (
    EMPTY_HEAD,
    Draft,
    Duplicate,
    Entry,
    Extension,
    Head,
    chained,
    grown,
    sort_repeats,
)
from driftline.ledger.checkpoint import Checkpoint, SigningKey, sign_checkpoint
from driftline.ledger.errors import IdConflict, LedgerUnavailable, RollbackDetected, StaleOffsets
from driftline.ledger.leaf import Source
from driftline.ledger.rows import SourceName
from driftline.ledger.store import tables as t
from driftline.ledger.store.engine import insert_rows, open_engine, reading, write_soon, writing
from driftline.ledger.store.links import Links, Prepared
from driftline.ledger.store.reader import LedgerStore, Snapshot
from driftline.ledger.store.schema import prepare_schema
from driftline.ledger.store.signed import LastSigned
from driftline.wording import amount

__all__ = ["Appended", "LedgerWriter", "OffsetMove", "Position", "open_writer"]

_ENTRY_COLUMNS: Final = (
    "seq",
    "entry_id",
    "ts_us",
    "event_ts_us",
    "action",
    "actor",
    "resource_type",
    "resource_id",
    "data_hash",
    "details_hash",
    "previous_hash",
    "entry_hash",
    "leaf",
    "source_id",
    "src_start",
    "src_end",
)
# Made once: to put a statement together costs more than to send it.
_h, _o, _c = t.head.c, t.offset.c, t.checkpoint.c
_LOCK_HEAD: Final = select(_h.size, _h.head_hash, _h.frontier, _h.last_ts_us).with_for_update()
_MOVE_HEAD: Final = update(t.head).where(_h.size == bindparam("from_size"), _h.head_hash == bindparam("from_hash"))
_MOVE_OFFSET: Final = update(t.offset).where(_o.source_id == bindparam("of"), _o.next_offset == bindparam("expected"))
_ADD_CHECKPOINT: Final = insert(t.checkpoint)
_ADD_NOTE: Final = update(t.checkpoint).where(_c.size == bindparam("of"), _c.note.is_(None))


class Position(NamedTuple):
    """A source partition as the ledger knows it, and the next offset it wants."""

    source_id: int
    next_offset: int


class OffsetMove(NamedTuple):
    """A claim on offsets [expected, new) of a source."""

    source_id: int
    expected: int
    new: int


@dataclass(frozen=True, slots=True)
class Appended:
    """What a batch became. `note` is the signed head after it, None when no entry was added."""

    entries: tuple[Entry, ...]
    duplicates: tuple[Duplicate, ...]
    conflicts: tuple[bytes, ...]
    size: int
    note: str | None


class LedgerWriter:
    """Appends to one log and signs its heads. Not for several threads; for several processes, yes.

    `random` returns that many random bytes (salts of pseudonyms). Made by `open_writer`.
    """

    def __init__(
        self,
        store: LedgerStore,
        key: SigningKey,
        signed: LastSigned,
        *,
        random: Callable[[int], bytes],
    ) -> None:
        self.store = store
        self._engine = store.engine
        self._key = key
        self._signed = signed
        self._links = Links(random)
        self._head = EMPTY_HEAD
        self._sources: dict[SourceName, int] = {}

    @property
    def size(self) -> int:
        """Return the entries of the log, as this writer last saw it."""
        return self._head.size

    def start(self, *, adopt: bool = False) -> str | None:
        """Refuse a database that was put back, then sign a head that a crash left unsigned.

        Returns the note of the head, None for an empty ledger. `adopt` accepts a ledger whose last-signed
        file is missing (a deliberate move to another machine).
        """
        last = self._signed.read()  # before the snapshot: what was signed by then must be in it
        with self.store.snapshot() as snapshot:
            self._head = snapshot.head()
            note = snapshot.latest_note()
            if last is None and note is not None and not adopt:
                self._refuse_missing_file()
            self._refuse_rollback(snapshot, self._head, last)
        if self._head.size == 0:
            return None
        return self._sign(self._head) or note

    def _refuse_missing_file(self) -> None:
        """Refuse signed heads without the file, unless another first start wrote it just now."""
        if self._signed.read() is None:
            msg = (
                f"the ledger has signed heads but {self._signed.path} is gone: put the file back, or verify "
                "the ledger against a head that you trust and start once with adopt_head"
            )
            raise RollbackDetected(msg)

    def positions(self, sources: Iterable[SourceName]) -> dict[SourceName, Position]:
        """Return where to read each source partition from; an unknown one is registered at offset 0."""
        wanted = list(sources)
        with writing(self._engine) as connection:
            o = t.offset.c
            self._lock_head(connection)
            known = self._known_sources(connection)
            number = connection.scalar(select(func.max(o.source_id))) or 0
            for source in wanted:
                if source not in known:
                    number += 1
                    connection.execute(insert(t.offset).values(source_id=number, next_offset=0, **source._asdict()))
                    known[source] = Position(number, 0)
        self._sources.update({source: position.source_id for source, position in known.items()})
        return {source: known[source] for source in wanted}

    def _known_sources(self, connection: Connection) -> dict[SourceName, Position]:
        o = t.offset.c
        rows = connection.execute(select(o.cluster, o.topic, o.topic_id, o.partition, o.source_id, o.next_offset))
        return {SourceName(*row[:4]): Position(*row[4:]) for row in rows}

    def append(self, drafts: Sequence[Draft], moves: Sequence[OffsetMove], *, now: int) -> Appended:
        """Commit a batch, all or nothing, and sign the new head. `now`: microseconds.

        Drafts of the same source partition must stand in offset order. Raises StaleOffsets when another
        writer was faster, IdConflict when a draft without a source repeats an id with other bytes,
        RollbackDetected when the database fell behind what was signed.
        """
        return self._append(lambda _: drafts, moves, now=now)

    def state(
        self, make: Callable[[Snapshot], Draft], carry_out: Callable[[Connection, Entry], None] | None = None, *, now: int
    ) -> Appended:
        """Append a statement about the log as it is at that moment, and in the same transaction do as it says.

        `make` sees all entries before it, and may refuse by raising. Nothing else is appended in between.
        """
        return self._append(lambda snapshot: [make(snapshot)], [], now=now, carry_out=carry_out)

    def _append(
        self,
        make: Callable[[Snapshot], Sequence[Draft]],
        moves: Sequence[OffsetMove],
        *,
        now: int,
        carry_out: Callable[[Connection, Entry], None] | None = None,
    ) -> Appended:
        with writing(self._engine) as connection:
            head = self._lock_head(connection)
            self._move(connection, moves)
            snapshot = Snapshot(connection)
            if head != self._head:
                self._links.forget()
                self._refuse_rollback(snapshot, head, self._signed.read())
            drafts = make(snapshot)
            batch = sort_repeats(drafts, snapshot.known([draft.entry_id for draft in drafts]))
            self._refuse_conflicts(batch.drafts, batch.conflicts)
            links = self._links.prepare(connection, batch.drafts)
            after = self._insert(connection, head, links, now)
            if carry_out is not None:
                carry_out(connection, after.entries[0])
        self._head = after.head
        self._links.remember(links)
        if carry_out is not None:
            self._links.forget()  # it may have taken a name away
        note = self._sign(after.head) if after.entries else None
        return Appended(after.entries, batch.duplicates, batch.conflicts, after.head.size, note)

    def _move(self, connection: Connection, moves: Iterable[OffsetMove]) -> None:
        for move in moves:
            claim = {"of": move.source_id, "expected": move.expected, "next_offset": move.new}
            if connection.execute(_MOVE_OFFSET, claim).rowcount != 1:
                msg = f"another writer has taken offsets from {move.expected} of source {move.source_id}"
                raise StaleOffsets(msg)

    def _lock_head(self, connection: Connection) -> Head:
        return Head(*connection.execute(_LOCK_HEAD).one())

    def _refuse_rollback(self, snapshot: Snapshot, head: Head, last: Checkpoint | None) -> None:
        if last is None:
            return
        if head.size < last.size:
            msg = (
                f"{amount(last.size, 'entry was', 'entries were')} signed, the database has {head.size}: an older copy was restored or "
                "entries were removed; restore the newest copy, then run `driftline ledger verify`"
            )
            raise RollbackDetected(msg)
        try:
            root = snapshot.root_at(last.size)
        except LookupError as error:
            msg = f"entries before {last.size} are missing: {error}"
            raise RollbackDetected(msg) from error
        if root != last.root:
            msg = (
                f"the first {last.size} entries are not those that were signed: history was rewritten; "
                "run `driftline ledger verify` to find where"
            )
            raise RollbackDetected(msg)

    def _refuse_conflicts(self, drafts: Sequence[Draft], conflicts: Sequence[bytes]) -> None:
        refused = {draft.entry_id for draft in drafts if draft.source is None}.intersection(conflicts)
        if refused:
            msg = f"entry {refused.pop().hex()} exists with other contents; use an id of its own"
            raise IdConflict(msg)

    def _insert(self, connection: Connection, head: Head, links: Prepared, now: int) -> Extension:
        """Chain what is prepared onto the head, and store all that it becomes."""
        chain = chained(self.store.origin, head, links.drafts, now=now, actors=links.actors, resources=links.resources)
        entries: list[Entry] = []
        insert_rows(connection, t.entry, _ENTRY_COLUMNS, self._entry_rows(chain, entries))
        after = grown(head, entries)
        if not entries:
            return after
        payloads = [(entry.leaf.seq, entry.salt, entry.payload, entry.details) for entry in entries]
        insert_rows(connection, t.payload, ("seq", "salt", "body", "details"), payloads)
        nodes = [(node.level, node.index, node.hash) for node in after.nodes]
        if nodes:
            insert_rows(connection, t.node, ("level", "idx", "hash"), nodes)
        self._move_head(connection, head, after.head)
        connection.execute(_ADD_CHECKPOINT, {"size": after.head.size, "root": after.head.root()})
        return after

    def _move_head(self, connection: Connection, head: Head, after: Head) -> None:
        step = {
            "from_size": head.size,
            "from_hash": head.hash,
            "size": after.size,
            "head_hash": after.hash,
            "frontier": after.frontier,
            "last_ts_us": after.last_ts,
        }
        if connection.execute(_MOVE_HEAD, step).rowcount != 1:
            msg = "another writer has moved the head"
            raise StaleOffsets(msg)

    def _entry_rows(self, chain: Iterable[Entry], entries: list[Entry]) -> Iterator[tuple[object, ...]]:
        """Yield the row of each entry as soon as there is one, and keep the entry."""
        for entry in chain:
            entries.append(entry)
            yield self._entry_row(entry)

    def _entry_row(self, entry: Entry) -> tuple[object, ...]:
        leaf, source = entry.leaf, entry.leaf.source
        return (
            leaf.seq,
            leaf.entry_id,
            leaf.ts,
            leaf.event_ts,
            leaf.action,
            leaf.actor,
            leaf.resource_type,
            leaf.resource_id,
            leaf.data_hash,
            leaf.details_hash,
            leaf.prev,
            entry.hash,
            entry.leaf_bytes,
            None if source is None else self._sources[_name(source)],
            None if source is None else source.start,
            None if source is None else source.end,
        )

    def _sign(self, head: Head) -> str | None:
        """Sign a committed head; None when a faster writer signed a later one that contains it."""
        checkpoint = Checkpoint(self.store.origin, head.size, head.root())
        note = sign_checkpoint(checkpoint, self._key)
        latest = self._signed.advance(checkpoint, note)
        if not latest:
            last = self._signed.read()
            with self.store.snapshot() as snapshot:
                self._refuse_rollback(snapshot, snapshot.head(), last)
        write_soon(self._engine, _ADD_NOTE, {"of": head.size, "note": note})  # it can be signed again
        return note if latest else None


def _name(source: Source) -> SourceName:
    return SourceName(source.cluster, source.topic, source.topic_id, source.partition)


def open_writer(
    url: str,
    key: SigningKey,
    *,
    signed_path: Path,
    random: Callable[[int], bytes],
    adopt: bool = False,
    pool: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[LedgerWriter, list[str]]:
    """Open or create the log that the key names; also returns the guards that were found missing.

    `pool`: see `open_engine`.

    Raises RollbackDetected for a database that lies behind the last signed head, LedgerUnavailable for one
    that cannot be opened.
    """
    engine = open_engine(url, **pool)
    lost = prepare_schema(engine)
    origin = key.verifier.name
    _register(engine, origin)
    store = LedgerStore(engine, origin)
    writer = LedgerWriter(store, key, LastSigned(signed_path, key.verifier), random=random)
    writer.start(adopt=adopt)
    return writer, lost


def _register(engine: Engine, origin: str) -> None:
    """Make this database the log of that origin, or find that it is."""
    found = _origin(engine)
    if found is None:
        row = {"id": 1, "origin": origin, "size": 0, "head_hash": EMPTY_HEAD.hash, "frontier": b"", "last_ts_us": 0}
        try:
            with writing(engine) as connection:
                connection.execute(insert(t.head).values(row))
        except IntegrityError:  # another writer was faster
            found = _origin(engine)
        else:
            return
    if found != origin:
        msg = f"this database holds the ledger {found!r}, the key is of {origin!r}; one log per database"
        raise LedgerUnavailable(msg)


def _origin(engine: Engine) -> str | None:
    with reading(engine) as connection:
        return connection.scalar(select(t.head.c.origin))
