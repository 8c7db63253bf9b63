"""The parts of alerting on a database in a folder, with a clock to move and a channel that obeys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftline import codec, topics
from driftline.alerting.config import default_routing
from driftline.alerting.delivery import Delivered, Outcome, RetryPolicy
from driftline.alerting.enrichment import Links
from driftline.alerting.routing import ChannelSpec, Receiver, Route, Routing, Timers
from driftline.clock import ManualClock
from driftline.envelope import Envelope, deterministic_id
from driftline.events import CheckExecution, ComplianceReported, DriftCleared, DriftDetected, Monitor, StageChanged
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.adapters.plan import Plan, PlanInForce
from services.alerting.adapters.received import Received
from services.alerting.consumer import ELSEWHERE, Intake
from services.alerting.jobs.dispatcher import Dispatcher, Outlook
from services.alerting.jobs.sender import Sender, SenderOptions
from services.alerting.store import outbox
from services.alerting.store.database import Database

SECOND = 1_000_000
TIMERS = Timers(group_wait=30 * SECOND, group_interval=300 * SECOND, repeat_interval=3600 * SECOND)
TOPIC = topics.name("drift-events")
TOPIC_IDS = {topics.name(name): f"id-{name}" for name in ("drift-events", "health", *ELSEWHERE)}


def one_route(*channels: ChannelSpec) -> Routing:
    """Everything to one receiver."""
    specs = channels or (ChannelSpec(kind="webhook", name="webhook"),)
    return Routing(Route(key="{}", receiver="all", group_by=("model_id",), timers=TIMERS), {"all": Receiver("all", specs)})


def by_priority() -> Routing:
    return default_routing(webhook=True, timers=TIMERS)


def record(event: Any, offset: int = 0, *, event_id: str | None = None) -> Received:
    """A record as the drift service writes it."""
    name = type(event).__name__
    topic, cause = _origin(event)
    made = event_id or deterministic_id(name, *cause)
    envelope = Envelope(id=made, type=name, source="/drift", time_us=1)
    return Received(topic=topic, partition=0, offset=offset, value=codec.encode(event), headers=envelope.headers())


def _origin(event: Any) -> tuple[str, tuple[str | int, ...]]:
    """The topic of an event, and what it is recognised by."""
    match event:
        case StageChanged():
            return topics.name("governance"), (event.model_id, event.at)
        case Monitor():
            return topics.name("monitors"), (event.model_id, event.monitor_version)
        case CheckExecution():
            return topics.name("checks"), (event.check_id, event.status.value)
        case ComplianceReported():
            return topics.name("compliance"), (event.model_id, event.at)
        case DriftDetected() | DriftCleared():
            return topics.name("drift-events"), (event.episode_id, event.sequence)
    return topics.name("health"), (event.subject, event.at)


class FakeChannel:
    """Answers what it is told to, and remembers what it was sent."""

    def __init__(self, answer: Callable[[Outgoing], Outcome] = lambda _: Delivered(200)) -> None:
        self.answer = answer
        self.sent: list[Outgoing] = []
        self.host = "hooks.example.org"
        self.shows_care = False
        self.closed = False

    def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        return self.answer(message)

    def close(self) -> None:
        self.closed = True


class Parts:
    """One alerting service without Kafka and threads of its own."""

    def __init__(
        self,
        folder: Path,
        routing: Routing | None = None,
        *,
        configured: frozenset[str] | None = None,
        clock: ManualClock | None = None,
    ) -> None:
        self.clock = clock or ManualClock(1_000 * SECOND)
        self.database = Database(f"sqlite:///{folder / 'alerting.db'}")
        self.routing = routing or one_route()
        self.configured = frozenset(self.routing.channels) if configured is None else configured
        links = Links(runbooks="https://wiki", dashboards="https://dash")
        self.channel = FakeChannel()
        self.in_force = PlanInForce(Plan(self.routing, dict.fromkeys(self.configured, self.channel)))
        self.intake = Intake(self.database, self.in_force, links, TOPIC_IDS, self.clock)
        self.dispatcher = Dispatcher(self.database, Outlook(self.in_force, links, on_decided=lambda: None), self.clock)
        self.offset = 0

    def take(self, *events: Any) -> None:
        """Handle events."""
        records = []
        for event in events:
            records.append(record(event, self.offset))
            self.offset += 1
        self.intake.handle(records)

    def pass_time(self, seconds: float) -> None:
        """Move the clock and look at what is due."""
        self.clock.advance(int(seconds * SECOND))
        self.dispatcher.run_once(lambda: None)

    def options(self, name: str, policy: RetryPolicy | None = None) -> SenderOptions:
        spec = self.routing.channels.get(name)
        pace = None if spec is None else spec.pace
        return SenderOptions(name=name, lease_us=60 * SECOND, workers=2, retry=policy or RetryPolicy(), pace=pace)

    def sender(self, name: str = "webhook", policy: RetryPolicy | None = None, *, channel: FakeChannel | None = None) -> Sender:
        return Sender(
            self.database,
            channel or self.channel,
            self.in_force,
            self.options(name, policy),
            clock=self.clock,
            on_recorded=lambda: None,
            jitter=lambda: 0.999999,
        )

    def deliver(self, name: str = "webhook", policy: RetryPolicy | None = None) -> None:
        """Send everything that is due now, and record the answers."""
        sender = self.sender(name, policy)
        while True:
            sender.run_once(lambda: None)
            if not sender._sending:
                break
            for future in list(sender._sending):
                future.exception()
        sender.close()

    def notifications(self, **filters: str) -> list[Any]:
        """Rows of the outbox, the oldest first."""
        with self.database.read() as tx:
            return list(reversed(outbox.page(tx, filters=filters, limit=1000, offset=0)))

    def events(self) -> list[Any]:
        """What Kafka shall have, in order."""
        with self.database.read() as tx:
            return [codec.decode(event.value) for event in outbox.pending_events(tx, 1000)]
