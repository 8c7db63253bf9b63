"""The alerting service from top to bottom: settings, clients, core, jobs, consumer, run, drain."""

from collections.abc import Mapping

import structlog
from prometheus_client import REGISTRY

from driftline import topics
from driftline.alerting.config import default_routing, load, with_timers
from driftline.alerting.delivery import RetryPolicy
from driftline.alerting.routing import Routing
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from driftline.kafka.configuration import StartAt, client_properties
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer, create_app
from driftline.runtime.preflight import require_topics
from driftline.runtime.process import run_parts
from driftline.runtime.tokens import TokenBook
from services.alerting import api
from services.alerting.adapters.channels.port import Channel
from services.alerting.adapters.channels.registry import build_channels
from services.alerting.adapters.faust_app import FaustConsumer
from services.alerting.consumer import Following, Intake
from services.alerting.jobs.beat import Beat, Work
from services.alerting.jobs.catch_up import CatchUp
from services.alerting.jobs.dispatcher import Dispatcher, Outlook
from services.alerting.jobs.housekeeper import Housekeeper
from services.alerting.jobs.publisher import Publisher
from services.alerting.jobs.sender import Sender, SenderOptions, give_up_elsewhere
from services.alerting.settings import AlertingSettings
from services.alerting.store import outbox
from services.alerting.store.database import Database

SOURCES = ("drift-events", "health")
TARGETS = ("alerts", "notifications")
_LEASE_MARGIN_SECONDS = 30.0

log = structlog.get_logger("driftline.alerting")


def run(settings: AlertingSettings, clock: Clock) -> int:
    """Check all that can be wrong, put everything together, serve."""
    health = Health()
    access = Access(TokenBook(settings.tokens_file))
    routing = read_routing(settings)
    channels = open_channels(settings, routing, clock)
    client = client_properties()
    cluster = ConfluentCluster(client)
    require_topics(cluster.admin(), (*SOURCES, *TARGETS))
    sources = cluster.admin().describe([topics.name(topic) for topic in SOURCES])
    reader = FaustConsumer(client, list(sources), instance_id=settings.instance_id, data_dir=settings.data_dir)
    database = Database(settings.database)
    tidy_outbox(database, channels, clock)

    def beat(name: str, work: Work, rest_seconds: float) -> Beat:
        return Beat(name, work, clock, health, rest_seconds=rest_seconds)

    publisher = beat("publisher", Publisher(database, cluster.producer(), clock), 0.05)
    senders = [
        beat(
            f"sender {name}",
            Sender(
                database, channel, routing, sender_options(settings, routing, name), clock=clock, on_recorded=publisher.wake
            ),
            0.01,
        )
        for name, channel in channels.items()
    ]
    outlook = Outlook(routing, settings.links, frozenset(channels), on_decided=lambda: wake(publisher, *senders))
    dispatcher = beat("dispatcher", Dispatcher(database, outlook, clock), 0.02)
    housekeeper = beat("housekeeper", Housekeeper(database, clock), 0.0)

    intake = Intake(database, routing, settings.links, {name: topic.topic_id for name, topic in sources.items()}, clock)
    intake.place_again()
    history = CatchUp(database, cluster.admin(), cluster.consumer(start_at=StartAt.STOP), sources)
    following = Following(reader, history, intake, health, on_handled=lambda: wake(dispatcher, publisher))

    http = create_app("Driftline alerting", health=health, registry=REGISTRY)
    http.include_router(api.routes(database, settings.links, access))
    http.include_router(api.silence_routes(database, access, clock))
    server = HttpServer(http, settings.http_host, settings.http_port)
    server.start()
    say_hello(settings, database, routing, channels, server)
    beats = (dispatcher, *senders, publisher, housekeeper)
    try:
        return run_parts({"consumer": following, **{part.name: part for part in beats}}, health)
    finally:
        server.stop()
        database.close()


def wake(*beats: Beat) -> None:
    """Something was written for them."""
    for beat in beats:
        beat.wake()


def read_routing(settings: AlertingSettings) -> Routing:
    """The configured routing, else the default by priority; timers of the settings win."""
    path = settings.alerting_config
    if path is None:
        routing = default_routing(webhook=settings.alerting_webhook_url is not None)
    else:
        try:
            routing = load(path.read_text(encoding="utf-8"), source=str(path))
        except (OSError, UnicodeDecodeError) as error:
            problem = getattr(error, "strerror", None) or "it is no UTF-8"
            raise ConfigurationError(f"DRIFTLINE_ALERTING_CONFIG={path} cannot be read: {problem}") from error
        for warning in routing.warnings:
            log.warning("alerting configuration", warning=warning)
    return with_timers(routing, **settings.timers_us)


def open_channels(settings: AlertingSettings, routing: Routing, clock: Clock) -> Mapping[str, Channel]:
    """The channels that have an address."""
    return build_channels(routing.channels, settings, clock)


def sender_options(settings: AlertingSettings, routing: Routing, channel: str) -> SenderOptions:
    """How a channel is sent to."""
    return SenderOptions(
        name=channel,
        lease_us=int((routing.channels[channel].timeout_seconds + _LEASE_MARGIN_SECONDS) * 1_000_000),
        workers=settings.alerting_send_workers,
        retry=RetryPolicy(give_up_after_us=int(settings.alerting_give_up_after_seconds * 1_000_000)),
    )


def tidy_outbox(database: Database, channels: Mapping[str, Channel], clock: Clock) -> None:
    """Set right what an earlier process or another configuration left in the outbox."""
    now = clock.now_us()
    with database.write() as tx:
        if database.single_replica:
            outbox.release_claims(tx, now)
        give_up_elsewhere(tx, list(channels), now)


def say_hello(
    settings: AlertingSettings, database: Database, routing: Routing, channels: Mapping[str, Channel], server: HttpServer
) -> None:
    """One line about what runs here."""
    if database.single_replica:
        log.info("the database is SQLite: one replica of alerting runs")
    unconfigured = sorted(routing.channels.keys() - channels.keys())
    source = "default" if settings.alerting_config is None else str(settings.alerting_config)
    log.info("alerting starts", url=server.url, channels=sorted(channels), not_configured=unconfigured, routing=source)
