"""What the topics say about models and monitors, kept in SQL so that the API need not read them again.

The topics are the truth; this is a cache with positions, written in the same transaction as what they stand for. Records are
kept as they came (Avro) and folded by the core when asked for: models are few and their histories short.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select

from driftline import codec
from driftline.events import (
    Baseline,
    CheckpointSigned,
    ColumnKind,
    ComplianceReported,
    ControlEvaluated,
    EvidenceAttested,
    Monitor,
    MonitorState,
    MonitorStatus,
    Requirement,
    RequirementsDeclared,
    WindowReport,
)
from driftline.events.columns import PREDICTION
from driftline.governance.compliance.evidence import Evidence
from driftline.governance.definition import BaselineFacts
from driftline.governance.registry import Model, RegistryEvent, fold
from driftline.kafka.ports import Message, TopicPartition
from driftline.runtime.topic_cache import Positions
from services.governance.store import compliance, tables
from services.governance.store.tables import GOVERNANCE, WINDOWS, insert_new, upsert

_positions = Positions(tables.metadata, tables.BY_TOPIC)


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
        tables.metadata.create_all(engine)

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
        said: Any = (
            compliance.window_of(self._schemas, message.key(), value)
            if message.topic() == WINDOWS
            else self._schemas.decode(value)
        )
        match said:
            case Monitor():
                key = {"model_id": said.model_id, "monitor_version": said.monitor_version}
                insert_new(connection, tables.monitors, key, {"applied_at": message.timestamp()[1] * 1000, "value": value})
            case MonitorStatus():
                self._take_status(connection, said)
            case Baseline():
                key = {"baseline_id": said.baseline_id}
                insert_new(connection, tables.baselines, key, {"model_id": said.model_id, "facts": _facts_text(said)})
            case RequirementsDeclared():
                compliance.take_declared(connection, said, value)
            case EvidenceAttested():
                compliance.take_attested(connection, said, value)
            case ControlEvaluated() | ComplianceReported():
                compliance.take_verdict(connection, said, value)
            case WindowReport():
                compliance.take_window(connection, said, message.timestamp()[1] * 1000)
            case CheckpointSigned():
                compliance.take_head(connection, said)
            case _ if message.topic() == GOVERNANCE:
                key = {"partition": message.partition(), "offset": message.offset()}
                insert_new(connection, tables.registry, key, {"model_id": said.model_id, "value": value})

    @staticmethod
    def _take_status(connection: Connection, said: MonitorStatus) -> None:
        key = {"model_id": said.model_id, "monitor_version": said.monitor_version}
        values = {"status": said.status.value, "reason": said.reason, "evaluator": said.evaluator, "at": said.at}
        upsert(connection, tables.reports, key, values)
        if said.watermark is not None:
            upsert(connection, tables.watermarks, {"model_id": said.model_id}, {"watermark": said.watermark})

    def model(self, model_id: str) -> Model | None:
        """A registered model as it stands now."""
        return self._folded(select(tables.registry.c.value).where(tables.registry.c.model_id == model_id)).get(model_id)

    def models(self) -> dict[str, Model]:
        """Every registered model by its id."""
        return self._folded(select(tables.registry.c.value))

    def _folded(self, query: object) -> dict[str, Model]:
        ordered = query.order_by(tables.registry.c.partition, tables.registry.c.offset)  # type: ignore[attr-defined]  # any Select
        with self._engine.connect() as connection:
            values = connection.execute(ordered).scalars().all()
        found: dict[str, Model] = {}
        for value in values:
            said: RegistryEvent = self._schemas.decode(value)
            found[said.model_id] = fold(found.get(said.model_id), said)
        return dict(sorted(found.items()))

    def monitor_versions(self, model_id: str) -> list[AppliedMonitor]:
        """Versions of a model's monitor, oldest first."""
        query = (
            select(tables.monitors).where(tables.monitors.c.model_id == model_id).order_by(tables.monitors.c.monitor_version)
        )
        return self._applied(query)

    def current_monitor(self, model_id: str) -> AppliedMonitor | None:
        """Latest version of a model's monitor, None if it has none."""
        query = (
            select(tables.monitors)
            .where(tables.monitors.c.model_id == model_id)
            .order_by(tables.monitors.c.monitor_version.desc())
            .limit(1)
        )
        return next(iter(self._applied(query)), None)

    def current_monitors(self) -> list[AppliedMonitor]:
        """Latest version of every monitor, by model."""
        latest = {
            row.monitor.model_id: row
            for row in self._applied(select(tables.monitors).order_by(tables.monitors.c.monitor_version))
        }
        return [latest[model_id] for model_id in sorted(latest)]

    def _applied(self, query: object) -> list[AppliedMonitor]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()  # type: ignore[call-overload]  # any Select
        return [AppliedMonitor(self._schemas.decode(row.value), row.applied_at) for row in rows]

    def baseline(self, baseline_id: str) -> BaselineFacts | None:
        """What definitions are checked against of a baseline, None if no such baseline is published."""
        facts = self._facts(baseline_id)
        if not facts:
            return None
        return BaselineFacts(
            {name: ColumnKind(kind) for name, kind in facts["columns"].items()}, tuple(facts["classes"]), facts["sampled"]
        )

    def _facts(self, baseline_id: str) -> dict[str, Any]:
        """What is kept of a baseline, empty if no such baseline is published."""
        with self._engine.connect() as connection:
            text = connection.scalar(select(tables.baselines.c.facts).where(tables.baselines.c.baseline_id == baseline_id))
        facts: dict[str, Any] = json.loads(text) if text else {}
        return facts

    def reports(self, model_id: str) -> Sequence[MonitorStatus]:
        """What the evaluator said last of each version of a model's monitor."""
        query = select(tables.reports).where(tables.reports.c.model_id == model_id).order_by(tables.reports.c.monitor_version)
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
            return connection.scalar(select(tables.watermarks.c.watermark).where(tables.watermarks.c.model_id == model_id))

    def note_kept(self, days: Mapping[str, float]) -> None:
        """Note for how many days the broker keeps the topics of the audit trail."""
        with self._engine.begin() as connection:
            compliance.note_kept(connection, days)

    def declared(self) -> dict[str, tuple[Requirement, ...]]:
        """What is required, by model; a model of which nothing was ever declared is not in it."""
        with self._engine.connect() as connection:
            return compliance.declared(connection)

    def requirements(self, model_id: str) -> tuple[Requirement, ...]:
        """What is required of a model."""
        with self._engine.connect() as connection:
            return compliance.declared(connection, model_id).get(model_id, ())

    def evidence(self, model_id: str, now: int) -> Evidence:
        """All that is known about a model now, microseconds."""
        applied = self.current_monitor(model_id)
        with self._engine.connect() as connection:
            return Evidence(
                at=now,
                model=self.model(model_id),
                monitor=None if applied is None else applied.monitor,
                provenance={} if applied is None else self._facts(applied.monitor.baseline_id).get("provenance", {}),
                windows=compliance.windows_of(connection, model_id, now),
                watermark=self.watermark(model_id),
                head=compliance.last_head(connection),
                kept_days=compliance.kept_days(connection),
                statements=compliance.statements_of(connection, model_id),
            )

    def compliance_reports(self) -> dict[str, ComplianceReported]:
        """The last report of each model."""
        with self._engine.connect() as connection:
            return compliance.reported(connection)

    def compliance_report(self, model_id: str) -> ComplianceReported | None:
        """The last report of a model."""
        with self._engine.connect() as connection:
            return compliance.reported(connection, model_id).get(model_id)

    def moment(self, model_id: str, now: int) -> int:
        """The time of the next report: now, or just after the last one where another instance's clock was ahead."""
        last = self.compliance_report(model_id)
        return now if last is None else max(now, last.at + 1)

    def controls(self, report: ComplianceReported) -> list[ControlEvaluated]:
        """The verdicts that a last report rests on."""
        with self._engine.connect() as connection:
            return compliance.evaluated(connection, report)

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()


def _facts_text(baseline: Baseline) -> str:
    classes = next((column.categories for column in baseline.columns if column.name == PREDICTION), ())
    kinds = {column.name: column.kind for column in baseline.columns}
    facts = {"columns": kinds, "classes": classes, "sampled": bool(baseline.sample), "provenance": dict(baseline.provenance)}
    return json.dumps(facts)
