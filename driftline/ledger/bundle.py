"""Bundles: many entries with one proof, in a file that needs neither the database nor its owner.

Each line is JCS JSON:

    {"bundle": "driftline-bundle/1", "checkpoint": note, "selection": {...}}       the manifest
    opening                                                                       an entry each, oldest first
    {"after": leaf | null, "before": leaf | null, "entries": n, "nodes": [base64]} the proof

All of it is checked: every entry fits the selection and stands under the signed head, and what the selection allows to
prove about what is *not* there, is proven.

- Chosen by time only: the neighbours `before` and `after` belong to the proof, so nothing within is missing.
- One actor or one resource only: entries count and link those of their trail, so nothing before the last one is missing.
  That no newer one exists, only the whole log can show.
- Anything else: nothing is claimed.

Nobody signs the selection: it is proven.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from driftline.ledger.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from driftline.ledger.entries import TrailKind
from driftline.ledger.errors import ProofInvalid, ProofMalformed
from driftline.ledger.leaf import GENESIS, Leaf, canonical, decode, entry_hash, pseudonym
from driftline.ledger.multiproof import check_inclusions
from driftline.ledger.opening import Opening
from driftline.ledger.receipt import path_of

__all__ = ["BundleReport", "Completeness", "Selection", "check_bundle", "closing_line", "manifest_line"]

_FORMAT: Final = "driftline-bundle/1"


class Completeness(StrEnum):
    """What a bundle proves about entries that are not in it."""

    RANGE = "range"
    """Nothing of these times is missing."""
    TRAIL = "trail"
    """Nothing of the trail is missing up to the last entry."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which entries a bundle holds; `actor` is as in the leaf, `name` and `name_salt` open a pseudonym."""

    actor: str | None = None
    name: str | None = None
    name_salt: bytes | None = None
    resource: tuple[str, str] | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None

    @property
    def provable(self) -> Completeness:
        """Return what can be proven about what is not there."""
        by = [self.actor, self.resource, self.action]
        if by == [None, None, None]:
            return Completeness.RANGE
        alone = self.action is None and by.count(None) == 2 and self.since is None and self.until is None
        return Completeness.TRAIL if alone else Completeness.NONE

    def refuse(self, leaf: Leaf) -> None:
        """Raise ProofInvalid for an entry that was not chosen."""
        fits = (
            self.actor in {None, leaf.actor}
            and self.resource in {None, (leaf.resource_type, leaf.resource_id)}
            and self.action in {None, leaf.action}
            and (self.since is None or self.since <= leaf.ts)
            and (self.until is None or leaf.ts < self.until)
        )
        if not fits:
            raise ProofInvalid(f"entry {leaf.seq} is not of the selection")

    def to_json(self) -> dict[str, object]:
        """Return the selection as the manifest says it."""
        return {
            "action": self.action,
            "actor": self.actor,
            "name": self.name,
            "name_salt": None if self.name_salt is None else self.name_salt.hex(),
            "resource": self.resource,
            "since": self.since,
            "until": self.until,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Selection:
        """Read it; raises what reading JSON values raises."""
        resource, salt = value["resource"], value["name_salt"]
        found = cls(
            actor=value["actor"],
            name=value["name"],
            name_salt=None if salt is None else bytes.fromhex(salt),
            resource=None if resource is None else (resource[0], resource[1]),
            action=value["action"],
            since=value["since"],
            until=value["until"],
        )
        if found.name is not None and pseudonym(found.name_salt or b"", found.name) != found.actor:
            raise ProofInvalid(f"{found.name!r} is not the actor of the bundle")
        return found


def manifest_line(note: str, selection: Selection) -> bytes:
    """Return the first line."""
    return canonical({"bundle": _FORMAT, "checkpoint": note, "selection": selection.to_json()}) + b"\n"


def closing_line(entries: int, nodes: Sequence[bytes], *, before: bytes | None, after: bytes | None) -> bytes:
    """Return the last line; `before` and `after` are the leaves around a range."""
    return (
        canonical(
            {
                "after": None if after is None else after.decode(),
                "before": None if before is None else before.decode(),
                "entries": entries,
                "nodes": [base64.b64encode(node).decode() for node in nodes],
            }
        )
        + b"\n"
    )


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What a bundle proves."""

    note: str
    """The signed head, with whatever cosignatures it has; they are not checked yet."""
    checkpoint: Checkpoint
    selection: Selection
    entries: int
    disclosed: int
    """Entries whose payload is in the bundle."""
    complete: Completeness
    last: Leaf | None


def check_bundle(lines: Iterable[bytes], key: VerifierKey) -> BundleReport:
    """Check a bundle, line by line as a file gives them.

    Raises LedgerError of some kind (see `driftline.ledger.errors`): then it proves nothing.
    """
    bodies = _bodies(lines)
    note, checkpoint, selection = _manifest(next(bodies), key)
    reader = _Reader(note, checkpoint, selection)
    body = next(bodies)
    for following in bodies:
        reader.take(Opening.parse(body))
        body = following
    return reader.close(body)


def _bodies(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; there are at least two."""
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007 - the last one counts
        if not line.endswith(b"\n"):
            raise ProofMalformed("the bundle is cut off")
        yield line[:-1]
    if count < 2:
        raise ProofMalformed("a bundle has a manifest and a proof")


def _object(line: bytes, keys: set[str]) -> dict[str, Any]:
    """Read a line that has one spelling."""
    try:
        value: Any = orjson.loads(line)
    except ValueError as error:
        raise ProofMalformed("a line of the bundle is no JSON") from error
    if not isinstance(value, dict) or set(value) != keys or canonical(value) != line:
        raise ProofMalformed(f"a line of the bundle is not the one form of {', '.join(sorted(keys))}")
    return value


def _manifest(line: bytes, key: VerifierKey) -> tuple[str, Checkpoint, Selection]:
    value = _object(line, {"bundle", "checkpoint", "selection"})
    note = value["checkpoint"]
    if value["bundle"] != _FORMAT or not isinstance(note, str):
        raise ProofMalformed(f"this is no {_FORMAT}")
    try:
        selection = Selection.from_json(value["selection"])
        same = canonical(selection.to_json()) == canonical(value["selection"])
        sound = _sound(selection)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ProofMalformed("the selection of the bundle cannot be read") from error
    if not same or not sound:
        raise ProofMalformed("the selection of the bundle is not in its one form")
    return note, open_checkpoint(note, key), selection


def _sound(selection: Selection) -> bool:
    """Tell whether texts are texts, times are times that do not end before they begin, and a name has its salt."""
    since, until = selection.since, selection.until
    texts = (selection.actor, selection.name, selection.action, *(selection.resource or ()))
    return (
        all(isinstance(text, str | None) for text in texts)
        and all(at is None or type(at) is int for at in (since, until))
        and (since is None or until is None or since <= until)
        and (selection.name is None) == (selection.name_salt is None)
    )


@dataclass(slots=True)
class _Reader:
    """Checks entry after entry."""

    note: str
    checkpoint: Checkpoint
    selection: Selection
    indices: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    disclosed: int = 0
    last: Leaf | None = None

    def take(self, opening: Opening) -> None:
        leaf = opening.check()
        self._log(leaf)
        self.selection.refuse(leaf)
        if self.selection.provable is Completeness.TRAIL:
            self._continues(leaf)
        self.indices.append(leaf.seq)
        self.hashes.append(opening.hash)
        self.disclosed += opening.disclosed is not None
        self.last = leaf

    def _log(self, leaf: Leaf) -> None:
        if leaf.log != self.checkpoint.origin:
            raise ProofInvalid(f"entry {leaf.seq} is of the log {leaf.log!r}")

    def _continues(self, leaf: Leaf) -> None:
        kind = TrailKind.ACTOR if self.selection.actor is not None else TrailKind.RESOURCE
        count, link = (leaf.aseq, leaf.aprev) if kind is TrailKind.ACTOR else (leaf.rseq, leaf.rprev)
        if (count, link) != (len(self.indices), self.hashes[-1] if self.hashes else GENESIS):
            raise ProofInvalid(f"entry {leaf.seq} does not continue the trail: an entry before it is missing")

    def close(self, line: bytes) -> BundleReport:
        value = _object(line, {"after", "before", "entries", "nodes"})
        nodes, entries = value["nodes"], value["entries"]
        if not isinstance(nodes, list) or type(entries) is not int or entries != len(self.indices):
            raise ProofMalformed(f"the bundle says that it holds {entries!r} entries, there are {len(self.indices)}")
        complete = self.selection.provable
        indices, hashes = self.indices, self.hashes
        before, after = _border(value["before"]), _border(value["after"])
        if complete is Completeness.RANGE:
            self._within(before and before[0], after and after[0])
            indices = [*([before[0].seq] if before else ()), *indices, *([after[0].seq] if after else ())]
            hashes = [*([before[1]] if before else ()), *hashes, *([after[1]] if after else ())]
        elif before or after:
            raise ProofMalformed("only a range has neighbours")
        check_inclusions(hashes, indices, self.checkpoint.size, _nodes(nodes), self.checkpoint.root)
        return BundleReport(self.note, self.checkpoint, self.selection, entries, self.disclosed, complete, self.last)

    def _within(self, before: Leaf | None, after: Leaf | None) -> None:
        """Refuse a range with a hole, or whose neighbours belong to it."""
        since, until = self.selection.since, self.selection.until
        for border in (before, after):
            if border is not None:
                self._log(border)
        if before is not None and (since is None or before.ts >= since):
            raise ProofInvalid(f"entry {before.seq} belongs to the selection and is kept out of it")
        if after is not None and (until is None or after.ts < until):
            raise ProofInvalid(f"entry {after.seq} belongs to the selection and is kept out of it")
        first = 0 if before is None else before.seq + 1
        end = self.checkpoint.size if after is None else after.seq
        if self.indices != list(range(first, first + len(self.indices))) or first + len(self.indices) != end:
            raise ProofInvalid(f"the selection holds entries {first} to {end - 1}, and not all of them are there")


def _border(text: object) -> tuple[Leaf, bytes] | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise ProofMalformed("a neighbour of the range is no leaf")
    data = text.encode("utf-8", "replace")
    return decode(data), entry_hash(data)


def _nodes(nodes: Sequence[object]) -> list[bytes]:
    """Read the nodes; a proof of many entries has more of them than a path may have."""
    found: list[bytes] = []
    for node in nodes:
        if not isinstance(node, str):
            raise ProofMalformed("a node of the proof is no text")
        found += path_of([node])
    return found
