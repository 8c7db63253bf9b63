"""Messages kept beside their digest: Avro container files, each message of which can be proven against the ledger.

A file holds the messages of one digest, in the order of their offsets, as records of `SCHEMA` (Avro 1.12, "Object Container
Files"): any Avro reader reads it. The digest's Merkle root, in the log, is over exactly these messages. A proof is

    JCS {"format", "index", "message": {"headers", "key", "offset", "value"}, "path": [base64], "receipt": text}

with the way from the message to the root, and the receipt of the digest's entry with what it says. It needs no database. A tree
has contents and order; the offset follows where no offset of the range is without a message (an aborted one, a marker), and
else lies within the range.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, NamedTuple

import fastavro
import orjson
from fastavro.schema import to_parsing_canonical_form

from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.digest import message_hash, parse_statement
from driftline.ledger.errors import ProofInvalid, ProofMalformed
from driftline.ledger.leaf import Source, canonical
from driftline.ledger.proofs import check_inclusion
from driftline.ledger.receipt import Checked, Receipt, check_receipt, path_of
from driftline.ledger.records import DIGEST, Record
from driftline.ledger.tree import Frontier, inclusion_proof
from driftline.wording import amount

__all__ = [
    "Kept",
    "MessageProof",
    "check_message",
    "check_messages",
    "file_name",
    "kept_of",
    "pack_messages",
    "prove_message",
    "unpack_messages",
]

FORMAT: Final = "driftline-message/v1"
SCHEMA: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "driftline.ledger.KeptMessage",
        "fields": [
            {"name": "offset", "type": "long"},
            {"name": "append_ms", "type": "long"},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
            {
                "name": "headers",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "driftline.ledger.KeptHeader",
                        "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": ["null", "bytes"]}],
                    },
                },
            },
        ],
    }
)
_CODEC: Final = "deflate"
_CANONICAL: Final = to_parsing_canonical_form(SCHEMA)
_MARK: Final = 16
_SMALL: Final = 1 << 26
_RATIO: Final = 100
"""Deflate goes up to a thousand; messages that differ in their ids stay far below this."""


class Kept(NamedTuple):
    """A message as it was in the topic."""

    offset: int
    append_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def hash(self) -> bytes:
        """Return what the digest's tree has of it."""
        return message_hash(self.key, self.value, self.headers)


def kept_of(record: Record) -> Kept:
    """Return a record of a topic as it is kept."""
    return Kept(record.offset(), record.timestamp()[1], record.key(), record.value(), tuple(record.headers() or ()))


def file_name(source: Source) -> str:
    """Return the name of the file of a digest: topic, its id, partition, and the range."""
    return f"messages/{source.topic}/{source.topic_id}/{source.partition}/{source.start:020}-{source.end:020}.avro"


def pack_messages(source: Source, messages: Iterable[Kept]) -> bytes:
    """Return the file of a digest; the same messages give the same bytes."""
    records = [
        {**message._asdict(), "headers": [{"name": name, "value": value} for name, value in message.headers]}
        for message in messages
    ]
    file = io.BytesIO()
    mark = sha256(file_name(source).encode()).digest()[:16]
    fastavro.writer(file, SCHEMA, records, codec=_CODEC, sync_marker=mark)
    return file.getvalue()


def unpack_messages(data: bytes) -> list[Kept]:
    """Read a file; raises ProofMalformed for bytes that are none, or that unpack to absurdly many."""
    try:
        file = io.BytesIO(data)
        reader = fastavro.reader(file)
        _refuse_bomb(reader, data, file.tell())
        records: list[Any] = list(reader)
        return [
            Kept(**{**record, "headers": tuple((pair["name"], pair["value"]) for pair in record["headers"])})
            for record in records
        ]
    except ProofMalformed:
        raise
    except Exception as error:  # whatever the decoder stumbles over
        raise ProofMalformed(f"this is no file of messages: {error}") from error


def _refuse_bomb(reader: fastavro.reader, data: bytes, at: int) -> None:
    """Raise ProofMalformed where the blocks, of which the first begins at `at`, hold more than a file of this size can.

    Of another schema, or by another codec, a few bytes could be billions of records.
    """
    if (reader.codec, to_parsing_canonical_form(reader.writer_schema)) != (_CODEC, _CANONICAL):
        raise ProofMalformed("this is no file of messages: it has another schema or codec")
    left = max(_SMALL, _RATIO * len(data))
    while at < len(data):
        _, at = _long(data, at)
        size, at = _long(data, at)
        if size < 0:
            raise ProofMalformed("this is no file of messages: a block has less than no bytes")
        left -= len(zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[at : at + size], left + 1))
        if left < 0:
            raise ProofMalformed(
                f"this is no file of messages: {len(data)} bytes that unpack to more than {_RATIO} times as many"
            )
        at += size + _MARK


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Return the Avro long at a place, and the place behind it; raises IndexError at the end of the data."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value >> 1 ^ -(value & 1), at
        if shift > 63:
            raise ProofMalformed("this is no file of messages: a number has more than ten bytes")


