"""From drafts to entries: the next piece of the chain, computed without touching anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from driftline.ledger.leaf import (
    GENESIS,
    SALT_SIZE,
    Leaf,
    Source,
    canonical,
    data_hash,
    details_hash,
    encode,
    entry_hash,
    entry_id_of_position,
)
from driftline.ledger.tree import EMPTY_ROOT, Frontier, Node

__all__ = [
    "EMPTY_HEAD",
    "ID_CONFLICT",
    "Draft",
    "Duplicate",
    "Entry",
    "Extension",
    "Head",
    "Known",
    "Sorted",
    "Tail",
    "chained",
    "grown",
    "sort_repeats",
]

ID_CONFLICT: Final = "ledger.id_conflict"


class Tail(NamedTuple):
    """The last entry of one actor or one resource: how many there are, and the hash of the last."""

    entries: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """All that the next entry depends on. `frontier`: the complete subtrees, largest first."""

    size: int
    hash: bytes
    frontier: bytes
    last_ts: int

    def root(self) -> bytes:
        """Return the Merkle root."""
        return Frontier.from_bytes(self.size, self.frontier).root() if self.size else EMPTY_ROOT


EMPTY_HEAD: Final = Head(0, GENESIS, b"", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What shall become an entry. `actor` is a name here and a pseudonym once it is chained.

    `salt` is 32 random bytes of its own. `details` is canonical JSON about the record (headers, key), or None.
    """

    entry_id: bytes
    action: str
    actor: str
    resource_type: str
    resource_id: str
    event_ts: int | None
    payload: bytes
    details: bytes | None
    salt: bytes
    source: Source | None


class Entry(NamedTuple):
    """An entry, ready to be stored: its leaf as values and bytes, and what the leaf commits to."""

    leaf: Leaf
    leaf_bytes: bytes
    hash: bytes
    salt: bytes
    payload: bytes
    details: bytes | None


@dataclass(frozen=True, slots=True)
class Extension:
    """The entries of one batch, the head after them, and the tree nodes that they completed."""

    entries: tuple[Entry, ...]
    head: Head
    nodes: tuple[Node, ...]


_NONE_YET: Final = Tail(0, GENESIS)


def chained(
    log: str,
    head: Head,
    drafts: Iterable[Draft],
    *,
    now: int,
    actors: dict[str, Tail],
    resources: dict[tuple[str, str], Tail],
) -> Iterator[Entry]:
    """Yield the entries that drafts become behind a head, each as soon as it is hashed.

    `now`: microseconds; an earlier clock than the last entry's is held there. `actors` and `resources` hold the tails
    of at least those that occur (absent: none yet) and are brought up to date in place.
    """
    ts, previous = max(now, head.last_ts), head.hash
    for seq, draft in enumerate(drafts, head.size):
        resource = (draft.resource_type, draft.resource_id)
        by_actor = actors.get(draft.actor, _NONE_YET)
        of_resource = resources.get(resource, _NONE_YET)
        entry = _entry(draft, log=log, seq=seq, ts=ts, previous=previous, by_actor=by_actor, of_resource=of_resource)
        previous = entry.hash
        actors[draft.actor] = Tail(by_actor.entries + 1, previous)
        resources[resource] = Tail(of_resource.entries + 1, previous)
        yield entry


def grown(head: Head, entries: Sequence[Entry]) -> Extension:
    """Return what entries behind a head make of it, and of the tree."""
    if not entries:
        return Extension((), head, ())
    tree = Frontier.from_bytes(head.size, head.frontier)
    nodes = tree.extend([entry.hash for entry in entries])
    last = entries[-1]
    return Extension(tuple(entries), Head(tree.size, last.hash, tree.to_bytes(), last.leaf.ts), tuple(nodes))


def _entry(draft: Draft, *, log: str, seq: int, ts: int, previous: bytes, by_actor: Tail, of_resource: Tail) -> Entry:
    if len(draft.salt) != SALT_SIZE:
        msg = f"a salt has {SALT_SIZE} bytes"
        raise ValueError(msg)
    leaf = Leaf(
        action=draft.action,
        actor=draft.actor,
        aprev=by_actor.hash,
        aseq=by_actor.entries,
        data_hash=data_hash(draft.salt, draft.payload),
        details_hash=None if draft.details is None else details_hash(draft.salt, draft.details),
        event_ts=draft.event_ts,
        entry_id=draft.entry_id,
        log=log,
        prev=previous,
        resource_type=draft.resource_type,
        resource_id=draft.resource_id,
        rprev=of_resource.hash,
        rseq=of_resource.entries,
        seq=seq,
        source=draft.source,
        ts=ts,
    )
    data = encode(leaf)
    return Entry(leaf, data, entry_hash(data), draft.salt, draft.payload, draft.details)


class Known(NamedTuple):
    """An entry that has an id already: `salt` is None once its payload was erased."""

    seq: int
    salt: bytes | None
    data_hash: bytes


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A record that repeats an entry byte for byte; `of` is None when that entry is of the same batch."""

    entry_id: bytes
    of: int | None


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch after repeats were found: what becomes an entry, what does not, and which ids conflict."""

    drafts: tuple[Draft, ...]
    duplicates: tuple[Duplicate, ...]
    conflicts: tuple[bytes, ...]


def sort_repeats(drafts: Sequence[Draft], known: Mapping[bytes, Known]) -> Sorted:
    """Drop exact repeats and turn an id with other bytes into an entry `ledger.id_conflict` of its position."""
    kept: list[Draft] = []
    duplicates: list[Duplicate] = []
    conflicts: list[bytes] = []
    first: dict[bytes, bytes] = {}
    for draft in drafts:
        before = known.get(draft.entry_id)
        if before is not None and _repeats(before, draft.payload):
            duplicates.append(Duplicate(draft.entry_id, before.seq))
        elif before is None and draft.entry_id not in first:
            first[draft.entry_id] = draft.payload
            kept.append(draft)
        elif before is None and first[draft.entry_id] == draft.payload:
            duplicates.append(Duplicate(draft.entry_id, None))
        else:
            conflicts.append(draft.entry_id)
            kept.append(_conflict(draft))
    return Sorted(tuple(kept), tuple(duplicates), tuple(conflicts))


def _repeats(before: Known, payload: bytes) -> bool:
    """An erased payload cannot be compared any more: the repeat must not bring it back."""
    return before.salt is None or data_hash(before.salt, payload) == before.data_hash


def _conflict(draft: Draft) -> Draft:
    source = draft.source
    if source is None:
        return draft
    details = {
        "action": draft.action,
        "conflicts_with": draft.entry_id.hex(),
        "details": None if draft.details is None else draft.details.decode(),
    }
    return replace(
        draft,
        entry_id=entry_id_of_position(source.topic_id, source.partition, source.start),
        action=ID_CONFLICT,
        details=canonical(details),
    )
