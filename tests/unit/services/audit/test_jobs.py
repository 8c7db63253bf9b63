"""Scheduled verification: quiet while all is well, CRITICAL when it is not, cleared when it is mended."""

import sqlite3
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import HealthCleared, HealthOpened
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.ledger.checkpoint import Checkpoint, SigningKey, sign_checkpoint
from driftline.ledger.errors import RollbackDetected
from driftline.ledger.heads import SignedHead
from driftline.ledger.keeping import DAY_US
from driftline.ledger.report import Level, Verdict, Witnessed
from driftline.ledger.store import LastSigned, UrlObjects
from driftline.ledger.store.archiving import archive as archived
from driftline.ledger.store.erasing import Author
from driftline.runtime.health_events import HealthEvents
from services.audit import jobs
from services.audit.jobs import (
    CORRUPT,
    ROLLBACK,
    UNVERIFIED,
    Gather,
    KeyChanged,
    KeyWatch,
    VerificationJob,
    Verifier,
    tell_rollback,
)
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, Salts, ledger

NOW = 400 * DAY_US


class Watch:
    """A job over a ledger of 20 entries, and what it says on the topic health."""

    def __init__(
        self,
        folder: Path,
        *,
        archive: UrlObjects | None = None,
        gather: Gather | None = None,
        level: Level = Level.FULL,
        with_cluster: bool = False,
    ) -> None:
        self.clock = ManualClock(1_000_000)
        self.cluster = MemoryCluster(self.clock)
        self.cluster.admin().create([NewTopic(topics.name("health"), 1)])
        self.events = HealthEvents(self.cluster.producer(), source="audit", clock=self.clock)
        self.writer = ledger(folder, 20)
        self.verifier = Verifier(
            self.writer.store,
            KEY.verifier,
            folder / "last-signed",
            archive=archive,
            cluster=self.cluster if with_cluster else None,
            gather=gather,
        )
        self.job = VerificationJob(self.verifier, self.events, self.clock, origin=ORIGIN, every_us=1_000_000, level=level)

    def said(self) -> list[object]:
        return [codec.decode(record.value() or b"") for record in self.cluster.records(topics.name("health"))]


