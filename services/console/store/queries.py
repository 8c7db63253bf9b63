"""What the page asks of the read models."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, func, select

from services.console.store.tables import alerts, checkpoints, episodes, health, models, monitors, statuses, versions, windows

SPARK_WINDOWS = 40
_PRIORITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One model as the fleet table shows it."""

    model_id: str
    description: str
    owner: str
    versions: Sequence[tuple[str, str]]
    """Version and stage, in order of registration."""
    status: str | None
    """State of the monitor's latest version, None without a monitor."""
    status_reason: str
    granularity: str | None
    """The granularity that its risk is shown at."""
    risk_score: float | None
    severity: str | None
    window_end: int | None
    """End of the last window that was decided, microseconds."""
    n: int | None
    label_coverage: float | None
    open_alerts: int
    open_episodes: int
    risks: Sequence[float | None]
    """Risk of the last windows, oldest first."""


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert."""

    alert_id: str
    model_id: str
    model_version: str
    title: str
    details: str
    priority: str
    severity: str
    risk_score: float | None
    starts_at: int
    ends_at: int | None
    reason: str
    runbook_url: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with Driftline itself."""

    source: str
    kind: str
    subject: str
    severity: str
    detail: str
    at: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The last signed head of a ledger."""

    log_id: str
    size: int
    root: str
    at: int


@dataclass(frozen=True, slots=True)
class Window:
    """One window with its measures: `columns` by measure and column, `whole` by measure; each is [value, limit, violated]."""

    start: int
    end: int
    model_version: str
    revision: int
    n: int
    completeness: float
    exact: bool
    final: bool
    closed_by: str
    label_coverage: float | None
    risk_score: float | None
    severity: str | None
    columns: dict[str, dict[str, list[Any]]]
    whole: dict[str, list[Any]]


class Queries:
    """Reads the tables; safe from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def fleet(self) -> list[ModelLine]:
        """Every model that anything is known of, the riskiest first."""
        with self._engine.connect() as connection:
            known = _Known.read(connection)
            lines = [_line(connection, model_id, known) for model_id in sorted(known.model_ids)]
        return sorted(lines, key=lambda line: (-(line.risk_score if line.risk_score is not None else -1.0), line.model_id))

    def granularities(self, model_id: str) -> list[str]:
        """Granularities that a model has windows at or its monitor names, shortest first."""
        with self._engine.connect() as connection:
            found = connection.execute(
                select(windows.c.granularity, func.min(windows.c.end - windows.c.start))
                .where(windows.c.model_id == model_id)
                .group_by(windows.c.granularity)
            ).all()
            named = connection.scalar(select(monitors.c.granularities).where(monitors.c.model_id == model_id))
        lengths = {row[0]: row[1] for row in found}
        ordered = sorted(lengths, key=lambda granularity: lengths[granularity])
        return ordered or list(json.loads(named or "[]"))

    def model_versions(self, model_id: str) -> list[str]:
        """Versions that a model has windows of, the latest window first."""
        last = func.max(windows.c.start)
        query = (
            select(windows.c.model_version, last)
            .where(windows.c.model_id == model_id)
            .group_by(windows.c.model_version)
            .order_by(last.desc(), windows.c.model_version)
        )
        with self._engine.connect() as connection:
            return [row[0] for row in connection.execute(query)]

    def windows(
        self, model_id: str, *, granularity: str, model_version: str, slice_: str = "", limit: int = 400
    ) -> list[Window]:
        """The last windows of a model version at a granularity, oldest first."""
        query = (
            select(windows)
            .where(
                windows.c.model_id == model_id,
                windows.c.granularity == granularity,
                windows.c.slice == slice_,
                windows.c.model_version == model_version,
            )
            .order_by(windows.c.start.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [_window(row) for row in reversed(rows)]

    def alerts(self, *, open_: bool, limit: int = 50) -> list[AlertLine]:
        """Open alerts by priority, then age; or those resolved last."""
        query = select(alerts).where(alerts.c.open == open_)
        query = query.order_by(alerts.c.starts_at.desc() if open_ else alerts.c.ends_at.desc()).limit(
            limit if not open_ else 1000
        )
        with self._engine.connect() as connection:
            lines = [_alert(row) for row in connection.execute(query)]
        if open_:
            lines.sort(key=lambda line: _rank(line.priority))
        return lines[:limit]

    def open_alerts_by_priority(self) -> dict[str, int]:
        """How many alerts are open, the gravest priority first."""
        query = select(alerts.c.priority, func.count()).where(alerts.c.open).group_by(alerts.c.priority)
        with self._engine.connect() as connection:
            counts = {row[0]: row[1] for row in connection.execute(query)}
        return dict(sorted(counts.items(), key=lambda item: _rank(item[0])))

    def problems(self) -> list[Problem]:
        """What is wrong with Driftline or its streams now, the latest first."""
        query = select(health).where(health.c.open).order_by(health.c.at.desc()).limit(100)
        with self._engine.connect() as connection:
            return [
                Problem(row.source, row.kind, row.subject, row.severity, row.detail, row.at)
                for row in connection.execute(query)
            ]

    def ledgers(self) -> list[Ledger]:
        """The last signed head of each ledger."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(checkpoints).order_by(checkpoints.c.log_id)).all()
        return [Ledger(row.log_id, row.size, row.root, row.at) for row in rows]

    def window_count(self) -> int:
        """How many windows are known."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(windows)) or 0


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of all models, by model."""

    model_ids: frozenset[str]
    registered: Mapping[str, Any]
    stages: Mapping[str, list[tuple[str, str]]]
    monitors: Mapping[str, Any]
    statuses: Mapping[tuple[str, int], Any]
    open_alerts: Mapping[str, int]
    open_episodes: Mapping[str, int]

    @staticmethod
    def read(connection: Connection) -> "_Known":
        stages: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in connection.execute(select(versions)):
            stages[row.model_id].append((row.model_version, row.stage))
        ids: set[str] = set()
        for table in (models, monitors, windows, alerts):
            ids |= set(connection.execute(select(table.c.model_id).distinct()).scalars())
        return _Known(
            model_ids=frozenset(ids - {""}),  # alerts on Driftline itself concern no model
            registered={row.model_id: row for row in connection.execute(select(models))},
            stages=stages,
            monitors={row.model_id: row for row in connection.execute(select(monitors))},
            statuses={(row.model_id, row.monitor_version): row for row in connection.execute(select(statuses))},
            open_alerts=_open_by_model(connection, alerts),
            open_episodes=_open_by_model(connection, episodes, episodes.c.slice == ""),  # those of slices tell of the same
        )


def _open_by_model(connection: Connection, table: Table, *more: ColumnElement[bool]) -> dict[str, int]:
    query = select(table.c.model_id, func.count()).where(table.c.open, *more).group_by(table.c.model_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def _line(connection: Connection, model_id: str, known: _Known) -> ModelLine:
    registered, monitor = known.registered.get(model_id), known.monitors.get(model_id)
    status = None if monitor is None else known.statuses.get((model_id, monitor.monitor_version))
    granularity, recent = _recent(connection, model_id, None if monitor is None else monitor.alert_on)
    decided = next((window for window in recent if window.risk_score is not None), None)
    last = decided or next(iter(recent), None)
    return ModelLine(
        model_id=model_id,
        description=(monitor.description if monitor else "") or (registered.description if registered else ""),
        owner=registered.owner if registered else "",
        versions=known.stages.get(model_id, []),
        status=None if monitor is None else "PENDING" if status is None else status.status,
        status_reason="" if status is None else status.reason,
        granularity=granularity,
        risk_score=decided.risk_score if decided else None,
        severity=decided.severity if decided else None,
        window_end=last.end if last else None,
        n=last.n if last else None,
        label_coverage=next((window.label_coverage for window in recent if window.label_coverage), None),
        open_alerts=known.open_alerts.get(model_id, 0),
        open_episodes=known.open_episodes.get(model_id, 0),
        risks=[window.risk_score for window in reversed(recent)],
    )


def _recent(connection: Connection, model_id: str, alert_on: str | None) -> tuple[str | None, list[Any]]:
    """The granularity to show, and its last windows, the newest first: the one that alerts, unless only others have windows."""
    if alert_on is not None and (found := _last_windows(connection, model_id, alert_on)):
        return alert_on, found
    lengths = select(windows.c.granularity, func.min(windows.c.end - windows.c.start)).where(windows.c.model_id == model_id)
    known = [row[0] for row in sorted(connection.execute(lengths.group_by(windows.c.granularity)), key=lambda row: row[1])]
    if not known:
        return alert_on, []
    shown = "1 day" if "1 day" in known else known[0]
    return shown, _last_windows(connection, model_id, shown)


def _last_windows(connection: Connection, model_id: str, granularity: str) -> list[Any]:
    """Last windows of all rows, the newest first; where versions share a window, the riskiest."""
    query = (
        select(windows.c.end, windows.c.start, windows.c.n, windows.c.label_coverage, windows.c.risk_score, windows.c.severity)
        .where(windows.c.model_id == model_id, windows.c.granularity == granularity, windows.c.slice == "")
        .order_by(windows.c.start.desc(), windows.c.risk_score.desc())
        .limit(SPARK_WINDOWS * 4)
    )
    found: dict[int, Any] = {}
    for row in connection.execute(query):
        found.setdefault(row.start, row)
    return list(found.values())[:SPARK_WINDOWS]


def _window(row: Row[Any]) -> Window:
    return Window(
        start=row.start,
        end=row.end,
        model_version=row.model_version,
        revision=row.revision,
        n=row.n,
        completeness=row.completeness,
        exact=row.exact,
        final=row.final,
        closed_by=row.closed_by,
        label_coverage=row.label_coverage,
        risk_score=row.risk_score,
        severity=row.severity,
        columns=json.loads(row.columns),
        whole=json.loads(row.whole),
    )


def _alert(row: Row[Any]) -> AlertLine:
    return AlertLine(
        alert_id=row.alert_id,
        model_id=row.model_id,
        model_version=row.model_version,
        title=row.title,
        details=row.details,
        priority=row.priority,
        severity=row.severity,
        risk_score=row.risk_score,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        reason=row.reason,
        runbook_url=row.runbook_url,
    )


def _rank(priority: str) -> int:
    return _PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES)
