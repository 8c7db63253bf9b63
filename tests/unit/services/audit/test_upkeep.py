"""Archiving, erasing and reporting by schedule: when it is due, on record, once however many do it, and told when it fails."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from driftline import codec, topics
from driftline.clock import ManualClock
from driftline.envelope import time_of
from driftline.errors import ConfigurationError
from driftline.events import HealthCleared, HealthOpened
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.ledger.compliance import RegimeName
from driftline.ledger.entries import Query
from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.keeping import DAY_US, Policy, Scope
from driftline.ledger.report import Level, Report
from driftline.ledger.store import UrlObjects
from driftline.ledger.store.erasing import Author, hold, release, retain
from driftline.ledger.store.keeping_messages import check_files
from driftline.runtime.health_events import HealthEvents
from services.audit.adapters.message_archive import MessageArchive
from services.audit.consumer import Pace
from services.audit.jobs import Verifier
from services.audit.settings import UpkeepSettings
from services.audit.upkeep import FAILED, Job, Upkeep, archive_job, expire_job, messages_job, report_job, scheduled
from tests.unit.ledger.ledger_builders import KEY, Salts, ledger, writer_at
from tests.unit.services.audit.world import World

NOW = time_of("2026-03-01T00:00:00Z")
HOUR_US = 3_600_000_000
TOPIC = "driftline.drift-events"
RANDOM = Salts()


class Keeper:
    """A ledger of 20 entries of one topic, the archive, reports, and one replica of the upkeep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(NOW)
        self.cluster = MemoryCluster(self.clock)
        self.cluster.admin().create([NewTopic(topics.name("health"), 1)])
        self.writer = ledger(folder, 20)
        self.archive = UrlObjects(f"file://{folder}/archive")
        self.reports = UrlObjects(f"file://{folder}/reports")
        self.verifier = Verifier(self.writer.store, KEY.verifier, folder / "last-signed", archive=self.archive)

    def upkeep(self, *jobs: Job) -> Upkeep:
        events = HealthEvents(self.cluster.producer(), source="audit", clock=self.clock)
        return Upkeep(jobs, events, self.clock)

    def decide(self) -> Author:
        return Author("carol", "case 7", self.clock.now_us(), RANDOM)

    def verified(self) -> Report:
        return self.verifier.verify(Level.FULL)

    def on_record(self, action: str) -> list[tuple[str, str, str]]:
        with self.writer.store.snapshot() as snapshot:
            return [
                (entry.actor, entry.resource_type, entry.resource_id)
                for entry in snapshot.entries(Query(action=action, limit=None))
            ]

    def said(self) -> list[object]:
        return [codec.decode(record.value() or b"") for record in self.cluster.records(topics.name("health"))]


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path)


def metric(name: str, job: str) -> float | None:
    return REGISTRY.get_sample_value(f"driftline_ledger_job_{name}", {"job": job})


def test_payloads_go_to_the_archive_when_retention_says_so_and_it_is_on_record(keeper: Keeper) -> None:
    upkeep = keeper.upkeep(archive_job(keeper.writer, keeper.archive, HOUR_US))
    upkeep.look()
    assert keeper.on_record("ledger.archived") == []  # no policy, nothing to do, no entry
    retain(keeper.writer, TOPIC, Policy(archive_days=30), keeper.decide())
    upkeep.look()
    assert keeper.on_record("ledger.archived") == []  # not due before the hour is over
    before = metric("done_total", "archive") or 0
    keeper.clock.advance(HOUR_US)
    upkeep.look()
    ((actor, kind, _),) = keeper.on_record("ledger.archived")
    assert (actor, kind) == ("service:audit", "archive")
    assert (metric("done_total", "archive"), metric("ok", "archive")) == (before + 20, 1)
    assert metric("timestamp_seconds", "archive") == keeper.clock.now_us() / 1e6
    report = keeper.verified()
    assert (report.valid, report.archived, report.unread) == (True, 20, ())


def test_what_is_held_neither_moves_nor_goes_until_the_release(keeper: Keeper) -> None:
    retain(keeper.writer, TOPIC, Policy(archive_days=30, expire_days=60), keeper.decide())
    hold(keeper.writer, "case 7", Scope(resource=("model", "m1")), keeper.decide())
    upkeep = keeper.upkeep(archive_job(keeper.writer, keeper.archive, HOUR_US), expire_job(keeper.writer, HOUR_US))
    upkeep.look()
    report = keeper.verified()
    assert (report.valid, report.archived, report.erased) == (True, 0, 13)  # m0 and m2: archived, and then erased
    with keeper.writer.store.snapshot() as snapshot:
        kept = [entry.payload for entry in snapshot.entries(Query(resource=("model", "m1"), limit=None))]
    assert len(kept) == 7
    assert None not in kept
    release(keeper.writer, "case 7", keeper.decide())
    keeper.clock.advance(HOUR_US)
    upkeep.look()
    assert keeper.verified().erased == 20


