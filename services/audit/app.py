"""The audit service from top to bottom: settings, clients, ledger, recorder, verification, run, drain."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from prometheus_client import REGISTRY

from driftline.alerting.addresses import parse_allow_list
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import Producer
from driftline.ledger.checkpoint import SigningKey, VerifierKey
from driftline.ledger.cosignature import Cosigner, cosigners
from driftline.ledger.errors import KeyMalformed, PolicyMalformed, RollbackDetected
from driftline.ledger.heads import SignedHead
from driftline.ledger.policy import Policy, parse_policy
from driftline.ledger.report import Level, Report, Witnessed
from driftline.ledger.rows import SourceName
from driftline.ledger.store import LastSigned, LedgerStore, LedgerWriter, Objects, UrlObjects, examine, open_writer
from driftline.runtime.health import Health
from driftline.runtime.health_events import HealthEvents
from driftline.runtime.http import Access, HttpServer, create_app
from driftline.runtime.ledger_source import Cluster
from driftline.runtime.preflight import require_topics
from driftline.runtime.process import Part, run_parts
from driftline.runtime.tokens import TokenBook
from driftline.runtime.witness_client import WitnessClient
from driftline.runtime.witnessed import cosigned_heads
from services.audit import api, keeping, metrics
from services.audit.actions import LEDGERED
from services.audit.adapters.checkpoints import CheckpointPublisher, OtherHeads
from services.audit.adapters.message_archive import MessageArchive
from services.audit.anchoring import Anchoring
from services.audit.consumer import Pace, Recorder, RecorderPart
from services.audit.jobs import KEY_CHANGED, KeyWatch, VerificationJob, Verifier, tell_rollback
from services.audit.settings import AuditSettings
from services.audit.upkeep import Job, Upkeep, scheduled
from services.audit.witnessing import Witnessing, WitnessingPart

SOURCE_LOST = "ledger_source_lost"
GUARD_MISSING = "ledger_guard_missing"
NO_WITNESS = Policy((), (), (), None)

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
    archive = open_archive(settings)
    recorder = open_recorder(settings, cluster, writer, clock, events=events, publisher=publisher, archive=archive)
    verifier = open_verifier(settings, writer.store, key.verifier, archive, cluster)

    def verify_now() -> Report:
        return verifier.verify(Level.FULL)

    def key_changed() -> bool:
        return has_other_key(settings, key)

    upkeep = scheduled(settings, another_writer(settings, key, writer.store), verify_now, archive)
    jobs = open_jobs(
        settings, writer.store, verifier, clock, events=events, publisher=publisher, upkeep=upkeep, key_changed=key_changed
    )
    app = create_app("Driftline audit", health=health, registry=REGISTRY)
    app.include_router(api.routes(writer.store, access, verifier.verify))
    decisions = keeping.Decisions(another_writer(settings, key, writer.store), clock)
    app.include_router(keeping.routes(decisions, writer.store, access, clock, verify_now))
    server = HttpServer(app, settings.http_host, settings.http_port)
    recorder.open()
    heads = OtherHeads(writer.store, publisher, clock)
    heads.look()
    server.start()
    health.ready()
    log.info("ready", url=server.url, log=writer.store.origin, entries=writer.size)

    def moved() -> None:
        health.beat("recorder")
        heads.look()
        publisher.tick()

    def rolled_back(error: RollbackDetected) -> None:
        if key_changed():
            log.warning(KEY_CHANGED)
        else:
            tell_rollback(events, writer.store.origin, error)

    try:
        part = RecorderPart(recorder, clock, moved=moved, rolled_back=rolled_back)
        return run_parts({"recorder": part, **jobs}, health)
    finally:
        server.stop()
        publisher.close()
        producer.flush(5.0)
        writer.store.close()
        log.info("stopped")


def open_recorder(
    settings: AuditSettings,
    cluster: ConfluentCluster,
    writer: LedgerWriter,
    clock: Clock,
    *,
    events: HealthEvents,
    publisher: CheckpointPublisher,
    archive: Objects | None,
) -> Recorder:
    """Return what takes the topics into the ledger; with an archive it keeps the messages behind digests, where that is asked for."""
    keep = MessageArchive(archive) if archive is not None and settings.ledger_keep_messages else None
    return Recorder(
        cluster,
        writer,
        clock,
        salts=os.urandom,
        signed=publisher.signed,
        cluster_name=settings.ledger_cluster,
        pace=Pace(round(settings.ledger_digest_seconds * 1e6), settings.ledger_digest_records, keep),
        lost=lambda names: tell_lost(events, names),
    )


def another_writer(settings: AuditSettings, key: SigningKey, store: LedgerStore) -> LedgerWriter:
    """Return a writer beside the recorder's: one is not for several threads."""
    return LedgerWriter(store, key, LastSigned(settings.signed_file, key.verifier), random=os.urandom)


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


def has_other_key(settings: AuditSettings, key: SigningKey) -> bool:
    """Tell whether the key file holds another key of the log than the one that this process signs with; a file that is gone says nothing."""
    try:
        return read_key(settings).verifier.public != key.verifier.public
    except ConfigurationError:
        return False


