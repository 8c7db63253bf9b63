"""What is known of a window."""

from dataclasses import dataclass
from enum import StrEnum

from driftline.events.drift_events import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure of a window."""

    family: str
    """feature, prediction, label, performance, quality, fairness, outcome_fairness, estimate, business, or a kind of change."""
    name: str
    """psi, ks, chi2, js, tv, null_rate, accuracy, ..."""
    column: str | None = None
    """Column, null = the table."""
    value: float | None = None
    """Value; null = could not be computed."""
    p_value: float | None = None
    """p-value, where the measure has one."""
    limit: float | None = None
    """Limit in force, null = not checked."""
    violated: bool = False
    """The check failed."""
    n: int | None = None
    """Rows that the value stands on, where they are fewer than the window's."""
    low: float | None = None
    """Lower end of its 95 % interval, where it has one."""
    high: float | None = None
    """Upper end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyLevel:
    """The level of a family."""

    family: str
    """Family."""
    alpha: float
    """Level of the test of the family."""


class Decision(StrEnum):
    """Symbols of Decision in the schemas."""

    NONE = "NONE"
    INPUTS = "INPUTS"
    PERFORMANCE = "PERFORMANCE"


class ClosedBy(StrEnum):
    """Symbols of ClosedBy in the schemas."""

    WATERMARK = "WATERMARK"
    IDLE = "IDLE"
    MAX_WAIT = "MAX_WAIT"
    LATE = "LATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastComparison:
    """A window held against one of the past, whose counts are those at the data close of the later."""

    reference: Reference
    """CONSECUTIVE: the window before. SEASON: the same time a week before."""
    start: int
    """Of the window of the past, microseconds."""
    end: int
    """Of the window of the past."""
    n: int
    """Rows of the window of the past; below minimum n nothing is compared."""
    cells: bytes
    """Sparse counts of its inputs."""
    sums: bytes
    """float64 little-endian sums of its inputs."""
    levels: tuple[FamilyLevel, ...]
    """Under TOLERANCE: level that each family was tested at."""
    measures: tuple[Measure, ...]
    """How far the two are apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowReport:
    """One revision of one window."""

    model_id: str
    """Model."""
    model_version: str
    """Model version."""
    slice: str
    """Slice, "" = all rows."""
    granularity: str
    """Such as "1 day"."""
    start: int
    """Inclusive, microseconds."""
    end: int
    """Exclusive, microseconds."""
    revision: int
    """From 1; the last one counts."""
    decision: Decision
    """Which of the two decisions this revision carries."""
    closed_by: ClosedBy
    """What closed it."""
    final: bool
    """Its counts cannot change any more."""
    completeness: float
    """Source partitions past the end over all of them."""
    exact: bool
    """No gap or overlap of the source touches it."""
    n: int
    """Rows."""
    labels_in_time: int
    """Pairs within label_delay."""
    labels_later: int
    """Pairs after it."""
    label_coverage: float | None = None
    """All pairs over rows; null without labels or rows."""
    other_layout: int = 0
    """Rows counted under another layout, left out."""
    late_after_final: int = 0
    """Pairs that came after the window was final; labels that changed then, as one or more."""
    monitor_version: int
    """Monitor in force at the end."""
    baseline_id: str
    """Baseline compared with."""
    layout: str
    """Layout of cells."""
    profiles_partition: int
    """Partition of profiles it was decided from."""
    profiles_offset: int
    """Offset of the progress record it was decided at."""
    cells: bytes
    """Sparse counts of the inputs."""
    sums: bytes
    """float64 little-endian sums of the inputs."""
    label_cells: bytes
    """Sparse counts of the in-time pairs."""
    metrics: bytes | None = None
    """Partials of the SQL metrics of the inputs."""
    label_metrics: bytes | None = None
    """Partials of the SQL metrics of the in-time pairs."""
    levels: tuple[FamilyLevel, ...] = ()
    """Under TOLERANCE: level that each family was tested at."""
    measures: tuple[Measure, ...]
    """Every measure."""
    comparisons: tuple[PastComparison, ...] = ()
    """What it was compared with beside the baseline."""
    risk_score: float | None = None
    """0 to 100; null below minimum n."""
    severity: str | None = None
    """MINIMAL, LOW, MEDIUM, HIGH or CRITICAL."""
