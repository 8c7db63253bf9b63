"""Three replicas archive, erase and report at once on one database, while a fourth writer records: each thing once, and all of it verifies."""

from __future__ import annotations

import os
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from driftline import topics
from driftline.clock import ManualClock
from driftline.envelope import time_of
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.ledger.compliance import RegimeName
from driftline.ledger.entries import Query
from driftline.ledger.keeping import Policy
from driftline.ledger.report import Level
from driftline.ledger.store import LedgerWriter, UrlObjects, open_writer
from driftline.ledger.store.erasing import Author, retain
from driftline.ledger.withdrawal import ARCHIVED
from driftline.runtime.health_events import HealthEvents
from services.audit.jobs import Verifier
from services.audit.upkeep import Upkeep, archive_job, expire_job, report_job
from tests.unit.ledger.ledger_builders import KEY, Salts, draft, grow

pytestmark = pytest.mark.integration

NOW = time_of("2026-03-01T00:00:00Z")
HOUR_US = 3_600_000_000
OLD, NEW, REPLICAS = 4_000, 100, 3


def writer_on(url: str, folder: Path) -> LedgerWriter:
    return open_writer(url, KEY, signed_path=folder / "last-signed", random=os.urandom)[0]


def test_replicas_at_once_do_everything_once(database_url: str, tmp_path: Path) -> None:
    recorder, clock = writer_on(database_url, tmp_path), ManualClock(NOW)
    grow(recorder, [[draft(n, payload=b"x" * 200) for n in range(at, at + 500)] for at in range(0, OLD, 500)])
    retain(recorder, "*", Policy(archive_days=30, expire_days=900), Author("carol", "policy", NOW, Salts()))
    archive, reports = (UrlObjects(f"file://{tmp_path}/{name}") for name in ("archive", "reports"))
    verifier = Verifier(recorder.store, KEY.verifier, tmp_path / "last-signed", archive=archive)
    cluster = MemoryCluster(clock)
    cluster.admin().create([NewTopic(topics.name("health"), 1)])
    at_once = threading.Barrier(REPLICAS + 1)

    def replica() -> None:
        writer = writer_on(database_url, tmp_path)
        verify = Verifier(writer.store, KEY.verifier, tmp_path / "last-signed", archive=archive).verify
        jobs = [
            archive_job(writer, archive, HOUR_US),
            expire_job(writer, HOUR_US),
            report_job(writer, reports, [RegimeName.SOX], lambda: verify(Level.FULL), HOUR_US),
        ]
        at_once.wait()
        Upkeep(jobs, HealthEvents(cluster.producer(), source="audit", clock=clock), clock).look()
        writer.store.close()

    threads = [threading.Thread(target=replica) for _ in range(REPLICAS)]
    for thread in threads:
        thread.start()
    at_once.wait()
    grow(recorder, [[draft(OLD + n)] for n in range(NEW)])
    for thread in threads:
        thread.join()
    assert cluster.records(topics.name("health")) == []  # none of them failed
    report = verifier.verify(Level.FULL)
    assert (report.valid, report.unread) == (True, ())
    assert report.erased >= OLD  # what went to the archive was old enough to be erased as well
    with recorder.store.snapshot() as snapshot:
        spans = sorted(span for one in snapshot.withdrawals() if one.action == ARCHIVED for span in one.entries)
        assert all(one.end <= other.first for one, other in pairwise(spans))  # nobody archived twice
        assert sum(1 for _ in snapshot.entries(Query(action="ledger.reported", limit=None))) == 1
