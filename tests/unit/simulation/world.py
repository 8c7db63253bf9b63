"""A whole pipeline on the in-memory twin: producers, stage 1, the real stage 2 in the real loop, and every kind of trouble.

Nothing is random but by the seed, and nothing happens but by a call: a schedule can be played again.
"""

from __future__ import annotations

import dataclasses
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache

import structlog
from prometheus_client import CollectorRegistry

from driftline.clock import ManualClock
from driftline.codec import decode, encode
from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import Layout, Profile
from driftline.drift.windows import Rules
from driftline.errors import Unavailable
from driftline.events import (
    CheckRequested,
    ColumnKind,
    Direction,
    Group,
    Measure,
    Monitor,
    MonitorColumn,
    MonitorDetector,
    MonitorSlice,
    Part,
    Task,
    Threshold,
    WindowReport,
)
from driftline.kafka.errors import KafkaFailure
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.health import Health
from driftline.runtime.loop import BatchLoop, Limits, Surroundings
from driftline.runtime.metrics import LoopMetrics
from driftline.validation.book import MonitorBook
from services.drift.evaluate.cache import StateCache
from services.drift.evaluate.handler import EvaluateHandler
from services.drift.evaluate.states import States
from tests import builders
from tests.unit.simulation.events import MODELS, Counts, Key, Row, batch
from tests.unit.simulation.stage1 import PROFILES, JoinModel, ProfileModel

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = 1_700_000_000 * SECOND
START = 1_362_096_000 * SECOND
"""2013-03-01 UTC."""
EVER = 10**15
PARTITIONS = 2
PROFILES_PARTITIONS = 2
INPUT_TOPICS = ("predictions", "labels")
TOLD = ("windows", "drift-events", "monitor-status", "health", "checks")
"""What stage 2 writes to, besides its state."""
KINDS = {"carrier": ColumnKind.CATEGORICAL, ":prediction": ColumnKind.CATEGORICAL}
READ = {"booked": ColumnKind.TIMESTAMP, "remark": ColumnKind.TEXT_LENGTH}
"""What the real stage 1 makes numbers of; watched where a schedule is about it."""
BASELINE = fit_baseline(
    "north",
    {
        "carrier": ["AA", "UA"] * 50,
        ":prediction": ["late", "on time"] * 50,
        "booked": [3600.0 * hours for hours in (0, 1, 2, 3)] * 25,
        "remark": [float(length) for length in (0, 2, 4, 6)] * 25,
    },
    KINDS | READ,
)


DETECTORS = tuple(
    MonitorDetector(family=family, kind=kind)
    for family, kind in (("prediction", "adwin"), ("prediction", "hddm_w"), ("performance", "adwin"), ("performance", "ddm"))
)


def monitor_of(model: str, *, patient: bool, **changes) -> Monitor:
    """A monitor that waits for ever, or one that does not."""
    monitor = builders.monitor_of(
        model_id=model,
        task=Task.BINARY,
        positive_class="late",
        columns=tuple(MonitorColumn(name=name, kind=kind) for name, kind in KINDS.items()),
        baseline_id=BASELINE.baseline_id,
        labels=True,
        granularities=("1 hour", "1 day"),
        lateness_us=5 * MINUTE,
        idle_timeout_us=EVER if patient else 20 * SECOND,
        max_wait_us=EVER if patient else 100 * SECOND,
        label_delay_us=2 * HOUR,
        label_ttl_us=30 * DAY,
        future_skew_us=5 * MINUTE,
        minimum_n=2,
        thresholds=(
            Threshold(family="feature", measure="share", limit=0.6, direction=Direction.ABOVE),
            Threshold(family="performance", measure="accuracy", limit=0.5, direction=Direction.BELOW),
        ),
        weights={"feature": 0.5, "performance": 0.5},
        detectors=DETECTORS,
        check_schedule="hourly" if model == MODELS[0] else "30 */2 * * *",
        check_timeout_us=EVER if patient else 30 * SECOND,
    )
    protected = ("carrier",) if changes.get("slices") else ()
    return dataclasses.replace(monitor, **{"protected": protected, **changes})


