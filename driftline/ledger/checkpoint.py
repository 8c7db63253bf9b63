r"""Signed heads of a log: C2SP tlog-checkpoint inside a C2SP signed note, Ed25519 (algorithm 1).

    checkpoint = origin "\\n" size "\\n" base64(root) "\\n"                 three lines, no extensions
    note       = checkpoint "\\n" 1*( "\\u2014 " name " " base64(keyid[4] || signature) "\\n" )
    keyid      = SHA-256(name || 0x0A || algorithm || public key)[:4]
    vkey       = name "+" hex(keyid) "+" base64(algorithm || public key)
    key file   = "PRIVATE+KEY+" name "+" hex(keyid) "+" base64(algorithm || seed)

A log that changed its key names the former ones below the new one, in the key file and beside it, newest first:
`vkey " until " size`. A former key counts for heads of at most that size: whoever finds it later signs nothing new by it.

Go's `golang.org/x/mod/sumdb/note` reads and writes the same notes, keys and key files.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from driftline.ledger.errors import KeyMalformed, NoteMalformed, SignatureInvalid

__all__ = [
    "MAX_NOTE",
    "Checkpoint",
    "Former",
    "Note",
    "Signature",
    "SigningKey",
    "VerifierKey",
    "decode_key",
    "encode_key",
    "is_name",
    "is_signature_line",
    "key_id",
    "open_checkpoint",
    "sign_checkpoint",
    "signed_text",
    "unbase64",
    "verifier_keys",
]

ED25519: Final = 1
PRIVATE: Final = "PRIVATE+KEY+"
_UNTIL: Final = " until "
_LENGTHS: Final[Mapping[int, int]] = {ED25519: 32}
MAX_NOTE: Final = 1_000_000
_MAX_SIGNATURES: Final = 100
_DASH: Final = "\u2014 "
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the three lines; raises NoteMalformed for anything else, extension lines included."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
            msg = "a checkpoint is origin, size and root, a line each"
            raise NoteMalformed(msg)
        root = unbase64(lines[2])
        if len(root) != 32:
            msg = "the root of a checkpoint has 32 bytes"
            raise NoteMalformed(msg)
        return cls(lines[0], int(lines[1]), root)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who, and the bytes after the key id."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line of the note."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signatures under it, in their order; none of them is checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> str:
        """Return the note as it travels."""
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    @classmethod
    def parse(cls, note: str) -> Note:
        """Read a note by the rules of C2SP signed-note; raises NoteMalformed."""
        if len(note) > MAX_NOTE or _CONTROL.search(note):
            msg = "a note is at most 1 MB of text without control characters"
            raise NoteMalformed(msg)
        cut = note.rfind("\n\n")
        if cut < 0 or not note.endswith("\n"):
            msg = "a note is a text, an empty line and signature lines"
            raise NoteMalformed(msg)
        lines = note[cut + 2 : -1].split("\n")
        if len(lines) > _MAX_SIGNATURES:
            msg = f"a note has at most {_MAX_SIGNATURES} signatures"
            raise NoteMalformed(msg)
        return cls(note[: cut + 1], tuple(_signature(line) for line in lines))


def is_signature_line(line: object) -> bool:
    """Tell whether this is one signature line of a note, with its end."""
    if not isinstance(line, str) or not line.endswith("\n") or any(c < " " for c in line[:-1]):
        return False
    try:
        _signature(line[:-1])
    except NoteMalformed:
        return False
    return True


def _signature(line: str) -> Signature:
    name, space, data = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_name(name):
        msg = "a signature line is a dash, a key name and base64"
        raise NoteMalformed(msg)
    raw = unbase64(data)
    if len(raw) < 5:
        msg = "a signature is longer than its key id"
        raise NoteMalformed(msg)
    return Signature(name, raw[:4], raw[4:])


def is_name(name: str) -> bool:
    """Tell whether a key may have this name: text without spaces and plus signs."""
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


def unbase64(data: str) -> bytes:
    """Decode base64 that has one spelling only; raises NoteMalformed for any other."""
    try:
        raw = base64.b64decode(data.encode("ascii"), validate=True)
    except (ValueError, binascii.Error) as error:
        msg = "not base64"
        raise NoteMalformed(msg) from error
    if base64.b64encode(raw).decode() != data:
        msg = "base64 with stray bits"
        raise NoteMalformed(msg)
    return raw


def key_id(name: str, algorithm: int, public: bytes) -> bytes:
    """Return the four bytes that name a key in a signature line."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:4]


def encode_key(name: str, algorithm: int, id_: bytes, data: bytes) -> str:
    """Return a key as text: `data` is the public key of a vkey, the seed in a key file."""
    return f"{name}+{id_.hex()}+{base64.b64encode(bytes([algorithm]) + data).decode()}"


def decode_key(text: str, lengths: Mapping[int, int]) -> tuple[str, int, bytes, bytes]:
    """Return name, algorithm, key id and data of a key whose data have the length of their algorithm; raises KeyMalformed.

    That the id belongs to the key is not checked yet.
    """
    name, _, rest = text.partition("+")
    id_, _, data = rest.partition("+")
    try:
        raw = unbase64(data)
    except NoteMalformed as error:
        msg = "a key is name+id+base64"
        raise KeyMalformed(msg) from error
    if not is_name(name) or not _KEY_ID.fullmatch(id_) or not raw or len(raw) - 1 != lengths.get(raw[0]):
        known = ", ".join(map(str, lengths))
        msg = f"a key is name+id+base64, here of algorithm {known} of C2SP signed-note"
        raise KeyMalformed(msg)
    return name, raw[0], bytes.fromhex(id_), raw[1:]


