"""From events to rows: each record is one idempotent upsert, and the positions go with them in one transaction."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Select, Table, Update, bindparam, insert, select, update

from driftline import codec
from driftline.events import (
    AlertFired,
    AlertResolved,
    CheckExecution,
    CheckpointSigned,
    DriftCleared,
    DriftDetected,
    HealthCleared,
    HealthOpened,
    Measure,
    ModelRegistered,
    ModelVersionRegistered,
    Monitor,
    MonitorStatus,
    Stage,
    StageChanged,
    WindowReport,
)
from driftline.kafka.ports import Message, TopicPartition
from services.console.store import tables

Values = Mapping[str, object]

FLEET = ""
"""Stands for the whole page where a change concerns no model."""


class Projection:
    """Fills the tables from messages. One thread writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._schemas = codec.Schemas()

    def positions(self, topic_ids: Mapping[str, str]) -> dict[TopicPartition, int]:
        """Next offsets of what was read already; nothing of a topic that was created anew."""
        return tables.positions.known(self._engine, topic_ids)

    def take(
        self, messages: Iterable[Message], positions: Mapping[TopicPartition, int], topic_ids: Mapping[str, str]
    ) -> set[str]:
        """Show what the messages say; returns the models concerned ("" = the page as a whole).

        Raises InvalidRecord or UnknownSchema for a record that cannot be read: our own topics hold none.
        """
        concerned: set[str] = set()
        with self._engine.begin() as connection:
            for message in messages:
                value = message.value()
                if value is not None:
                    concerned.add(_apply(connection, self._schemas.decode(value)))
            tables.positions.move(connection, positions, topic_ids)
        return concerned


def _apply(connection: Connection, event: Any) -> str:
    match event:
        case WindowReport():
            _window(connection, event)
        case DriftDetected() | DriftCleared():
            _episode(connection, event)
        case AlertFired() | AlertResolved():
            _alert(connection, event)
        case ModelRegistered() | ModelVersionRegistered() | StageChanged():
            _registry(connection, event)
        case Monitor() | MonitorStatus():
            _monitor(connection, event)
        case HealthOpened() | HealthCleared():
            _health(connection, event)
            return FLEET
        case CheckExecution():
            _execution(connection, event)
        case CheckpointSigned():
            key = {"log_id": event.log_id}
            known = connection.scalar(select(tables.checkpoints.c.size).filter_by(**key))
            if known is None or event.size >= known:  # a head is published again when witnesses have cosigned it
                _upsert(connection, tables.checkpoints, key, {"size": event.size, "root": event.root, "at": event.at})
            return FLEET
        case _:  # an event of a later version of Driftline: nothing is shown of it
            return FLEET
    model_id: str = event.model_id
    return model_id


def _window(connection: Connection, report: WindowReport) -> None:
    key = {
        "model_id": report.model_id,
        "granularity": report.granularity,
        "slice": report.slice,
        "start": report.start,
        "model_version": report.model_version,
    }
    columns, whole = _measures(report.measures)
    values = {
        "end": report.end,
        "revision": report.revision,
        "closed_by": report.closed_by.value,
        "final": report.final,
        "completeness": report.completeness,
        "exact": report.exact,
        "n": report.n,
        "label_coverage": report.label_coverage,
        "risk_score": report.risk_score,
        "severity": report.severity,
        "monitor_version": report.monitor_version,
        "columns": json.dumps(columns),
        "whole": json.dumps(whole),
    }
    _upsert(connection, tables.windows, key, values, order="revision")


def _measures(measures: Iterable[Measure]) -> tuple[dict[str, dict[str, list[object]]], dict[str, list[object]]]:
    columns: dict[str, dict[str, list[object]]] = defaultdict(dict)
    whole: dict[str, list[object]] = {}
    for measure in measures:
        said: list[object] = [measure.value, measure.limit, measure.violated]
        if measure.family == "estimate":  # under the names of what came out; the page shows what came out
            continue
        if measure.family == "business":
            whole[tables.BUSINESS + measure.name + (f" of {measure.column}" if measure.column else "")] = said
        elif measure.column is None:
            whole[measure.name] = said
        elif measure.name in tables.HEAT_MEASURES:
            columns[measure.name][measure.column] = said
    return columns, whole


def _episode(connection: Connection, event: DriftDetected | DriftCleared) -> None:
    key = {"episode_id": event.episode_id}
    told: Values = {
        "sequence": event.sequence,
        "window_end": event.window_end,
        "open": isinstance(event, DriftDetected),
    }
    known: Values = {
        "model_id": event.model_id,
        "model_version": event.model_version,
        "slice": event.slice,
        "granularity": event.granularity,
        "kind": event.kind,
        "since": event.since,
    }
    missing: Values = {"severity": "MINIMAL", "priority": "low", "risk_score": 0.0, "summary": ""}
    if isinstance(event, DriftDetected):
        missing = {
            "severity": event.severity,
            "priority": event.priority,
            "risk_score": event.risk_score,
            "summary": event.summary,
        }
        told = {**told, **missing}
    _upsert(connection, tables.episodes, key, told, {**known, **missing}, order="sequence")


