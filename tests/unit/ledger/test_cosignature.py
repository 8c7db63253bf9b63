"""Cosignatures and their keys: those that Go accepted, and nothing forged."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.ledger.checkpoint import Checkpoint, Note, Signature, SigningKey, sign_checkpoint
from driftline.ledger.cosignature import Algorithm, Cosigner, CosignerKey, cosigned, cosigner_keys, cosigners
from driftline.ledger.errors import KeyMalformed, SignatureInvalid

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
WITNESS = CosignerKey.parse(VECTORS["witness_vkey"])
HEAD = Checkpoint("ledger.example.com/audit", 1000, bytes(range(32)))
KEYS = {algorithm: Cosigner("witness.example.com/w1", bytes(range(32)), algorithm) for algorithm in Algorithm}
BOTH = pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.verifier.algorithm.name)


@pytest.mark.parametrize("vector", VECTORS["trees"], ids=lambda v: str(v["n"]))
def test_cosignatures_are_those_that_go_accepted(vector: dict[str, Any]) -> None:
    assert cosigned(Note.parse(vector["note"]), [WITNESS]) == {WITNESS: 1_700_000_000}


def test_the_example_of_the_format_has_the_key_id_that_it_shows() -> None:
    # C2SP tlog-cosignature: the line of witness.example.com/w1 begins with this id.
    assert WITNESS.name == "witness.example.com/w1"
    assert WITNESS.encode() == VECTORS["witness_vkey"]


@BOTH
def test_a_cosignature_tells_its_time(key: Cosigner) -> None:
    assert key.verifier.time_of(key.cosign(HEAD, 1_700_000_000), HEAD) == 1_700_000_000


@BOTH
def test_a_cosignature_is_of_one_head_one_time_and_one_key(key: Cosigner) -> None:
    made = key.cosign(HEAD, 1_700_000_000)
    others = (
        (made, Checkpoint(HEAD.origin, 1001, HEAD.root)),
        (made, Checkpoint("other", 1000, HEAD.root)),
        (made, Checkpoint(HEAD.origin, 1000, bytes(32))),
        (Signature(made.name, made.key_id, (1_700_000_001).to_bytes(8) + made.signature[8:]), HEAD),
        (Signature(made.name, made.key_id, made.signature[:-1]), HEAD),
        (Signature(made.name, made.key_id, made.signature + b"\0"), HEAD),
        (Signature(made.name, made.key_id, b"\xff" + made.signature[1:]), HEAD),
        (Signature("else", made.key_id, made.signature), HEAD),
        (Signature(made.name, bytes(4), made.signature), HEAD),
    )
    for signature, head in others:
        with pytest.raises(SignatureInvalid):
            key.verifier.time_of(signature, head)


def test_a_key_that_signs_plain_notes_does_not_cosign_by_it() -> None:
    log = SigningKey(HEAD.origin, bytes(32))
    cosigner = CosignerKey(HEAD.origin, Algorithm.ED25519, log.verifier.public)
    assert cosigned(Note.parse(sign_checkpoint(HEAD, log)), [cosigner]) == {}


@BOTH
def test_keys_survive_a_round_trip_and_hide_the_secret(key: Cosigner) -> None:
    assert Cosigner.parse(key.encode() + "\n").verifier == key.verifier
    assert CosignerKey.parse(key.verifier.encode() + "\n") == key.verifier
    assert repr(key) == f"Cosigner('witness.example.com/w1', {key.verifier.algorithm.name})"


@BOTH
def test_damaged_keys_are_refused_without_showing_them(key: Cosigner) -> None:
    secret, public = key.encode(), key.verifier.encode()
    for text in ("", public, secret[:-4], secret.replace("w1+", "w2+"), secret.replace("PRIVATE", "private")):
        with pytest.raises(KeyMalformed) as caught:
            Cosigner.parse(text)
        assert secret.split("+")[-1] not in str(caught.value)
    for text in ("", secret, public[:-4], public.replace("w1+", "w2+"), VECTORS["vkey"]):
        with pytest.raises(KeyMalformed):
            CosignerKey.parse(text)


def test_a_key_file_has_keys_of_one_name() -> None:
    lines = "\n".join(key.encode() for key in KEYS.values())
    assert [key.verifier for key in cosigners(lines + "\n")] == [key.verifier for key in KEYS.values()]
    for text in ("", lines + "\n" + Cosigner("w2", bytes(32)).encode()):
        with pytest.raises(KeyMalformed):
            cosigners(text)
    vkeys = "\n".join(key.verifier.encode() for key in KEYS.values())
    assert cosigner_keys(vkeys) == tuple(key.verifier for key in KEYS.values())


def test_wrong_lines_and_lines_of_strangers_count_for_nothing() -> None:
    key = KEYS[Algorithm.ED25519]
    good, later = key.cosign(HEAD, 5), key.cosign(HEAD, 9)
    wrong = Signature(good.name, good.key_id, bytes(72))
    stranger = Cosigner("w2", bytes(32)).cosign(HEAD, 7)
    note = Note(HEAD.text(), (wrong, stranger, later, good))
    assert cosigned(note, [key.verifier]) == {key.verifier: 9}


@given(st.data())
@settings(max_examples=150)
def test_no_changed_cosignature_counts(data: st.DataObject) -> None:
    key = KEYS[Algorithm.ED25519]
    made = key.cosign(HEAD, 1_700_000_000)
    at = data.draw(st.integers(0, len(made.signature) - 1))
    put = data.draw(st.binary(max_size=2))
    changed = made.signature[:at] + put + made.signature[at + data.draw(st.integers(0, 2)) :]
    if changed == made.signature or not changed:
        return
    assert cosigned(Note(HEAD.text(), (Signature(made.name, made.key_id, changed),)), [key.verifier]) == {}
