"""An entry to hand to strangers: its leaf, and as much as they may see of what the leaf commits to.

    opening = JCS {"leaf": text}                                                  the entry alone
              JCS {"details": base64 | null, "leaf", "payload": base64, "salt": hex}     and what was recorded

One opening has one spelling, so that no byte of it can be changed unnoticed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import orjson

from driftline.ledger.checkpoint import unbase64
from driftline.ledger.entries import StoredEntry
from driftline.ledger.errors import NoteMalformed, ProofInvalid, ProofMalformed
from driftline.ledger.leaf import Leaf, canonical, data_hash, decode, details_hash, entry_hash

__all__ = ["Disclosed", "Opening", "opening_of"]

_ALONE: Final = {"leaf"}
_WHOLE: Final = {"details", "leaf", "payload", "salt"}


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What an entry commits to: anybody can compare it with the hashes in the leaf."""

    salt: bytes
    payload: bytes
    details: bytes | None


@dataclass(frozen=True, slots=True)
class Opening:
    """A leaf, and what it commits to; `disclosed` None keeps that back (or it was erased)."""

    leaf: bytes
    disclosed: Disclosed | None

    @property
    def hash(self) -> bytes:
        """Return the entry hash."""
        return entry_hash(self.leaf)

    def encode(self) -> bytes:
        """Return the opening as it travels."""
        value: dict[str, object] = {"leaf": self.leaf.decode()}
        if self.disclosed is not None:
            details = self.disclosed.details
            value |= {
                "details": None if details is None else base64.b64encode(details).decode(),
                "payload": base64.b64encode(self.disclosed.payload).decode(),
                "salt": self.disclosed.salt.hex(),
            }
        return canonical(value)

    @classmethod
    def parse(cls, data: bytes) -> Opening:
        """Read what `encode` wrote; raises ProofMalformed for anything else. Nothing is checked yet."""
        try:
            value: Any = orjson.loads(data)
            opening = cls._from_json(value)
            same = opening.encode() == data
        except (ValueError, TypeError, AttributeError, KeyError, NoteMalformed) as error:
            raise ProofMalformed("an entry of a proof cannot be read") from error
        if not same:
            raise ProofMalformed("an entry of a proof is not in its one form")
        return opening

    @classmethod
    def _from_json(cls, value: Any) -> Opening:
        leaf = value["leaf"].encode()
        if set(value) == _ALONE:
            return cls(leaf, None)
        details = value["details"]
        disclosed = Disclosed(
            bytes.fromhex(value["salt"]), unbase64(value["payload"]), None if details is None else unbase64(details)
        )
        return cls(leaf, disclosed)

    def check(self) -> Leaf:
        """Return the leaf; raises LeafMalformed for none, ProofInvalid where it does not commit to what is disclosed."""
        leaf, shown = decode(self.leaf), self.disclosed
        if shown is None:
            return leaf
        details = None if shown.details is None else details_hash(shown.salt, shown.details)
        if data_hash(shown.salt, shown.payload) != leaf.data_hash or details != leaf.details_hash:
            raise ProofInvalid(f"payload or details are not those of entry {leaf.seq}")
        return leaf


def opening_of(entry: StoredEntry, *, payload: bool) -> Opening:
    """Return the opening of a stored entry, with its payload if asked for and not erased."""
    disclosed = None
    if payload and entry.salt is not None and entry.payload is not None:
        disclosed = Disclosed(entry.salt, entry.payload, entry.details)
    return Opening(entry.leaf, disclosed)
