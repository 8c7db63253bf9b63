"""What a witness cosigns and what it refuses, by the codes of C2SP tlog-witness."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.clock import ManualClock
from driftline.ledger.checkpoint import Checkpoint, Note, SigningKey, sign_checkpoint
from driftline.ledger.cosignature import Cosigner, cosigned
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.growth import Growth
from driftline.ledger.store import LedgerWriter, OffsetMove, growth_of
from driftline.ledger.store.erasing import Author, Subjected, erase
from services.audit.witness.cosigning import NotCosigned, Witness
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, SOURCE, Salts, draft, grow, writer_at
from tests.unit.services.audit.witness.log_and_witness import QUANTUM, SECONDS, W1, Log, witness_at

LOG = Log()


def cosign(witness: Witness, old: int, size: int, log: Log = LOG) -> Note:
    """Ask, and return the head with the cosignatures under it."""
    _, lines = witness.add_checkpoint(log.growth(old, size))
    return Note.parse(log.note(size) + lines)


def refusal(witness: Witness, body: bytes) -> tuple[int, int | None]:
    with pytest.raises(NotCosigned) as caught:
        witness.add_checkpoint(body)
    return caught.value.code, caught.value.size


def test_a_growing_log_is_cosigned_each_time(tmp_path: Path) -> None:
    witness = witness_at(tmp_path)
    for old, size in ((0, 1), (1, 7), (7, 64), (64, 64), (64, 300)):
        assert cosigned(cosign(witness, old, size), [W1.verifier]) == {W1.verifier: SECONDS}


def test_every_key_of_the_witness_cosigns(tmp_path: Path) -> None:
    witness = witness_at(tmp_path, (W1, QUANTUM))
    keys = [W1.verifier, QUANTUM.verifier]
    assert cosigned(cosign(witness, 0, 5), keys) == dict.fromkeys(keys, SECONDS)


def test_the_time_is_that_of_the_cosignature(tmp_path: Path) -> None:
    clock = ManualClock(SECONDS * 1_000_000)
    witness = witness_at(tmp_path, clock=clock)
    cosign(witness, 0, 5)
    clock.advance(90_000_000)
    assert cosigned(cosign(witness, 5, 5), [W1.verifier]) == {W1.verifier: SECONDS + 90}


def test_an_empty_log_is_cosigned_and_may_grow(tmp_path: Path) -> None:
    witness = witness_at(tmp_path)
    cosign(witness, 0, 0)
    cosign(witness, 0, 3)


def test_an_empty_log_with_the_root_of_another_is_refused(tmp_path: Path) -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), KEY)
    assert refusal(witness_at(tmp_path), Growth(0, (), note).encode()) == (409, 0)


def test_what_was_not_cosigned_last_is_a_conflict_that_says_the_size(tmp_path: Path) -> None:
    witness = witness_at(tmp_path)
    assert refusal(witness, LOG.growth(3, 8)) == (409, 0)
    cosign(witness, 0, 10)
    assert refusal(witness, LOG.growth(0, 20)) == (409, 10)
    assert refusal(witness, LOG.growth(9, 20)) == (409, 10)


def test_a_log_that_was_put_back_is_refused(tmp_path: Path) -> None:
    witness = witness_at(tmp_path)
    cosign(witness, 0, 10)
    assert refusal(witness, LOG.growth(5, 5)) == (409, 10)
    assert refusal(witness, LOG.growth(10, 10)[:3] + b"10" + LOG.growth(5, 5)[5:]) == (400, None)


def test_a_split_view_is_refused(tmp_path: Path) -> None:
    witness, other = witness_at(tmp_path), Log(other_from=4)
    cosign(witness, 0, 10)
    assert refusal(witness, other.growth(10, 10)) == (409, 10)
    assert refusal(witness, other.growth(10, 20)) == (422, None)
    mixed = Growth(10, LOG.path(10, 20), other.note(20)).encode()
    assert refusal(witness, mixed) == (422, None)
    cosign(witness, 10, 20)


def test_a_proof_from_nothing_must_be_empty(tmp_path: Path) -> None:
    body = Growth(0, (bytes(32),), LOG.note(5)).encode()
    assert refusal(witness_at(tmp_path), body) == (422, None)


def test_an_unknown_log_and_an_unknown_key_are_refused(tmp_path: Path) -> None:
    witness = witness_at(tmp_path)
    assert refusal(
        witness, Log(key=SigningKey("other.example.com/log", bytes(32)), origin="other.example.com/log").growth(0, 5)
    ) == (404, None)
    assert refusal(witness, Log(key=SigningKey(ORIGIN, bytes(32))).growth(0, 5)) == (403, None)
    assert refusal(witness, Log(key=SigningKey("other.example.com/log", bytes(32))).growth(0, 5)) == (403, None)


def test_signatures_of_others_are_passed_over_and_not_kept(tmp_path: Path) -> None:
    witness, stranger = witness_at(tmp_path), Cosigner("w2", bytes(32))
    note = Note.parse(LOG.note(5))
    shown = Note(note.text, (stranger.cosign(LOG.head(5), 1), *note.signatures)).encode()
    witness.add_checkpoint(Growth(0, (), shown).encode())
    kept = Note.parse(witness.latest(ORIGIN) or "")
    assert [signature.name for signature in kept.signatures] == [ORIGIN, W1.verifier.name]


def test_a_witness_that_was_started_again_goes_on(tmp_path: Path) -> None:
    cosign(witness_at(tmp_path), 0, 10)
    again = witness_at(tmp_path)
    assert refusal(again, Log(other_from=2).growth(10, 12)) == (422, None)
    cosign(again, 10, 12)


def test_what_cannot_be_written_is_not_cosigned(tmp_path: Path) -> None:
    witness = witness_at(tmp_path)
    with sqlite3.connect(tmp_path / "witness.db") as connection:
        connection.execute("DROP TABLE witness_head")
    connection.close()
    with pytest.raises(LedgerUnavailable):
        witness.add_checkpoint(LOG.growth(0, 5))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 00\n\n" + LOG.note(5).encode(),
        b"old -1\n\n" + LOG.note(5).encode(),
        b"new 0\n\n" + LOG.note(5).encode(),
        b"old 0\n\n" + LOG.note(5).encode()[:-1],
        b"old 0\nAAAA\n\n" + LOG.note(5).encode(),
        b"old 1\n" + b"%s\n" % (b"A" * 43 + b"=") * 64 + b"\n" + LOG.note(5).encode(),
        b"old 0\n\n" + LOG.note(5).replace("\n5\n", "\n5\n\n").encode(),
        b"\xff\xfe",
    ],
)
def test_what_is_no_request_is_refused_as_such(tmp_path: Path, body: bytes) -> None:
    assert refusal(witness_at(tmp_path), body) == (400, None)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_no_changed_request_is_cosigned(tmp_path: Path, data: st.DataObject) -> None:
    witness = witness_at(tmp_path)
    if witness.latest(ORIGIN) is None:
        cosign(witness, 0, 10)
    good = LOG.growth(10, 23)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.binary(max_size=2)) + good[at + data.draw(st.integers(0, 2)) :]
    before = witness.latest(ORIGIN)
    if changed != good:
        assert refusal(witness, changed)[0] in {400, 403, 404, 409, 422}
    assert witness.latest(ORIGIN) == before


def test_a_second_history_of_a_ledger_of_many_topics_is_refused_though_its_erasures_are_the_same(tmp_path: Path) -> None:
    """Two ledgers by the same key, of two topics and three partitions, erased alike: of one record the other has another payload."""
    ours, theirs = (mixed_ledger(tmp_path / name, payload) for name, payload in (("ours", b"is"), ("theirs", b"was")))
    witness = witness_at(tmp_path)
    with ours.store.snapshot() as snapshot:
        assert snapshot.erased_subjects() == 1
        witness.add_checkpoint(growth_of(snapshot, 0).encode())
    grow(theirs, [[draft(100)]])
    with theirs.store.snapshot() as snapshot:
        assert snapshot.head().size == ours.size + 1
        for growth in (growth_of(snapshot, ours.size), growth_of(snapshot, 0)):
            with pytest.raises(NotCosigned):
                witness.add_checkpoint(growth.encode())
    grow(ours, [[draft(100)]])
    with ours.store.snapshot() as snapshot:
        assert witness.add_checkpoint(growth_of(snapshot, ours.size - 1).encode())


def mixed_ledger(folder: Path, payload: bytes) -> LedgerWriter:
    folder.mkdir()
    writer = writer_at(folder)
    sources = [SOURCE, SOURCE._replace(partition=7), SOURCE._replace(topic="driftline.health", topic_id="t9")]
    at = writer.positions(sources)
    for number, source in enumerate(sources):
        drafts = [
            draft(n, source=source, actor="alice", ce_id=f"{number} {n}", payload=payload if (number, n) == (1, 3) else None)
            for n in range(9)
        ]
        writer.append(drafts, [OffsetMove(at[source].source_id, 0, 9)], now=1_000 + number)
    erased = erase(writer, Subjected("alice"), Author("carol", "asked for", 2_000, Salts()))
    assert erased is not None
    assert erased.entries == 27
    return writer