def edit(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / "ledger.db")
    connection.execute("DROP TRIGGER IF EXISTS ledger_payload_no_update")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_valid_ledger_raises_no_alarm(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    assert watch.job.look() is Verdict.VALID
    assert watch.said() == []
    assert REGISTRY.get_sample_value("driftline_ledger_verify_ok") == 1


def test_a_process_with_a_former_key_raises_no_alarm_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(tmp_path)
    head = LastSigned(tmp_path / "last-signed", KEY.verifier).read()
    assert head is not None
    (tmp_path / "last-signed").write_text(sign_checkpoint(head, KEY.successor(b"\7" * 32, head.size)))
    job = VerificationJob(
        watch.verifier, watch.events, watch.clock, origin=ORIGIN, every_us=1_000_000, key_changed=lambda: True
    )
    assert job.look() is None
    assert watch.said() == []
    assert watch.job.look() is Verdict.TAMPERED
    monkeypatch.setattr(jobs, "KEY_SECONDS", 0.0)
    looks = iter([False, False, True])
    with pytest.raises(KeyChanged, match="rotate-key"):
        KeyWatch(lambda: next(looks)).run()


def test_corruption_is_critical_said_once_and_cleared_when_mended(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    edit(tmp_path, "UPDATE ledger_payload SET body = 'x' WHERE seq = 3")
    assert watch.job.look() is Verdict.TAMPERED
    watch.job.look()
    (opened,) = watch.said()
    assert isinstance(opened, HealthOpened)
    assert (opened.kind, opened.severity, opened.subject) == (CORRUPT, "CRITICAL", ORIGIN)
    assert "1 finding, first at entry 3: payload_changed" in opened.detail
    assert "ALERT: audit log corruption detected!" in opened.detail
    assert REGISTRY.get_sample_value("driftline_ledger_verify_ok") == 0
    edit(tmp_path, "UPDATE ledger_payload SET body = CAST('payload 3' AS BLOB) WHERE seq = 3")
    assert watch.job.look() is Verdict.VALID
    assert isinstance(watch.said()[1], HealthCleared)


def test_a_last_signed_file_of_somebody_else_is_corruption(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    note = sign_checkpoint(Checkpoint(ORIGIN, 5, bytes(32)), SigningKey(ORIGIN, bytes(32)))
    (tmp_path / "last-signed").write_text(note)
    assert watch.job.look() is Verdict.TAMPERED


def test_an_archive_that_lost_an_object_is_told_as_not_verified_and_is_no_corruption(tmp_path: Path) -> None:
    archive = UrlObjects(f"file://{tmp_path}/archive")
    watch = Watch(tmp_path, archive=archive)
    (done,) = archived(watch.writer, archive, Author("service:audit", "old", NOW, Salts()), before=NOW)
    assert watch.job.look() is Verdict.VALID
    (tmp_path / "archive" / done.object).rename(tmp_path / "elsewhere")
    assert watch.job.look() is None
    assert watch.job.look() is None
    (opened,) = watch.said()
    assert isinstance(opened, HealthOpened)
    assert (opened.kind, opened.severity) == (UNVERIFIED, "HIGH")
    assert done.object in opened.detail
    assert REGISTRY.get_sample_value("driftline_ledger_job_ok", {"job": "verification"}) == 0
    assert REGISTRY.get_sample_value("driftline_ledger_verify_ok") == 1
    (tmp_path / "elsewhere").rename(tmp_path / "archive" / done.object)
    assert watch.job.look() is Verdict.VALID
    assert isinstance(watch.said()[1], HealthCleared)


def test_an_object_that_was_changed_is_corruption(tmp_path: Path) -> None:
    archive = UrlObjects(f"file://{tmp_path}/archive")
    watch = Watch(tmp_path, archive=archive)
    (done,) = archived(watch.writer, archive, Author("service:audit", "old", NOW, Salts()), before=NOW)
    (tmp_path / "archive" / done.object).write_bytes(b"{}")
    assert watch.job.look() is Verdict.TAMPERED


def test_a_ledger_that_cannot_be_read_is_told_and_the_service_goes_on(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    (tmp_path / "ledger.db").rename(tmp_path / "away.db")
    (tmp_path / "ledger.db").write_bytes(b"")
    watch.writer.store.engine.dispose()
    assert watch.job.look() is None
    assert [type(event) for event in watch.said()] == [HealthOpened]


def test_level_witness_wants_a_quorum_and_the_entries_of_every_cosigned_head(tmp_path: Path) -> None:
    seen = Witnessed(0, (), ())
    heads: list[SignedHead] = []
    watch = Watch(tmp_path, gather=lambda: (seen, heads), level=Level.WITNESS)
    assert watch.job.look() is None
    assert "no quorum of witnesses" in watch.said()[0].detail  # type: ignore[attr-defined]
    seen = Witnessed(20, (("w1", 1),), ())
    assert watch.job.look() is Verdict.VALID
    heads = [SignedHead(20, bytes(32), "witness w1")]
    assert watch.job.look() is Verdict.TAMPERED


def test_level_source_reads_the_topics(tmp_path: Path) -> None:
    watch = Watch(tmp_path, level=Level.SOURCE, with_cluster=True)
    assert watch.job.look() is Verdict.VALID
    assert watch.verifier.verify(Level.SOURCE).source is not None


def test_a_rollback_is_told(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    tell_rollback(watch.events, ORIGIN, RollbackDetected("20 entries were signed, the database has 10"))
    (opened,) = watch.said()
    assert isinstance(opened, HealthOpened)
    assert (opened.kind, opened.severity) == (ROLLBACK, "CRITICAL")


def test_a_stopped_job_ends(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.job.stop()
    watch.job.run()
    assert watch.said() == []
