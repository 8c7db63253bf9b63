"""The ledger as a library: append, ask, verify, export, roll back; on the same tables as the service."""

import csv
import io
import json
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from driftline.clock import ManualClock
from driftline.ledger import AuditEntry, HashChainAuditLogger, get_audit_logger
from driftline.ledger.bundle import check_bundle
from driftline.ledger.checkpoint import SigningKey, VerifierKey
from driftline.ledger.entries import Query
from driftline.ledger.errors import LeafMalformed, LedgerUnavailable, RollbackDetected
from driftline.ledger.receipt import Receipt, check_receipt
from driftline.ledger.store import open_writer
from driftline.ledger.store.erasing import Author, Subjected, erase
from tests.unit.ledger.ledger_builders import Salts


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/audit_log.db"


def open_at(folder: Path) -> HashChainAuditLogger:
    return HashChainAuditLogger(url(folder), clock=ManualClock(1_000_000), pool_pre_ping=True, pool_size=10, max_overflow=40)


def vkey(folder: Path) -> VerifierKey:
    return VerifierKey.parse((folder / "audit_log.db.key.vkey").read_text())


@pytest.fixture
def audit(tmp_path: Path) -> HashChainAuditLogger:
    """Four entries of the examples that people write."""
    logger = open_at(tmp_path)
    logger.append_entry("CREATE", "data_scientist_1", "model", "fraud-v1", {"auc": 0.91, "note": "=1+1"})
    logger.append_entry("UPDATE", "data_scientist_1", "model", "fraud-v1", {"auc": 0.93}, {"ticket": "ML-7"})
    logger.append_entry("DEPLOY", "ml_platform", "model", "fraud-v1", {"stage": "production"})
    logger.append_entry("DRIFT_ALERT", "drift_scheduler", "monitor", "fraud", {"severity": "HIGH"})
    return logger


def test_an_entry_comes_back_as_it_was_given(audit: HashChainAuditLogger) -> None:
    entry_id = audit.append_entry("CRITICAL_DRIFT_DETECTED", "automated_monitoring", "model", "m", {"psi": 0.3}, {"run": 1})
    entry = audit.get_entry(entry_id)
    assert isinstance(entry, AuditEntry)
    assert (entry.sequence, entry.entry_id, entry.actor, entry.data, entry.details) == (
        4, entry_id, "automated_monitoring", {"psi": 0.3}, {"run": 1},
    )  # fmt: skip
    assert entry.timestamp == 1_000_000
    assert audit.get_entry("00000000-0000-0000-0000-000000000000") is None


def test_each_entry_links_to_the_one_before(audit: HashChainAuditLogger) -> None:
    entries = audit.get_entries(Query())
    assert [e.previous_hash for e in entries] == ["00" * 32, *(e.entry_hash for e in entries[:-1])]


def test_trails_and_statistics(audit: HashChainAuditLogger) -> None:
    assert [e.action for e in audit.get_actor_trail("data_scientist_1")] == ["CREATE", "UPDATE"]
    assert [e.action for e in audit.get_resource_trail("model", "fraud-v1", limit=2)] == ["CREATE", "UPDATE"]
    counted = audit.get_statistics()
    assert (counted.entries, counted.actors, counted.actions["DEPLOY"]) == (4, 3, 1)


def test_the_chain_is_verified_and_tampering_is_found(audit: HashChainAuditLogger, tmp_path: Path) -> None:
    report = audit.verify_chain()
    assert (report.valid, report.entries, report.invalid_entries, report.chain_breaks) == (True, 4, 0, 0)
    connection = sqlite3.connect(tmp_path / "audit_log.db")
    connection.execute("DROP TRIGGER ledger_payload_no_update")
    connection.execute("UPDATE ledger_payload SET body = '{}' WHERE seq = 2")
    connection.commit()
    connection.close()
    report = audit.verify_chain()
    assert (report.valid, report.first_bad and report.first_bad.sequence) == (False, 2)


def test_an_entry_whose_data_were_erased_names_the_entry_that_did_it(audit: HashChainAuditLogger, tmp_path: Path) -> None:
    key = SigningKey.parse((tmp_path / "audit_log.db.key").read_text())
    signed = tmp_path / "audit_log.db.key.last-signed"
    writer, _ = open_writer(url(tmp_path), key, signed_path=signed, random=Salts())
    assert erase(writer, Subjected("data_scientist_1"), Author("dpo", "asked for", 2_000_000, Salts())) is not None
    writer.store.close()
    trail = audit.get_resource_trail("model", "fraud-v1")
    assert [(entry.data is None, entry.withdrawn_by) for entry in trail] == [(True, 4), (True, 4), (False, None)]
    first = audit.get_entry(trail[0].entry_id)
    assert first is not None
    assert first.withdrawn_by == 4


