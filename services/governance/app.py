"""Governance from start to drain."""

import structlog

from driftline.clock import Clock
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer
from driftline.runtime.preflight import require_topics
from driftline.runtime.process import run_parts
from driftline.runtime.tokens import TokenBook
from driftline.runtime.topic_cache import open_engine
from services.governance.adapters.journal import TOPICS, Journal
from services.governance.api.application import application
from services.governance.api.desk import Counter
from services.governance.consumer import Desk, DeskPart
from services.governance.jobs import Census, Evaluation
from services.governance.settings import GovernanceSettings
from services.governance.store import Store

log = structlog.get_logger("driftline.governance")


def run(settings: GovernanceSettings, clock: Clock) -> int:
    """Check all that can be wrong, put everything together, serve."""
    health = Health()
    access = Access(TokenBook(settings.tokens_file))
    cluster = ConfluentCluster.from_environment()
    require_topics(cluster.admin(), TOPICS)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    store = Store(open_engine(settings.database))
    journal = Journal(cluster, clock)
    desk = Desk(journal, store)
    server = HttpServer(application(Counter(store, desk, clock, access), health), settings.http_host, settings.http_port)
    census, evaluation = Census(store, clock), Evaluation(desk, store, clock)

    def moved() -> None:
        health.beat("desk")
        census.take_if_due()
        evaluation.take_if_due()

    try:
        desk.open()
        server.start()
        health.ready()
        log.info("ready", url=server.url, models=len(store.models()), monitors=len(store.current_monitors()))
        return run_parts({"desk": DeskPart(desk, moved)}, health)
    finally:
        server.stop()
        journal.close()
        store.close()
        log.info("stopped")