def _alert(connection: Connection, event: AlertFired | AlertResolved) -> None:
    key = {"alert_id": event.alert_id, "starts_at": event.starts_at}
    if isinstance(event, AlertResolved):
        told: Values = {"open": False, "ends_at": event.ends_at, "reason": event.reason}
        unknown: Values = {
            "model_id": event.model_id,
            "model_version": event.labels.get("model_version", ""),
            "alert_type": "general",
            "title": "An alert that began before this console's memory",
            "details": "",
            "priority": "low",
            "severity": "MINIMAL",
            "runbook_url": "",
        }
        _upsert(connection, tables.alerts, key, told, unknown)
        return
    told = {
        "model_id": event.model_id,
        "model_version": event.model_version,
        "alert_type": event.alert_type,
        "title": event.title,
        "details": event.details,
        "priority": event.priority,
        "severity": event.severity,
        "risk_score": event.risk_score,
        "runbook_url": event.runbook_url,
    }
    _upsert(connection, tables.alerts, key, told, {"open": True, "reason": ""})


def _registry(connection: Connection, event: ModelRegistered | ModelVersionRegistered | StageChanged) -> None:
    model = {"model_id": event.model_id}
    if isinstance(event, ModelRegistered):
        _upsert(connection, tables.models, model, {"description": event.description, "owner": event.owner})
        return
    _upsert(connection, tables.models, model, {}, {"description": "", "owner": ""})
    key = model | {"model_version": event.model_version}
    if isinstance(event, StageChanged):
        _upsert(connection, tables.versions, key, {"stage": event.to_stage.value})
    else:
        _upsert(connection, tables.versions, key, {}, {"stage": Stage.DEVELOPMENT.value})


def _monitor(connection: Connection, event: Monitor | MonitorStatus) -> None:
    model = {"model_id": event.model_id}
    if isinstance(event, MonitorStatus):
        told: Values = {"status": event.status.value, "reason": event.reason}
        key = model | {"monitor_version": event.monitor_version}
        if event.watermark is not None:
            told = {**told, "watermark": event.watermark}
        _upsert(connection, tables.statuses, key, told)
        return
    values = {
        "monitor_version": event.monitor_version,
        "granularities": json.dumps(event.granularities),
        "alert_on": event.alert_on,
        "description": event.description,
    }
    _upsert(connection, tables.monitors, model, values, order="monitor_version")
    schedule = {
        "monitor_version": event.monitor_version,
        "schedule": event.check_schedule,
        "enabled": event.check_enabled and not event.paused,
        "time_zone": event.time_zone,
    }
    _upsert(connection, tables.schedules, model, schedule, order="monitor_version")


def _execution(connection: Connection, event: CheckExecution) -> None:
    told: Values = {
        "model_id": event.model_id,
        "model_version": event.model_version,
        "trigger": event.trigger.value,
        "request_id": event.request_id,
        "status": event.status.value,
        "at": event.at,
        "alert_generated": event.alert_generated,
        "said": json.dumps(asdict(event)),
    }
    _upsert(connection, tables.executions, {"check_id": event.check_id}, told)


def _health(connection: Connection, event: HealthOpened | HealthCleared) -> None:
    key = {"source": event.source, "kind": event.kind, "subject": event.subject}
    if isinstance(event, HealthOpened):
        told: Values = {"open": True, "severity": event.severity, "detail": event.detail, "at": event.at}
        _upsert(connection, tables.health, key, told)
        return
    _upsert(connection, tables.health, key, {"open": False, "at": event.at}, {"severity": "LOW", "detail": ""})


@dataclass(frozen=True, slots=True)
class _Statements:
    find: Select[Any]
    insert: Insert
    update: Update | None


@cache
def _statements(table: Table, key: tuple[str, ...], told: tuple[str, ...], order: str | None) -> _Statements:
    """Statements of one kind of upsert, built once: building them costs more than running them."""
    same = [table.c[name] == bindparam(f"key_{name}") for name in key]
    change = update(table).where(*same).values({name: bindparam(name) for name in told}) if told else None
    return _Statements(select(table.c[order or key[0]]).where(*same), insert(table), change)


def _upsert(
    connection: Connection, table: Table, key: Values, told: Values, first: Values | None = None, *, order: str | None = None
) -> None:
    """Set `told` where the row is, else insert it with `first` as well.

    `order`: column that grows; a row that has more of it already stays as it is.
    """
    statements = _statements(table, tuple(key), tuple(told), order)
    wanted = {f"key_{name}": value for name, value in key.items()}
    row = connection.execute(statements.find, wanted).first()
    if row is None:
        connection.execute(statements.insert, {**key, **(first or {}), **told})
    elif statements.update is not None and (order is None or row[0] <= told[order]):
        connection.execute(statements.update, {**wanted, **told})
