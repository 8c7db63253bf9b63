"""The partition of a key, as the Java client and `partitioner=murmur2_random` compute it.

librdkafka's own default is CRC32: with it a label and its prediction would not meet.
"""

from __future__ import annotations

__all__ = ["murmur2", "partition_for"]

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