def test_a_second_replica_finds_nothing_left_to_do(keeper: Keeper) -> None:
    retain(keeper.writer, TOPIC, Policy(archive_days=30, expire_days=60), keeper.decide())
    for writer in (keeper.writer, writer_at(keeper.folder)):
        verify, regimes = keeper.verified, [RegimeName.SOX]
        jobs = (
            archive_job(writer, keeper.archive, HOUR_US),
            expire_job(writer, HOUR_US),
            report_job(writer, keeper.reports, regimes, verify, HOUR_US),
        )
        keeper.upkeep(*jobs).look()
    actions = ("ledger.archived", "ledger.erased", "ledger.reported")
    assert [len(keeper.on_record(action)) for action in actions] == [1, 1, 1]
    assert len(keeper.reports.names("reports")) == 2  # the page and the data of one


def test_what_another_replica_took_in_the_middle_is_left_out(keeper: Keeper) -> None:
    retain(keeper.writer, TOPIC, Policy(archive_days=30), keeper.decide())
    other = writer_at(keeper.folder)

    class Slow(UrlObjects):
        """While one writes its object, another archives all, or half is put under a hold."""

        def __init__(self, url: str, meanwhile: Iterator[object]) -> None:
            super().__init__(url)
            self.meanwhile = meanwhile

        def put(self, name: str, data: bytes) -> None:
            super().put(name, data)
            next(self.meanwhile, None)

    def meanwhile() -> Iterator[object]:
        yield hold(other, "case 7", Scope(resource=("model", "m1")), keeper.decide())
        yield keeper.upkeep(archive_job(other, keeper.archive, HOUR_US)).look()

    slow = Slow(f"file://{keeper.folder}/archive", meanwhile())
    keeper.upkeep(archive_job(keeper.writer, slow, HOUR_US)).look()
    assert len(keeper.on_record("ledger.archived")) == 1
    report = keeper.verified()
    assert (report.valid, report.archived) == (True, 13)
    assert keeper.said() == []


def test_a_job_that_fails_is_told_once_tried_again_soon_and_cleared(keeper: Keeper) -> None:
    away, failures = True, metric("failures_total", "archive") or 0

    def work(_: int) -> Iterator[int]:
        yield 3
        if away:
            raise LedgerUnavailable("the archive s3://bucket cannot be written: it is away")

    upkeep = keeper.upkeep(Job("archive", HOUR_US, work))
    for _ in range(3):
        upkeep.look()
        keeper.clock.advance(100_000_000)
    (opened,) = keeper.said()
    assert isinstance(opened, HealthOpened)
    assert (opened.kind, opened.subject, opened.severity) == (FAILED, "archive", "HIGH")
    assert "s3://bucket cannot be written" in opened.detail
    assert (metric("ok", "archive"), metric("failures_total", "archive")) == (0, failures + 1)
    upkeep.look()  # five minutes are over
    assert metric("failures_total", "archive") == failures + 2
    away = False
    keeper.clock.advance(300_000_000)
    upkeep.look()
    assert isinstance(keeper.said()[1], HealthCleared)
    assert metric("ok", "archive") == 1


def test_one_job_that_fails_does_not_keep_the_next_from_its_work(keeper: Keeper) -> None:
    def fails(now: int) -> Iterator[int]:
        if now:
            raise LedgerUnavailable("away")
        yield 0

    retain(keeper.writer, TOPIC, Policy(expire_days=60), keeper.decide())
    keeper.upkeep(Job("archive", HOUR_US, fails), expire_job(keeper.writer, HOUR_US)).look()
    assert len(keeper.on_record("ledger.erased")) == 1


def test_reports_are_on_record_by_their_hash_and_their_periods_join(keeper: Keeper) -> None:
    regimes = [RegimeName.SOX, RegimeName.GDPR]
    verifications = []

    def verify() -> Report:
        verifications.append(keeper.verified())
        return verifications[-1]

    upkeep = keeper.upkeep(report_job(keeper.writer, keeper.reports, regimes, verify, 30 * DAY_US))
    upkeep.look()
    assert len(verifications) == 1
    keeper.clock.advance(30 * DAY_US)
    upkeep.look()
    assert len(verifications) == 2
    assert [resource for _, _, resource in keeper.on_record("ledger.reported")] == ["sox", "gdpr", "sox", "gdpr"]
    with keeper.writer.store.snapshot() as snapshot:
        said = [json.loads(e.payload or b"") for e in snapshot.entries(Query(action="ledger.reported", limit=None))]
    first, _, second, _ = said
    assert (first["since"], first["until"], second["since"], second["until"]) == (None, NOW, NOW, NOW + 30 * DAY_US)
    assert second["missing"] > 0
    for one in said:
        data, page = (keeper.reports.get(f"{one['object']}.{form}") or b"" for form in ("json", "html"))
        assert (sha256(data).hexdigest(), sha256(page).hexdigest()) == (one["sha256"], one["page_sha256"])
        assert json.loads(data)["verification"]["verdict"] == "valid"


