"""A log of numbered entries in memory, and a witness that knows it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from driftline.clock import ManualClock
from driftline.ledger.checkpoint import Checkpoint, SigningKey, sign_checkpoint
from driftline.ledger.cosignature import Algorithm, Cosigner
from driftline.ledger.growth import Growth
from driftline.ledger.tree import consistency_proof, fetch_from, root_at
from services.audit.witness.cosigning import Witness
from services.audit.witness.store import WitnessStore
from tests.unit.ledger.ledger_builders import KEY, ORIGIN

SECONDS = 1_700_000_000
W1 = Cosigner("witness.example.com/w1", b"\1" * 32)
QUANTUM = Cosigner("witness.example.com/w1", b"\1" * 32, Algorithm.ML_DSA_44)


class Log:
    """Entries `first` to infinity may be other ones: a second history."""

    def __init__(self, *, other_from: int | None = None, key: SigningKey = KEY, origin: str = ORIGIN) -> None:
        self._other = other_from
        self._key = key
        self._origin = origin

    def hashes(self, size: int) -> list[bytes]:
        other = size if self._other is None else self._other
        return [sha256(b"%d %d" % (number, number >= other)).digest() for number in range(size)]

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(self._origin, size, root_at(fetch_from(self.hashes(size)), size))

    def note(self, size: int) -> str:
        return sign_checkpoint(self.head(size), self._key)

    def path(self, old: int, size: int) -> tuple[bytes, ...]:
        return tuple(consistency_proof(fetch_from(self.hashes(size)), old, size)) if old else ()

    def growth(self, old: int, size: int) -> bytes:
        return Growth(old, self.path(old, size), self.note(size)).encode()


def witness_at(folder: Path, keys: Sequence[Cosigner] = (W1,), *, clock: ManualClock | None = None) -> Witness:
    store = WitnessStore(folder / "witness.db")
    return Witness(keys, {ORIGIN: KEY.verifier}, store, clock or ManualClock(SECONDS * 1_000_000))
