"""Where a verification stands, and the steps over rows in which everything is right.

Nearly every row of nearly every ledger is right, so one condition asks just that; what is wrong with a row is found out by
`driftline.ledger.examination`, only where the answer is no.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

from orjson import dumps, loads

from driftline.ledger.leaf import GENESIS, SALT_SIZE
from driftline.ledger.rows import Row, SourceName

__all__ = ["BEGINNING", "FIRST", "AtOnce", "Claim", "Place", "Tail", "Walk", "claimed"]

Tail = tuple[int, str]
"""Entries of an actor or a resource, and the hash of the last one in hex."""
FIRST: Final[Tail] = (0, GENESIS.hex())
"""The tail of an actor or a resource without an entry."""
_NO_SOURCE: Final = (None, None, None)


class Place(NamedTuple):
    """A place between two entries: the next sequence, hash and time of the entry before."""

    next: int
    hash: bytes
    ts: int


BEGINNING: Final = Place(0, GENESIS, 0)


class Claim(NamedTuple):
    """What an entry says of its actor or resource before the walk began: nobody has checked it yet."""

    of: str | tuple[str, str]
    """An actor, or type and id of a resource."""
    seq: int
    tail: Tail


class Walk:
    """The last entry's hash and time, the next sequence, and the tail of each trail.

    A walk that begins behind an entry does not know the trails: it takes the first entry of each at its word, and keeps
    these words as `claims`. From the beginning there is nothing to claim.
    """

    __slots__ = ("_log", "_sources", "actors", "began", "claims", "first_by", "hash", "next", "resources", "ts")

    def __init__(self, log: str, sources: Mapping[int, SourceName], at: Place = BEGINNING) -> None:
        self._log = log
        self._sources = sources
        self.began = at
        self.next, self.hash, self.ts = at
        self.actors: dict[str, Tail] = {}
        self.resources: dict[tuple[str, str], Tail] = {}
        self.first_by: dict[str, int] = {}
        self.claims: list[Claim] = []

    def before(self, tail: Tail | None, said: Tail) -> Tail:
        """Return what a trail must go on from: its tail, or for one not met yet what its entry said if we cannot know."""
        return tail or (said if self.began.next else FIRST)

    def meet(self, seq: int, actor: str, resource: tuple[str, str], said: tuple[Tail, Tail]) -> None:
        """Note who occurs for the first time, and what the entry says of before."""
        if actor not in self.actors:
            self.first_by.setdefault(actor, seq)
            if self.began.next:
                self.claims.append(Claim(actor, seq, said[0]))
        if resource not in self.resources and self.began.next:
            self.claims.append(Claim(resource, seq, said[1]))

    def join(self, later: Walk) -> bool:
        """Go on to where a walk stands that began here; False, and nothing moves, if its trails do not continue these."""
        if later.began != Place(self.next, self.hash, self.ts):
            return False
        for claim in later.claims:
            if claim.tail != self.before(self._tail(claim.of), claim.tail):
                return False
        self.claims += [claim for claim in later.claims if self.began.next and self._tail(claim.of) is None]
        self.first_by = later.first_by | self.first_by
        self.actors.update(later.actors)
        self.resources.update(later.resources)
        self.next, self.hash, self.ts = later.next, later.hash, later.ts
        return True

    def _tail(self, of: str | tuple[str, str]) -> Tail | None:
        return self.actors.get(of) if isinstance(of, str) else self.resources.get(of)

    def over(self, rows: Sequence[Row], absent: Container[int] = ()) -> int:
        """Go on behind these rows for as long as all is right with them; returns how many were.

        Right: the sequence goes on, the entry follows the one before and is not older, the leaf that the columns and
        the trails give is byte for byte the stored one, and leaf, payload and details have the hashes stored for them.
        `absent`: sequences of the rows whose payload is not here, as it should be; nothing is asked of those three.
        This is the hot loop of verification: nothing is called that need not be.
        """
        log, sources, actors, resources = self._log, self._sources, self.actors, self.resources
        before, link, last_ts = self.hash, self.hash.hex(), self.ts
        for number, (
            seq, entry_id, ts, event_ts, action, actor, kind, resource_id, data_hash, details_hash,
            previous, stored, leaf, source_id, start, end, salt, body, details,
        ) in enumerate(rows):  # fmt: skip
            resource = (kind, resource_id)
            try:
                trail, other = actors.get(actor), resources.get(resource)
                met = trail is not None and other is not None
                if trail is None or other is None:
                    said = claimed(leaf) if self.began.next else (FIRST, FIRST)
                    trail, other = trail or said[0], other or said[1]
                (aseq, aprev), (rseq, rprev) = trail, other
                expected = dumps(
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
                        "prev": link,
                        "resource": resource,
                        "rprev": rprev,
                        "rseq": rseq,
                        "seq": seq,
                        "src": None if source_id is None else (*sources[source_id], start, end),
                        "ts": ts,
                        "v": 1,
                    }
                )  # the keys stand in sorted order: the same bytes as `leaf.encode`
                right = (
                    expected == leaf
                    and sha256(b"\x00" + leaf).digest() == stored
                    and previous == before
                    and seq == self.next + number
                    and ts >= last_ts
                    and (type(source_id) is int or (source_id, start, end) == _NO_SOURCE)
                    and (
                        seq in absent
                        or (
                            len(salt) == SALT_SIZE  # type: ignore[arg-type]  # None: a TypeError, not right
                            and sha256(b"\x02" + salt + body).digest() == data_hash  # type: ignore[operator]
                            and (None if details is None else sha256(b"\x03" + salt + details).digest()) == details_hash  # type: ignore[operator]
                        )
                    )
                )
            except (TypeError, ValueError, AttributeError, LookupError):  # values that no writer writes
                right = False
            if not right:
                break
            before, link, last_ts = stored, stored.hex(), ts
            if not met:
                self.meet(seq, actor, resource, ((aseq, aprev), (rseq, rprev)))
            actors[actor] = (aseq + 1, link)
            resources[resource] = (rseq + 1, link)
        else:
            number = len(rows)
        self.hash, self.ts = before, last_ts
        self.next += number
        return number


def claimed(leaf: bytes) -> tuple[Tail, Tail]:
    """Return what a leaf says of the trails of its actor and its resource; raises ValueError, TypeError, LookupError."""
    said: Any = loads(leaf)
    tails = (said["aseq"], said["aprev"]), (said["rseq"], said["rprev"])
    if not all(type(entries) is int and type(last) is str for entries, last in tails):
        raise TypeError(tails)
    return tails


class AtOnce(Protocol):
    """A quicker way over whole pages of rows with the same answer, see `driftline.ledger.pages`."""

    def over(self, rows: Sequence[Row], absent: Container[int] = ()) -> bool:
        """Go on behind these rows if all is right with every one of them; else stay. `absent`: as `Walk.over` takes it."""

    def walk(self) -> Walk:
        """Return where this stands, for going on row by row."""

    def fold(self, hashes: Sequence[bytes]) -> bytes:
        """Return the root over a power of two of neighbouring hashes."""