def test_a_report_is_due_by_the_ledger_and_not_by_the_start_of_the_service(keeper: Keeper) -> None:
    for _ in range(2):
        job = report_job(keeper.writer, keeper.reports, [RegimeName.SOX], keeper.verified, DAY_US)
        keeper.upkeep(job).look()
        keeper.clock.advance(HOUR_US)
    assert len(keeper.on_record("ledger.reported")) == 1


def test_kept_messages_that_were_changed_are_critical_and_those_that_are_gone_are_not_well(tmp_path: Path) -> None:
    world = World(tmp_path)
    archive = UrlObjects(f"file://{tmp_path}/archive")
    for first in (0, 4):
        world.predictions(4, first=first)
        world.run(world.recorder(pace=Pace(keep=MessageArchive(archive))))
    upkeep = Upkeep(
        [messages_job(world.writer().store, archive, HOUR_US)],
        HealthEvents(world.cluster.producer(), source="audit", clock=world.clock),
        world.clock,
    )

    def told() -> list[str]:
        said = [codec.decode(record.value() or b"") for record in world.cluster.records(topics.name("health"))]
        return [getattr(event, "severity", "cleared") for event in said]

    upkeep.look()
    assert told() == []
    _, last = sorted((tmp_path / "archive").rglob("*.avro"))
    sound = last.read_bytes()
    for change in (last.unlink, lambda: last.write_bytes(sound[:-1]), lambda: last.write_bytes(sound)):
        change()
        world.clock.advance(HOUR_US)
        upkeep.look()
    assert told() == ["HIGH", "CRITICAL", "cleared"]


def test_an_archive_that_is_away_is_no_archive_without_files(tmp_path: Path) -> None:
    class Away(UrlObjects):
        def get(self, name: str, largest: int = 0) -> bytes | None:
            raise LedgerUnavailable(f"the archive cannot be read: {name}")

    world = World(tmp_path)
    world.predictions(4)
    world.run()
    with world.writer().store.snapshot() as snapshot, pytest.raises(LedgerUnavailable, match="cannot be read"):
        check_files(snapshot, Away(f"file://{tmp_path}/archive"))


def settings(folder: Path, **given: object) -> UpkeepSettings:
    return UpkeepSettings(tokens_file=folder / "tokens", http_port=0, **given)  # type: ignore[arg-type]


def test_nothing_is_scheduled_by_default(keeper: Keeper) -> None:
    assert scheduled(settings(keeper.folder), keeper.writer, keeper.verified, keeper.archive) == []


def test_every_job_that_is_set_is_scheduled(keeper: Keeper) -> None:
    given = settings(
        keeper.folder,
        ledger_archive_seconds=3600,
        ledger_expire_seconds=86_400,
        ledger_report_seconds=86_400,
        ledger_report_regimes=["sox"],
        ledger_report_url=f"file://{keeper.folder}/reports",
    )
    jobs = scheduled(given, keeper.writer, keeper.verified, keeper.archive)
    assert [(job.name, job.every_us) for job in jobs] == [("archive", HOUR_US), ("expire", DAY_US), ("report", DAY_US)]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"ledger_archive_seconds": 3600}, "DRIFTLINE_LEDGER_ARCHIVE_URL"),
        ({"ledger_check_messages_seconds": 3600}, "DRIFTLINE_LEDGER_ARCHIVE_URL"),
        ({"ledger_report_seconds": 3600}, "DRIFTLINE_LEDGER_REPORT_URL"),
        ({"ledger_report_seconds": 3600, "ledger_report_url": "file:///r"}, "DRIFTLINE_LEDGER_REPORT_REGIMES"),
    ],
)
def test_a_job_without_its_place_is_refused_at_the_start(keeper: Keeper, given: dict[str, object], names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        scheduled(settings(keeper.folder, **given), keeper.writer, keeper.verified, None)


def test_a_stopped_upkeep_ends_after_the_step_under_way(keeper: Keeper) -> None:
    steps = []

    def work(_: int) -> Iterator[int]:
        for step in range(3):
            steps.append(step)
            upkeep.stop()
            yield 1

    upkeep = keeper.upkeep(Job("archive", HOUR_US, work))
    upkeep.run()
    assert steps == [0]
