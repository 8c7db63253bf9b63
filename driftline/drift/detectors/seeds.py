"""Seeds of draws, from the identity of what is drawn for: whoever repeats the draw draws the same."""

from __future__ import annotations

import hashlib

__all__ = ["seed_of"]


def seed_of(*identity: str | int) -> int:
    """63 bits of SHA-256 of the parts, such as model, version, slice, granularity and start of a window."""
    text = "\x1f".join(str(part) for part in identity)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
