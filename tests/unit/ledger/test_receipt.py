"""Receipts and growth: what is right is proven, whatever is changed is refused, nothing crashes the check."""

import base64
import sqlite3
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.ledger.checkpoint import Checkpoint, SigningKey, sign_checkpoint
from driftline.ledger.entries import Query
from driftline.ledger.errors import LedgerError, LedgerUnavailable, ProofInvalid, SignatureInvalid
from driftline.ledger.growth import Growth, check_growth
from driftline.ledger.opening import Disclosed, Opening
from driftline.ledger.receipt import Receipt, check_receipt
from driftline.ledger.store import growth_of, receipt_of
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, ledger


@pytest.fixture(scope="module")
def receipts(tmp_path_factory: pytest.TempPathFactory) -> list[Receipt]:
    store = ledger(tmp_path_factory.mktemp("ledger"), 300).store
    with store.snapshot() as snapshot:
        return [receipt_of(snapshot, entry, payload=entry.seq % 2 == 0) for entry in snapshot.entries(Query(limit=None))]


@pytest.fixture(scope="module")
def growths(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Growth, str]]:
    store = ledger(tmp_path_factory.mktemp("ledger"), 300).store
    with store.snapshot() as snapshot:
        old = {row.size: row.note for row in snapshot.checkpoints() if row.note is not None}
        return {size: (growth_of(snapshot, size), note) for size, note in old.items()}


def test_every_receipt_is_proven_from_its_bytes_alone(receipts: list[Receipt]) -> None:
    for seq, receipt in enumerate(receipts):
        checked = check_receipt(Receipt.parse(receipt.encode()), KEY.verifier)
        assert (checked.leaf.seq, checked.checkpoint.size, checked.checkpoint.origin) == (seq, 300, ORIGIN)
        disclosed = receipt.opening.disclosed
        assert (disclosed and disclosed.payload) == (f"payload {seq}".encode() if seq % 2 == 0 else None)


@pytest.mark.parametrize("seq", [0, 7, 299])
def test_every_changed_byte_is_refused(receipts: list[Receipt], seq: int) -> None:
    data = receipts[seq].encode()
    for place in range(len(data)):
        for change in (1, 0x20):
            forged = bytearray(data)
            forged[place] ^= change
            with pytest.raises(LedgerError):
                check_receipt(Receipt.parse(bytes(forged)), KEY.verifier)


@given(st.data())
def test_cut_doubled_and_foreign_lines_are_refused(receipts: list[Receipt], data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(receipts)).encode().split(b"\n")
    at = data.draw(st.integers(0, len(lines) - 2))
    other = data.draw(st.sampled_from(receipts)).encode().split(b"\n")
    how = data.draw(st.sampled_from(["cut", "doubled", "swapped", "foreign"]))
    forged = list(lines)
    if how == "cut":
        del forged[at]
    elif how == "doubled":
        forged.insert(at, forged[at])
    elif how == "swapped":
        forged[at], forged[at + 1] = forged[at + 1], forged[at]
    else:
        forged[at] = data.draw(st.sampled_from(other))
    if forged == lines or (how == "doubled" and lines[at].startswith("— ".encode())):  # a signature may stand twice
        return
    with pytest.raises(LedgerError):
        check_receipt(Receipt.parse(b"\n".join(forged)), KEY.verifier)


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_nonsense_is_refused_and_never_crashes(noise: bytes) -> None:
    first = b"c2sp.org/tlog-proof@v1\nextra " + base64.b64encode(noise) + b"\nindex 0\n\n"
    for data in (noise, first + noise, b"old 3\n\n" + noise):
        with pytest.raises(LedgerError):
            check_receipt(Receipt.parse(data), KEY.verifier)
        with pytest.raises(LedgerError):
            check_growth(Growth.parse(data), "x", KEY.verifier)


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from(["leaf", "salt", "payload", "details", "x"]), st.none() | st.integers() | st.text(max_size=5)
    )
)
def test_any_json_as_entry_is_refused_or_read(value: object) -> None:
    try:
        data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return
    with pytest.raises(LedgerError):
        Opening.parse(data).check()


def test_a_receipt_of_a_forged_head_is_refused(receipts: list[Receipt]) -> None:
    receipt = receipts[0]
    thief = SigningKey(ORIGIN, bytes(32))
    forged = sign_checkpoint(Checkpoint(ORIGIN, 1, receipt.opening.hash), thief)
    with pytest.raises(SignatureInvalid):
        check_receipt(Receipt(receipt.opening, 0, (), forged), KEY.verifier)


def test_an_entry_of_another_log_or_place_is_refused(receipts: list[Receipt]) -> None:
    opening = receipts[5].opening
    alone = sign_checkpoint(Checkpoint(ORIGIN, 1, opening.hash), KEY)
    with pytest.raises(ProofInvalid, match="number 5"):
        check_receipt(Receipt(opening, 0, (), alone), KEY.verifier)


def test_a_payload_that_is_not_the_one_recorded_is_refused(receipts: list[Receipt]) -> None:
    opening = receipts[4].opening
    shown = opening.disclosed
    assert shown is not None
    for wrong in (
        Disclosed(shown.salt, b"another", shown.details),
        Disclosed(bytes(32), shown.payload, shown.details),
        Disclosed(shown.salt, shown.payload, None),
    ):
        with pytest.raises(ProofInvalid):
            Opening(opening.leaf, wrong).check()


def test_growth_is_proven_from_every_kept_head(growths: dict[int, tuple[Growth, str]]) -> None:
    for size, (growth, note) in growths.items():
        before, after = check_growth(Growth.parse(growth.encode()), note, KEY.verifier)
        assert (before.size, after.size) == (size, 300)


def test_growth_with_any_changed_byte_is_refused(growths: dict[int, tuple[Growth, str]]) -> None:
    growth, note = growths[130]
    data = growth.encode()
    for place in range(len(data)):
        forged = bytearray(data)
        forged[place] ^= 1
        with pytest.raises(LedgerError):
            check_growth(Growth.parse(bytes(forged)), note, KEY.verifier)


def test_growth_from_another_history_is_refused(growths: dict[int, tuple[Growth, str]]) -> None:
    rewritten = sign_checkpoint(Checkpoint(ORIGIN, 130, bytes(32)), KEY)
    with pytest.raises(ProofInvalid):
        check_growth(growths[130][0], rewritten, KEY.verifier)
    with pytest.raises(ProofInvalid, match="begins at 120"):
        check_growth(growths[120][0], growths[130][1], KEY.verifier)


def test_a_tampered_ledger_gives_no_receipt(tmp_path: Path) -> None:
    store = ledger(tmp_path, 20).store
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DROP TRIGGER ledger_entry_no_update")
    connection.execute("UPDATE ledger_entry SET entry_hash = zeroblob(32) WHERE seq = 7")
    connection.commit()
    connection.close()
    with store.snapshot() as snapshot:
        entry = snapshot.entry_at(3)
        assert entry is not None
        with pytest.raises(ProofInvalid, match="driftline ledger verify"):
            receipt_of(snapshot, entry, payload=False)
        with pytest.raises(ProofInvalid, match="driftline ledger verify"):
            growth_of(snapshot, 13)
        with pytest.raises(LedgerUnavailable):
            growth_of(snapshot, 21)


def test_nothing_is_proven_before_it_is_signed(tmp_path: Path) -> None:
    with ledger(tmp_path, 0).store.snapshot() as snapshot, pytest.raises(LedgerUnavailable, match="nothing is signed"):
        growth_of(snapshot, 0)
