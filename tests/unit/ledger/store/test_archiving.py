"""Payloads in the archive: verified there, read from there, and gone for good once their salt is."""

from pathlib import Path

import pytest

from driftline.ledger.archive import object_name, pack, seal, unpack, unseal
from driftline.ledger.entries import Query
from driftline.ledger.errors import LedgerError, LedgerUnavailable, ProofMalformed
from driftline.ledger.keeping import DAY_US, Policy
from driftline.ledger.report import FindingKind, Level, Report, Verdict
from driftline.ledger.rows import EVERYTHING, Span
from driftline.ledger.store import Effort, LedgerWriter
from driftline.ledger.store.archiving import Archived, archive, payload_from
from driftline.ledger.store.erasing import Author, Subjected, erase, retain
from driftline.ledger.store.objects import UrlObjects
from driftline.ledger.store.verification import verify_store
from tests.unit.ledger.ledger_builders import KEY, Salts, draft, grow, writer_at
from tests.unit.ledger.store.test_verification import break_in

NOW = 400 * DAY_US
RANDOM = Salts()


def author() -> Author:
    return Author("carol", "older than a year", NOW, RANDOM)


@pytest.fixture
def writer(tmp_path: Path) -> LedgerWriter:
    """Entries 0..9 of alice, then 10..19 of a service."""
    writer = writer_at(tmp_path)
    grow(
        writer,
        [[draft(n, actor="alice", payload=f"secret {n}".encode()) for n in range(10)], [draft(n) for n in range(10, 20)]],
    )
    return writer


@pytest.fixture
def objects(tmp_path: Path) -> UrlObjects:
    return UrlObjects(f"file://{tmp_path}/archive")


@pytest.fixture
def archived(writer: LedgerWriter, objects: UrlObjects) -> Archived:
    (done,) = archive(writer, objects, author(), before=NOW)
    return done


def verified(writer: LedgerWriter, objects: UrlObjects | None, span: Span = EVERYTHING) -> Report:
    reports = [
        verify_store(writer.store, Level.FULL, key=KEY.verifier, archive=objects, span=span, effort=Effort(many=many, piece=16))
        for many in (0, 1_000)
    ]
    assert reports[0] == reports[1]
    return reports[0]


