"""The alerting service from top to bottom: settings, clients, core, jobs, consumer, run, drain."""

import argparse
import gc
import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog
from fastapi import APIRouter
from prometheus_client import REGISTRY
from sqlalchemy.exc import SQLAlchemyError

from driftline import topics
from driftline.alerting.delivery import RetryPolicy
from driftline.alerting.posted import PostedAlert
from driftline.alerting.routing import Routing
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from driftline.kafka.configuration import StartAt, client_properties
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer, create_app
from driftline.runtime.preflight import require_topics
from driftline.runtime.process import Part, run_parts, run_service
from driftline.runtime.tokens import TokenBook
from services.alerting.adapters.channels.configured import secret
from services.alerting.adapters.channels.guarded import GuardedClient
from services.alerting.adapters.faust_app import FaustConsumer
from services.alerting.adapters.plan import Plan, PlanInForce, read_plan
from services.alerting.adapters.response.ways import build_ways
from services.alerting.api.access import OpenAccess
from services.alerting.api.alerts import routes
from services.alerting.api.answers import Secrets, answer_routes
from services.alerting.api.compatible import compatible_routes
from services.alerting.api.life import explain_routes, life_routes
from services.alerting.api.operations import operation_routes
from services.alerting.api.pictures import picture_routes
from services.alerting.api.response import response_routes
from services.alerting.api.silences import silence_routes
from services.alerting.consumer import ELSEWHERE, Following, Intake
from services.alerting.jobs.auditor import Auditor
from services.alerting.jobs.beat import Beat, Work
from services.alerting.jobs.catch_up import CatchUp
from services.alerting.jobs.dispatcher import Dispatcher, Outlook
from services.alerting.jobs.housekeeper import Housekeeper
from services.alerting.jobs.publisher import Publisher, Unheard
from services.alerting.jobs.reloader import Reloader
from services.alerting.jobs.response import desk as response
from services.alerting.jobs.rota_sources import RotaSources, SourceReader
from services.alerting.jobs.sender import Sender, SenderOptions, give_up_elsewhere
from services.alerting.jobs.senders import Senders
from services.alerting.jobs.timekeeper import Expiry, Timekeeper
from services.alerting.settings import AlertingSettings, AloneSettings
from services.alerting.store import outbox
from services.alerting.store.database import Database

SOURCES = ("drift-events", "health", *ELSEWHERE)
TARGETS = ("alerts", "notifications")
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_LEASE_MARGIN_SECONDS = 10.0
"""From the end of a try to its record, at most; then another replica sends again, under the same id."""

log = structlog.get_logger("driftline.alerting")