def check_messages(messages: Sequence[Kept], source: Source, statement: bytes) -> None:
    """Raise ProofInvalid unless these are, all of them and in order, the messages that a digest is about."""
    _, _, count, root = parse_statement(statement)
    if len(messages) != count:
        raise ProofInvalid(f"the digest counts {amount(count, 'message')}, the file has {len(messages)}")
    offsets = [source.start - 1, *(message.offset for message in messages), source.end]
    if any(before >= after for before, after in pairwise(offsets)):
        raise ProofInvalid("the offsets of the file are not those of the digest's range")
    tree = Frontier()
    tree.extend([message.hash() for message in messages])
    if tree.root() != root:
        raise ProofInvalid("the messages of the file are not those that were digested")


@dataclass(frozen=True, slots=True)
class MessageProof:
    """A message, its place and way in the digest's tree, and the receipt of the digest; nothing is checked yet."""

    message: Kept
    index: int
    path: tuple[bytes, ...]
    receipt: Receipt

    def encode(self) -> bytes:
        """Return the proof as a file."""
        message = self.message
        return canonical(
            {
                "format": FORMAT,
                "index": self.index,
                "message": {
                    "headers": [[name, _text(value)] for name, value in message.headers],
                    "key": _text(message.key),
                    "offset": message.offset,
                    "value": _text(message.value),
                },
                "path": [_text(node) for node in self.path],
                "receipt": self.receipt.encode().decode(),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> MessageProof:
        """Read what `encode` wrote; raises ProofMalformed for anything else."""
        try:
            said: Any = orjson.loads(data)
            told = said["message"]
            headers = tuple((str(name), _bytes(value)) for name, value in told["headers"])
            message = Kept(int(told["offset"]), 0, _bytes(told["key"]), _bytes(told["value"]), headers)
            proof = cls(message, int(said["index"]), path_of(said["path"]), Receipt.parse(said["receipt"].encode()))
            same = proof.encode() == data
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProofMalformed("the proof of a message cannot be read") from error
        if not same:
            raise ProofMalformed("the proof of a message is not in its one form")
        return proof


def prove_message(messages: Sequence[Kept], offset: int, receipt: Receipt) -> MessageProof:
    """Return the proof of the message at an offset; raises LookupError if there is none."""
    index = next((place for place, message in enumerate(messages) if message.offset == offset), None)
    if index is None:
        raise LookupError(f"no committed message has the offset {offset}")
    hashes = [message.hash() for message in messages]
    tree = _Levels(hashes)
    return MessageProof(messages[index], index, tuple(inclusion_proof(tree.fetch, index, len(hashes))), receipt)


class _Levels:
    """The stored levels of a tree that is at hand as a whole."""

    def __init__(self, hashes: list[bytes]) -> None:
        self._levels: dict[int, list[bytes]] = {0: hashes}
        for node in Frontier().extend(hashes):
            self._levels.setdefault(node.level, []).append(node.hash)

    def fetch(self, level: int, first: int, end: int) -> list[bytes]:
        return self._levels.get(level, [])[first:end]


def check_message(proof: MessageProof, key: VerifierKey) -> tuple[Checked, Source]:
    """Check everything; returns what the receipt proves, and the range that the digest is about.

    Raises as `check_receipt`, LeafMalformed or ProofInvalid: the proof proves nothing then.
    """
    checked = check_receipt(proof.receipt, key)
    shown, source = proof.receipt.opening.disclosed, checked.leaf.source
    if checked.leaf.action != DIGEST or source is None or shown is None:
        raise ProofInvalid("the receipt is not that of a digest with what it says")
    start, end, count, root = parse_statement(shown.payload)
    if (start, end) != (source.start, source.end) or not start <= proof.message.offset < end:
        raise ProofInvalid("the digest is about other offsets")
    if count == end - start and proof.message.offset != start + proof.index:
        raise ProofInvalid("the digest has another message at this offset")
    check_inclusion(proof.message.hash(), proof.index, count, proof.path, root)
    return checked, source


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
