"""Drift from start to drain: one, two or all three stages as loops in threads of one process."""

from __future__ import annotations

import argparse
import gc
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import REGISTRY

from driftline import topics
from driftline.clock import Clock
from driftline.drift.dialect import Dialect
from driftline.drift.windows import Rules
from driftline.errors import ConfigurationError
from driftline.events import Group
from driftline.kafka.configuration import StartAt
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import TopicDescription
from driftline.runtime.catalogue import Catalogue
from driftline.runtime.health import Health
from driftline.runtime.http import Access, HttpServer, create_app
from driftline.runtime.loop import BatchLoop, Handler, Limits, Surroundings
from driftline.runtime.metrics import LoopMetrics
from driftline.runtime.preflight import require_topics
from driftline.runtime.process import run_parts
from driftline.runtime.tokens import TokenBook
from services.drift.api import CheckDesk, routes
from services.drift.evaluate.cache import StateCache
from services.drift.evaluate.counted import CountedEvaluate
from services.drift.evaluate.handler import EvaluateHandler
from services.drift.evaluate.states import States
from services.drift.join.cache import JoinCache
from services.drift.join.handler import JoinHandler, Readers
from services.drift.join.labels import LabelReader
from services.drift.profile.duplicates import Duplicates
from services.drift.profile.handler import ProfileHandler
from services.drift.settings import Settings, Stage
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Place

TOPICS = (
    "predictions", "labels", "profiles", "states", "monitors", "baselines", "schemas",
    "windows", "drift-events", "dead-letters", "monitor-status", "health", "checks",
)  # fmt: skip
_MINUTE_MS = 60_000
# Each poll of stage profile asks the catalogue for its end and costs some calls for each column: larger polls share that
# among more messages (2,000, as elsewhere, cost 6 to 13 % more CPU per event).
PROFILE_LIMITS = Limits(poll_messages=8_000)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Kafka as this process found it."""

    kafka: ConfluentCluster
    topics: Mapping[str, TopicDescription]
    """By short name."""

    def partitions(self, topic: str) -> int:
        """Number of partitions."""
        return self.topics[topic].partitions

    def place(self, writer: str) -> Place:
        """Where stage 1 reads and writes."""
        ids = {topics.name(topic): self.topics[topic].topic_id for topic in ("predictions", "labels")}
        return Place(writer, ids, self.partitions("profiles"))

    def catalogue(self) -> Catalogue:
        """A reader of monitors, baselines and schemas."""
        return Catalogue(self.kafka.consumer(start_at=StartAt.EARLIEST), faults=Dialect().faults)


def stages(arguments: Sequence[str]) -> list[Stage]:
    """The stages that the command line asks for; ends the process where it asks for what there is not."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m services.drift", description="Count, join and decide.")
    parser.add_argument("--stage", choices=["all", *(stage.value for stage in Stage)], default="all")
    chosen = parser.parse_args(arguments).stage
    return list(Stage) if chosen == "all" else [Stage(chosen)]


def run(chosen: Iterable[Stage], settings: Settings, clock: Clock) -> int:
    """Run until a signal or the first failure; returns the exit code. Raises DriftlineError where it cannot start."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    cluster = look_around(ConfluentCluster.from_environment())
    health = Health()
    surroundings = Surroundings(clock, health, LoopMetrics(REGISTRY))
    loops = {stage.value: make_loop(stage, settings, cluster, surroundings) for stage in chosen}
    app = create_app("Driftline drift", health=health, registry=REGISTRY)
    if settings.tokens_file is not None:
        desk = CheckDesk(cluster.catalogue, cluster.kafka.producer(), cluster.partitions("profiles"), clock)
        app.include_router(routes(desk.ask, Access(TokenBook(settings.tokens_file))))
    server = HttpServer(app, settings.http_host, settings.http_port)
    server.start()
    health.ready()
    structlog.get_logger("drift").info("started", stages=list(loops), url=server.url, instance=settings.instance_id)
    collect_rarely()
    try:
        return run_parts(loops, health)
    finally:
        server.stop()


def collect_rarely() -> None:
    """Every message is an object that Python's garbage collector looks at, and none is ever part of a cycle."""
    gc.set_threshold(200_000, 50, 1000)


