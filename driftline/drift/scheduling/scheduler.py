"""Checks by schedule without Kafka: for a notebook, a cron job, a program of one's own.

    scheduler = Scheduler()
    scheduler.configure("fraud_detector", "2.0.0", detect, schedule="daily", now=now)
    scheduler.run_due(later, data)

It keeps no thread and reads no clock: who calls it says what time it is. Kept in one process and lost with it; where that
is not enough the drift service does the same from `check:` in a monitor.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from driftline.drift import risk
from driftline.drift.episodes import drifts_of, failing_checks
from driftline.drift.scheduling.executions import Statistics, figures
from driftline.drift.scheduling.schedule import Schedule
from driftline.drift.thresholds import AlertLevel, verdict
from driftline.envelope import deterministic_id
from driftline.events import CheckExecution, CheckStatus, CheckTrigger, Measure

__all__ = ["Alert", "Detect", "Planned", "Scheduler"]

Detect = Callable[[Any], Sequence[Measure]]
"""Data of a model to its measures, those with a limit checked against it; what it raises fails the check."""
Alert = Callable[[CheckExecution], object]
"""Told of each check that generated an alert."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A model as it was configured, and how far its checks have come."""

    model_id: str
    model_version: str
    schedule: Schedule | None
    """None = only on demand."""
    detect: Detect
    alert: Alert | None
    enabled: bool
    done: int
    """The point up to which its checks are done."""

    def next_run_time(self) -> int | None:
        """Return its next point; None where it is disabled or has no schedule."""
        return self.schedule.next(self.done) if self.schedule is not None and self.enabled else None

    def due(self, now: int) -> bool:
        """Return whether a point has come; a disabled one is skipped when it is run."""
        return self.schedule is not None and self.schedule.next(self.done) <= now


