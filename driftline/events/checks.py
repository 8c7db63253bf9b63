"""Checks besides the windows: by a schedule, or because somebody asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from driftline.events.drift_events import ColumnDrift
from driftline.events.monitors import Threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequested:
    """Somebody wants a range of event time to be checked."""

    request_id: str
    """Names the executions that answer it."""
    model_id: str
    """Model."""
    model_version: str = ""
    """Only this version; "" = every version with rows."""
    start: int
    """Inclusive event time, microseconds."""
    end: int
    """Exclusive."""
    thresholds: tuple[Threshold, ...] = ()
    """Checks in place of the monitor's; none = the monitor's."""
    actor: str
    """Who asked."""
    at: int
    """When, microseconds."""


class CheckTrigger(StrEnum):
    """Symbols of CheckTrigger in the schemas."""

    SCHEDULED = "SCHEDULED"
    ON_DEMAND = "ON_DEMAND"


class CheckStatus(StrEnum):
    """Symbols of CheckStatus in the schemas."""

    PENDING = "PENDING"
    """Accepted or scheduled, not begun: what is not on the topic yet."""
    RUNNING = "RUNNING"
    """A source has passed its end; it waits for the others."""
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    """Its schedule is disabled, the monitor is paused, or there are no rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckExecution:
    """What became of a check so far; the last record of a check_id counts."""

    check_id: str
    """The same for the same check of the same model version: of the schedule's point, or of the request."""
    model_id: str
    """Model."""
    model_version: str
    """Model version; "" where no version has rows in the range."""
    trigger: CheckTrigger
    """What made it run."""
    request_id: str = ""
    """The request that it answers; "" = none."""
    schedule: str = ""
    """Schedule of the monitor then; "" = none."""
    due: int
    """Point of the schedule (event time), or when it was asked for."""
    start: int
    """Event time that it covers, inclusive, microseconds."""
    end: int
    """Exclusive."""
    status: CheckStatus
    """How far it has come."""
    started: int | None = None
    """Append time at which it began; null = it never did."""
    duration_ms: float | None = None
    """Append time from its beginning to its end; null = it has not ended."""
    monitor_version: int
    """Monitor in force at the end of the range."""
    n: int = 0
    """Rows that were counted."""
    exact: bool = True
    """No gap or overlap of the source may have touched the range."""
    complete: bool = True
    """The model's clock has passed its end; otherwise rows of it may still come."""
    alert_generated: bool = False
    """Its verdict is WARNING or CRITICAL."""
    alert_level: str | None = None
    """NORMAL, WARNING or CRITICAL; null = nothing was decided."""
    risk_score: float | None = None
    """0 to 100; null = nothing was decided."""
    metrics: Mapping[str, float]
    """Figures by name, such as input_drift_count."""
    failing: tuple[ColumnDrift, ...] = ()
    """Failing checks, worst first."""
    actor: str = ""
    """Who asked; "" = the schedule."""
    error_message: str | None = None
    """Why it FAILED or was SKIPPED."""
    at: int
    """Append time of the progress record that it was told at, microseconds."""
