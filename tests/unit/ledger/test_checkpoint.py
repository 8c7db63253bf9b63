"""Signed notes, keys and key files: the same bytes as Go's, and nothing forged passes."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.ledger.checkpoint import (
    Checkpoint,
    Note,
    SigningKey,
    VerifierKey,
    open_checkpoint,
    sign_checkpoint,
)
from driftline.ledger.errors import KeyMalformed, NoteMalformed, SignatureInvalid

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
ORIGIN = "ledger.example.com/audit"
KEY = SigningKey(ORIGIN, bytes.fromhex(VECTORS["seed"]))
HEAD = Checkpoint(ORIGIN, 1000, bytes(range(32)))
NOTE = sign_checkpoint(HEAD, KEY)


def test_verifier_key_is_the_one_that_go_reads() -> None:
    assert KEY.verifier.encode() == VECTORS["vkey"]
    assert VerifierKey.parse(VECTORS["vkey"] + "\n") == KEY.verifier


@pytest.mark.parametrize("vector", VECTORS["trees"], ids=lambda v: str(v["n"]))
def test_notes_are_those_that_go_accepted(vector: dict[str, Any]) -> None:
    expected = Checkpoint(ORIGIN, vector["n"], b64decode(vector["root"]))
    assert open_checkpoint(vector["note"], KEY.verifier) == expected
    ours, witness = Note.parse(vector["note"]).signatures
    assert sign_checkpoint(expected, KEY) == Note(expected.text(), (ours,)).encode()
    assert witness.name == "witness.example.com/w1"


def test_key_file_survives_a_round_trip_and_hides_the_key() -> None:
    again = SigningKey.parse(KEY.encode() + "\n")
    assert again.verifier == KEY.verifier
    assert sign_checkpoint(HEAD, again) == NOTE
    assert repr(KEY) == f"SigningKey({ORIGIN!r})"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PRIVATE+KEY+",
        KEY.verifier.encode(),
        KEY.encode().replace("+A", "+B", 1) + "x",
        "PRIVATE+KEY+name+00000000+" + KEY.encode().split("+")[-1],
        KEY.encode()[:-4],
    ],
)
def test_damaged_key_file_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(KeyMalformed) as caught:
        SigningKey.parse(text)
    assert KEY.encode().split("+")[-1] not in str(caught.value)


@pytest.mark.parametrize("text", ["", "a+b", "a+b+c", VECTORS["witness_vkey"], "x" + VECTORS["vkey"], VECTORS["vkey"][:-4]])
def test_damaged_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(KeyMalformed):
        VerifierKey.parse(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b"])
def test_key_name_that_cannot_stand_in_a_note_is_refused(name: str) -> None:
    with pytest.raises(KeyMalformed):
        SigningKey(name, bytes(32))


@given(st.data())
def test_no_changed_note_opens(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(NOTE) - 1))
    put = data.draw(st.text(st.characters(codec="utf-8"), max_size=2))
    changed = NOTE[:at] + put + NOTE[at + data.draw(st.integers(0, 2)) :]
    if changed == NOTE:
        return
    with pytest.raises((NoteMalformed, SignatureInvalid)):
        open_checkpoint(changed, KEY.verifier)


@given(st.text(max_size=300))
def test_random_text_is_no_note(text: str) -> None:
    with pytest.raises((NoteMalformed, SignatureInvalid)):
        open_checkpoint(text, KEY.verifier)


def test_note_of_another_key_with_our_name_does_not_open() -> None:
    thief = SigningKey(ORIGIN, bytes(32))
    with pytest.raises(SignatureInvalid, match="not signed by"):
        open_checkpoint(sign_checkpoint(HEAD, thief), KEY.verifier)


def test_one_good_signature_does_not_excuse_a_bad_one_of_the_same_key() -> None:
    note = Note.parse(NOTE)
    bad = Note.parse(sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), KEY)).signatures[0]
    with pytest.raises(SignatureInvalid, match="wrong"):
        open_checkpoint(Note(note.text, (*note.signatures, bad)).encode(), KEY.verifier)


def test_head_of_another_log_signed_by_our_key_does_not_open() -> None:
    note = sign_checkpoint(Checkpoint("other.example.com/log", 5, bytes(32)), KEY)
    with pytest.raises(SignatureInvalid, match="of the log"):
        open_checkpoint(note, KEY.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n01\n" + "A" * 43 + "=\n",
        "o\n-1\n" + "A" * 43 + "=\n",
        "o\n1\nAAAA\n",
        "o\n1\n" + "A" * 43 + "=\nextension\n",
        "\n1\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 42 + "B=\n",
        "o\n\u0661\n" + "A" * 43 + "=\n",
    ],
)
def test_only_three_exact_lines_are_a_checkpoint(text: str) -> None:
    with pytest.raises(NoteMalformed):
        Checkpoint.parse(text)