def input_measures(layout: Layout, baseline: object, monitor: Monitor, profile: Profile) -> tuple[Measure, ...]:
    """A cheap measure: the share of AA."""
    block = layout.by_column["carrier"]
    rows = int(profile.rows)
    value = int(profile.cells[block.offset + 2 + block.categories.index("AA")]) / rows if rows else None
    violated = value is not None and value > 0.6
    return (Measure(family="feature", name="share", column="carrier", value=value, limit=0.6, violated=violated),)


def label_measures(layout: Layout, monitor: Monitor, profile: Profile, *, rows, baseline) -> tuple[Measure, ...]:
    """Another: accuracy."""
    size = len(layout.classes) + 1
    right = sum(int(profile.cells[at * size + at]) for at in range(size))
    value = right / profile.rows if profile.rows else None
    violated = value is not None and value < 0.5
    return (Measure(family="performance", name="accuracy", value=value, limit=0.5, violated=violated),)


def shared_metrics() -> LoopMetrics:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return _metrics()


@cache
def _metrics() -> LoopMetrics:
    return LoopMetrics(CollectorRegistry())


class Instance:
    """One process of one part: it can die at any call, and start again under the same name."""

    def __init__(self, world: World, part: str, name: str):
        self.world, self.part, self.name = world, part, name
        self.loop: BatchLoop | None = None
        self.deaths: list[str] = []
        self.starts_at = 0

    @property
    def alive(self) -> bool:
        return self.loop is not None

    def start(self) -> None:
        cluster = self.world.cluster
        self.consumer = cluster.consumer(self.part, instance_id=self.name)
        self.handler = self.world.handler(self.part, self.name)
        reads = {"profile": ["predictions"], "join": INPUT_TOPICS, "evaluate": [PROFILES]}[self.part]
        topics = [self.world.prefix + topic for topic in reads]
        loop = self.world.loop_type(
            self.part,
            self.handler,
            consumer=self.consumer,
            producer=cluster.transactional_producer(f"{self.part}-{self.name}"),
            topics=topics,
            surroundings=self.world.surroundings,
            limits=Limits(poll_messages=self.world.poll_messages),
        )
        loop.start()
        self.loop = loop

    def step(self) -> None:
        assert self.loop is not None
        try:
            self.loop.step()
        except (KafkaFailure, Unavailable) as error:
            self.die(type(error).__name__)
        finally:
            self.world.clear_faults()

    def die(self, why: str = "SIGKILL") -> None:
        """No goodbye: the open transaction stays open until this name comes back or the broker's patience ends."""
        self.deaths.append(why)
        self.consumer.crash()
        self.loop = None
        self.starts_at = self.world.clock.now_us() + self.world.random.choice((0, 1, 4, 12)) * SECOND

    def leave(self) -> None:
        """An orderly end."""
        assert self.loop is not None
        try:
            self.loop.drain()
        except (KafkaFailure, Unavailable) as error:
            self.die(type(error).__name__)
            return
        self.loop = None
        self.starts_at = self.world.clock.now_us() + 3 * SECOND


