"""Showing a signed head of a ledger to one witness (C2SP tlog-witness), with a proof from what it cosigned last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from driftline.errors import DriftlineError
from driftline.ledger.checkpoint import Checkpoint, Note, Signature, signed_text
from driftline.ledger.cosignature import CosignerKey, cosigned
from driftline.ledger.errors import NoteMalformed
from driftline.ledger.policy import Witness
from driftline.ledger.store import LedgerStore, growth_of
from driftline.runtime.witness_client import Answer
from driftline.wording import amount

__all__ = ["Asked", "HistoryRefused", "WrongAnswer", "cosigned_by"]

_ATTEMPTS: Final = 3


class Asked(Protocol):
    """The part of `WitnessClient` that is needed."""

    def add(self, request: bytes) -> Answer:
        """Ask to cosign; raises Unavailable."""
        ...


class HistoryRefused(DriftlineError):
    """A witness knows another history of this ledger, or a longer one."""


class WrongAnswer(DriftlineError):
    """A witness does not cosign for a reason that says nothing about the history."""


def cosigned_by(store: LedgerStore, witness: Witness, client: Asked, note: str, *, old: int = 0) -> Sequence[Signature]:
    """Show a signed head to a witness and return its checked cosignature.

    `old`: entries of the log that it has cosigned, as far as is known; it says so itself where that is wrong. Raises
    Unavailable, WrongAnswer, HistoryRefused, LedgerUnavailable, ProofInvalid.
    """
    name, head = witness.name, signed_text(note)
    for _ in range(_ATTEMPTS):
        with store.snapshot() as snapshot:
            request = growth_of(snapshot, old, note).encode()
        answer = client.add(request)
        if answer.code == 200:
            return _checked(answer.text, head, witness.key)
        if answer.code == 422:
            raise HistoryRefused(
                f"{name} has cosigned {amount(old, 'entry')} that are not those of this ledger: {answer.text[:200]}"
            )
        if answer.code != 409:
            raise WrongAnswer(f"{name} answers {answer.code}: {answer.text[:200]}")
        old = _where_it_stands(store, name, answer.text, old, head)
    raise WrongAnswer(f"{name} is moved on by somebody else")


def _where_it_stands(store: LedgerStore, name: str, text: str, old: int, head: Checkpoint) -> int:
    """Return the size to prove from; raises HistoryRefused where there is no honest way on."""
    if not text.rstrip("\n").isdecimal() or len(text) > 20:
        raise WrongAnswer(f"{name} answers 409 without a size")
    size = int(text)
    if size == old:
        raise HistoryRefused(f"{name} has cosigned another head of {amount(size, 'entry')}: the ledger has two histories")
    if size <= head.size:
        return size
    with store.snapshot() as snapshot:
        newest = snapshot.latest_note()
    if newest is None or signed_text(newest).size < size:
        raise HistoryRefused(
            f"{name} has cosigned {amount(size, 'entry')}, the database has {head.size}: an older copy was restored, or entries were removed"
        )
    raise WrongAnswer(f"{name} has cosigned a newer head by now")  # another instance showed it


def _checked(text: str, head: Checkpoint, key: CosignerKey) -> Sequence[Signature]:
    """Return the lines of an answer that are this witness's; raises WrongAnswer without any that holds."""
    try:
        lines = Note.parse(f"{head.text()}\n{text}").signatures
    except NoteMalformed as error:
        raise WrongAnswer(f"{key.name} answers with what is no signature line: {error}") from error
    held = [line for line in lines if key.made(line) and cosigned(Note(head.text(), (line,)), [key])]
    if not held:
        raise WrongAnswer(f"{key.name} answers without a cosignature of its key in the policy")
    return held[:1]
