"""What is asked of checks: their history, their figures, when the next ones are due."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, case, func, select

from driftline.drift.scheduling import Schedule, Statistics
from driftline.events import CheckStatus
from services.console.store.tables import executions, schedules


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The schedule of one model."""

    model_id: str
    schedule: str
    enabled: bool
    time_zone: str
    next_run_time: int | None
    """Its next point, microseconds; None where it is disabled."""


class CheckQueries:
    """Reads the tables; safe from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def history(
        self, *, model_id: str | None, status: CheckStatus | None = None, request_id: str | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """The last executions, the latest first, with the fields of CheckExecution; what is None does not restrict."""
        query = select(executions.c.said).order_by(executions.c.at.desc(), executions.c.check_id).limit(limit)
        for column, wanted in (
            (executions.c.model_id, model_id),
            (executions.c.status, None if status is None else status.value),
            (executions.c.request_id, request_id),
        ):
            query = query if wanted is None else query.where(column == wanted)
        with self._engine.connect() as connection:
            return [json.loads(said) for said in connection.scalars(query)]

    def statistics(self, model_id: str | None = None) -> Statistics:
        """All executions that are known, or those of one model, in figures."""
        alerts = func.sum(case((executions.c.alert_generated, 1), else_=0))
        query = select(executions.c.status, func.count(), alerts).group_by(executions.c.status)
        if model_id is not None:
            query = query.where(executions.c.model_id == model_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        ended = {CheckStatus(row[0]): row[1] for row in rows}
        planned = self._planned(model_id)
        enabled = sum(one.enabled for one in planned)
        return Statistics.of(configured=len(planned), enabled=enabled, ended=ended, alerts=sum(row[2] for row in rows))

    def schedules(self, now: int, model_id: str | None = None) -> list[Scheduled]:
        """Every schedule (or that of one model) with its next point, the next one first."""
        found = [
            Scheduled(
                row.model_id,
                row.schedule,
                row.enabled,
                row.time_zone,
                Schedule.parse(row.schedule, row.time_zone).next(now) if row.enabled else None,
            )
            for row in self._planned(model_id)
        ]
        return sorted(found, key=lambda one: (one.next_run_time is None, one.next_run_time or 0, one.model_id))

    def _planned(self, model_id: str | None) -> list[Any]:
        query = select(schedules).where(schedules.c.schedule != "")
        if model_id is not None:
            query = query.where(schedules.c.model_id == model_id)
        with self._engine.connect() as connection:
            return list(connection.execute(query))
