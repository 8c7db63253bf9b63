"""Episodes of drift."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """One failing check."""

    column: str | None
    """Column, null = the table."""
    measure: str
    """Measure."""
    value: float
    """Its value."""
    limit: float
    """The limit that it broke."""
    p_value: float | None = None
    """p-value, where there is one."""


class Reference(StrEnum):
    """Symbols of ClearedReference, ComparedReference, MonitoredReference, Reference in the schemas."""

    BASELINE = "BASELINE"
    CONSECUTIVE = "CONSECUTIVE"
    """The window before."""
    SEASON = "SEASON"
    """The same time of the week before, by the calendar of the monitor's zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftDetected:
    """An episode opened (sequence 1) or changed."""

    episode_id: str
    """Same for every event of the episode."""
    sequence: int
    """From 1."""
    model_id: str
    """Model."""
    model_version: str
    """Model version."""
    slice: str
    """Slice, "" = all rows."""
    granularity: str
    """Granularity of the windows."""
    kind: str
    """Family: feature, prediction, label, performance or quality."""
    reference: Reference
    """What was compared with."""
    alert: bool
    """Whether people should be told."""
    since: int
    """Start of the first drifting window, microseconds."""
    window_start: int
    """Start of the window it was decided on."""
    window_end: int
    """End of it."""
    risk_score: float
    """0 to 100."""
    severity: str
    """MINIMAL, LOW, MEDIUM, HIGH or CRITICAL."""
    priority: str
    """low, medium, high or critical."""
    columns: tuple[ColumnDrift, ...]
    """Failing checks, worst first."""
    n: int
    """Rows of the window."""
    completeness: float
    """As in the WindowReport."""
    exact: bool
    """As in the WindowReport."""
    monitor_version: int
    """Monitor in force."""
    baseline_id: str
    """Baseline compared with."""
    summary: str
    """One sentence for people."""


class ClearedReason(StrEnum):
    """Symbols of ClearedReason in the schemas."""

    CLEAN = "CLEAN"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftCleared:
    """An episode ended."""

    episode_id: str
    """Episode."""
    sequence: int
    """One more than the last."""
    model_id: str
    """Model."""
    model_version: str
    """Model version."""
    slice: str
    """Slice."""
    granularity: str
    """Granularity."""
    kind: str
    """Family."""
    reference: Reference
    """What was compared with."""
    alert: bool
    """Whether people were told."""
    since: int
    """Start of the first drifting window."""
    window_start: int
    """Start of the window that cleared it."""
    window_end: int
    """End of it."""
    reason: ClearedReason
    """CLEAN: two complete clean windows. SUPERSEDED: its check or version no longer exists."""
