"""Payloads go by an entry that says so; what goes otherwise is found missing."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftline.ledger.chain import Draft
from driftline.ledger.entries import Query
from driftline.ledger.errors import WithdrawalRefused
from driftline.ledger.keeping import DAY_US, Policy, Scope
from driftline.ledger.report import FindingKind, Level, Report, Verdict
from driftline.ledger.store import Effort, LedgerWriter
from driftline.ledger.store.doctor import examine
from driftline.ledger.store.erasing import Author, Subjected, erase, expire, hold, release, retain
from driftline.ledger.store.verification import verify_store
from driftline.ledger.withdrawal import ERASED
from tests.unit.ledger.ledger_builders import KEY, SOURCE, Salts, draft, grow, writer_at
from tests.unit.ledger.store.test_verification import break_in

NOW = 400 * DAY_US
RANDOM = Salts()


def author(now: int = NOW) -> Author:
    return Author("carol", "Article 17, request 4711", now, RANDOM)


def by(name: str, numbers: range) -> list[Draft]:
    return [draft(number, actor=name, payload=f"said by {name} in {number}".encode()) for number in numbers]


@pytest.fixture
def writer(tmp_path: Path) -> LedgerWriter:
    """0..9 alice, 10..19 bob, 20..24 alice, 25..29 a service."""
    writer = writer_at(tmp_path)
    grow(writer, [by("alice", range(10)), by("bob", range(10, 20)), by("alice", range(20, 25)), by("service:x", range(25, 30))])
    return writer


def verified(writer: LedgerWriter, *, key: bool = True) -> Report:
    reports = [
        verify_store(writer.store, Level.FULL, key=KEY.verifier if key else None, effort=Effort(many=many, piece=16))
        for many in (0, 1_000)
    ]
    assert reports[0] == reports[1]
    return reports[0]


def found(report: Report) -> list[tuple[int | None, FindingKind]]:
    return [(finding.sequence, finding.kind) for finding in report.findings]


def test_an_erased_person_is_gone_and_the_ledger_is_valid(writer: LedgerWriter, tmp_path: Path) -> None:
    done = erase(writer, Subjected("alice"), author())
    assert done is not None
    assert (done.seq, done.entries, done.purged) == (30, 15, True)
    report = verified(writer)
    assert (report.verdict, report.entries, report.erased) == (Verdict.VALID, 31, 15)
    with writer.store.snapshot() as snapshot:
        gone = list(snapshot.entries(Query(actor=done.subject, limit=None)))
        assert [(e.payload, e.salt, e.details, e.actor_name) for e in gone] == [(None, None, None, None)] * 15
        assert list(snapshot.entries(Query(actor="alice"))) == []
        statement = snapshot.entry_at(30)
    assert statement is not None
    assert statement.payload is not None
    assert statement.payload == b'{"entries":[[0,10],[20,25]],"reason":"Article 17, request 4711","v":1}'
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"alice" not in left
    assert b"said by bob" in left


def test_what_mentions_a_person_or_is_about_a_resource_goes_if_asked(writer: LedgerWriter) -> None:
    grow(writer, [[draft(30, payload=b"alice did it"), draft(31, resource=("applicant", "a-1")), draft(32)]])
    done = erase(writer, Subjected("alice", mentions=("alice",), resource=("applicant", "a-1")), author())
    assert done is not None
    assert done.entries == 17
    assert verified(writer).erased == 17


def test_a_person_of_whom_there_is_nothing_is_not_erased(writer: LedgerWriter) -> None:
    assert erase(writer, Subjected("mallory"), author()) is None
    assert writer.size == 30
    with pytest.raises(WithdrawalRefused, match="no person"):
        erase(writer, Subjected("service:x"), author())


def test_who_comes_back_after_an_erasure_is_somebody_new(writer: LedgerWriter) -> None:
    first = erase(writer, Subjected("alice"), author())
    grow(writer, [by("alice", range(30, 32))])
    again = erase(writer, Subjected("alice"), author())
    assert first is not None
    assert again is not None
    assert (again.entries, again.subject != first.subject) == (2, True)
    assert verified(writer).valid


def test_another_writer_forgets_the_name_too(writer: LedgerWriter, tmp_path: Path) -> None:
    other = writer_at(tmp_path)
    erase(other, Subjected("alice"), author())
    grow(writer, [by("alice", range(30, 31))])  # it had the pseudonym at hand
    report = verified(writer)
    assert (report.valid, found(report)) == (True, [])


def test_a_ledgers_own_statements_are_never_erased(writer: LedgerWriter) -> None:
    erase(writer, Subjected("bob"), author())
    done = erase(writer, Subjected("carol", mentions=("entries",)), author())
    assert done is not None
    assert done.entries == 0
    assert verified(writer).erased == 10


ATTACKS = {
    "a payload deleted without an entry": ("DELETE FROM ledger_payload WHERE seq = 12", 12, FindingKind.PAYLOAD_MISSING),
    "a body taken out": (
        "UPDATE ledger_payload SET body = NULL, details = NULL WHERE seq = 12",
        12,
        FindingKind.PAYLOAD_MISSING,
    ),
    "withdrawal rows forged": (
        "INSERT INTO ledger_withdrawal VALUES (12, 30); DELETE FROM ledger_payload WHERE seq = 12",
        12,
        FindingKind.PAYLOAD_MISSING,
    ),
    "the erasure's own statement deleted": ("DELETE FROM ledger_payload WHERE seq = 30", 0, FindingKind.PAYLOAD_MISSING),
    "the erasure widened": (
        "UPDATE ledger_payload SET body = replace(body, '[0,10]', '[0,13]') WHERE seq = 30; DELETE FROM ledger_payload WHERE seq = 12",
        0,
        FindingKind.PAYLOAD_MISSING,
    ),
    "an erased payload put back": (
        "INSERT INTO ledger_payload (seq, salt, body) VALUES (3, zeroblob(32), x'00')",
        3,
        FindingKind.ERASURE_UNDONE,
    ),
    "a name deleted": ("DELETE FROM ledger_subject WHERE name = 'bob'", 10, FindingKind.SUBJECT_MISSING),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_goes_or_comes_without_an_entry_is_tampering(writer: LedgerWriter, tmp_path: Path, name: str) -> None:
    erase(writer, Subjected("alice"), author())
    statement, sequence, kind = ATTACKS[name]
    connection = break_in(tmp_path)
    connection.executescript(statement)
    connection.close()
    report = verified(writer)
    assert report.verdict is Verdict.TAMPERED
    assert report.first_bad is not None
    assert (report.first_bad.sequence, report.first_bad.kind) == (sequence, kind)


def test_an_erasure_that_nobody_signed_vouches_for_nothing(writer: LedgerWriter, tmp_path: Path) -> None:
    erase(writer, Subjected("alice"), author())
    connection = break_in(tmp_path)
    connection.executescript("UPDATE ledger_checkpoint SET note = NULL WHERE size = 31")
    connection.close()
    assert verified(writer).verdict is Verdict.UNVERIFIABLE


def test_the_database_lets_go_only_of_what_an_entry_erased(writer: LedgerWriter, tmp_path: Path) -> None:
    erase(writer, Subjected("alice"), author())
    connection = sqlite3.connect(tmp_path / "ledger.db")
    for refused in (
        "DELETE FROM ledger_payload WHERE seq = 12",
        "DELETE FROM ledger_subject WHERE name = 'bob'",
        "UPDATE ledger_payload SET body = NULL, details = NULL WHERE seq = 12",
        "DELETE FROM ledger_withdrawal",
        "UPDATE ledger_withdrawal SET seq = 12 WHERE seq = 3",
        "REPLACE INTO ledger_withdrawal SELECT seq, by_seq FROM ledger_withdrawal",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(refused)
    connection.close()
    assert [check for check in examine(writer.store.engine) if not check.healthy] == []


def test_a_legal_hold_forbids_to_erase_until_it_is_released(writer: LedgerWriter) -> None:
    assert hold(writer, "case-7", Scope(actor="alice", since=0), author()) == 30
    with pytest.raises(WithdrawalRefused, match="'case-7'"):
        erase(writer, Subjected("alice"), author())
    with pytest.raises(WithdrawalRefused, match="in force already"):
        hold(writer, "case-7", Scope(), author())
    assert writer.size == 31
    assert erase(writer, Subjected("bob"), author()) is not None  # whom it is not about
    release(writer, "case-7", author())
    assert erase(writer, Subjected("alice"), author()) is not None
    with pytest.raises(WithdrawalRefused, match="no legal hold"):
        release(writer, "case-7", author())
    with pytest.raises(WithdrawalRefused, match="nobody of the name"):
        hold(writer, "case-8", Scope(actor="alice"), author())
    assert verified(writer).valid


def test_what_must_be_kept_is_not_erased_yet(writer: LedgerWriter) -> None:
    retain(writer, SOURCE.topic, Policy(keep_days=30), author())
    with pytest.raises(WithdrawalRefused, match="kept for 30 days"):
        erase(writer, Subjected("alice"), author(now=29 * DAY_US))
    retain(writer, SOURCE.topic, Policy(keep_days=10), author())  # the newest is in force
    assert erase(writer, Subjected("alice"), author(now=29 * DAY_US)) is not None


def test_expiry_takes_what_is_due_and_leaves_what_is_held(writer: LedgerWriter) -> None:
    assert expire(writer, author()) is None  # no policy, no end
    retain(writer, "*", Policy(expire_days=90), author())
    hold(writer, "case-7", Scope(actor="bob"), author())
    done = expire(writer, author())
    assert done is not None
    assert done.entries == 20
    assert expire(writer, author()) is None
    report = verified(writer)
    assert (report.valid, report.erased) == (True, 20)


@hypothesis_settings(max_examples=8, deadline=None)
@given(
    people=st.lists(st.sampled_from("abcd"), min_size=1, max_size=8),
    erasures=st.lists(st.sampled_from("abcd"), max_size=3),
    deleted=st.integers(0, 7),
)
def test_erasing_keeps_a_ledger_valid_and_deleting_never_does(
    people: list[str], erasures: list[str], deleted: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    writer = writer_at(folder)
    grow(writer, [[draft(number, actor=name) for number, name in enumerate(people)]])
    erased: set[int] = set()
    for name in erasures:
        erase(writer, Subjected(name), author())
        erased |= {seq for seq, who in enumerate(people) if who == name}
    report = verified(writer)
    assert (report.valid, report.erased) == (True, len(erased))
    victim = deleted % len(people)
    connection = break_in(folder)
    connection.execute("DELETE FROM ledger_payload WHERE seq = ?", (victim,))
    connection.commit()
    connection.close()
    after = verified(writer)
    if victim in erased:
        assert after == report
    else:
        assert found(after) == [(victim, FindingKind.PAYLOAD_MISSING)]
    with writer.store.snapshot() as snapshot:
        assert len(snapshot.withdrawals()) == snapshot.statistics().actions.get(ERASED, 0)
    writer.store.close()