class World:
    """The pipeline, its clock, and what was truly sent."""

    prefix = ""
    """Of the topics that stage 1 reads and writes, and of `states`."""

    def __init__(
        self,
        seed: int = 0,
        *,
        patient: bool = True,
        instances: int = 2,
        states: type[States] = States,
        monitors: dict[str, Monitor] | None = None,
        caches: bool = False,
        changes: bool = False,
        slices: tuple[MonitorSlice, ...] = (),
        reports_per_transaction: int = 3,
        measures: tuple[Callable[..., tuple[Measure, ...]], Callable[..., tuple[Measure, ...]]] | None = None,
    ):
        self.random = random.Random(seed)
        self.clock = ManualClock(NOW)
        self.cluster = MemoryCluster(self.clock)
        self.poll_messages = self.random.choice((5, 20, 60))
        self.reports_per_transaction = reports_per_transaction
        self.states_type = states
        self.measures = measures or (input_measures, label_measures)
        self.loop_type = BatchLoop
        self.caches: dict[str, StateCache] | None = {} if caches else None
        self.monitors = monitors or {model: monitor_of(model, patient=patient, slices=slices) for model in MODELS}
        seconds = lambda: self.clock.now_us() / SECOND  # noqa: E731
        self.surroundings = Surroundings(self.clock, Health(seconds), shared_metrics(), seconds)
        self.cluster.admin().create(
            [
                NewTopic(self.prefix + "predictions", PARTITIONS),
                NewTopic(self.prefix + "labels", PARTITIONS),
                NewTopic(self.prefix + PROFILES, PROFILES_PARTITIONS),
                NewTopic(self.prefix + "states", PROFILES_PARTITIONS, {"cleanup.policy": "compact"}),
                *(NewTopic(f"driftline.{name}", 1) for name in TOLD),
            ]
        )
        self.book = MonitorBook()
        self.book.add_baseline(BASELINE, NOW - DAY)
        for monitor in self.monitors.values():
            self.book.add_monitor(monitor, NOW - DAY + 1)
        if changes:
            for at, monitor in enumerate(self.monitors.values()):
                begin = (START, START - 200 * DAY)[at] + 5 * HOUR
                self.book.add_monitor(
                    dataclasses.replace(monitor, monitor_version=2, effective_from=begin, minimum_n=3, alert_on="1 day"),
                    NOW - DAY + 2,
                )
        self.sent: list[tuple[str, int, Row]] = []
        self.asked: list[str] = []
        self.parts = {
            part: [Instance(self, part, f"{part}-{number}") for number in range(instances)]
            for part in ("profile", "join", "evaluate")
        }
        self.producer = self.cluster.producer()

    def handler(self, part: str, name: str):
        if part == "evaluate":
            return self._evaluate(name)
        arguments = (name, self.monitors, BASELINE, PROFILES_PARTITIONS)
        return ProfileModel(*arguments) if part == "profile" else JoinModel(*arguments, cluster=self.cluster)

    def _evaluate(self, name: str) -> EvaluateHandler:
        predictions, labels = ([(self.prefix + topic, n) for n in range(PARTITIONS)] for topic in INPUT_TOPICS)
        cache_of = None if self.caches is None else self.caches.setdefault(name, StateCache(":memory:"))
        topic = self.prefix + "states"
        topic_id = self.cluster.admin().describe([topic])[topic].topic_id
        book, refresh = self.known()
        return EvaluateHandler(
            Rules(book, *self.measures),
            self.states_type(self.cluster.consumer(), topic, topic_id, cache_of, patience=3),
            {Group.PROFILE: predictions, Group.JOIN: predictions + labels},
            instance=name,
            partitions=PROFILES_PARTITIONS,
            refresh=refresh,
            reports_per_transaction=self.reports_per_transaction,
        )

    def known(self) -> tuple[MonitorBook, Callable[[], object]]:
        """A book of monitors, and how it is brought up to date."""
        return self.book, lambda: None

    # What happens.

    def encode(self, row: Row) -> bytes:
        return row.encode()

    def send(self, topic: str, partition: int, *rows: Row) -> None:
        for row in rows:
            self.producer.produce(self.prefix + topic, self.encode(row), partition=partition)
            self.sent.append((topic, partition, row))

    def ask(self, model: str, start: int, end: int) -> None:
        """Somebody wants a range to be checked."""
        self.asked.append(f"request-{len(self.asked)}")
        request = CheckRequested(
            request_id=self.asked[-1],
            model_id=model,
            start=start,
            end=end,
            thresholds=(Threshold(family="feature", measure="share", limit=0.3, direction=Direction.ABOVE),),
            actor="ada",
            at=self.clock.now_us(),
        )
        place = partition_for(model.encode(), PROFILES_PARTITIONS)
        self.producer.produce(self.prefix + PROFILES, encode(request), key=model.encode(), partition=place)

    def send_aborted(self, topic: str, partition: int, *rows: Row) -> None:
        """Records that a producer took back: offsets that nobody reads."""
        producer = self.cluster.transactional_producer("source")
        producer.init_transactions()
        producer.begin()
        for row in rows:
            producer.produce(self.prefix + topic, self.encode(row), partition=partition)
        producer.abort()

    def tick(self, microseconds: int) -> None:
        self.clock.advance(microseconds)
        self.cluster.expire_transactions()

    def instances(self, part: str | None = None) -> list[Instance]:
        return [one for name, found in self.parts.items() for one in found if part in (None, name)]

    def start(self, **numbers: int) -> None:
        """Start so many instances of each part (one unless told)."""
        for part, found in self.parts.items():
            for one in found[: numbers.get(part, 1)]:
                one.start()

    def run(self, turns: int = 10, step_us: int = 300_000, parts: Iterable[str] = ("profile", "join", "evaluate")) -> None:
        """Everybody alive takes a turn, then time passes."""
        for _ in range(turns):
            for part in parts:
                for one in self.parts[part]:
                    if one.alive:
                        one.step()
            self.tick(step_us)

    def clear_faults(self) -> None:
        self.cluster._broker.faults.clear()

    def finish(self, marks: Callable[[World], None] | None = None) -> None:
        """Everything recovers, everything is read, and a watermark far ahead makes every window final."""
        self.cluster.release_markers()
        self.settle()
        (marks or World.mark_the_end)(self)
        self.settle()

    def mark_the_end(self) -> None:
        for model in MODELS:
            latest = max((row.time for _, _, row in self.sent if row.model == model), default=START)
            for topic in INPUT_TOPICS:
                for partition in range(PARTITIONS):
                    self.send(topic, partition, Row(model, "", latest + 60 * DAY, version=""))

    def settle(self) -> None:
        for _ in range(400):
            for part, found in self.parts.items():
                if not any(one.alive for one in found):
                    self._revive(part)
                for one in found:
                    if one.alive:
                        one.step()
            self.tick(400_000)
            if self.is_settled():
                return
        raise AssertionError("the pipeline does not come to rest")

    def _revive(self, part: str) -> None:
        for one in self.parts[part]:
            if self.clock.now_us() >= one.starts_at:
                try:
                    one.start()
                except KafkaFailure as error:
                    one.die(type(error).__name__)
                return

    def is_settled(self) -> bool:
        """All input is counted, and stage 2 has read some progress that says so."""
        admin = self.cluster.admin()
        for part, topics in (("profile", ["predictions"]), ("join", INPUT_TOPICS)):
            offsets = admin.group_offsets(part)
            for topic in topics:
                for number in range(PARTITIONS):
                    place = TopicPartition(self.prefix + topic, number)
                    if offsets.get(place, 0) < self._end(place):
                        return False
        self._counted = getattr(self, "_counted", {})
        ends = {number: self._end(TopicPartition(self.prefix + PROFILES, number)) for number in range(PROFILES_PARTITIONS)}
        sent = len(self.sent)
        if self._counted.get("sent") != sent:
            self._counted = {"sent": sent, "ends": ends}
        offsets = admin.group_offsets("evaluate")
        return all(
            offsets.get(TopicPartition(self.prefix + PROFILES, number), 0) >= end
            for number, end in self._counted["ends"].items()
        ) and not any(evaluator.busy for one in self.parts["evaluate"] if one.alive for evaluator in one.handler.evaluators())

    def _end(self, place: TopicPartition) -> int:
        return self.cluster.consumer().watermarks(place).end

    # What came out.

    def told(self, topic: str) -> list:
        return [decode(record.value() or b"") for record in self.cluster.records(f"driftline.{topic}")]

    def reports(self) -> dict[Key, list[WindowReport]]:
        found = defaultdict(list)
        for report in self.told("windows"):
            found[report.model_id, report.model_version, report.granularity, report.start, report.slice].append(report)
        return found

    def expected(self) -> dict[Key, Counts]:
        return batch((row for _, _, row in self.sent), self.monitors)


def counts_of(report: WindowReport, monitor: Monitor) -> Counts:
    """A report in the words of the batch computation."""
    layout = Layout.of(monitor, BASELINE)
    inputs = Profile.decode(layout, Part.INPUTS, report.n, report.cells, report.sums)
    pairs = Profile.decode(layout, Part.IN_TIME, report.labels_in_time, report.label_cells, b"")
    block = layout.by_column["carrier"]
    names = {block.offset + 2 + at: name for at, name in enumerate(block.categories)} | {block.unseen: "??"}
    carriers = tuple(sorted((name, int(inputs.cells[at])) for at, name in names.items() if inputs.cells[at]))
    size = len(layout.classes) + 1
    in_time = tuple(
        sorted(
            ((guess, truth), int(pairs.cells[row * size + column]))
            for row, guess in enumerate(layout.classes)
            for column, truth in enumerate(layout.classes)
            if pairs.cells[row * size + column]
        )
    )
    squared_error = layout.pairs.real(pairs.cells, "brier")
    return Counts(report.n, carriers, in_time, report.labels_later, squared_error)