def test_exports(audit: HashChainAuditLogger, tmp_path: Path) -> None:
    assert [e["action"] for e in json.loads(audit.export_chain())] == ["CREATE", "UPDATE", "DEPLOY", "DRIFT_ALERT"]
    assert [row["action"] for row in csv.DictReader(io.StringIO(audit.export_chain("csv")))][2] == "DEPLOY"
    bundle = audit.export_chain("bundle").encode().splitlines(keepends=True)
    assert check_bundle(bundle, vkey(tmp_path)).entries == 4
    with pytest.raises(ValueError, match="xml"):
        audit.export_chain("xml")


def test_a_receipt_is_proven_without_the_ledger(audit: HashChainAuditLogger, tmp_path: Path) -> None:
    entry_id = audit.get_actor_trail("ml_platform")[0].entry_id
    receipt = audit.get_receipt(entry_id)
    assert receipt is not None
    assert check_receipt(Receipt.parse(receipt), vkey(tmp_path)).leaf.action == "DEPLOY"


def test_a_rollback_removes_nothing_and_can_be_rolled_back(audit: HashChainAuditLogger) -> None:
    before = audit.get_entries(Query())
    done = audit.rollback_to_hash(before[1].entry_hash, actor="ml_platform", reason="bad deployment")
    assert done == (True, 2)
    after = audit.get_entries(Query())
    assert [e.action for e in after] == ["CREATE", "UPDATE", "DEPLOY", "DRIFT_ALERT", "ledger.rollback"]
    assert [e.superseded_by for e in after] == [None, None, 4, 4, None]
    assert after[4].data["reason"] == "bad deployment"
    assert [e.action for e in audit.get_entries(Query(effective=True, limit=3))] == ["CREATE", "UPDATE", "ledger.rollback"]
    assert [e.action for e in audit.get_resource_trail("model", "fraud-v1", effective=True)] == ["CREATE", "UPDATE"]
    assert audit.verify_chain().valid
    assert audit.rollback_to_hash(before[3].entry_hash, actor="ml_platform", reason="it was good") == (True, 1)
    assert [e.sequence for e in audit.get_entries(Query(effective=True))] == [0, 1, 2, 3, 5]
    assert audit.rollback_to_hash("ab" * 32, actor="ml_platform", reason="x") == (False, 0)
    report = audit.verify_chain()
    assert (report.valid, report.entries) == (True, 6)


def test_it_lasts(audit: HashChainAuditLogger, tmp_path: Path) -> None:
    audit.close()
    with open_at(tmp_path) as again:
        again.append_entry("UPDATE", "ml_platform", "model", "fraud-v1", None)
        assert (again.verify_chain().valid, again.get_statistics().entries) == (True, 5)


