"""Verification of a log from its stored rows, at the levels hash and full.

Rows are fed in order of their sequence; nothing is held but the tail of each actor and resource. Everything is
computed from the stored bytes: no payload is parsed, none is re-serialised. At level full the leaf that the
columns and the running state give must be, byte for byte, the leaf that is stored and was hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from hashlib import sha256
from itertools import islice
from types import NoneType
from typing import Final, NamedTuple

import orjson

from driftline.ledger.chain import Head
from driftline.ledger.errors import LeafMalformed
from driftline.ledger.heads import SignedHead
from driftline.ledger.leaf import GENESIS, Leaf, data_hash, decode, details_hash, is_service, pseudonym
from driftline.ledger.report import FindingKind, Findings, Level, Report, verdict_of
from driftline.ledger.tree import Frontier, Node

__all__ = ["ChainVerifier", "Row", "SourceName", "Subject"]

_PAGE: Final = 1_000
_FIRST: Final = (0, GENESIS.hex())


class Row(NamedTuple):
    """An entry as stored, payload joined; the last three are None when the payload row is gone."""

    seq: int
    entry_id: bytes
    ts_us: int
    event_ts_us: int | None
    action: str
    actor: str
    resource_type: str
    resource_id: str
    data_hash: bytes
    details_hash: bytes | None
    previous_hash: bytes
    entry_hash: bytes
    leaf: bytes
    source_id: int | None
    src_start: int | None
    src_end: int | None
    salt: bytes | None
    body: bytes | None
    details: bytes | None


class SourceName(NamedTuple):
    """What a `source_id` stands for."""

    cluster: str
    topic: str
    topic_id: str
    partition: int


class Subject(NamedTuple):
    """A row of the table of names."""

    pseudonym: str
    salt: bytes
    name: str


class ChainVerifier:
    """Feed rows (plain tuples will do), then finish.

    `heads`: every root that must hold at its size, signed or at least stored, smallest first; read as it goes.
    """

    def __init__(
        self,
        log: str,
        level: Level,
        *,
        heads: Iterable[SignedHead],
        findings: Findings,
        sources: Mapping[int, SourceName] | None = None,
        nodes: Mapping[tuple[int, int], bytes] | None = None,
    ) -> None:
        self._log = log
        self._level = level
        self._findings = findings
        self._sources = dict(sources or {})
        self._nodes = dict(nodes or {})
        self._heads = iter(heads)
        self._due = next(self._heads, None)
        self._tree = Frontier()
        self._hash = GENESIS
        self._ts = 0
        self._next = 0
        self._good_size = 0
        self._rewritten = False
        self._invalid = 0
        self._actors: dict[str, tuple[int, str]] = {}
        self._resources: dict[tuple[str, str], tuple[int, str]] = {}
        self._first_by: dict[str, int] = {}
        self._check_heads()

    @property
    def entries(self) -> int:
        """Return the rows fed so far."""
        return self._tree.size

    def feed(self, rows: Iterable[Row]) -> None:
        """Check the next rows."""
        waiting = iter(rows)
        while page := list(islice(waiting, _PAGE)):
            self._page(page)

    def _page(self, rows: Sequence[Row]) -> None:
        """Check rows, then add their leaves to the tree, stopping at each size whose root is known."""
        hashes = [_hash_of(row[12]) for row in rows]
        check = self._check_links if self._level is Level.HASH else self._check_contents
        check(rows, hashes)
        start, size = 0, self._tree.size
        while self._due is not None and self._due.size <= size + len(rows):
            stop = max(self._due.size - size, start)
            self._grow(hashes[start:stop])
            start = stop
        self._grow(hashes[start:])

    def _grow(self, hashes: Sequence[bytes]) -> None:
        self._check_nodes(self._tree.extend(hashes))
        self._check_heads()

    def _check_links(self, rows: Sequence[Row], hashes: Sequence[bytes]) -> None:
        """Level hash: sequence, chain, leaf hash, and that the leaf names this place in this log."""
        for row, hashed in zip(rows, hashes, strict=True):
            self._check_link(row, hashed)
            try:
                leaf = orjson.loads(row.leaf)
                placed = (leaf["seq"], leaf["prev"], leaf["log"]) == (row[0], row[10].hex(), self._log)
            except (ValueError, TypeError, KeyError, AttributeError):
                placed = False
            if not placed:
                self._add(row[0], FindingKind.CHAIN_BROKEN, "the leaf does not name its place in this log")

    def _check_link(self, row: Row, hashed: bytes) -> None:
        """Check that a row stands in its place, follows the one before and has the hash of its leaf."""
        seq, stored = row[0], row[11]
        if seq != self._next:
            self._add(self._next, FindingKind.ENTRY_MISSING, f"entry {self._next} is missing, {seq} follows")
        if hashed != stored:
            self._add(seq, FindingKind.LEAF_CHANGED, "the leaf does not have the hash that is stored")
        if row[10] != self._hash:
            self._add(seq, FindingKind.CHAIN_BROKEN, "the entry does not follow the one before it")
        self._hash, self._next = stored, seq + 1

    def _check_contents(self, rows: Sequence[Row], hashes: Sequence[bytes]) -> None:
        """Level full: the leaf that columns and trails give must be the stored one, and the payload its own.

        This is the hot loop: one condition says that all is well, `_examine` finds out what is not.
        """
        log, actors, resources, sources = self._log, self._actors, self._resources, self._sources
        for row, hashed in zip(rows, hashes, strict=True):
            (
                seq, entry_id, ts, event_ts, action, actor, kind, resource_id, data_hash, details_hash,
                previous, stored, leaf, source_id, start, end, salt, body, details,
            ) = row  # fmt: skip
            aseq, aprev = actors.get(actor, _FIRST)
            rseq, rprev = resources.get((kind, resource_id), _FIRST)
            try:
                expected = orjson.dumps(
                    {
                        "action": action,
                        "actor": actor,
                        "aprev": aprev,
                        "aseq": aseq,
                        "data_hash": data_hash.hex(),
                        "details_hash": None if details_hash is None else details_hash.hex(),
                        "event_ts": event_ts,
                        "id": entry_id.hex(),
                        "log": log,
                        "prev": previous.hex(),
                        "resource": (kind, resource_id),
                        "rprev": rprev,
                        "rseq": rseq,
                        "seq": seq,
                        "src": None if source_id is None else (*sources[source_id], start, end),
                        "ts": ts,
                        "v": 1,
                    }
                )  # the keys stand in sorted order: the same bytes as `leaf.encode`
                well = (
                    expected == leaf
                    and hashed == stored
                    and previous == self._hash
                    and seq == self._next
                    and ts >= self._ts
                    and sha256(b"\x02" + salt + body).digest() == data_hash  # type: ignore[operator]  # None: a TypeError, not well
                    and (None if details is None else sha256(b"\x03" + salt + details).digest()) == details_hash  # type: ignore[operator]
                )
            except (TypeError, AttributeError, LookupError):
                well = False
            if not well:
                self._examine(Row._make(row), hashed)
                continue
            link = stored.hex()
            if aseq == 0:
                self._first_by[actor] = seq
            actors[actor] = (aseq + 1, link)
            resources[kind, resource_id] = (rseq + 1, link)
            self._hash, self._next, self._ts = stored, seq + 1, ts

    def _examine(self, row: Row, hashed: bytes) -> None:
        """Name all that is wrong with a row, and carry on behind it."""
        if not _typed(row):
            self._add(self._next, FindingKind.LEAF_MALFORMED, "a column holds a value of the wrong type")
            self._hash, self._next = row[11] if isinstance(row[11], bytes) else GENESIS, self._next + 1
            self._carry(row, None)
            return
        self._check_link(row, hashed)
        if row.ts_us < self._ts:
            self._add(row.seq, FindingKind.TIME_BACKWARDS, "the entry is older than the one before it")
        self._ts = row.ts_us
        self._diagnose(row)
        self._check_payload(row)

    def _check_payload(self, row: Row) -> None:
        seq, salt, body, details = row.seq, row.salt, row.body, row.details
        if salt is None or body is None:
            self._add(seq, FindingKind.PAYLOAD_MISSING, "the payload is gone without an entry that erased it")
            return
        if not isinstance(salt, bytes) or not isinstance(body, bytes) or data_hash(salt, body) != row.data_hash:
            self._add(seq, FindingKind.PAYLOAD_CHANGED, "the payload is not the one that the leaf commits to")
            return
        commitment = details_hash(salt, details) if isinstance(details, bytes) else details
        if commitment != row.details_hash:
            self._add(seq, FindingKind.DETAILS_CHANGED, "the details are not those that the leaf commits to")

    def _diagnose(self, row: Row) -> None:
        """Name what differs between a leaf and its columns and trails, and carry on with what the leaf says."""
        try:
            leaf = decode(row.leaf)
        except LeafMalformed as error:
            self._add(row.seq, FindingKind.LEAF_MALFORMED, str(error))
            self._carry(row, None)
            return
        changed = _differences(row, leaf, self._log, self._sources)
        if changed:
            names = ", ".join(changed)
            self._add(row.seq, FindingKind.COLUMN_CHANGED, f"columns differ from the leaf: {names}")
        resource = (leaf.resource_type, leaf.resource_id)
        trails = {
            "actor": ((leaf.aseq, leaf.aprev.hex()), self._actors.get(leaf.actor, _FIRST)),
            "resource": ((leaf.rseq, leaf.rprev.hex()), self._resources.get(resource, _FIRST)),
        }
        for name, (here, expected) in trails.items():
            if here != expected:
                self._add(row.seq, FindingKind.TRAIL_BROKEN, f"the trail of the {name} does not continue here")
        self._carry(row, leaf)

    def _carry(self, row: Row, leaf: Leaf | None) -> None:
        """Continue the trails behind a bad row, so that it is not found again in each entry that follows."""
        link = row.entry_hash.hex() if isinstance(row.entry_hash, bytes) else GENESIS.hex()
        actor, resource = row.actor, (row.resource_type, row.resource_id)
        if leaf is not None:
            actor, resource = leaf.actor, (leaf.resource_type, leaf.resource_id)
        self._first_by.setdefault(actor, self._next - 1)
        aseq = self._actors.get(actor, _FIRST)[0] if leaf is None else leaf.aseq
        rseq = self._resources.get(resource, _FIRST)[0] if leaf is None else leaf.rseq
        self._actors[actor] = (aseq + 1, link)
        self._resources[resource] = (rseq + 1, link)

    def _check_nodes(self, completed: Sequence[Node]) -> None:
        if self._level is Level.HASH:
            return
        for node in completed:
            if self._nodes.pop((node.level, node.index), None) != node.hash:
                detail = f"stored tree node {node.index} of level {node.level} is not that of the entries"
                self._add(node.index << node.level, FindingKind.NODE_CHANGED, detail)

    def _check_heads(self) -> None:
        """Compare the root with every head known at this size."""
        if self._due is None or self._due.size > self._tree.size:
            return
        size, root, wrong = self._tree.size, self._tree.root(), None
        while self._due is not None and self._due.size <= size:
            if (self._due.size, self._due.root) != (size, root):
                wrong = wrong or self._due
            self._due = next(self._heads, None)
        if wrong is None:
            self._good_size, self._rewritten = size, False
            return
        if not self._rewritten:  # every later head is wrong as a consequence
            self._rewritten = True
            first, last = self._good_size, max(size - 1, 0)
            precise = [f.sequence for f in self._findings.kept if f.sequence is not None and first <= f.sequence <= last]
            detail = f"entries {first}..{last} are not those of the head of size {size} ({wrong.where})"
            self._add(min(precise, default=min(first, last)), FindingKind.HISTORY_REWRITTEN, detail)

    def _add(self, sequence: int | None, kind: FindingKind, detail: str) -> None:
        self._invalid += 1
        self._findings.add(sequence, kind, detail)

    def check_subjects(self, subjects: Iterable[Subject]) -> None:
        """Check that nobody exchanged the names behind pseudonyms."""
        for subject in subjects:
            if not _is_sound(subject):
                detail = f"the name behind {subject.pseudonym} was exchanged"
                self._add(self._first_by.get(subject.pseudonym), FindingKind.SUBJECT_CHANGED, detail)

    def check_head(self, head: Head) -> None:
        """Check the head row, which the next entry will be chained to."""
        size = self._tree.size
        if not _is_integer(head.size):
            self._add(size, FindingKind.HEAD_CHANGED, "the head row does not hold a size")
        elif head.size > size:
            self._add(size, FindingKind.TAIL_MISSING, f"the head counts {head.size} entries, {size} are there")
        elif (head.size, head.hash, head.frontier) != (size, self._hash, self._tree.to_bytes()):
            self._add(max(0, min(head.size, size)), FindingKind.HEAD_CHANGED, "the head row is not that of the entries")

    def finish(self, signed_size: Callable[[int], int] | None) -> Report:
        """Return the report. `signed_size`: the largest size up to a given one that a checked signature vouches for.

        None: there was no key to check one with. It is asked after the last of the heads.
        """
        size = self._tree.size
        while self._due is not None:
            detail = f"{self._due.where} vouches for {self._due.size} entries, {size} are there"
            self._add(size, FindingKind.TAIL_MISSING, detail)
            self._due = next(self._heads, None)
        for place in self._nodes:
            self._add(size, FindingKind.NODE_CHANGED, f"a tree node of no entries is stored: level and index {place}")
        signed = 0 if signed_size is None else signed_size(size)
        return Report(
            verdict=verdict_of(self._findings, vouched=signed_size is not None and (size == 0 or signed > 0)),
            level=self._level,
            entries=size,
            root=self._tree.root(),
            signed_size=signed,
            first_bad=self._findings.first,
            invalid_entries=sum(self._findings.counts.values()),
            chain_breaks=self._findings.counts[FindingKind.CHAIN_BROKEN] + self._findings.counts[FindingKind.ENTRY_MISSING],
            findings=tuple(self._findings.kept),
        )


def _is_integer(value: object) -> bool:
    return type(value) is int


def _is_sound(subject: Subject) -> bool:
    """Tell whether a pseudonym is that of its name."""
    try:
        return not is_service(subject.pseudonym) and pseudonym(subject.salt, subject.name) == subject.pseudonym
    except (TypeError, AttributeError, UnicodeError):
        return False


def _hash_of(leaf: object) -> bytes:
    """Return the hash of a stored leaf; of what is no bytes, one that no entry has."""
    return sha256(b"\x00" + leaf).digest() if isinstance(leaf, bytes) else GENESIS


_TYPES: Final[tuple[tuple[type, ...], ...]] = (
    (int,), (bytes,), (int,), (int, NoneType), (str,), (str,), (str,), (str,), (bytes,), (bytes, NoneType),
    (bytes,), (bytes,), (bytes,), (int, NoneType), (int, NoneType), (int, NoneType),
)  # fmt: skip


def _typed(row: Row) -> bool:
    """Tell whether the columns of the entry have the types that a writer gives them (SQLite stores what it is told)."""
    return all(type(value) in types for value, types in zip(row, _TYPES, strict=False))


def _differences(row: Row, leaf: Leaf, log: str, sources: Mapping[int, SourceName]) -> list[str]:
    """Name the columns that are not what the leaf says."""
    stored = None
    if row.source_id is not None:
        stored = (*sources.get(row.source_id, ()), row.src_start, row.src_end)
    source = leaf.source
    named = None if source is None else astuple(source)
    pairs: dict[str, tuple[object, object]] = {
        "seq": (row.seq, leaf.seq),
        "entry_id": (row.entry_id, leaf.entry_id),
        "ts_us": (row.ts_us, leaf.ts),
        "event_ts_us": (row.event_ts_us, leaf.event_ts),
        "action": (row.action, leaf.action),
        "actor": (row.actor, leaf.actor),
        "resource_type": (row.resource_type, leaf.resource_type),
        "resource_id": (row.resource_id, leaf.resource_id),
        "data_hash": (row.data_hash, leaf.data_hash),
        "details_hash": (row.details_hash, leaf.details_hash),
        "previous_hash": (row.previous_hash, leaf.prev),
        "log": (log, leaf.log),
        "source": (stored, named),
    }
    return [name for name, (column, value) in pairs.items() if column != value]
