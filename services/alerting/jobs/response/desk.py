"""Puts the response together: three parts that meet in the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from driftline import topics
from driftline.alerting.response.policy import ResponsePolicy
from driftline.clock import Clock
from driftline.kafka.configuration import StartAt
from driftline.kafka.ports import Cluster
from driftline.runtime.health import Health
from driftline.runtime.process import Part
from services.alerting.adapters.response.ways import Way
from services.alerting.jobs.beat import Beat
from services.alerting.jobs.response.effect_sender import EffectSender
from services.alerting.jobs.response.people import People
from services.alerting.jobs.response.reader import SOURCES, ResponseReader
from services.alerting.jobs.response.responder import Responder
from services.alerting.store.database import Database

TOPICS = (*SOURCES, "responses", "serving-commands", "health")
"""Everything that is read and written."""


@dataclass(frozen=True, slots=True)
class ResponseDesk:
    """The parts, to be stopped in this order, and what people do."""

    parts: Mapping[str, Part]
    people: People


def set_up_response(
    *,
    database: Database,
    cluster: Cluster,
    policy: Callable[[], ResponsePolicy],
    ways: Mapping[str, Way],
    clock: Clock,
    health: Health,
    on_told: Callable[[], None],
) -> ResponseDesk:
    """`on_told` wakes who publishes events."""
    sender: Beat

    def decided() -> None:
        sender.wake()
        on_told()

    responder = Beat("responder", Responder(database, policy, clock, decided), clock, health, rest_seconds=0.02)
    sender = Beat("response effects", EffectSender(database, ways, clock, on_settled=responder.wake), clock, health)
    admin = cluster.admin()
    reader = ResponseReader(
        database,
        admin=admin,
        consumer=cluster.consumer(start_at=StartAt.STOP),
        sources=admin.describe([topics.name(topic) for topic in SOURCES]),
        clock=clock,
        health=health,
        on_read=responder.wake,
    )
    parts: dict[str, Part] = {"response reader": reader, "responder": responder, "response effects": sender}

    def said() -> None:
        responder.wake()
        decided()

    return ResponseDesk(parts, People(database, policy, clock, said))
