"""Scheduled verification: quiet while all is well, CRITICAL when it is not, cleared when it is mended."""

import sqlite3
from pathlib import Path

from prometheus_client import REGISTRY

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.events import HealthCleared, HealthOpened
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.ledger.checkpoint import Checkpoint, SigningKey, sign_checkpoint
from driftline.ledger.errors import RollbackDetected
from driftline.runtime.health_events import HealthEvents
from services.audit.jobs import CORRUPT, ROLLBACK, VerificationJob, Verifier, tell_rollback
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, ledger


class Watch:
    """A job over a ledger of 20 entries, and what it says on the topic health."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(1_000_000)
        self.cluster = MemoryCluster(self.clock)
        self.cluster.admin().create([NewTopic(topics.name("health"), 1)])
        self.events = HealthEvents(self.cluster.producer(), source="audit", clock=self.clock)
        writer = ledger(folder, 20)
        verifier = Verifier(writer.store, KEY.verifier, folder / "last-signed")
        self.job = VerificationJob(verifier, self.events, self.clock, origin=ORIGIN, every_us=1_000_000)

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
    assert watch.job.look() is None
    assert watch.said() == []
    assert REGISTRY.get_sample_value("driftline_ledger_verify_ok") == 1


def test_corruption_is_critical_said_once_and_cleared_when_mended(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    edit(tmp_path, "UPDATE ledger_payload SET body = 'x' WHERE seq = 3")
    first = watch.job.look()
    assert first is not None
    assert first.sequence == 3
    watch.job.look()
    (opened,) = watch.said()
    assert isinstance(opened, HealthOpened)
    assert (opened.kind, opened.severity, opened.subject) == (CORRUPT, "CRITICAL", ORIGIN)
    assert "1 findings, first at entry 3: payload_changed" in opened.detail
    assert "ALERT: audit log corruption detected!" in opened.detail
    assert REGISTRY.get_sample_value("driftline_ledger_verify_ok") == 0
    edit(tmp_path, "UPDATE ledger_payload SET body = CAST('payload 3' AS BLOB) WHERE seq = 3")
    assert watch.job.look() is None
    assert isinstance(watch.said()[1], HealthCleared)


def test_a_last_signed_file_of_somebody_else_is_corruption(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    note = sign_checkpoint(Checkpoint(ORIGIN, 5, bytes(32)), SigningKey(ORIGIN, bytes(32)))
    (tmp_path / "last-signed").write_text(note)
    assert watch.job.look() is not None


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