def open_jobs(
    settings: AuditSettings,
    store: LedgerStore,
    verifier: Verifier,
    clock: Clock,
    *,
    events: HealthEvents,
    publisher: CheckpointPublisher,
    upkeep: Sequence[Job],
    key_changed: Callable[[], bool],
) -> dict[str, Part]:
    """Return what runs beside the recorder: verification, and where there are any, witnesses, anchors and upkeep."""
    verification = VerificationJob(
        verifier,
        events,
        clock,
        origin=store.origin,
        every_us=round(settings.ledger_verify_seconds * 1e6),
        level=settings.ledger_verify_level,
        key_changed=key_changed,
    )
    jobs: dict[str, Part] = {"verification": verification, "key": KeyWatch(key_changed)}
    if (witnessing := open_witnessing(settings, store, clock, events, publisher)) is not None:
        jobs["witnessing"] = WitnessingPart(witnessing, every_us=round(settings.ledger_witness_seconds * 1e6))
    if settings.ledger_anchor_url is not None:
        anchors = UrlObjects(settings.ledger_anchor_url)
        jobs["anchoring"] = Anchoring(store, anchors, events, every_seconds=settings.ledger_anchor_seconds)
    if upkeep:
        jobs["upkeep"] = Upkeep(upkeep, events, clock)
    return jobs


def open_verifier(
    settings: AuditSettings, store: LedgerStore, key: VerifierKey, archive: Objects | None, cluster: Cluster
) -> Verifier:
    """Return what verifies; raises ConfigurationError for level witness without a quorum of witnesses to ask for."""
    gather = None
    if settings.ledger_verify_level is Level.WITNESS:
        policy = NO_WITNESS if settings.ledger_policy_file is None else read_policy(settings.ledger_policy_file)
        if policy.quorum is None:
            raise ConfigurationError(
                "DRIFTLINE_LEDGER_VERIFY_LEVEL=witness needs DRIFTLINE_LEDGER_POLICY_FILE, with a quorum of witnesses"
            )
        clients = witness_clients(settings, policy)
        anchors = None if settings.ledger_anchor_url is None else UrlObjects(settings.ledger_anchor_url)

        def gather() -> tuple[Witnessed, list[SignedHead]]:
            return cosigned_heads(store, key, policy, clients, anchors=anchors)

    jobs = settings.ledger_verify_jobs
    return Verifier(store, key, settings.signed_file, archive=archive, jobs=jobs, cluster=cluster, gather=gather)


def witness_clients(settings: AuditSettings, policy: Policy) -> dict[str, WitnessClient]:
    """Return a client for each witness of a policy that can be asked; raises ConfigurationError."""
    try:
        allowed = parse_allow_list(settings.ledger_witness_allow_addresses)
    except ValueError as error:
        raise ConfigurationError(f"DRIFTLINE_LEDGER_WITNESS_ALLOW_ADDRESSES: {error}") from error
    return {
        witness.name: WitnessClient(witness.url, allowed=allowed, timeout_seconds=settings.ledger_witness_timeout_seconds)
        for witness in policy.witnesses
        if witness.url is not None
    }


def open_witnessing(
    settings: AuditSettings, store: LedgerStore, clock: Clock, events: HealthEvents, publisher: CheckpointPublisher
) -> Witnessing | None:
    """Read policy and cosigner's keys; None without both. Raises ConfigurationError for what cannot be used."""
    own = read_cosigners(settings.cosigner_file) if settings.cosigner_file.exists() else ()
    if settings.ledger_policy_file is None and not own:
        return None
    policy = NO_WITNESS if settings.ledger_policy_file is None else read_policy(settings.ledger_policy_file)
    clients = witness_clients(settings, policy)
    return Witnessing(store, policy, clients, clock, events=events, quorum=publisher.cosigned, own=own)


def read_policy(path: Path) -> Policy:
    """Read the policy of witnesses; raises ConfigurationError."""
    try:
        return parse_policy(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"cannot read the policy of witnesses {path} ({error.strerror})") from error
    except PolicyMalformed as error:
        raise ConfigurationError(f"{path}: {error}") from error


def read_cosigners(path: Path) -> Sequence[Cosigner]:
    """Read the ledger's cosigning keys; raises ConfigurationError for a file that is open to others, or holds none."""
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{path} can be read by others: chmod 600 {path}")
        return cosigners(path.read_text(encoding="utf-8"))
    except (OSError, KeyMalformed, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} holds no cosigning keys: {error}") from error


def open_archive(settings: AuditSettings) -> UrlObjects | None:
    """Open the archive, if there is one; raises ConfigurationError where messages are to be kept and there is none."""
    if settings.ledger_keep_messages and settings.ledger_archive_url is None:
        raise ConfigurationError("DRIFTLINE_LEDGER_KEEP_MESSAGES needs DRIFTLINE_LEDGER_ARCHIVE_URL, where they are kept")
    return None if settings.ledger_archive_url is None else UrlObjects(settings.ledger_archive_url)


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
