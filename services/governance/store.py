"""What the topics say about models and monitors, kept in SQL so that the API need not read them again.

The topics are the truth; this is a cache with positions, written in the same transaction as what they stand for. Records are
kept as they came (Avro) and folded by the core when asked for: models are few and their histories short.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from driftline import codec, topics
from driftline.events import Baseline, ColumnKind, Monitor, MonitorState, MonitorStatus
from driftline.events.columns import PREDICTION
from driftline.governance.definition import BaselineFacts
from driftline.governance.registry import Model, RegistryEvent, fold
from driftline.kafka.ports import Message, TopicPartition
from driftline.runtime.topic_cache import Positions

GOVERNANCE, MONITORS = topics.name("governance"), topics.name("monitors")
BASELINES, MONITOR_STATUS = topics.name("baselines"), topics.name("monitor-status")
TOPICS = (GOVERNANCE, MONITORS, BASELINES, MONITOR_STATUS)

_metadata = MetaData()
_registry = Table(
    "registry",
    _metadata,
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("model_id", String(128), nullable=False, index=True),
    Column("value", LargeBinary, nullable=False),
)
_monitors = Table(
    "monitors",
    _metadata,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, primary_key=True),
    Column("applied_at", BigInteger, nullable=False),
    Column("value", LargeBinary(16_777_216), nullable=False),
)
_baselines = Table(
    "baselines",
    _metadata,
    Column("baseline_id", String(128), primary_key=True),
    Column("model_id", String(128), nullable=False),
    Column("facts", Text, nullable=False),
)
_reports = Table(
    "reports",
    _metadata,
    Column("model_id", String(128), primary_key=True),
    Column("monitor_version", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evaluator", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
_watermarks = Table(
    "watermarks",
    _metadata,
    Column("model_id", String(128), primary_key=True),
    Column("watermark", BigInteger, nullable=False),
)
_BY_TOPIC = {
    GOVERNANCE: (_registry,),
    MONITORS: (_monitors,),
    BASELINES: (_baselines,),
    MONITOR_STATUS: (_reports, _watermarks),
}
_positions = Positions(_metadata, _BY_TOPIC)


@dataclass(frozen=True, slots=True)
class AppliedMonitor:
    """A monitor version and when the broker took it, microseconds."""

    monitor: Monitor
    applied_at: int


class Store:
    """The cache. Written by one thread, read by any."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._schemas = codec.Schemas()
        _metadata.create_all(engine)

    def positions(self, topic_ids: Mapping[str, str]) -> dict[TopicPartition, int]:
        """Next offsets of what was read already; nothing of a topic that was created anew."""
        return _positions.known(self._engine, topic_ids)

    def take(self, messages: Iterable[Message], positions: Mapping[TopicPartition, int], topic_ids: Mapping[str, str]) -> int:
        """Keep what the messages say, and the positions after them, in one transaction; returns how many records there were.

        Raises InvalidRecord or UnknownSchema for a record that cannot be read: our own topics hold none.
        """
        taken = 0
        with self._engine.begin() as connection:
            for message in messages:
                value = message.value()
                if value is not None:
                    self._take_one(connection, message, value)
                    taken += 1
            _positions.move(connection, positions, topic_ids)
        return taken

    def _take_one(self, connection: Connection, message: Message, value: bytes) -> None:
        said = self._schemas.decode(value)
        match said:
            case Monitor():
                key = {"model_id": said.model_id, "monitor_version": said.monitor_version}
                _insert_new(connection, _monitors, key, {"applied_at": message.timestamp()[1] * 1000, "value": value})
            case MonitorStatus():
                self._take_status(connection, said)
            case Baseline():
                key = {"baseline_id": said.baseline_id}
                _insert_new(connection, _baselines, key, {"model_id": said.model_id, "facts": _facts_text(said)})
            case _ if message.topic() == GOVERNANCE:
                key = {"partition": message.partition(), "offset": message.offset()}
                _insert_new(connection, _registry, key, {"model_id": said.model_id, "value": value})

    @staticmethod
    def _take_status(connection: Connection, said: MonitorStatus) -> None:
        key = {"model_id": said.model_id, "monitor_version": said.monitor_version}
        values = {"status": said.status.value, "reason": said.reason, "evaluator": said.evaluator, "at": said.at}
        _upsert(connection, _reports, key, values)
        if said.watermark is not None:
            _upsert(connection, _watermarks, {"model_id": said.model_id}, {"watermark": said.watermark})

    def model(self, model_id: str) -> Model | None:
        """A registered model as it stands now."""
        return self._folded(select(_registry.c.value).where(_registry.c.model_id == model_id)).get(model_id)

    def models(self) -> dict[str, Model]:
        """Every registered model by its id."""
        return self._folded(select(_registry.c.value))

    def _folded(self, query: object) -> dict[str, Model]:
        ordered = query.order_by(_registry.c.partition, _registry.c.offset)  # type: ignore[attr-defined]  # any Select
        with self._engine.connect() as connection:
            values = connection.execute(ordered).scalars().all()
        found: dict[str, Model] = {}
        for value in values:
            said: RegistryEvent = self._schemas.decode(value)
            found[said.model_id] = fold(found.get(said.model_id), said)
        return dict(sorted(found.items()))

    def monitor_versions(self, model_id: str) -> list[AppliedMonitor]:
        """Versions of a model's monitor, oldest first."""
        query = select(_monitors).where(_monitors.c.model_id == model_id).order_by(_monitors.c.monitor_version)
        return self._applied(query)

    def current_monitor(self, model_id: str) -> AppliedMonitor | None:
        """Latest version of a model's monitor, None if it has none."""
        query = select(_monitors).where(_monitors.c.model_id == model_id).order_by(_monitors.c.monitor_version.desc()).limit(1)
        return next(iter(self._applied(query)), None)

    def current_monitors(self) -> list[AppliedMonitor]:
        """Latest version of every monitor, by model."""
        latest = {row.monitor.model_id: row for row in self._applied(select(_monitors).order_by(_monitors.c.monitor_version))}
        return [latest[model_id] for model_id in sorted(latest)]

    def _applied(self, query: object) -> list[AppliedMonitor]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()  # type: ignore[call-overload]  # any Select
        return [AppliedMonitor(self._schemas.decode(row.value), row.applied_at) for row in rows]

    def baseline(self, baseline_id: str) -> BaselineFacts | None:
        """What definitions are checked against of a baseline, None if no such baseline is published."""
        with self._engine.connect() as connection:
            text = connection.scalar(select(_baselines.c.facts).where(_baselines.c.baseline_id == baseline_id))
        if text is None:
            return None
        facts = json.loads(text)
        return BaselineFacts(
            {name: ColumnKind(kind) for name, kind in facts["columns"].items()}, tuple(facts["classes"]), facts["sampled"]
        )

    def reports(self, model_id: str) -> Sequence[MonitorStatus]:
        """What the evaluator said last of each version of a model's monitor."""
        query = select(_reports).where(_reports.c.model_id == model_id).order_by(_reports.c.monitor_version)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            MonitorStatus(
                model_id=row.model_id,
                monitor_version=row.monitor_version,
                status=MonitorState(row.status),
                reason=row.reason,
                evaluator=row.evaluator,
                at=row.at,
            )
            for row in rows
        ]

    def watermark(self, model_id: str) -> int | None:
        """W(m) as last reported by the evaluator, microseconds; None if it never was."""
        with self._engine.connect() as connection:
            return connection.scalar(select(_watermarks.c.watermark).where(_watermarks.c.model_id == model_id))

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()


def _facts_text(baseline: Baseline) -> str:
    classes = next((column.categories for column in baseline.columns if column.name == PREDICTION), ())
    kinds = {column.name: column.kind for column in baseline.columns}
    return json.dumps({"columns": kinds, "classes": classes, "sampled": bool(baseline.sample)})


def _insert_new(connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Insert unless the key is there: what was said first counts."""
    if connection.execute(select(*(table.c[name] for name in key)).where(*_same(table, key))).first() is None:
        connection.execute(insert(table).values(**key, **values))


def _upsert(connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    if connection.execute(update(table).where(*_same(table, key)).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))


def _same(table: Table, key: Mapping[str, object]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]
