"""Ids of predictions as short keyed hashes: what the join remembers of them."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = ["HASH_BYTES", "hash_ids"]

HASH_BYTES = 16


def hash_ids(ids: Iterable[bytes], key: bytes) -> NDArray[np.uint64]:
    """Return 128 bits of keyed BLAKE2b (RFC 7693) for each id, as (n, 2) halves.

    Keyed, so that nobody who picks ids can make two meet, and so that the join's memory names no customer. The key is
    up to 64 bytes and stays the same as long as the memory does.
    """
    start = blake2b(key=key, digest_size=HASH_BYTES)
    hashes = []
    for each in ids:
        state = start.copy()
        state.update(each)
        hashes.append(state.digest())
    return np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 2)
