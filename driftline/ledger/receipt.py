r"""Receipts: one entry, proven against a signed head, in a file that needs neither the database nor its owner.

A receipt is a C2SP tlog-proof whose extra data are the entry itself (`driftline.ledger.opening`):

    "c2sp.org/tlog-proof@v1\\n"  "extra " base64(opening) "\\n"  "index " i "\\n"  *( base64(hash) "\\n" )  "\\n"  note
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from driftline.ledger.checkpoint import Checkpoint, VerifierKey, open_checkpoint, unbase64
from driftline.ledger.errors import NoteMalformed, ProofInvalid, ProofMalformed
from driftline.ledger.leaf import Leaf
from driftline.ledger.opening import Opening
from driftline.ledger.proofs import check_inclusion

__all__ = ["Checked", "Receipt", "check_receipt", "number_of", "path_lines", "path_of"]

_FIRST: Final = "c2sp.org/tlog-proof@v1"
_EXTRA: Final = "extra "
_INDEX: Final = "index "
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LONGEST_PATH: Final = 63


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry, its place, the way to the root, and the signed head; nothing is checked yet."""

    opening: Opening
    index: int
    path: tuple[bytes, ...]
    note: str

    def encode(self) -> bytes:
        """Return the file (`.tlog-proof`)."""
        extra = base64.b64encode(self.opening.encode()).decode()
        text = f"{_FIRST}\n{_EXTRA}{extra}\n{_INDEX}{self.index}\n{path_lines(self.path)}\n{self.note}"
        return text.encode()

    @classmethod
    def parse(cls, data: bytes) -> Receipt:
        """Read a file; raises ProofMalformed."""
        try:
            head, gap, note = data.decode().partition("\n\n")
        except UnicodeDecodeError as error:
            raise ProofMalformed("a receipt is UTF-8 text") from error
        lines = head.split("\n")
        if not gap or len(lines) < 3 or lines[0] != _FIRST:
            raise ProofMalformed(f"a receipt begins with {_FIRST} and ends with a signed checkpoint")
        if not lines[1].startswith(_EXTRA) or not lines[2].startswith(_INDEX):
            raise ProofMalformed("a receipt names its entry and its index")
        try:
            opening = Opening.parse(unbase64(lines[1].removeprefix(_EXTRA)))
        except NoteMalformed as error:
            raise ProofMalformed("the entry of the receipt is not base64") from error
        return cls(opening, number_of(lines[2].removeprefix(_INDEX)), path_of(lines[3:]), note)


def number_of(text: str) -> int:
    """Read a number with one spelling; raises ProofMalformed."""
    if not _NUMBER.fullmatch(text):
        raise ProofMalformed(f"{text[:20]!r} is no number")
    return int(text)


def path_lines(path: Sequence[bytes]) -> str:
    """Return the hashes of a proof, a line each."""
    return "".join(base64.b64encode(node).decode() + "\n" for node in path)


def path_of(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Read the hashes of a proof; raises ProofMalformed."""
    try:
        path = tuple(unbase64(line) for line in lines)
    except NoteMalformed as error:
        raise ProofMalformed("a hash of the proof is not base64") from error
    if len(path) > _LONGEST_PATH or any(len(node) != 32 for node in path):
        raise ProofMalformed(f"a proof has at most {_LONGEST_PATH} hashes of 32 bytes")
    return path


@dataclass(frozen=True, slots=True)
class Checked:
    """What a receipt proves: this leaf stands in the log of this head."""

    leaf: Leaf
    checkpoint: Checkpoint


def check_receipt(receipt: Receipt, key: VerifierKey) -> Checked:
    """Check signature, proof, leaf and whatever is disclosed.

    Raises NoteMalformed, SignatureInvalid, LeafMalformed or ProofInvalid: the receipt proves nothing then.
    """
    checkpoint = open_checkpoint(receipt.note, key)
    check_inclusion(receipt.opening.hash, receipt.index, checkpoint.size, receipt.path, checkpoint.root)
    leaf = receipt.opening.check()
    if leaf.seq != receipt.index or leaf.log != checkpoint.origin:
        raise ProofInvalid(f"the entry says that it is number {leaf.seq} of {leaf.log!r}, which it is not")
    return Checked(leaf, checkpoint)