class Former(NamedTuple):
    """A key that a log had before: it signed heads of at most so many entries."""

    key: VerifierKey
    until: int


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public key of a log, with its name, and those that it had before."""

    name: str
    public: bytes
    former: tuple[Former, ...] = ()

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that name the key in a signature line."""
        return key_id(self.name, ED25519, self.public)

    def encode(self) -> str:
        """Return the vkey, without former ones."""
        return encode_key(self.name, ED25519, self.key_id, self.public)

    def lines(self) -> str:
        """Return the vkey and the former ones, as they stand in a file."""
        return "".join([f"{self.encode()}\n", *(f"{old.key.encode()}{_UNTIL}{old.until}\n" for old in self.former)])

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read the vkey of one log, former ones below it; raises KeyMalformed."""
        keys = verifier_keys(text)
        if len(keys) != 1:
            msg = "this is no verifier key: a line name+id+base64, former keys of the same log below it"
            raise KeyMalformed(msg)
        return next(iter(keys.values()))

    def signed(self, note: Note, size: int) -> tuple[Signature, ...]:
        """Return the signatures of this key, or of a former one in its time, under a head of that size; raises SignatureInvalid."""
        for key in (self, *(old.key for old in self.former if size <= old.until)):
            ours = tuple(s for s in note.signatures if (s.name, s.key_id) == (key.name, key.key_id))
            if not all(key.holds(signature, note.text) for signature in ours):
                msg = f"the signature of {self.name} is wrong"
                raise SignatureInvalid(msg)
            if ours:
                return ours
        msg = f"the checkpoint is not signed by {self.name}"
        raise SignatureInvalid(msg)

    def holds(self, signature: Signature, text: str) -> bool:
        """Tell whether the signature is this key's over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature.signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def verifier_keys(text: str) -> dict[str, VerifierKey]:
    """Read the vkeys of several logs, by name, each with the former ones below it; `#` begins a comment. Raises KeyMalformed."""
    keys: dict[str, VerifierKey] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            continue
        vkey, until, size = line.partition(_UNTIL)
        name, _, id_, public = decode_key(vkey, _LENGTHS)
        key, known = VerifierKey(name, public), keys.get(name)
        if key.key_id != id_:
            msg = "the key id of the verifier key does not belong to the key"
            raise KeyMalformed(msg)
        if bool(until) == (known is None) or (until and not _SIZE.fullmatch(size)):
            msg = f"of each log one key, and below it its former keys, each with '{_UNTIL.strip()}' and a size"
            raise KeyMalformed(msg)
        keys[name] = key if known is None else replace(known, former=(*known.former, Former(key, int(size))))
    return keys


class SigningKey:
    """The private key of a log. Its `repr` shows no key material."""

    __slots__ = ("_key", "_seed", "verifier")

    def __init__(self, name: str, seed: bytes, former: tuple[Former, ...] = ()) -> None:
        """Build a key from 32 random bytes; raises KeyMalformed for a name with spaces or plus signs."""
        if not is_name(name) or len(seed) != 32:
            msg = "a signing key has a name without spaces or '+', and a seed of 32 bytes"
            raise KeyMalformed(msg)
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = VerifierKey(name, self._key.public_key().public_bytes_raw(), former)

    def __repr__(self) -> str:
        """Name the key only."""
        return f"SigningKey({self.verifier.name!r})"

    def encode(self) -> str:
        """Return the contents of a key file: a secret."""
        secret = PRIVATE + encode_key(self.verifier.name, ED25519, self.verifier.key_id, self._seed)
        _, *former = self.verifier.lines().splitlines()
        return "\n".join([secret, *former])

    def successor(self, seed: bytes, until: int) -> SigningKey:
        """Return the key that signs heads of more than `until` entries in the place of this one."""
        mine = self.verifier
        return SigningKey(mine.name, seed, (Former(VerifierKey(mine.name, mine.public), until), *mine.former))

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read the contents of a key file; raises KeyMalformed."""
        stripped = text.strip()
        if not stripped.startswith(PRIVATE):
            msg = f"this is no signing key: it does not begin with {PRIVATE}"
            raise KeyMalformed(msg)
        secret, _, former = stripped.partition("\n")
        name, _, id_, seed = decode_key(secret.removeprefix(PRIVATE).strip(), _LENGTHS)
        key = cls(name, seed)
        if key.verifier.key_id != id_:
            msg = "the key id in the key file does not belong to the key"
            raise KeyMalformed(msg)
        return cls(name, seed, VerifierKey.parse(f"{key.verifier.encode()}\n{former}").former)

    def sign(self, text: str) -> Signature:
        """Sign a text."""
        return Signature(self.verifier.name, self.verifier.key_id, self._key.sign(text.encode()))


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> str:
    """Return the signed note of a head."""
    text = checkpoint.text()
    return Note(text, (key.sign(text),)).encode()


def signed_text(note: str) -> Checkpoint:
    """Return the head that a note speaks of, whoever signed it: for who made or checked the note already."""
    return Checkpoint.parse(Note.parse(note).text)


def open_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """Return the head that a note signs.

    Signatures of unknown keys (witnesses) are passed over. Raises NoteMalformed, or SignatureInvalid when
    the key's signature is missing or wrong, or when the note speaks of another log.
    """
    parsed = Note.parse(note)
    checkpoint = Checkpoint.parse(parsed.text)
    key.signed(parsed, checkpoint.size)
    if checkpoint.origin != key.name:
        msg = f"the checkpoint is of the log {checkpoint.origin!r}, not {key.name!r}"
        raise SignatureInvalid(msg)
    return checkpoint