def test_archived_payloads_leave_the_database_and_verify_from_the_archive(
    writer: LedgerWriter, objects: UrlObjects, archived: Archived, tmp_path: Path
) -> None:
    assert (archived.seq, archived.entries) == (20, 20)
    for where in (None, objects):
        report = verified(writer, where)
        assert (report.verdict, report.archived, report.erased, report.unread) == (Verdict.VALID, 20, 0, ())
    with writer.store.snapshot() as snapshot:
        assert {(e.payload, e.details) for e in snapshot.entries(Query(limit=20))} == {(None, None)}
        assert payload_from(objects, snapshot, 3) == (b"secret 3", b'{"key":"k"}')
        assert payload_from(objects, snapshot, 20) is None  # never archived
    assert not any(b"secret 3" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert list(archive(writer, objects, author(), before=NOW)) == []  # nothing left


def test_only_what_retention_says_goes_to_the_archive(writer: LedgerWriter, objects: UrlObjects) -> None:
    assert list(archive(writer, objects, author())) == []
    retain(writer, "driftline.drift-events", Policy(archive_days=30), author())
    assert [done.entries for done in archive(writer, objects, author())] == [20]


def test_an_erased_person_is_gone_from_the_archive_too(writer: LedgerWriter, objects: UrlObjects, archived: Archived) -> None:
    erase(writer, Subjected("alice"), author())
    report = verified(writer, objects)
    assert (report.verdict, report.archived, report.erased) == (Verdict.VALID, 10, 10)
    with writer.store.snapshot() as snapshot:
        assert payload_from(objects, snapshot, 3) is None
        assert payload_from(objects, snapshot, 13) == (b"payload 13", b'{"key":"k"}')


def test_an_object_that_is_gone_cannot_be_verified(
    writer: LedgerWriter, objects: UrlObjects, archived: Archived, tmp_path: Path
) -> None:
    (tmp_path / "archive" / archived.object).unlink()
    report = verified(writer, objects)
    assert (report.verdict, report.unread, report.findings) == (Verdict.UNVERIFIABLE, (archived.object,), ())
    with writer.store.snapshot() as snapshot, pytest.raises(LedgerUnavailable, match="not in the archive"):
        payload_from(objects, snapshot, 3)


def test_an_object_of_which_all_is_erased_need_not_be_there(
    writer: LedgerWriter, objects: UrlObjects, archived: Archived, tmp_path: Path
) -> None:
    erase(writer, Subjected("nobody", mentions=()), author())
    erase(writer, Subjected("alice", resource=("model", "m0")), author())
    erase(writer, Subjected("nobody", resource=("model", "m1")), author())
    erase(writer, Subjected("nobody", resource=("model", "m2")), author())
    (tmp_path / "archive" / archived.object).unlink()
    assert verified(writer, objects).valid


def test_of_a_part_the_objects_are_read_that_it_reaches_into(writer: LedgerWriter, objects: UrlObjects, tmp_path: Path) -> None:
    first, second = (next(iter(archive(writer, objects, author(), before=before))) for before in (1_001, NOW))
    assert (first.entries, second.entries) == (10, 10)  # 0..9, and 10..19
    (tmp_path / "archive" / first.object).unlink()
    assert verified(writer, objects, Span(10, 20)).valid
    assert verified(writer, objects, Span(20)).valid
    assert verified(writer, objects, Span(9, 12)).unread == (first.object,)
    (tmp_path / "archive" / second.object).write_bytes(b"{}")
    assert [(f.sequence, f.kind) for f in verified(writer, objects, Span(14, 15)).findings] == [
        (14, FindingKind.ARCHIVE_CHANGED)
    ]
    assert verified(writer, objects, Span(0, 10)).findings == ()


@pytest.mark.parametrize("how", ["a byte", "cut", "another"])
def test_an_object_that_was_changed_is_tampering(
    writer: LedgerWriter, objects: UrlObjects, archived: Archived, tmp_path: Path, how: str
) -> None:
    file = tmp_path / "archive" / archived.object
    data = file.read_bytes()
    file.write_bytes({"a byte": data[:-20] + b"A" + data[-19:], "cut": data[:-90], "another": b"{}"}[how])
    report = verified(writer, objects)
    assert report.verdict is Verdict.TAMPERED
    assert [(f.sequence, f.kind) for f in report.findings] == [(0, FindingKind.ARCHIVE_CHANGED)]
    assert archived.object in report.findings[0].detail
    with writer.store.snapshot() as snapshot, pytest.raises(ProofMalformed):
        payload_from(objects, snapshot, 3)


def test_a_salt_taken_or_changed_without_an_entry_is_found(
    writer: LedgerWriter, objects: UrlObjects, archived: Archived, tmp_path: Path
) -> None:
    connection = break_in(tmp_path)
    connection.executescript(
        "UPDATE ledger_payload SET salt = zeroblob(32) WHERE seq = 4; DELETE FROM ledger_payload WHERE seq = 7"
    )
    connection.close()
    report = verified(writer, objects)
    assert {(f.sequence, f.kind) for f in report.findings} == {
        (4, FindingKind.ARCHIVE_CHANGED),
        (7, FindingKind.PAYLOAD_MISSING),
    }


def test_what_was_tampered_with_is_not_archived_as_if_it_were_sound(
    writer: LedgerWriter, objects: UrlObjects, tmp_path: Path
) -> None:
    connection = break_in(tmp_path)
    connection.executescript("UPDATE ledger_payload SET body = x'00' WHERE seq = 4")
    connection.close()
    with pytest.raises(LedgerError, match="entry 4"):
        list(archive(writer, objects, author(), before=NOW))
    assert writer.size == 20


def test_nothing_leaves_the_database_for_an_archive_that_holds_something_else(
    writer: LedgerWriter, objects: UrlObjects
) -> None:
    class Forgetful(UrlObjects):
        def put(self, name: str, data: bytes) -> None:
            super().put(name, data[:-1])

    with pytest.raises(LedgerUnavailable, match="something else"):
        list(archive(writer, Forgetful("memory://forgetful"), author(), before=NOW))
    assert verified(writer, None).archived == 0


def test_an_object_is_read_as_it_was_written() -> None:
    salts = [bytes([number]) * 32 for number in range(3)]
    sealed = [seal(salts[0], b"", None), seal(salts[1], b"x" * 70_000, b""), seal(salts[2], b"p", b"d")]
    data = pack("log", list(enumerate(sealed, 5)))
    found = unpack(data)
    assert [unseal(salt, found[5 + number]) for number, salt in enumerate(salts)] == [
        (b"", None),
        (b"x" * 70_000, b""),
        (b"p", b"d"),
    ]
    assert object_name(data, 5).startswith("payloads/000000000005-")
    with pytest.raises(ProofMalformed):
        unseal(salts[1], found[5])


@pytest.mark.parametrize("data", [b"", b"{}", b"[]\n", b"x\ny\n", b'{"format":"driftline-payloads/v1","entries":1}\n'])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ProofMalformed):
        unpack(data)
