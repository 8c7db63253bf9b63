"""SHA-256 of many messages: one by one with hashlib, or side by side in `driftline.ledger.lanes` where that pays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.util import find_spec
from typing import Final

__all__ = ["DIGEST_SIZE", "LANES_PAY", "Digests", "digests_for", "one_by_one"]

DIGEST_SIZE: Final = 32
LANES_PAY: Final = 1_000_000
"""Entries from which on the kernel saves more time than numba takes to load: 2 s against 3 us an entry."""

Digests = Callable[[Sequence[bytes]], bytes]
"""The SHA-256 of each message, one after the other."""


def one_by_one(messages: Sequence[bytes]) -> bytes:
    """Return the SHA-256 of each message, one after the other."""
    return b"".join([sha256(message).digest() for message in messages])


def digests_for(entries: int) -> Digests:
    """Return the quickest way for so many entries on this machine; both give the same bytes."""
    if entries < LANES_PAY or find_spec("numba") is None:
        return one_by_one
    from driftline.ledger.lanes import Lanes

    return Lanes()
