r"""Payloads outside of the database, sealed: an object of an archive, and what is in it.

    key    = SHA-256(0x05 || salt)                   the salt of the entry, which stays in the ledger until it is erased
    sealed = AES-256-GCM(key, nonce 0, sized(payload) || sized(details))     a key seals once
    sized(x) = u32 length || x, big-endian; 0xFFFFFFFF alone when x is absent
    object = JCS {"entries", "first", "end", "format", "log"} "\n"  *( JCS {"sealed": base64, "seq"} "\n" )

To erase an entry is to destroy its salt: whatever copies of the object there are, on tape or under a lock, nobody opens its line
again. The log holds the SHA-256 of each object, so none can be exchanged.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from driftline.ledger.errors import ProofMalformed
from driftline.ledger.leaf import canonical

__all__ = ["object_name", "pack", "seal", "unpack", "unseal"]

FORMAT: Final = "driftline-payloads/v1"
_NONCE: Final = bytes(12)
_ABSENT: Final = b"\xff\xff\xff\xff"


def seal(salt: bytes, payload: bytes, details: bytes | None) -> bytes:
    """Return what only the salt opens."""
    return _cipher(salt).encrypt(_NONCE, _sized(payload) + _sized(details), None)


def unseal(salt: bytes, sealed: bytes) -> tuple[bytes, bytes | None]:
    """Return payload and details; raises ProofMalformed for what this salt did not seal."""
    try:
        plain = _cipher(salt).decrypt(_NONCE, sealed, None)
    except InvalidTag:
        raise ProofMalformed("the salt of the entry does not open what the archive holds of it") from None
    end = 4 + int.from_bytes(plain[:4])
    payload, rest = plain[4:end], plain[end:]
    return payload, None if rest == _ABSENT else rest[4:]


def pack(log: str, entries: Sequence[tuple[int, bytes]]) -> bytes:
    """Return an object of entries (sequence, sealed), ascending, at least one."""
    first, end = entries[0][0], entries[-1][0] + 1
    head = canonical({"end": end, "entries": len(entries), "first": first, "format": FORMAT, "log": log})
    lines = [canonical({"sealed": base64.b64encode(sealed).decode(), "seq": seq}) for seq, sealed in entries]
    return b"\n".join([head, *lines, b""])


def unpack(data: bytes) -> Mapping[int, bytes]:
    """Return what an object holds sealed, by sequence; raises ProofMalformed."""
    try:
        head, *lines = data.split(b"\n")
        told: Any = orjson.loads(head)
        if told["format"] != FORMAT or lines.pop() != b"" or len(lines) != told["entries"]:
            raise ProofMalformed("this is no whole object of a payload archive")
        return {(line := orjson.loads(text))["seq"]: base64.b64decode(line["sealed"]) for text in lines}
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ProofMalformed("this is no object of a payload archive") from error


def object_name(data: bytes, first: int) -> str:
    """Return the name of an object: of its place in the log and its contents, so that one never replaces another."""
    return f"payloads/{first:012}-{sha256(data).hexdigest()[:32]}.jsonl"


def _cipher(salt: bytes) -> AESGCM:
    return AESGCM(sha256(b"\x05" + salt).digest())


def _sized(data: bytes | None) -> bytes:
    return _ABSENT if data is None else len(data).to_bytes(4) + data
