"""One entry for many records: the Merkle root over the messages of an offset range.

    message = SHA-256(0x00 || bytes(key) || bytes(value) || u32 n || n * (bytes(name) || bytes(header)))
    bytes(x) = u32 length || x, big-endian; 0xFFFFFFFF alone when x is absent

Headers are sorted by name, then value. The order of the leaves is the order of offsets. The range is by
position, [from, to): aborted records, transaction markers and what compaction took lie inside and do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

import orjson

from driftline.ledger.errors import LeafMalformed
from driftline.ledger.leaf import canonical
from driftline.ledger.tree import Frontier

__all__ = ["DigestBuilder", "message_hash", "parse_statement"]

_ABSENT: Final = b"\xff\xff\xff\xff"
_BLOCK: Final = 4_096
_NO_HEADERS: Final = bytes(4)


def _sized(data: bytes | None) -> bytes:
    return _ABSENT if data is None else len(data).to_bytes(4) + data


@lru_cache(maxsize=1_024)
def _name(name: str) -> bytes:
    """Return the name of a header in its bytes: a topic has few of them."""
    return _sized(name.encode())


def message_hash(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] | None) -> bytes:
    """Return the leaf hash of one message."""
    head = b"\x00" + _sized(key) + _sized(value)
    if not headers:
        return sha256(head + _NO_HEADERS).digest()
    parts = [head, len(headers).to_bytes(4)]
    try:
        pairs = sorted(headers)  # UTF-8 sorts as its text does
    except TypeError:  # two of a name, one of them without a value: that one first
        pairs = sorted(headers, key=lambda pair: (pair[0], pair[1] is not None, pair[1] or b""))
    for name, data in pairs:
        parts += (_name(name), _ABSENT) if data is None else (_name(name), len(data).to_bytes(4), data)
    return sha256(b"".join(parts)).digest()


class DigestBuilder:
    """Collects the messages of one partition from `start` on; empty until the first `add`."""

    __slots__ = ("_hashes", "_tree", "first_time", "last_time", "start")

    def __init__(self, start: int) -> None:
        """Begin at a position."""
        self.start = start
        self._tree = Frontier()
        self._hashes: list[bytes] = []
        self.first_time: int | None = None
        self.last_time: int | None = None

    @property
    def count(self) -> int:
        """Return the messages so far."""
        return self._tree.size + len(self._hashes)

    def add(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] | None,
        append_ms: int,
    ) -> None:
        """Take the next message in offset order, with its append time."""
        self._hashes.append(message_hash(key, value, headers))
        if len(self._hashes) == _BLOCK:
            self._settle()
        if self.first_time is None:
            self.first_time = append_ms
        self.last_time = append_ms

    def root(self) -> bytes:
        """Return the Merkle root so far."""
        self._settle()
        return self._tree.root()

    def _settle(self) -> None:
        """Move what was collected into the tree: whole blocks are cheaper than single leaves."""
        self._tree.extend(self._hashes)
        self._hashes = []

    def statement(self, end: int) -> bytes:
        """Return the payload of the digest entry for [start, end)."""
        return canonical(
            {
                "count": self.count,
                "first_append_ms": self.first_time,
                "from": self.start,
                "last_append_ms": self.last_time,
                "root": self.root().hex(),
                "to": end,
                "v": 1,
            }
        )


def parse_statement(payload: bytes) -> tuple[int, int, int, bytes]:
    """Return (from, to, count, root) of a digest's payload; raises LeafMalformed."""
    try:
        value = orjson.loads(payload)
        start, end, count, root = value["from"], value["to"], value["count"], value["root"]
        parsed = int(start), int(end), int(count), bytes.fromhex(root)
    except (ValueError, TypeError, KeyError) as error:
        msg = "the payload is not the statement of a digest"
        raise LeafMalformed(msg) from error
    return parsed
