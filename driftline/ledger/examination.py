"""What is wrong with a row that is not right: every difference by its kind, and on behind it.

All is computed from the stored bytes: no payload is parsed, none is serialised anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple
from types import NoneType
from typing import Final

from driftline.ledger.errors import LeafMalformed
from driftline.ledger.leaf import GENESIS, SALT_SIZE, Leaf, data_hash, decode, details_hash
from driftline.ledger.report import FindingKind
from driftline.ledger.rows import Row, SourceName
from driftline.ledger.walk import FIRST, Walk

__all__ = ["Add", "check_link", "examine"]

Add = Callable[[int | None, FindingKind, str], None]
"""Notes a finding: the first entry concerned, what, and in words."""


def check_link(walk: Walk, row: Row, hashed: bytes, add: Add) -> None:
    """Check that a row stands in its place, follows the one before and has the hash of its leaf; step behind it."""
    seq, stored = row[0], row[11]
    if seq != walk.next:
        add(walk.next, FindingKind.ENTRY_MISSING, f"entry {walk.next} is missing, {seq} follows")
    if hashed != stored:
        add(seq, FindingKind.LEAF_CHANGED, "the leaf does not have the hash that is stored")
    if row[10] != walk.hash:
        add(seq, FindingKind.CHAIN_BROKEN, "the entry does not follow the one before it")
    walk.hash, walk.next = stored, seq + 1


def examine(walk: Walk, row: Row, hashed: bytes, add: Add, *, log: str, sources: Mapping[int, SourceName]) -> None:
    """Name all that is wrong with a row, and carry on behind it. `hashed`: the hash of its leaf."""
    if not _typed(row):
        add(walk.next, FindingKind.LEAF_MALFORMED, "a column holds a value of the wrong type")
        walk.hash, walk.next = row[11] if isinstance(row[11], bytes) else GENESIS, walk.next + 1
        _carry(walk, row, None)
        return
    check_link(walk, row, hashed, add)
    if row.ts_us < walk.ts:
        add(row.seq, FindingKind.TIME_BACKWARDS, "the entry is older than the one before it")
    walk.ts = row.ts_us
    _diagnose(walk, row, add, log=log, sources=sources)
    _check_payload(row, add)


def _check_payload(row: Row, add: Add) -> None:
    seq, salt, body, details = row.seq, row.salt, row.body, row.details
    if salt is None or body is None:
        add(seq, FindingKind.PAYLOAD_MISSING, "the payload is gone without an entry that erased or archived it")
        return
    whole = isinstance(salt, bytes) and isinstance(body, bytes) and len(salt) == SALT_SIZE
    if not whole or data_hash(salt, body) != row.data_hash:
        add(seq, FindingKind.PAYLOAD_CHANGED, "the payload is not the one that the leaf commits to")
        return
    commitment = details_hash(salt, details) if isinstance(details, bytes) else details
    if commitment != row.details_hash:
        add(seq, FindingKind.DETAILS_CHANGED, "the details are not those that the leaf commits to")


def _diagnose(walk: Walk, row: Row, add: Add, *, log: str, sources: Mapping[int, SourceName]) -> None:
    """Name what differs between a leaf and its columns and trails, and carry on with what the leaf says."""
    try:
        leaf = decode(row.leaf)
    except LeafMalformed as error:
        add(row.seq, FindingKind.LEAF_MALFORMED, str(error))
        _carry(walk, row, None)
        return
    changed = _differences(row, leaf, log, sources)
    if changed:
        names = ", ".join(changed)
        add(row.seq, FindingKind.COLUMN_CHANGED, f"columns differ from the leaf: {names}")
    resource = (leaf.resource_type, leaf.resource_id)
    said = (leaf.aseq, leaf.aprev.hex()), (leaf.rseq, leaf.rprev.hex())
    tails = walk.actors.get(leaf.actor), walk.resources.get(resource)
    for name, here, tail in zip(("actor", "resource"), said, tails, strict=True):
        if here != walk.before(tail, here):
            add(row.seq, FindingKind.TRAIL_BROKEN, f"the trail of the {name} does not continue here")
    walk.meet(row.seq, leaf.actor, resource, said)
    _carry(walk, row, leaf)


def _carry(walk: Walk, row: Row, leaf: Leaf | None) -> None:
    """Continue the trails behind a bad row, so that it is not found again in each entry that follows."""
    link = row.entry_hash.hex() if isinstance(row.entry_hash, bytes) else GENESIS.hex()
    actor, resource = row.actor, (row.resource_type, row.resource_id)
    if leaf is not None:
        actor, resource = leaf.actor, (leaf.resource_type, leaf.resource_id)
    walk.first_by.setdefault(actor, walk.next - 1)
    aseq = walk.actors.get(actor, FIRST)[0] if leaf is None else leaf.aseq
    rseq = walk.resources.get(resource, FIRST)[0] if leaf is None else leaf.rseq
    walk.actors[actor] = (aseq + 1, link)
    walk.resources[resource] = (rseq + 1, link)


_TYPES: Final[tuple[tuple[type, ...], ...]] = (
    (int,), (bytes,), (int,), (int, NoneType), (str,), (str,), (str,), (str,), (bytes,), (bytes, NoneType),
    (bytes,), (bytes,), (bytes,), (int, NoneType), (int, NoneType), (int, NoneType),
)  # fmt: skip


def _typed(row: Row) -> bool:
    """Tell whether the columns of the entry have the types that a writer gives them (SQLite stores what it is told)."""
    return all(type(value) in types for value, types in zip(row, _TYPES, strict=False))


def _differences(row: Row, leaf: Leaf, log: str, sources: Mapping[int, SourceName]) -> list[str]:
    """Name the columns that are not what the leaf says."""
    stored: tuple[object, ...] | None = None
    if (row.source_id, row.src_start, row.src_end) != (None, None, None):
        known = () if row.source_id is None else sources.get(row.source_id, ())
        stored = (*known, row.src_start, row.src_end)
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
