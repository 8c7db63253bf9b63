"""The alerting service from top to bottom: settings, clients, core, jobs, consumer, run, drain."""

import asyncio
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from types import FrameType

import structlog
from prometheus_client import REGISTRY

from driftline import topics
from driftline.alerting.config import default_routing, load, with_timers
from driftline.alerting.delivery import RetryPolicy
from driftline.alerting.routing import Routing
from driftline.clock import Clock, SystemClock
from driftline.errors import ConfigurationError, DriftlineError
from driftline.kafka.configuration import StartAt, client_properties
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import Admin, Message
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer, create_app
from driftline.runtime.logs import configure_logs
from driftline.runtime.settings import load as load_settings
from driftline.runtime.tokens import TokenBook
from services.alerting import api
from services.alerting.adapters.channels.port import Channel
from services.alerting.adapters.channels.registry import WebhookDefaults, build_channels
from services.alerting.adapters.faust_app import GROUP, FaustConsumer
from services.alerting.adapters.received import Received, received
from services.alerting.consumer import Intake
from services.alerting.jobs.beat import Beat
from services.alerting.jobs.catch_up import History, catch_up
from services.alerting.jobs.dispatcher import Dispatcher
from services.alerting.jobs.housekeeper import Housekeeper
from services.alerting.jobs.publisher import Publisher
from services.alerting.jobs.sender import Sender, SenderOptions, give_up
from services.alerting.settings import AlertingSettings
from services.alerting.store import outbox
from services.alerting.store.database import Database

SOURCES = ("drift-events", "health")
_LEASE_MARGIN_SECONDS = 30.0
_DRAIN_SECONDS = 5.0

