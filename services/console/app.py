"""The console from start to drain."""

import signal
import threading
import time

import structlog

from driftline.clock import Clock, SystemClock
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer
from driftline.runtime.logs import configure_logs
from driftline.runtime.settings import load
from driftline.runtime.tokens import TokenBook
from services.console.api.application import application
from services.console.api.feed import Feed
from services.console.consumer import Cluster, Follower
from services.console.settings import Settings
from services.console.store.projection import Projection
from services.console.store.queries import Queries
from services.console.store.tables import open_engine

_POLL_SECONDS = 0.25
_PAUSE_SECONDS = 0.01
"""So that a consumer that does not wait (the in-memory twin) does not spin."""
_LAG_SECONDS = 5.0


def run() -> None:
    """Serve until a signal; raises DriftlineError where the service cannot go on."""
    settings = load(Settings)
    configure_logs("console", level=settings.log_level, style=settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serve(settings, ConfluentCluster.from_environment(), SystemClock(), stop)


def serve(settings: Settings, cluster: Cluster, clock: Clock, stop: threading.Event) -> None:
    """Follow the topics and serve the page until `stop` is set."""
    log = structlog.get_logger("console")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.database)
    health, feed = Health(), Feed()
    follower = Follower(cluster, Projection(engine), feed.changed)
    access = Access(TokenBook(settings.tokens_file))
    app = application(
        queries=Queries(engine), feed=feed, access=access, clock=clock, health=health, runbooks=settings.runbooks_dir
    )
    server = HttpServer(app, settings.http_host, settings.http_port)
    try:
        follower.open()
        server.start()
        log.info("serving", url=server.url)
        _follow(follower, health, stop)
    finally:
        health.block("stopping", "the service is stopping")
        feed.close()
        server.stop()
        follower.close()
        engine.dispose()
        log.info("stopped")


def _follow(follower: Follower, health: Health, stop: threading.Event) -> None:
    """Take in what comes; ready once the page has shown everything that was there."""
    measured = 0.0
    while not stop.is_set():
        if follower.step(_POLL_SECONDS) == 0:
            stop.wait(_PAUSE_SECONDS)
        health.beat("follower")
        if time.monotonic() - measured >= _LAG_SECONDS or "starting" in health.not_ready():
            measured = time.monotonic()
            if follower.lag() == 0:
                health.ready()
