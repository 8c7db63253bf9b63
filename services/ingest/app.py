"""Ingest from start to drain."""

import gc

import structlog

from driftline.clock import Clock
from driftline.kafka.configuration import client_properties
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.catalogue import Catalogue
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer
from driftline.runtime.preflight import require_topics
from driftline.runtime.process import run_parts
from driftline.runtime.tokens import TokenBook
from services.ingest.adapters.idempotency import Keys
from services.ingest.adapters.outbox import QUEUE_RECORDS, Outbox
from services.ingest.adapters.redis_keys import RedisKeys
from services.ingest.adapters.sqlite_keys import SqliteKeys
from services.ingest.api.application import application
from services.ingest.api.desk import Desk
from services.ingest.api.gathering import Gatherer
from services.ingest.consumer import TOPICS, MonitorDirectory
from services.ingest.jobs import Following, Forgetting
from services.ingest.settings import Settings

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_WRITES = ("predictions", "labels", "dead-letters")

log = structlog.get_logger("ingest")


def run(settings: Settings, clock: Clock) -> int:
    """Check all that can be wrong, put everything together, answer requests and follow the monitors."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    health = Health()
    properties = client_properties()
    cluster = ConfluentCluster(properties)
    require_topics(cluster.admin(), (*_WRITES, *TOPICS))
    access = Access(TokenBook(settings.tokens_file))
    catalogue = Catalogue(cluster.consumer(), topics=TOPICS)
    outbox = Outbox(ConfluentCluster(properties | _producer_properties(settings)).producer())
    keys = _keys(settings)
    desk = Desk(Gatherer(MonitorDirectory(catalogue), outbox, clock), keys, access, clock, settings.in_flight_bytes)
    server = HttpServer(application(desk, health, body_limit=settings.body_limit_bytes), settings.http_host, settings.http_port)
    try:
        catalogue.refresh()
        outbox.start()
        server.start()
        health.ready()
        log.info("ready", url=server.url)
        # A request is some hundred small objects that all die with it; looking for cycles among them finds none.
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        return run_parts({"monitors": Following(catalogue, outbox, Forgetting(keys, clock), health)}, health)
    finally:
        server.stop()
        outbox.stop()
        catalogue.close()
        keys.close()
        log.info("stopped")


def _producer_properties(settings: Settings) -> dict[str, int]:
    return {
        # The producer gives up by itself, so that every request hears what became of its records.
        "message.timeout.ms": int(settings.acknowledge_timeout_seconds * 1000),
        "queue.buffering.max.messages": QUEUE_RECORDS,
        # Requests are gathered before they are written; waiting a second time gains little.
        "linger.ms": 1,
    }


def _keys(settings: Settings) -> Keys:
    if settings.redis_url is not None:
        return RedisKeys.at(settings.redis_url, keep_seconds=settings.idempotency_seconds)
    return SqliteKeys(settings.data_dir / "ingest.db", keep_seconds=settings.idempotency_seconds)