log = structlog.get_logger()


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean end, 1 after a crash, 2 where it could not start."""
    try:
        settings = load_settings(AlertingSettings)
        configure_logs("alerting", level=settings.log_level, style=settings.log_format)
        return Service(settings, SystemClock()).run()
    except ConfigurationError as error:
        sys.stderr.write(f"driftline alerting: {error}\n")
        return 2
    except DriftlineError as error:
        sys.stderr.write(f"driftline alerting: {error}\n")
        return 1


class Service:
    """Everything of one process, wired by hand."""

    def __init__(self, settings: AlertingSettings, clock: Clock) -> None:
        """Check all that can be wrong before anything is started."""
        self.settings = settings
        self.clock = clock
        self.stopping = threading.Event()
        self.crash: BaseException | None = None
        self.health = Health()
        self.routing = read_routing(settings)
        self.channels = _channels(settings, self.routing, clock)
        tokens = TokenBook(settings.tokens_file)
        client = client_properties()
        self.cluster = ConfluentCluster(client)
        self.partitions, self.topic_ids = check_topics(self.cluster.admin())
        self.consumer = FaustConsumer(
            client, list(self.topic_ids), instance_id=settings.instance_id, data_dir=settings.data_dir
        )
        self.database = Database(settings.database)
        self.intake = Intake(self.database, self.routing, settings.links, self.topic_ids, clock)
        self.publisher = Beat("publisher", Publisher(self.database, self.cluster.producer(), clock), clock, self.on_crash)
        self.senders = {name: self._sender(name, channel) for name, channel in self.channels.items()}
        self.sender_beats = [Beat(f"sender {name}", sender, clock, self.on_crash) for name, sender in self.senders.items()]
        dispatcher = Dispatcher(
            self.database,
            self.routing,
            settings.links,
            configured=self.channels.keys(),
            clock=clock,
            on_decided=self.wake_out,
        )
        self.dispatcher = Beat("dispatcher", dispatcher, clock, self.on_crash)
        self.housekeeper = Beat("housekeeper", Housekeeper(self.database, clock), clock, self.on_crash)
        http = create_app("Driftline alerting", health=self.health, registry=REGISTRY)
        http.include_router(api.routes(self.database, settings.links, Access(tokens)))
        self.http = HttpServer(http, settings.http_host, settings.http_port)

    def run(self) -> int:
        """Serve until told to stop."""
        self._listen_for_signals()
        if self.database.single_replica:
            log.info("the database is SQLite: one replica of alerting runs", database=self.settings.database)
        log.info(
            "channels", configured=sorted(self.channels), unconfigured=sorted(self.routing.channels.keys() - self.channels)
        )
        self.http.start()
        try:
            self._prepare()
            for beat in self._beats():
                beat.start()
            if not self.stopping.is_set():
                asyncio.run(self.consumer.run(self._handle, self._must_stop, self._on_started))
        except Exception as error:
            log.exception("alerting cannot go on")
            self.on_crash(error)
        finally:
            self._drain()
        if self.crash is not None:
            log.error("alerting ends because of an error", error=str(self.crash))
            return 1
        log.info("alerting ended")
        return 0

    def on_crash(self, error: BaseException) -> None:
        """Remember the first reason and end the process."""
        self.crash = self.crash or error
        self.health.fail(str(error))
        self.stopping.set()

    def wake_out(self) -> None:
        """Something was written to the outboxes."""
        for beat in self.sender_beats:
            beat.wake()
        self.publisher.wake()

    def _beats(self) -> list[Beat]:
        return [self.publisher, *self.sender_beats, self.dispatcher, self.housekeeper]

    def _sender(self, name: str, channel: Channel) -> Sender:
        timeout = self.routing.channels[name].timeout_seconds
        options = SenderOptions(
            name=name,
            lease_us=int((timeout + _LEASE_MARGIN_SECONDS) * 1_000_000),
            workers=self.settings.alerting_send_workers,
            retry=RetryPolicy(give_up_after_us=int(self.settings.alerting_give_up_after_seconds * 1_000_000)),
        )
        return Sender(self.database, channel, self.routing, options, clock=self.clock, on_recorded=self.publisher.wake)

    def _prepare(self) -> None:
        """Read what was missed, and set right what an earlier process or configuration left."""
        consumer = self.cluster.consumer(f"{GROUP}.history", start_at=StartAt.STOP)
        try:
            count = catch_up(
                self.database,
                History(self.cluster.admin(), consumer, self.partitions, self.topic_ids),
                self._handle_history,
                self.stopping.is_set,
            )
        finally:
            consumer.close()
        if self.stopping.is_set():
            return
        opened = self.intake.open_all()
        self.intake.place_again()
        now = self.clock.now_us()
        with self.database.write() as tx:
            if self.database.single_replica:
                outbox.release_claims(tx, now)
            for parcel in outbox.pending_elsewhere(tx, list(self.channels)):
                give_up(tx, parcel, "its channel is not configured any more", now)
        log.info("history read", messages=count, opened=opened)

    def _handle_history(self, messages: Sequence[Message], *, news: bool) -> None:
        self.intake.handle([received(message) for message in messages], news=news)

    async def _handle(self, records: Sequence[Received]) -> None:
        await asyncio.to_thread(self.intake.handle, records)
        self.dispatcher.wake()
        self.publisher.wake()

    def _must_stop(self) -> bool:
        self.health.beat("consumer")
        return self.stopping.is_set()

    def _on_started(self) -> None:
        self.health.ready()
        log.info("alerting is ready", url=self.http.url)

    def _listen_for_signals(self) -> None:
        def stop(number: int, _frame: FrameType | None) -> None:
            log.info("told to stop", signal=signal.Signals(number).name)
            self.stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def _drain(self) -> None:
        self.health.block("stopping", "the service is stopping")
        for beat in (self.housekeeper, self.dispatcher, *self.sender_beats):
            beat.stop()
        for sender in self.senders.values():
            sender.close(_DRAIN_SECONDS)
        self.publisher.stop()
        self.http.stop()
        self.database.close()


def read_routing(settings: AlertingSettings) -> Routing:
    """The configured routing, else the default by priority; timers of the settings win."""
    path = settings.alerting_config
    if path is None:
        routing = default_routing(webhook=settings.alerting_webhook_url is not None)
    else:
        try:
            routing = load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"DRIFTLINE_ALERTING_CONFIG={path} cannot be read: {error.strerror}") from error
    return with_timers(routing, **settings.timers_us)


def check_topics(admin: Admin) -> tuple[dict[str, int], dict[str, str]]:
    """Partitions and ids of the source topics. Raises ConfigurationError where a topic is missing: Faust would hang."""
    names = [topics.name(topic) for topic in (*SOURCES, "alerts", "notifications")]
    found = admin.describe(names)
    if missing := [name for name in names if name not in found]:
        raise ConfigurationError(f"missing topics: {', '.join(missing)}; create them with `driftline topics apply`")
    sources = [topics.name(topic) for topic in SOURCES]
    return {name: found[name].partitions for name in sources}, {name: found[name].topic_id for name in sources}


def _channels(settings: AlertingSettings, routing: Routing, clock: Clock) -> Mapping[str, Channel]:
    webhook = WebhookDefaults(url=settings.alerting_webhook_url, keys=settings.webhook_keys)
    return build_channels(routing.channels, webhook=webhook, allowed=settings.allowed, clock=clock)
