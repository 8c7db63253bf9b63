"""The console from start to drain."""

from dataclasses import dataclass

import structlog
from sqlalchemy import Engine

from driftline.clock import Clock
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer
from driftline.runtime.preflight import require_topics
from driftline.runtime.process import run_parts
from driftline.runtime.tokens import TokenBook
from services.console.api.application import application
from services.console.api.feed import Feed
from services.console.consumer import Cluster, Follower, FollowerPart
from services.console.settings import ConsoleSettings
from services.console.store.checks import CheckQueries
from services.console.store.projection import Projection
from services.console.store.queries import Queries
from services.console.store.tables import BY_TOPIC, open_tables

log = structlog.get_logger("driftline.console")


def run(settings: ConsoleSettings, clock: Clock) -> int:
    """Check all that can be wrong, put everything together, serve."""
    console = assemble(settings, ConfluentCluster.from_environment(), clock)
    try:
        console.start()
        return run_parts({"follower": console.follower}, console.health)
    finally:
        console.close()


@dataclass(frozen=True, slots=True)
class Console:
    """Everything that runs; `follower.run` is the work, until `follower.stop`."""

    follower: FollowerPart
    health: Health
    server: HttpServer
    feed: Feed
    engine: Engine

    def start(self) -> None:
        """Serve; ready once the page shows everything that was there."""
        self.follower.open()
        self.server.start()
        log.info("serving", url=self.server.url)

    def close(self) -> None:
        """End the streams, then the requests, then the clients."""
        self.feed.close()
        self.server.stop()
        self.follower.close()
        self.engine.dispose()
        log.info("stopped")


def assemble(settings: ConsoleSettings, cluster: Cluster, clock: Clock) -> Console:
    """Put everything together; raises ConfigurationError for what is wrong with tokens, topics or the port."""
    access = Access(TokenBook(settings.tokens_file))
    require_topics(cluster.admin(), BY_TOPIC)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = open_tables(settings.database)
    health, feed = Health(), Feed()
    follower = Follower(cluster, Projection(engine), feed.changed)
    app = application(
        queries=Queries(engine),
        checks=CheckQueries(engine),
        feed=feed,
        access=access,
        clock=clock,
        health=health,
        runbooks=settings.runbooks_dir,
    )
    server = HttpServer(app, settings.http_host, settings.http_port)
    return Console(FollowerPart(follower, health), health, server, feed, engine)
