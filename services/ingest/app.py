"""Ingest from start to drain."""

import gc
import signal
import threading

import structlog

from driftline.clock import Clock, SystemClock
from driftline.kafka.configuration import client_properties
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.catalogue import Catalogue
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer
from driftline.runtime.logs import configure_logs
from driftline.runtime.preflight import require_topics
from driftline.runtime.settings import load
from driftline.runtime.tokens import TokenBook
from services.ingest.adapters.idempotency import Keys
from services.ingest.adapters.outbox import QUEUE_RECORDS, Outbox
from services.ingest.adapters.redis_keys import RedisKeys
from services.ingest.adapters.sqlite_keys import SqliteKeys
from services.ingest.api.application import application
from services.ingest.api.desk import Desk
from services.ingest.api.gathering import Gatherer
from services.ingest.consumer import TOPICS, MonitorDirectory
from services.ingest.jobs import Forgetting
from services.ingest.settings import Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_WRITES = ("predictions", "labels", "dead-letters")


def run() -> None:
    """Serve until a signal; raises DriftlineError where the service cannot go on."""
    settings = load(Settings)
    configure_logs("ingest", level=settings.log_level, style=settings.log_format)
    stop = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    serve(settings, SystemClock(), stop)


def serve(settings: Settings, clock: Clock, stop: threading.Event) -> None:
    """Answer requests and follow the monitors until `stop` is set."""
    log = structlog.get_logger("ingest")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    health = Health()
    properties = client_properties()
    cluster = ConfluentCluster(properties)
    require_topics(cluster.admin(), (*_WRITES, *TOPICS))
    catalogue = Catalogue(cluster.consumer(), topics=TOPICS)
    outbox = Outbox(ConfluentCluster(properties | _producer_properties(settings)).producer())
    keys = _keys(settings)
    desk = Desk(
        Gatherer(MonitorDirectory(catalogue), outbox, clock),
        keys,
        Access(TokenBook(settings.tokens_file)),
        clock,
        settings.in_flight_bytes,
    )
    app = application(desk, health, body_limit=settings.body_limit_bytes)
    server = HttpServer(app, settings.http_host, settings.http_port)
    forgetting = Forgetting(keys, clock)
    try:
        catalogue.refresh()
        outbox.start()
        server.start()
        # What is there now stays: the collector need not look at it again (numba alone leaves 100,000 objects).
        gc.collect()
        gc.freeze()
        # A request is some hundred small objects that all die with it; looking for cycles among them finds none.
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        health.ready()
        log.info("ready", url=server.url)
        while not stop.is_set():
            catalogue.follow(0.2)
            health.beat("monitors")
            forgetting.run_if_due()
    finally:
        health.block("stopping", "the service is stopping")
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