def main(words: Sequence[str]) -> int:
    """Run by the settings of the environment; `--alone` needs no Kafka, and its options win over the environment."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m services.alerting", description=main.__doc__)
    parser.add_argument("--alone", action="store_true", help="take alerts over HTTP only, as Alertmanager does")
    parser.add_argument("--config", help="YAML of routes and receivers (DRIFTLINE_ALERTING_CONFIG)")
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:9093", help="with --alone; without it %(default)s")
    parser.add_argument("--data", help="folder of the database (DRIFTLINE_DATA_DIR)")
    given = parser.parse_args(words)
    typed = {"--config": ("DRIFTLINE_ALERTING_CONFIG", given.config), "--data": ("DRIFTLINE_DATA_DIR", given.data)}
    if given.alone:
        host, _, port = given.listen.rpartition(":")
        typed["--listen"] = ("DRIFTLINE_HTTP_PORT", port)
        os.environ["DRIFTLINE_HTTP_HOST"] = host.strip("[]") or "0.0.0.0"  # noqa: S104  as in Go
    options = {}
    for option, (variable, value) in typed.items():
        if value is not None:
            os.environ[variable] = value
            options[variable] = option
    if given.alone:
        return run_service("alerting", AloneSettings, run_alone, options)
    return run_service("alerting", AlertingSettings, run, options)


def run(settings: AlertingSettings, clock: Clock) -> int:
    """Check all that can be wrong, put everything together, serve."""
    health = Health()
    access = Access(TokenBook(settings.tokens_file))
    in_force = PlanInForce(read_plan(settings, clock))
    client = client_properties()
    cluster = ConfluentCluster(client)
    require_topics(cluster.admin(), (*SOURCES, *TARGETS, *response.TOPICS))
    sources = cluster.admin().describe([topics.name(topic) for topic in SOURCES])
    reader = FaustConsumer(client, list(sources), instance_id=settings.instance_id, data_dir=settings.data_dir)
    database = open_database(settings)
    tidy_outbox(database, in_force.configured, clock)

    topic_ids = {name: topic.topic_id for name, topic in sources.items()}
    tools = Tools(database, in_force, clock, health)
    desk = set_up(
        settings, tools, topic_ids, Publisher(database, cluster.producer(), clock, shared=not database.single_replica)
    )
    desk.intake.place_again()
    history = CatchUp(database, cluster.admin(), cluster.consumer(start_at=StartAt.STOP), sources)
    following = Following(reader, history, desk.intake, health, on_handled=desk.on_handled)

    responding = response.set_up_response(
        database=database,
        cluster=cluster,
        policy=in_force.response,
        ways=build_ways(settings, clock),
        clock=clock,
        health=health,
        on_told=desk.on_handled,
    )
    routes_of_it = response_routes(database, in_force.response, access, responding.people)
    parts = {"consumer": following, **responding.parts, **desk.parts}
    return serve(settings, tools, desk, access, parts, routes_of_it)


def run_alone(settings: AloneSettings, clock: Clock) -> int:
    """The same without Kafka, for alerts that come over HTTP: a drop-in for Alertmanager."""
    health = Health()
    access = OpenAccess() if settings.is_open else Access(TokenBook(settings.tokens_file))
    in_force = PlanInForce(read_plan(settings, clock))
    database = open_database(settings, keeps_events=False)
    tidy_outbox(database, in_force.configured, clock)
    tools = Tools(database, in_force, clock, health)
    desk = set_up(settings, tools, {}, Unheard())
    desk.intake.open_all()
    desk.intake.place_again()
    if settings.is_open:
        log.warning(
            "no tokens are asked for: everybody who reaches the address may do everything", remedy="DRIFTLINE_TOKENS_FILE"
        )
    health.ready()
    return serve(settings, tools, desk, access, desk.parts)


def open_database(settings: AlertingSettings, *, keeps_events: bool = True) -> Database:
    """The database, ready. Raises ConfigurationError where it cannot be reached or used."""
    try:
        return Database(settings.database, keeps_events=keeps_events)
    except ImportError as error:
        raise ConfigurationError(f"DRIFTLINE_DATABASE_URL: alerting works with SQLite and PostgreSQL; {error}") from error
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise ConfigurationError(f"the database of alerting (DRIFTLINE_DATABASE_URL) cannot be used: {said}") from error


def serve(
    settings: AlertingSettings, tools: "Tools", desk: "Desk", access: Access, parts: Mapping[str, Part], *more: APIRouter
) -> int:
    """Open the door and work until a signal."""
    database, in_force, clock = tools.database, tools.in_force, tools.clock

    def post(given: Sequence[PostedAlert]) -> None:
        desk.intake.post(given)
        desk.on_handled()

    http = create_app("Driftline alerting", health=tools.health, registry=REGISTRY)
    for router in (
        routes(database, settings.links, access),
        life_routes(database, settings.links, access, clock),
        explain_routes(database, in_force, access, clock),
        silence_routes(database, access, clock),
        operation_routes(desk.reloader.reload, access),
        answer_routes(database, answer_secrets(settings), clock, desk.on_handled),
        compatible_routes(database, in_force, access, clock, post),
        *([] if settings.links.pictures is None else [picture_routes(database)]),
        *more,
    ):
        http.include_router(router)
    server = HttpServer(http, settings.http_host, settings.http_port)
    server.start()
    say_hello(settings, database, in_force.plan, server)
    signal.signal(signal.SIGHUP, lambda *_: desk.reloader.request())
    # An alert is some hundred small objects that all die with it; looking for cycles among them finds none.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        return run_parts(parts, tools.health)
    finally:
        server.stop()
        database.close()


@dataclass(frozen=True, slots=True)
class Tools:
    """What everybody works with."""

    database: Database
    in_force: PlanInForce
    clock: Clock
    health: Health


@dataclass(frozen=True, slots=True)
class Desk:
    """What works the same wherever alerts come from."""

    intake: Intake
    reloader: Reloader
    parts: Mapping[str, Part]
    """To be stopped in this order."""
    on_handled: Callable[[], None]
    """Call when an alert was taken in."""


def set_up(settings: AlertingSettings, tools: Tools, topic_ids: Mapping[str, str], publisher_work: Work) -> Desk:
    """Put the jobs together. `publisher_work` brings the events of the outbox to where they belong."""
    database, in_force, clock = tools.database, tools.in_force, tools.clock

    def beat(name: str, work: Work, rest_seconds: float) -> Beat:
        return Beat(name, work, clock, tools.health, rest_seconds=rest_seconds)

    publisher = beat("publisher", publisher_work, 0.1)
    senders = Senders(
        in_force,
        lambda channel, options: Sender(database, channel, in_force, options, clock=clock, on_recorded=publisher.wake),
        lambda name: sender_options(settings, in_force.routing, name),
        clock,
        tools.health,
    )
    outlook = Outlook(in_force, settings.links, on_decided=lambda: wake(publisher, senders))
    dispatcher = beat("dispatcher", Dispatcher(database, outlook, clock), 0.02)
    timekeeper = beat("timekeeper", Timekeeper(database, in_force, clock, on_changed=dispatcher.wake), 0.0)
    intake = Intake(database, in_force, settings.links, topic_ids, clock)
    expiry = beat("expiry", Expiry(intake.expire, on_changed=lambda: wake(dispatcher, publisher)), 0.0)

    def put_in_force(plan: Plan) -> None:
        in_force.plan = plan
        intake.place_again()
        senders.follow()
        dispatcher.wake()

    reloader = Reloader(lambda: read_plan(settings, clock), put_in_force)
    housekeeper = beat("housekeeper", Housekeeper(database, clock, history_days=settings.alerting_history_days), 0.0)
    sources = beat("rotas", RotaSources(database, in_force, clock, SourceReader(settings.allowed)), 0.0)
    auditor = beat("auditor", Auditor(database, clock, heartbeat_of(settings)), 0.0)
    beats = {part.name: part for part in (sources, auditor, timekeeper, expiry, dispatcher)}
    parts: dict[str, Part] = {
        "reloader": reloader,
        **beats,
        "senders": senders,
        "publisher": publisher,
        "housekeeper": housekeeper,
    }
    return Desk(intake, reloader, parts, on_handled=lambda: wake(dispatcher, publisher))


def wake(*beats: Beat | Senders) -> None:
    """Something was written for them."""
    for beat in beats:
        beat.wake()


def heartbeat_of(settings: AlertingSettings) -> GuardedClient | None:
    """Where the heartbeat goes. Raises ConfigurationError for a URL that can never be read."""
    url = secret(settings.alerting_heartbeat_url)
    name = "DRIFTLINE_ALERTING_HEARTBEAT_URL"
    return None if url is None else GuardedClient(url, settings.allowed, timeout_seconds=10.0, name=name)


def answer_secrets(settings: AlertingSettings) -> Secrets:
    """By what the requests of Slack and PagerDuty are recognised."""
    return Secrets(secret(settings.alerting_slack_signing_secret), secret(settings.alerting_pagerduty_webhook_secret))


def sender_options(settings: AlertingSettings, routing: Routing, channel: str) -> SenderOptions:
    """How a channel is sent to."""
    return SenderOptions(
        name=channel,
        lease_us=int((routing.channels[channel].timeout_seconds + _LEASE_MARGIN_SECONDS) * 1_000_000),
        workers=settings.alerting_send_workers,
        retry=RetryPolicy(give_up_after_us=int(settings.alerting_give_up_after_seconds * 1_000_000)),
        pace=routing.channels[channel].pace,
    )


def tidy_outbox(database: Database, channels: Collection[str], clock: Clock) -> None:
    """Set right what an earlier process or another configuration left in the outbox."""
    now = clock.now_us()
    with database.write() as tx:
        if database.single_replica:
            outbox.release_claims(tx, now)
        give_up_elsewhere(tx, channels, now)


def say_hello(settings: AlertingSettings, database: Database, plan: Plan, server: HttpServer) -> None:
    """One line about what runs here."""
    if database.single_replica:
        log.info("the database is SQLite: one replica of alerting runs")
    unconfigured = sorted(plan.routing.channels.keys() - plan.channels.keys())
    source = "default" if settings.alerting_config is None else str(settings.alerting_config)
    log.info("alerting starts", url=server.url, channels=sorted(plan.channels), not_configured=unconfigured, routing=source)
