r"""Cosignatures: what witnesses put under the head of a log (C2SP tlog-cosignature), by Ed25519 (algorithm 4) or ML-DSA-44 (6).

    Ed25519    u64(time) || Ed25519("cosignature/v1\\ntime " time "\\n" checkpoint)
    ML-DSA-44  u64(time) || ML-DSA-44("subtree/v1\\n\\0" || u8-length name || u64(time) || u8-length origin || u64(0) || u64(size) || root)

It says: at this time, this was the largest tree of that log the cosigner had seen, and it contains all that it saw before.
Key files and vkeys are those of `driftline.ledger.checkpoint` with these algorithms; the secret of either is a seed of 32 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from driftline.ledger.checkpoint import (
    PRIVATE,
    Checkpoint,
    Note,
    Signature,
    decode_key,
    encode_key,
    is_name,
    key_id,
)
from driftline.ledger.errors import KeyMalformed, NoteMalformed, SignatureInvalid

__all__ = ["Algorithm", "Cosigner", "CosignerKey", "cosigned", "cosigner_keys", "cosigners"]

_TIME_BYTES: Final = 8
_LATEST: Final = 2**63 - 1
_SEED: Final = 32


class Algorithm(IntEnum):
    """How a cosigner signs; the number is that of its keys."""

    ED25519 = 4
    ML_DSA_44 = 6


_PUBLIC: Final[Mapping[int, int]] = {Algorithm.ED25519: 32, Algorithm.ML_DSA_44: 1312}
_SECRET: Final[Mapping[int, int]] = dict.fromkeys(Algorithm, _SEED)


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """The public key of a cosigner, with its name."""

    name: str
    algorithm: Algorithm
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that name the key in a signature line."""
        return key_id(self.name, self.algorithm, self.public)

    def encode(self) -> str:
        """Return the vkey."""
        return encode_key(self.name, self.algorithm, self.key_id, self.public)

    @classmethod
    def parse(cls, vkey: str) -> CosignerKey:
        """Read a vkey; raises KeyMalformed."""
        name, algorithm, id_, public = decode_key(vkey.strip(), _PUBLIC)
        key = cls(name, Algorithm(algorithm), public)
        if key.key_id != id_:
            raise KeyMalformed("the key id of the cosigner's key does not belong to the key")
        return key

    def made(self, signature: Signature) -> bool:
        """Tell whether a signature line claims to be this key's."""
        return (signature.name, signature.key_id) == (self.name, self.key_id)

    def time_of(self, signature: Signature, checkpoint: Checkpoint) -> int:
        """Return when the head was cosigned (seconds since 1970); raises SignatureInvalid unless this key did."""
        time = int.from_bytes(signature.signature[:_TIME_BYTES])
        if not self.made(signature) or time > _LATEST:
            raise SignatureInvalid(f"the cosignature is not one of {self.name}")
        message = _message(self.name, self.algorithm, checkpoint, time)
        try:
            self._verify(signature.signature[_TIME_BYTES:], message)
        except (InvalidSignature, ValueError) as error:
            raise SignatureInvalid(f"the cosignature of {self.name} is wrong") from error
        return time

    def _verify(self, signature: bytes, message: bytes) -> None:
        if self.algorithm is Algorithm.ED25519:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
            return
        try:
            MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
        except UnsupportedAlgorithm as error:
            raise KeyMalformed("this build of `cryptography` knows no ML-DSA-44") from error


class Cosigner:
    """The private key of a cosigner. Its `repr` shows no key material."""

    __slots__ = ("_key", "_seed", "verifier")

    def __init__(self, name: str, seed: bytes, algorithm: Algorithm = Algorithm.ED25519) -> None:
        """Build a key from 32 random bytes; raises KeyMalformed for a bad name, or where ML-DSA-44 is not known."""
        if not is_name(name) or len(name.encode()) > 255 or len(seed) != _SEED:
            raise KeyMalformed("a cosigner has a name of at most 255 bytes without spaces or '+', and a seed of 32 bytes")
        self._seed = seed
        self._key: Ed25519PrivateKey | MLDSA44PrivateKey
        if algorithm is Algorithm.ED25519:
            self._key = Ed25519PrivateKey.from_private_bytes(seed)
        else:
            try:
                self._key = MLDSA44PrivateKey.from_seed_bytes(seed)
            except UnsupportedAlgorithm as error:
                raise KeyMalformed("this build of `cryptography` knows no ML-DSA-44: make a key of Ed25519") from error
        self.verifier = CosignerKey(name, algorithm, self._key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        """Name the key only."""
        return f"Cosigner({self.verifier.name!r}, {self.verifier.algorithm.name})"

    def encode(self) -> str:
        """Return a line of a key file: a secret."""
        key = self.verifier
        return PRIVATE + encode_key(key.name, key.algorithm, key.key_id, self._seed)

    @classmethod
    def parse(cls, text: str) -> Cosigner:
        """Read a line of a key file; raises KeyMalformed."""
        stripped = text.strip()
        if not stripped.startswith(PRIVATE):
            raise KeyMalformed(f"this is no cosigner's key: it does not begin with {PRIVATE}")
        name, algorithm, id_, seed = decode_key(stripped.removeprefix(PRIVATE), _SECRET)
        key = cls(name, seed, Algorithm(algorithm))
        if key.verifier.key_id != id_:
            raise KeyMalformed("the key id in the key file does not belong to the key")
        return key

    def cosign(self, checkpoint: Checkpoint, time: int) -> Signature:
        """Cosign a head at a time (seconds since 1970)."""
        key = self.verifier
        signed = self._key.sign(_message(key.name, key.algorithm, checkpoint, time))
        return Signature(key.name, key.key_id, time.to_bytes(_TIME_BYTES) + signed)


def cosigners(text: str) -> tuple[Cosigner, ...]:
    """Read a key file of one key per line, all of one name; raises KeyMalformed."""
    found = tuple(Cosigner.parse(line) for line in text.splitlines() if line.strip())
    if len({key.verifier.name for key in found}) != 1:
        raise KeyMalformed("a cosigner's key file holds one key per line, all of the same name")
    return found


def cosigner_keys(text: str) -> tuple[CosignerKey, ...]:
    """Read vkeys, one per line; raises KeyMalformed."""
    return tuple(CosignerKey.parse(line) for line in text.splitlines() if line.strip())


def cosigned(note: Note, keys: Iterable[CosignerKey]) -> dict[CosignerKey, int]:
    """Return which of the keys have cosigned the head of a note, and when (the latest time of each).

    Lines of other keys, and wrong ones, count for nothing. Raises NoteMalformed for a note that is no checkpoint.
    """
    checkpoint = Checkpoint.parse(note.text)
    if len(checkpoint.origin.encode()) > 255:
        raise NoteMalformed("the origin of a cosigned checkpoint has at most 255 bytes")
    times: dict[CosignerKey, int] = {}
    for key in keys:
        for signature in filter(key.made, note.signatures):
            try:
                time = key.time_of(signature, checkpoint)
            except SignatureInvalid:
                continue
            times[key] = max(time, times.get(key, 0))
    return times


def _message(name: str, algorithm: Algorithm, checkpoint: Checkpoint, time: int) -> bytes:
    if algorithm is Algorithm.ED25519:
        return f"cosignature/v1\ntime {time}\n{checkpoint.text()}".encode()
    who, origin = name.encode(), checkpoint.origin.encode()
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(who)]) + who,
            time.to_bytes(8),
            bytes([len(origin)]) + origin,
            (0).to_bytes(8),
            checkpoint.size.to_bytes(8),
            checkpoint.root,
        )
    )
