"""Files of messages, and the proof of one."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.digest import DigestBuilder
from driftline.ledger.errors import LedgerError, ProofInvalid, ProofMalformed, SignatureInvalid
from driftline.ledger.leaf import Source
from driftline.ledger.messages import (
    SCHEMA,
    Kept,
    MessageProof,
    check_message,
    check_messages,
    file_name,
    pack_messages,
    prove_message,
    unpack_messages,
)
from driftline.ledger.records import digest_draft
from driftline.ledger.store import OffsetMove
from driftline.ledger.store.proving import receipt_of
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, SOURCE, salt, writer_at


def message(offset: int) -> Kept:
    headers = (("ce_id", b"%d" % offset), ("empty", None))
    return Kept(offset, 1_700_000_000_000 + offset, b"k", b"prediction %d" % offset, headers)


def statement(messages: list[Kept], source: Source) -> bytes:
    digest = DigestBuilder(source.start)
    for one in messages:
        digest.add(one.key, one.value, one.headers, one.append_ms)
    return digest.statement(source.end)


def source(start: int, end: int) -> Source:
    return Source(*SOURCE, start, end)


def proven(folder: Path, messages: list[Kept], offset: int, end: int) -> MessageProof:
    """The proof out of a ledger that holds one digest of [0, end)."""
    writer = writer_at(folder)
    place = writer.positions([SOURCE])[SOURCE]
    draft = digest_draft(source(0, end), statement(messages, source(0, end)), event_ts=None, salt=salt(1))
    writer.append([draft], [OffsetMove(place.source_id, 0, end)], now=1_000)
    with writer.store.snapshot() as snapshot:
        entry = snapshot.entry_at(0)
        assert entry is not None
        return prove_message(messages, offset, receipt_of(snapshot, entry, payload=True))


texts = st.none() | st.binary(max_size=20)


@hypothesis_settings(max_examples=50)
@given(st.lists(st.tuples(texts, texts, st.lists(st.tuples(st.text(max_size=5), texts), max_size=3)), max_size=6))
def test_a_file_is_read_as_it_was_written_and_is_that_of_its_digest(
    bodies: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]],
) -> None:
    messages = [Kept(3 + 2 * n, n, key, value, tuple(headers)) for n, (key, value, headers) in enumerate(bodies)]
    of = source(3, 20)
    data = pack_messages(of, messages)
    assert data == pack_messages(of, messages)
    assert unpack_messages(data) == messages
    check_messages(messages, of, statement(messages, of))


def test_other_messages_are_not_those_of_the_digest() -> None:
    messages, of = [message(n) for n in range(5)], source(0, 5)
    said = statement(messages, of)
    for wrong in (
        messages[:-1],
        [*messages[:-1], message(4)._replace(value=b"x")],
        [*messages[:-1], message(4)._replace(offset=7)],
        [messages[1], messages[0], *messages[2:]],
        [*messages[:-1], message(4)._replace(headers=())],
    ):
        with pytest.raises(ProofInvalid):
            check_messages(wrong, of, said)


@pytest.mark.parametrize("data", [b"", b"Obj\x01", b"nonsense", pack_messages(source(0, 2), [message(0)])[:-20]])
def test_what_is_no_file_is_refused(data: bytes) -> None:
    with pytest.raises(ProofMalformed):
        unpack_messages(data)


def test_a_file_that_unpacks_to_absurdly_much_is_refused_before_it_does() -> None:
    bomb = pack_messages(source(0, 1), [message(0)._replace(value=bytes(80_000_000))])
    assert len(bomb) < 100_000
    with pytest.raises(ProofMalformed, match="unpack to more than"):
        unpack_messages(bomb)
    assert unpack_messages(pack_messages(source(0, 1), [message(0)._replace(value=bytes(1_000_000))]))


@pytest.mark.parametrize(
    ("schema", "records", "codec"),
    [({"type": "array", "items": "null"}, [[None] * 1_000_000], "deflate"), (SCHEMA, [], "null"), ("long", [1], "deflate")],
)
def test_a_file_of_another_schema_or_codec_is_refused(schema: Any, records: list[object], codec: str) -> None:
    file = io.BytesIO()
    fastavro.writer(file, schema, records, codec=codec)
    with pytest.raises(ProofMalformed, match="another schema or codec"):
        unpack_messages(file.getvalue())


def test_the_name_says_what_the_file_is_about() -> None:
    expected = "messages/driftline.drift-events/topic-1/0/00000000000000000003-00000000000000000020.avro"
    assert file_name(source(3, 20)) == expected


@pytest.mark.parametrize("count", [1, 2, 7, 256, 300])
def test_every_message_is_proven_without_a_database(tmp_path: Path, count: int) -> None:
    messages = [message(n) for n in range(count)]
    for offset in {0, count // 2, count - 1}:
        folder = tmp_path / str(offset)
        folder.mkdir()
        data = proven(folder, messages, offset, count).encode()
        checked, of = check_message(MessageProof.parse(data), KEY.verifier)
        assert (checked.leaf.seq, checked.checkpoint.origin, of) == (0, ORIGIN, source(0, count))
        assert MessageProof.parse(data).message[2:] == messages[offset][2:]


def test_an_offset_without_a_message_cannot_be_proven(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="offset 1"):
        proven(tmp_path, [message(0), message(2)], 1, 3)


def test_a_proof_of_something_else_is_refused(tmp_path: Path) -> None:
    proof = proven(tmp_path, [message(n) for n in range(5)], 3, 5)
    forged = [
        replace(proof, message=proof.message._replace(value=b"another")),
        replace(proof, message=proof.message._replace(offset=4)),
        replace(proof, message=proof.message._replace(offset=9)),
        replace(proof, index=2),
        replace(proof, path=proof.path[:-1]),
        replace(proof, receipt=replace(proof.receipt, opening=replace(proof.receipt.opening, disclosed=None))),
    ]
    for wrong in forged:
        with pytest.raises(ProofInvalid):
            check_message(wrong, KEY.verifier)
    with pytest.raises(SignatureInvalid):
        check_message(proof, SigningKey(ORIGIN, bytes(32)).verifier)


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 255))
def test_no_changed_byte_goes_unnoticed(flipped_at: int, byte: int) -> None:
    data = bytearray(PROOF)
    at = flipped_at % len(data)
    data[at] ^= byte
    if bytes(data) == PROOF:
        return
    with pytest.raises(LedgerError):
        check_message(MessageProof.parse(bytes(data)), KEY.verifier)


def test_a_proof_has_one_spelling() -> None:
    with pytest.raises(ProofMalformed, match="one form"):
        MessageProof.parse(PROOF.replace(b'{"format"', b'{ "format"'))
    for wrong in ({}, [], 5, {"message": 5}, {"message": {"headers": 5}}):
        with pytest.raises(ProofMalformed):
            MessageProof.parse(orjson.dumps(wrong))
    assert base64.b64encode(b"prediction 1") in PROOF


def _proof() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return proven(Path(folder), [message(n) for n in range(3)], 1, 3).encode()


PROOF = _proof()
