r"""Proofs that a log only grew: everything under an older signed head stands under a newer one, unchanged.

The text is what C2SP tlog-witness sends to a witness, so a witness can be shown it as it is:

    "old " size "\\n"  *( base64(hash) "\\n" )  "\\n"  note of the newer head
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from driftline.ledger.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from driftline.ledger.errors import ProofInvalid, ProofMalformed
from driftline.ledger.proofs import check_consistency
from driftline.ledger.receipt import number_of, path_lines, path_of
from driftline.wording import amount

__all__ = ["Growth", "check_growth"]

_OLD: Final = "old "


@dataclass(frozen=True, slots=True)
class Growth:
    """A consistency proof from `old` entries to the head of the note; nothing is checked yet."""

    old: int
    path: tuple[bytes, ...]
    note: str

    def encode(self) -> bytes:
        """Return the text."""
        return f"{_OLD}{self.old}\n{path_lines(self.path)}\n{self.note}".encode()

    @classmethod
    def parse(cls, data: bytes) -> Growth:
        """Read the text; raises ProofMalformed."""
        try:
            head, gap, note = data.decode().partition("\n\n")
        except UnicodeDecodeError as error:
            raise ProofMalformed("a consistency proof is UTF-8 text") from error
        first, *hashes = head.split("\n")
        if not gap or not first.startswith(_OLD):
            raise ProofMalformed("a consistency proof begins with 'old' and a size, and ends with a signed checkpoint")
        return cls(number_of(first.removeprefix(_OLD)), path_of(hashes), note)


def check_growth(growth: Growth, older: str, key: VerifierKey) -> tuple[Checkpoint, Checkpoint]:
    """Return both heads if the log of the older note was only ever appended to.

    Raises NoteMalformed, SignatureInvalid or ProofInvalid: between the two heads, history was rewritten, or
    the proof is of another pair of heads.
    """
    before, after = open_checkpoint(older, key), open_checkpoint(growth.note, key)
    if growth.old != before.size:
        raise ProofInvalid(f"the proof begins at {amount(growth.old, 'entry')}, the older checkpoint has {before.size}")
    check_consistency(before.size, after.size, growth.path, old_root=before.root, root=after.root)
    return before, after
