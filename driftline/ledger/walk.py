"""Where a verification stands, and the steps over rows in which everything is right.

Nearly every row of nearly every ledger is right, so one condition asks just that; what is wrong with a row is found out by
`driftline.ledger.examination`, only where the answer is no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, Protocol

from orjson import dumps

from driftline.ledger.leaf import GENESIS, SALT_SIZE
from driftline.ledger.rows import Row, SourceName

__all__ = ["FIRST", "AtOnce", "Walk"]

FIRST: Final = (0, GENESIS.hex())
"""The tail of an actor or a resource without an entry."""
_NO_SOURCE: Final = (None, None, None)


class Walk:
    """The last entry's hash and time, the next sequence, and the tail (entries, last hash in hex) of each trail."""

    __slots__ = ("_log", "_sources", "actors", "first_by", "hash", "next", "resources", "ts")

    def __init__(self, log: str, sources: Mapping[int, SourceName]) -> None:
        self._log = log
        self._sources = sources
        self.hash = GENESIS
        self.next = 0
        self.ts = 0
        self.actors: dict[str, tuple[int, str]] = {}
        self.resources: dict[tuple[str, str], tuple[int, str]] = {}
        self.first_by: dict[str, int] = {}

    def over(self, rows: Sequence[Row]) -> int:
        """Go on behind these rows for as long as all is right with them; returns how many were.

        Right: the sequence goes on, the entry follows the one before and is not older, the leaf that the columns and
        the trails give is byte for byte the stored one, and leaf, payload and details have the hashes stored for them.
        This is the hot loop of verification: nothing is called that need not be.
        """
        log, sources, actors, resources = self._log, self._sources, self.actors, self.resources
        before, link, last_ts = self.hash, self.hash.hex(), self.ts
        for number, (
            seq, entry_id, ts, event_ts, action, actor, kind, resource_id, data_hash, details_hash,
            previous, stored, leaf, source_id, start, end, salt, body, details,
        ) in enumerate(rows):  # fmt: skip
            resource = (kind, resource_id)
            aseq, aprev = actors.get(actor, FIRST)
            rseq, rprev = resources.get(resource, FIRST)
            try:
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
                    and len(salt) == SALT_SIZE  # type: ignore[arg-type]  # None: a TypeError, not right
                    and sha256(b"\x02" + salt + body).digest() == data_hash  # type: ignore[operator]
                    and (None if details is None else sha256(b"\x03" + salt + details).digest()) == details_hash  # type: ignore[operator]
                )
            except (TypeError, AttributeError, LookupError):  # values of types that no writer writes
                right = False
            if not right:
                break
            before, link, last_ts = stored, stored.hex(), ts
            if aseq == 0:
                self.first_by[actor] = seq
            actors[actor] = (aseq + 1, link)
            resources[resource] = (rseq + 1, link)
        else:
            number = len(rows)
        self.hash, self.ts = before, last_ts
        self.next += number
        return number


class AtOnce(Protocol):
    """A quicker way over whole pages of rows with the same answer, see `driftline.ledger.pages`."""

    def over(self, rows: Sequence[Row]) -> bool:
        """Go on behind these rows if all is right with every one of them; else stay."""

    def walk(self) -> Walk:
        """Return where this stands, for going on row by row."""

    def fold(self, hashes: Sequence[bytes]) -> bytes:
        """Return the root over a power of two of neighbouring hashes."""
