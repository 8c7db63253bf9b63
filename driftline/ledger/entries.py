"""Entries as people and programs see them: queries, views, trails, exports' rows."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

import orjson

from driftline.envelope import iso_time
from driftline.ledger.errors import LeafMalformed
from driftline.ledger.leaf import Source
from driftline.ledger.payloads import severity_of
from driftline.ledger.walk import FIRST, Tail, claimed
from driftline.wording import amount

__all__ = [
    "Query",
    "Statistics",
    "StoredEntry",
    "Trail",
    "TrailKind",
    "check_trail",
    "event_time",
    "id_text",
    "no_entries",
    "summary",
    "view",
    "whereabouts",
]


class StoredEntry(NamedTuple):
    """An entry for people: `actor_name` is None when the pseudonym has no name (a service, or erased)."""

    seq: int
    entry_id: bytes
    ts: int
    event_ts: int | None
    action: str
    actor: str
    actor_name: str | None
    resource_type: str
    resource_id: str
    data_hash: bytes
    details_hash: bytes | None
    previous_hash: bytes
    entry_hash: bytes
    leaf: bytes
    source: Source | None
    salt: bytes | None
    payload: bytes | None
    details: bytes | None
    superseded_by: int | None
    """Sequence of the rollback that took the entry out of force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which entries: every condition given must hold. Times are microseconds of the ledger, [since, until)."""

    actor: str | None = None
    """A name or a pseudonym."""
    resource: tuple[str, str] | None = None
    action: str | None = None
    mentions: str | None = None
    """A text that payload or details contain, such as the id that events of one matter share: looks through all that is left."""
    severity: str | None = None
    """CRITICAL, ...: of events that say how grave they are, those that say this; looks through all that is left, too."""
    effective: bool = False
    """Without what a rollback took out of force."""
    since: int | None = None
    until: int | None = None
    after_seq: int = -1
    before_seq: int | None = None
    newest_first: bool = False
    limit: int | None = 100


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much is in the ledger."""

    entries: int
    actors: int
    resources: int
    actions: Mapping[str, int]
    first_ts: int | None
    last_ts: int | None
    signed_size: int


def view(entry: StoredEntry, *, payload: bool = True) -> dict[str, object]:
    """Return an entry as JSON values: hashes in hex, times in RFC 3339, the payload in base64.

    With the salt anybody can check the payload against `data_hash`; without payload, salt and details stay out too.
    """
    source = entry.source
    shown: dict[str, object] = {
        "seq": entry.seq,
        "entry_id": id_text(entry.entry_id),
        "time": iso_time(entry.ts),
        "event_time": event_time(entry),
        "action": entry.action,
        "actor": entry.actor_name or entry.actor,
        "actor_pseudonym": entry.actor,
        "resource": {"type": entry.resource_type, "id": entry.resource_id},
        "source": None
        if source is None
        else {
            "cluster": source.cluster,
            "topic": source.topic,
            "topic_id": source.topic_id,
            "partition": source.partition,
            "from": source.start,
            "to": source.end,
        },
        "data_hash": entry.data_hash.hex(),
        "details_hash": None if entry.details_hash is None else entry.details_hash.hex(),
        "previous_hash": entry.previous_hash.hex(),
        "entry_hash": entry.entry_hash.hex(),
        "superseded_by": entry.superseded_by,
    }
    if payload:
        shown |= {
            "leaf": entry.leaf.decode("utf-8", "replace"),
            "salt": None if entry.salt is None else entry.salt.hex(),
            "payload": None if entry.payload is None else base64.b64encode(entry.payload).decode(),
            "details": None if entry.details is None else _json(entry.details),
        }
    return shown


def whereabouts(entry: StoredEntry, withdrawal: StoredEntry | None) -> dict[str, object]:
    """Return, as JSON values, what became of the payload of an entry, and the entry that says so; missing is tampering."""
    state = "kept" if entry.payload is not None else "missing"
    if withdrawal is None:
        return {"payload_state": state, "withdrawn_by": None}
    by = {"seq": withdrawal.seq, "entry_id": id_text(withdrawal.entry_id), "time": iso_time(withdrawal.ts)}
    return {"payload_state": withdrawal.action.removeprefix("ledger."), "withdrawn_by": by}


def no_entries(of: str, erased: int) -> str:
    """Say that there are no entries `of` something, and, without names, that persons were erased: those stand under pseudonyms."""
    said = f"no entries {of}"
    if erased:
        said += f"; {amount(erased, 'person was', 'persons were')} erased: what they did stands under their pseudonyms only"
    return said


def summary(entry: StoredEntry) -> dict[str, object]:
    """Return an entry as JSON values for a list: without payload, with the severity that its event names."""
    return view(entry, payload=False) | {"severity": severity_of(entry.payload)}


def id_text(entry_id: bytes) -> str:
    """Return an id of 16 bytes as a UUID is written."""
    digits = entry_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def event_time(entry: StoredEntry) -> str | int | None:
    """Return when the event happened, in RFC 3339, or the number itself where the calendar ends."""
    if entry.event_ts is None:
        return None
    try:
        return iso_time(entry.event_ts)
    except OverflowError:
        return entry.event_ts


def _json(details: bytes) -> object:
    try:
        return orjson.loads(details)
    except ValueError:
        return {"hex": details.hex()}


class TrailKind(StrEnum):
    """Whose entries a trail holds."""

    ACTOR = "actor"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Trail:
    """The entries of one actor or resource, and whether they prove that none is missing between them."""

    entries: Sequence[StoredEntry]
    broken_at: int | None
    """Sequence of the first entry that does not continue the trail; None when it is whole from its beginning."""

    @property
    def complete(self) -> bool:
        """Tell whether every entry up to the last one shown is there."""
        return self.broken_at is None


def check_trail(entries: Sequence[StoredEntry], kind: TrailKind) -> Trail:
    """Check that entries, oldest first, are a whole trail: counted from 0, each linked to the one before.

    LeafMalformed is raised for an entry whose leaf is none.
    """
    links = [(entry.seq, entry.entry_hash.hex(), *_tail(entry, kind)) for entry in entries]
    if links and links[0][2:] != FIRST:
        return Trail(entries, links[0][0])
    for (_, before, count, _), (seq, _, ordinal, previous) in pairwise(links):
        if (ordinal, previous) != (count + 1, before):
            return Trail(entries, seq)
    return Trail(entries, None)


def _tail(entry: StoredEntry, kind: TrailKind) -> Tail:
    """Return what the leaf says of its trail: how many entries were before it, and the hash of the last of them."""
    try:
        actor, resource = claimed(entry.leaf)
    except (ValueError, TypeError, LookupError) as error:
        raise LeafMalformed(f"the leaf of entry {entry.seq} names no trail: {error}") from error
    return actor if kind is TrailKind.ACTOR else resource
