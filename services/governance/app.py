"""Governance from start to drain."""

import signal
import threading

import structlog

from driftline.clock import Clock, SystemClock
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer
from driftline.runtime.logs import configure_logs
from driftline.runtime.settings import load
from driftline.runtime.tokens import TokenBook
from services.governance.adapters.journal import Journal
from services.governance.api.application import application
from services.governance.api.desk import Counter
from services.governance.consumer import Desk
from services.governance.jobs import Census
from services.governance.settings import Settings
from services.governance.store import Store, open_engine

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run() -> None:
    """Serve until a signal; raises DriftlineError where the service cannot go on."""
    settings = load(Settings)
    configure_logs("governance", level=settings.log_level, style=settings.log_format)
    stop = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    serve(settings, SystemClock(), stop)


def serve(settings: Settings, clock: Clock, stop: threading.Event) -> None:
    """Follow the topics and answer requests until `stop` is set."""
    log = structlog.get_logger("governance")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    health = Health()
    store = Store(open_engine(settings.database))
    journal = Journal(ConfluentCluster.from_environment(), clock)
    desk = Desk(journal, store)
    counter = Counter(store, desk, clock, Access(TokenBook(settings.tokens_file)))
    server = HttpServer(application(counter, health), settings.http_host, settings.http_port)
    census = Census(store, clock)
    try:
        desk.open()
        server.start()
        health.ready()
        log.info("ready", url=server.url, models=len(store.models()), monitors=len(store.current_monitors()))

        def tick() -> None:
            health.beat("desk")
            census.take_if_due()

        desk.run(stop, tick)
    finally:
        health.block("stopping", "the service is stopping")
        server.stop()
        journal.close()
        log.info("stopped")