class Scheduler:
    """Plans of models, each independent of the others, and what became of their checks. Not thread-safe."""

    def __init__(
        self,
        *,
        time_zone: str = "UTC",
        timeout_seconds: float = 300.0,
        stopwatch: Callable[[], float] = lambda: 0.0,
        kept: int = 10_000,
    ) -> None:
        """`stopwatch` (such as time.monotonic) gives seconds, for durations and the timeout; `kept` executions are remembered."""
        self._time_zone = time_zone
        self._timeout = timeout_seconds
        self._stopwatch = stopwatch
        self._planned: dict[str, Planned] = {}
        self._executions: deque[CheckExecution] = deque(maxlen=kept)
        self._begun_so_far = 0

    def configure(
        self,
        model_id: str,
        model_version: str,
        detect: Detect,
        *,
        now: int,
        schedule: str | None = "daily",
        alert: Alert | None = None,
        enabled: bool = True,
    ) -> Planned:
        """Plan a model's checks from `now` on, in place of what was planned. Raises ValueError, TypeError for no function."""
        for name, given in (("detect", detect), ("alert", alert)):
            if given is not None and not callable(given):
                raise TypeError(f"{name} must be a function, not {given!r}")
        points = None if schedule is None else Schedule.parse(schedule, self._time_zone)
        planned = Planned(model_id, model_version, points, detect, alert, enabled, now)
        self._planned[model_id] = planned
        return planned

    def run_due(self, now: int, data: Callable[[str, int, int], Any]) -> list[CheckExecution]:
        """Run every model whose point has come, one after the other by name.

        `data` gives what a model got in [start, end). Points that passed since the last call are one check, of the last of them.
        """
        return [self._point(planned, now, data) for _, planned in sorted(self._planned.items()) if planned.due(now)]

    def run(self, model_id: str, data: Any, now: int) -> CheckExecution:
        """Check data at once; schedules go on as they were. Raises KeyError for a model that is not configured."""
        planned = self._planned[model_id]
        return self._run(planned, self._begun(planned, CheckTrigger.ON_DEMAND, now, now), lambda: data)

    def schedule(self) -> list[Planned]:
        """Return what is planned, the next point first, then what is disabled."""
        points = {name: planned.next_run_time() for name, planned in self._planned.items()}
        return sorted(
            self._planned.values(), key=lambda one: (points[one.model_id] is None, points[one.model_id] or 0, one.model_id)
        )

    def history(self, model_id: str | None = None, status: CheckStatus | None = None, limit: int = 50) -> list[CheckExecution]:
        """Return the last executions, the latest first; None does not restrict."""
        found = reversed(self._executions)
        return [one for one in found if model_id in (None, one.model_id) and status in (None, one.status)][:limit]

    def statistics(self) -> Statistics:
        """Return all that is remembered in a few figures."""
        planned = [one for one in self._planned.values() if one.schedule is not None]
        return Statistics.of(
            configured=len(planned),
            enabled=sum(one.enabled for one in planned),
            ended=Counter(each.status for each in self._executions),
            alerts=sum(each.alert_generated for each in self._executions),
        )

    def _point(self, planned: Planned, now: int, data: Callable[[str, int, int], Any]) -> CheckExecution:
        assert planned.schedule is not None
        point = planned.schedule.last(now)
        self._planned[planned.model_id] = replace(planned, done=point)
        check = self._begun(planned, CheckTrigger.SCHEDULED, point, now)
        if not planned.enabled:
            return self._keep(replace(check, status=CheckStatus.SKIPPED, error_message="its schedule is disabled"))
        return self._run(planned, check, lambda: data(planned.model_id, planned.done, point))

    def _begun(self, planned: Planned, trigger: CheckTrigger, due: int, now: int) -> CheckExecution:
        self._begun_so_far += 1
        return CheckExecution(
            check_id=deterministic_id("check", planned.model_id, planned.model_version, due, self._begun_so_far),
            model_id=planned.model_id,
            model_version=planned.model_version,
            trigger=trigger,
            schedule="" if planned.schedule is None else planned.schedule.text,
            due=due,
            start=planned.done,
            end=due,
            status=CheckStatus.RUNNING,
            started=now,
            monitor_version=0,
            metrics={},
            at=now,
        )

    def _run(self, planned: Planned, check: CheckExecution, data: Callable[[], Any]) -> CheckExecution:
        begun = self._stopwatch()
        try:
            measures = planned.detect(data())
        except Exception as error:  # noqa: BLE001 - whatever a person's function raises: the check has failed, the others go on
            check = replace(check, status=CheckStatus.FAILED, error_message=f"{type(error).__name__}: {error}")
            return self._keep(replace(check, duration_ms=1000 * (self._stopwatch() - begun)))
        check = replace(check, duration_ms=1000 * (self._stopwatch() - begun))
        if check.duration_ms is not None and check.duration_ms > 1000 * self._timeout:
            why = f"Drift check timeout after {self._timeout:g} seconds"
            return self._keep(replace(check, status=CheckStatus.FAILED, error_message=why))
        check = self._keep(_decided(check, measures))
        if check.alert_generated and planned.alert is not None:
            planned.alert(check)
        return check

    def _keep(self, check: CheckExecution) -> CheckExecution:
        self._executions.append(check)
        return check


def _decided(check: CheckExecution, measures: Sequence[Measure]) -> CheckExecution:
    scored = risk.score(measures, risk.CLASSIC_WEIGHTS)
    if scored.severity is None:
        return replace(
            check, status=CheckStatus.SKIPPED, error_message="nothing was checked: no measure has a value and a limit"
        )
    failing = failing_checks(measures)
    level = verdict(scored.severity, violated=bool(failing))
    return replace(
        check,
        status=CheckStatus.COMPLETED,
        alert_generated=level is not AlertLevel.NORMAL,
        alert_level=level.value,
        risk_score=scored.score,
        metrics=figures(measures),
        failing=drifts_of(failing),
    )