def test_threads_may_share_it(audit: HashChainAuditLogger) -> None:
    threads = [
        threading.Thread(target=lambda: [audit.append_entry("UPDATE", "a", "m", "1", n) for n in range(5)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (audit.verify_chain().valid, audit.get_statistics().entries) == (True, 24)


def test_what_cannot_be_recorded_is_refused(audit: HashChainAuditLogger) -> None:
    with pytest.raises(ValueError, match="own"):
        audit.append_entry("ledger.rollback", "a", "m", "1", {})
    with pytest.raises(LeafMalformed):
        audit.append_entry("UPDATE", "a", "m", "1", {"x": object()})
    assert audit.get_statistics().entries == 4


def test_the_key_is_private_and_is_never_made_twice(audit: HashChainAuditLogger, tmp_path: Path) -> None:
    key = tmp_path / "audit_log.db.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    audit.close()
    key.unlink()
    with pytest.raises(LedgerUnavailable, match="put it back"):
        open_at(tmp_path)
    with pytest.raises(LedgerUnavailable, match="key_file"):
        HashChainAuditLogger("postgresql+psycopg://u@h/d")
    with pytest.raises(LedgerUnavailable, match="write it as sqlite:"):
        HashChainAuditLogger("foo")


def test_a_database_that_was_put_back_is_refused(audit: HashChainAuditLogger, tmp_path: Path) -> None:
    audit.close()
    old = {file.name: file.read_bytes() for file in tmp_path.glob("audit_log.db")}
    with open_at(tmp_path) as more:
        more.append_entry("UPDATE", "a", "m", "1", {})
    for name, data in old.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(RollbackDetected):
        open_at(tmp_path)


def test_one_logger_per_database_and_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_DB_URL", url(tmp_path))
    one = get_audit_logger()
    assert one is get_audit_logger()
    one.append_entry("CREATE", "a", "m", "1", {})
    assert (tmp_path / "audit_log.db").exists()
    one.close()
    with get_audit_logger() as again:
        assert again is not one
        assert len(again.get_entries(Query())) == 1


def test_a_closed_logger_neither_appends_nor_reads(tmp_path: Path) -> None:
    audit = open_at(tmp_path)
    entry_id = audit.append_entry("CREATE", "a", "m", "1", {})
    audit.close()
    audit.close()
    for ask in (
        lambda: audit.append_entry("UPDATE", "a", "m", "1", {}),
        lambda: audit.get_entry(entry_id),
        audit.verify_chain,
        lambda: audit.rollback_to_hash("0" * 64, actor="a", reason="b"),
    ):
        with pytest.raises(LedgerUnavailable, match="closed; open a new one"):
            ask()
    with open_at(tmp_path) as again:
        assert again.verify_chain().size == 1


def test_it_says_what_it_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "driftline.ledger")
    with HashChainAuditLogger(f"sqlite:///{tmp_path}/audit.db", clock=ManualClock(5_000)) as audit:
        entry_id = audit.append_entry("DEPLOY", "ml_platform", "model", "fraud-v3", {})
        audit.verify_chain()
    assert [record.message for record in caplog.records] == [
        f"Audit logger initialized with sqlite:///{tmp_path}/audit.db",
        f"Appended audit entry {entry_id}: DEPLOY by ml_platform on model/fraud-v3",
        "\u2713 Chain verified: 1 entries, 0 invalid, 0 breaks",
    ]


def test_a_chain_is_verified_over_times(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(0)
    with HashChainAuditLogger(f"sqlite:///{tmp_path}/audit.db", clock=clock) as audit:
        for _ in range(9):
            clock.advance(1_000)
            audit.append_entry("UPDATE", "data_scientist_1", "model", "fraud-v3", {})
        report = audit.verify_chain(3_000, 5_000)
        assert (report.valid, report.first, report.entries) == (True, 1, 4)  # entries 2 and 3, and their neighbours
        connection = sqlite3.connect(tmp_path / "audit.db")
        connection.execute("DROP TRIGGER ledger_payload_no_update")
        connection.execute("UPDATE ledger_payload SET body = x'00' WHERE seq IN (3, 7)")
        connection.commit()
        connection.close()
        assert audit.verify_chain(3_000, 5_000).invalid_entries == 1
        assert audit.verify_chain().invalid_entries == 2
        assert audit.verify_chain(until=2_000).valid
    assert "ALERT: Audit log corruption detected! Chain invalid: 9 entries, 2 invalid, 0 breaks" in caplog.messages


@pytest.mark.parametrize("data", [{"auc": float("nan")}, [float("-inf")]])
def test_what_json_would_turn_into_null_is_refused(audit: HashChainAuditLogger, data: object) -> None:
    with pytest.raises(LeafMalformed, match="NaN"):
        audit.append_entry("UPDATE", "a", "model", "m", data)


@pytest.mark.parametrize(("action", "actor"), [("", "a"), ("UPDATE", "")])
def test_an_entry_says_what_was_done_and_by_whom(audit: HashChainAuditLogger, action: str, actor: str) -> None:
    with pytest.raises(ValueError, match="needs an action and an actor"):
        audit.append_entry(action, actor, "model", "m", {})


@pytest.mark.parametrize(("actor", "reason"), [("", "r"), ("a", " ")])
def test_a_rollback_says_who_decided_it_and_why(audit: HashChainAuditLogger, actor: str, reason: str) -> None:
    with pytest.raises(ValueError, match="who decides it, and why"):
        audit.rollback_to_hash(audit.get_entries(Query())[0].entry_hash, actor=actor, reason=reason)
    assert audit.get_statistics().entries == 4


def test_a_form_of_export_that_is_none_is_named_with_those_that_are(audit: HashChainAuditLogger) -> None:
    with pytest.raises(ValueError, match="'pdf' is no form of an export; write json, jsonl, csv, bundle"):
        audit.export_chain("pdf")


def test_the_key_may_be_named_by_text(tmp_path: Path) -> None:
    key = f"{tmp_path}/elsewhere/key"
    HashChainAuditLogger(f"sqlite:///{tmp_path}/own.db", key_file=key).close()
    with HashChainAuditLogger(f"sqlite:///{tmp_path}/own.db", key_file=Path(key)) as again:
        assert again.verify_chain().valid


def test_what_is_no_id_and_no_hash_is_not_there(audit: HashChainAuditLogger) -> None:
    assert (audit.get_entry("nonsense"), audit.get_receipt("nonsense")) == (None, None)
    assert audit.rollback_to_hash("nonsense", actor="a", reason="r") == (False, 0)
