"""Where a verification stands, and the step over a whole page of rows in which everything is right.

Nearly every page of nearly every ledger is right, so that question is asked first and of all its rows at once; which row
is wrong, and how, is found out by `driftline.ledger.examination`, row by row, only where the answer is no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orjson import dumps

from driftline.ledger.hashing import DIGEST_SIZE, Digests
from driftline.ledger.leaf import GENESIS, SALT_SIZE
from driftline.ledger.rows import Row, SourceName

__all__ = ["FIRST", "Walk"]

FIRST: Final = (0, GENESIS.hex())
"""The tail of an actor or a resource without an entry."""
_OPENING: Final = b'{"action":"'

_Tail = tuple[int, str]


class Walk:
    """The last entry's hash and time, the next sequence, and the tail (entries, last hash in hex) of each trail."""

    __slots__ = ("_log", "_sources", "actors", "first_by", "hash", "next", "resources", "ts")

    def __init__(self, log: str, sources: Mapping[int, SourceName]) -> None:
        self._log = log
        self._sources = sources
        self.hash = GENESIS
        self.next = 0
        self.ts = 0
        self.actors: dict[str, _Tail] = {}
        self.resources: dict[tuple[str, str], _Tail] = {}
        self.first_by: dict[str, int] = {}

    def over(self, rows: Sequence[Row], digests: Digests) -> bool:
        """Go on behind these rows if all is right with every one of them; else say so, and stay.

        Right: the sequence goes on, the entry follows the one before and is not older, the leaf that the columns and
        the trails give is byte for byte the stored one, and leaf, payload and details have the hashes stored for them.
        """
        expected: list[dict[str, Any]] = []
        try:
            right = self._go(rows, expected, digests)
        except (TypeError, AttributeError, LookupError):  # values of types that no writer writes
            right = False
        if not right:
            self._return(expected)
            return False
        last = rows[-1]
        self.hash, self.next, self.ts = last[11], last[0] + 1, last[2]
        return True

    def _return(self, passed: list[dict[str, Any]]) -> None:
        """Put the tails back: each leaf says what they were before it."""
        for leaf in reversed(passed):
            actor, resource = leaf["actor"], leaf["resource"]
            if leaf["aseq"]:
                self.actors[actor] = (leaf["aseq"], leaf["aprev"])
            else:
                self.actors.pop(actor, None)
                self.first_by.pop(actor, None)
            if leaf["rseq"]:
                self.resources[resource] = (leaf["rseq"], leaf["rprev"])
            else:
                self.resources.pop(resource, None)

    def _go(self, rows: Sequence[Row], expected: list[dict[str, Any]], digests: Digests) -> bool:
        """Check rows and move the tails; `expected` takes up the leaves. The hot loop of verification: nothing is called that need not be."""
        log, sources, actors, resources = self._log, self._sources, self.actors, self.resources
        next_seq, before, last_ts, link = self.next, self.hash, self.ts, self.hash.hex()
        leaves: list[bytes] = []
        messages: list[bytes] = []
        hashes: list[bytes] = []
        for (
            seq, entry_id, ts, event_ts, action, actor, kind, resource_id, data_hash, details_hash,
            previous, stored, leaf, source_id, start, end, salt, body, details,
        ) in rows:  # fmt: skip
            if seq != next_seq or previous != before or ts < last_ts or not leaf.startswith(_OPENING):
                return False
            if len(salt) != SALT_SIZE:  # type: ignore[arg-type]  # None: a TypeError, not right
                return False
            if source_id is None:
                if start is not None or end is not None:
                    return False
                source = None
            elif type(source_id) is int:
                source = (*sources[source_id], start, end)
            else:
                return False
            tail = actors.get(actor)
            if tail is None:
                tail = FIRST
                self.first_by[actor] = seq
            aseq, aprev = tail
            resource = (kind, resource_id)
            rseq, rprev = resources.get(resource, FIRST)
            expected.append(
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
                    "src": source,
                    "ts": ts,
                    "v": 1,
                }
            )  # the keys stand in sorted order: the same bytes as `leaf.encode`
            leaves.append(leaf)
            messages.append(b"\x00" + leaf)
            messages.append(b"\x02" + salt + body)  # type: ignore[operator]
            hashes.append(stored)
            hashes.append(data_hash)
            if details is not None:
                messages.append(b"\x03" + salt + details)  # type: ignore[operator]
                hashes.append(details_hash)  # type: ignore[arg-type]
            elif details_hash is not None:
                return False
            next_seq, before, last_ts, link = seq + 1, stored, ts, stored.hex()
            actors[actor] = (aseq + 1, link)
            resources[resource] = (rseq + 1, link)
        # Joined, the leaves could still be cut at other places than the expected ones. They are not: each begins with
        # `{"action":"`, and behind a comma that stands nowhere but between two of them (inside a string, \" would).
        return (
            dumps(expected) == b"[" + b",".join(leaves) + b"]"
            and set(map(len, hashes)) == {DIGEST_SIZE}
            and digests(messages) == b"".join(hashes)
        )
