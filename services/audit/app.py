"""The audit service from top to bottom: settings, clients, ledger, recorder, verification, run, drain."""

import os
from collections.abc import Sequence

import structlog
from prometheus_client import REGISTRY

from driftline.clock import Clock
from driftline.errors import ConfigurationError
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import Producer
from driftline.ledger.checkpoint import SigningKey
from driftline.ledger.errors import KeyMalformed, RollbackDetected
from driftline.ledger.rows import SourceName
from driftline.ledger.store import LedgerWriter, examine, open_writer
from driftline.runtime.health import Health
from driftline.runtime.health_events import HealthEvents
from driftline.runtime.http import Access, HttpServer, create_app
from driftline.runtime.preflight import require_topics
from driftline.runtime.process import run_parts
from driftline.runtime.tokens import TokenBook
from services.audit import api, metrics
from services.audit.actions import LEDGERED
from services.audit.adapters.checkpoints import CheckpointPublisher
from services.audit.consumer import Pace, Recorder, RecorderPart
from services.audit.jobs import VerificationJob, Verifier, tell_rollback
from services.audit.settings import AuditSettings

SOURCE_LOST = "ledger_source_lost"
GUARD_MISSING = "ledger_guard_missing"

log = structlog.get_logger("driftline.audit")


def run(settings: AuditSettings, clock: Clock) -> int:
    """Check all that can be wrong, put everything together, serve."""
    health = Health()
    access = Access(TokenBook(settings.tokens_file))
    key = read_key(settings)
    cluster = ConfluentCluster.from_environment()
    require_topics(cluster.admin(), (*LEDGERED, "checkpoints"))
    producer = cluster.producer()
    events = HealthEvents(producer, source="audit", clock=clock)
    writer = open_ledger(settings, key, events, producer)
    publisher = CheckpointPublisher(cluster.producer(), writer.store.origin, clock)
    recorder = Recorder(
        cluster,
        writer,
        clock,
        salts=os.urandom,
        signed=publisher.signed,
        cluster_name=settings.ledger_cluster,
        pace=Pace(round(settings.ledger_digest_seconds * 1e6), settings.ledger_digest_records),
        lost=lambda names: tell_lost(events, names),
    )
    verifier = Verifier(writer.store, key.verifier, settings.signed_file)
    job = VerificationJob(
        verifier, events, clock, origin=writer.store.origin, every_us=round(settings.ledger_verify_seconds * 1e6)
    )
    app = create_app("Driftline audit", health=health, registry=REGISTRY)
    app.include_router(api.routes(writer.store, access, verifier.verify))
    server = HttpServer(app, settings.http_host, settings.http_port)
    recorder.open()
    republish(writer, publisher)
    server.start()
    health.ready()
    log.info("ready", url=server.url, log=writer.store.origin, entries=writer.size)

    def moved() -> None:
        health.beat("recorder")
        publisher.tick()

    def rolled_back(error: RollbackDetected) -> None:
        tell_rollback(events, writer.store.origin, error)

    try:
        part = RecorderPart(recorder, clock, moved=moved, rolled_back=rolled_back)
        return run_parts({"recorder": part, "verification": job}, health)
    finally:
        server.stop()
        publisher.close()
        producer.flush(5.0)
        writer.store.close()
        log.info("stopped")


def republish(writer: LedgerWriter, publisher: CheckpointPublisher) -> None:
    """Publish the head again: a crash may have come between its signature and the topic."""
    with writer.store.snapshot() as snapshot:
        note = snapshot.latest_note()
    if note is not None:
        publisher.signed(writer.size, note)


def read_key(settings: AuditSettings) -> SigningKey:
    """Read the signing key; raises ConfigurationError for a file that is missing or open to others."""
    path = settings.ledger_key_file
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{path} can be read by others: chmod 600 {path}")
        return SigningKey.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the ledger's key {path} ({error.strerror}): driftline ledger keygen") from error
    except (KeyMalformed, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no signing key: {error}") from error


def open_ledger(settings: AuditSettings, key: SigningKey, events: HealthEvents, producer: Producer) -> LedgerWriter:
    """Open the ledger; one that was put back is told to everybody, and refused."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        writer, lost = open_writer(
            settings.database,
            key,
            signed_path=settings.signed_file,
            random=os.urandom,
            adopt=settings.ledger_adopt_head,
        )
    except RollbackDetected as error:
        tell_rollback(events, key.verifier.name, error)
        producer.flush(5.0)
        raise
    metrics.GUARDS_RESTORED.set(len(lost))
    metrics.SIZE.set(writer.size)
    metrics.SIGNED_SIZE.set(writer.size)
    tell_guards(writer, lost, events)
    return writer


def tell_guards(writer: LedgerWriter, lost: Sequence[str], events: HealthEvents) -> None:
    """Say which guards were missing and are back, and which do not hold even now."""
    origin = writer.store.origin
    open_still = [f"{check.name}: {check.detail}" for check in examine(writer.store.engine) if not check.healthy]
    if not lost and not open_still:
        return
    log.error("the guards of the ledger's database were not as they should be", restored=lost, wrong=open_still)
    restored = (
        f"guards of the ledger's database were missing ({', '.join(lost)}) and were put back: somebody removed them. "
        if lost
        else ""
    )
    wrong = f"not in order: {'; '.join(open_still)}. " if open_still else ""
    events.open(
        GUARD_MISSING,
        origin,
        severity="HIGH",
        detail=f"{restored}{wrong}Run `driftline ledger doctor`, and verify the ledger",
        labels={"log": origin},
    )


def tell_lost(events: HealthEvents, names: Sequence[SourceName]) -> None:
    """Say which partitions end before the ledger's position."""
    for name in names:
        events.open(
            SOURCE_LOST,
            f"{name.topic}/{name.partition}",
            severity="CRITICAL",
            detail="the partition ends before what the ledger has recorded: Kafka has lost records; it is not read any more",
            labels={"topic": name.topic, "partition": str(name.partition)},
        )