def look_around(kafka: ConfluentCluster) -> Cluster:
    """Check topics and the retention of offsets. Raises ConfigurationError that says what to do."""
    admin = kafka.admin()
    require_topics(admin, TOPICS)
    found = admin.describe([topics.name(topic) for topic in TOPICS])
    described = {topic: found[topics.name(topic)] for topic in TOPICS}
    if described["predictions"].partitions != described["labels"].partitions:
        raise ConfigurationError("predictions and labels must have the same number of partitions, or they do not meet")
    setting = "offsets.retention.minutes"
    kept = int(admin.broker_config([setting]).get(setting, "0")) * _MINUTE_MS
    sources = {topic: int(topics.catalogue()[topic].config["retention.ms"]) for topic in ("predictions", "labels", "profiles")}
    longest = max(sources, key=lambda topic: sources[topic])
    if kept < sources[longest]:
        raise ConfigurationError(
            f"the broker forgets offsets of a stopped group after {kept // _MINUTE_MS} minutes, but {longest} is kept for "
            f"{sources[longest] // _MINUTE_MS}: everything would be counted again; set {setting} to at least that"
        )
    return Cluster(kafka, described)


def make_loop(stage: Stage, settings: Settings, cluster: Cluster, surroundings: Surroundings) -> BatchLoop:
    """The loop of one stage, with clients of its own."""
    return BatchLoop(
        stage.value,
        make_handler(stage, settings, cluster, surroundings.clock),
        consumer=cluster.kafka.consumer(stage.group, instance_id=settings.instance_id),
        producer=cluster.kafka.transactional_producer(settings.transactional_id(stage)),
        topics=[topics.name(topic) for topic in stage.reads],
        surroundings=surroundings,
        limits=PROFILE_LIMITS if stage is Stage.PROFILE else None,
        accept_gap=settings.accept_gap,
    )


def make_handler(stage: Stage, settings: Settings, cluster: Cluster, clock: Clock) -> Handler:
    """What a stage does with its messages."""
    del clock
    catalogue = cluster.catalogue()
    if stage is Stage.EVALUATE:
        return _evaluate(settings, cluster, catalogue)
    reader = PredictionReader(catalogue.book, catalogue.schemas, cluster.partitions("predictions"))
    place = cluster.place(settings.instance_id)
    if stage is Stage.PROFILE:
        duplicates = Duplicates(reader, cluster.kafka.consumer, key=secrets.token_bytes(16))
        return ProfileHandler(catalogue, reader, place, duplicates)
    labels = LabelReader(catalogue.book, catalogue.schemas, cluster.partitions("labels"))
    readers = Readers(reader, labels, rebuild=cluster.kafka.consumer)
    return JoinHandler(catalogue, readers, place, JoinCache(settings.join_cache, place.topic_ids))


def _evaluate(settings: Settings, cluster: Cluster, catalogue: Catalogue) -> Handler:
    states = States(
        consumer=cluster.kafka.consumer(),
        topic=topics.name("states"),
        topic_id=cluster.topics["states"].topic_id,
        cache=StateCache(settings.state_cache),
    )
    predictions = [(topics.name("predictions"), partition) for partition in range(cluster.partitions("predictions"))]
    labels = [(topics.name("labels"), partition) for partition in range(cluster.partitions("labels"))]
    handler = EvaluateHandler(
        Rules(catalogue.book),
        states,
        {Group.PROFILE: predictions, Group.JOIN: [*predictions, *labels]},
        instance=settings.instance_id,
        partitions=cluster.partitions("profiles"),
        refresh=catalogue.refresh,
        accept_gap=settings.accept_gap,
    )
    return CountedEvaluate(handler)
