"""What is watched, how, and against what."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from driftline.events.drift_events import Reference


class ColumnKind(StrEnum):
    """Symbols of BaselineKind, ColumnKind in the schemas."""

    NUMERIC = "NUMERIC"
    CATEGORICAL = "CATEGORICAL"
    TIMESTAMP = "TIMESTAMP"
    """Counted as a number: its age at the event, in seconds; negative for a time to come."""
    TEXT_LENGTH = "TEXT_LENGTH"
    """Counted as a number: how many characters the text has."""

    @property
    def numeric(self) -> bool:
        """Whether a column is counted as a number, in cells between edges."""
        return self is not ColumnKind.CATEGORICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorColumn:
    """One watched column."""

    name: str
    """Feature name, or :prediction, :score."""
    kind: ColumnKind
    """Numeric columns are binned, categorical ones counted by value, times and texts binned by age and by length."""
    required: bool = False
    """A row without it is refused (missing_field); otherwise it counts as null."""


class Direction(StrEnum):
    """Symbols of Direction in the schemas."""

    ABOVE = "ABOVE"
    BELOW = "BELOW"
    MAGNITUDE = "MAGNITUDE"
    OUTSIDE = "OUTSIDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A measure against a limit."""

    family: str
    """feature, prediction, label, performance, quality or business."""
    measure: str
    """Name of the measure, e.g. psi, js, accuracy, or of a business metric."""
    column: str | None = None
    """Only this column; null = every column of the family."""
    limit: float
    """The limit itself; with `windows`, how many deviations from their median are put up with."""
    direction: Direction
    """ABOVE: violated when value > limit. BELOW: violated when value < limit. MAGNITUDE: violated when |value| > limit, as of
    costs. OUTSIDE: either side of the band that the last windows give."""
    granularity: str | None = None
    """Only windows of this granularity; null = all."""
    per_rows: int | None = None
    """The value is taken for so many rows, as sums need, which grow with the window; null = as it is."""
    windows: int = 0
    """0: the limit is fixed. Otherwise it follows the last so many windows: their median +- limit x 1.4826 x MAD."""


class Task(StrEnum):
    """Symbols of Task in the schemas."""

    BINARY = "BINARY"
    MULTICLASS = "MULTICLASS"
    REGRESSION = "REGRESSION"


class Policy(StrEnum):
    """Symbols of Policy in the schemas."""

    LIMITS = "LIMITS"
    TOLERANCE = "TOLERANCE"
    CLASSIC = "CLASSIC"


class Deduplicate(StrEnum):
    """Symbols of Deduplicate in the schemas."""

    NONE = "NONE"
    ID = "ID"
    """An id that comes again within an hour of append time is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSlice:
    """One way to cut the rows."""

    columns: tuple[str, ...] = ()
    """One or two columns: a slice for each of their values."""
    where: str = ""
    """A condition in SQL: one slice, named by its text; "" where columns are given."""


class MetricType(StrEnum):
    """Symbols of MetricType in the schemas: what a definition may refer to."""

    AGGREGATE = "AGGREGATE"
    """Aggregates over the columns of the rows of a window."""
    DERIVED = "DERIVED"
    """Other metrics of the same window, by name."""
    DRIFT = "DRIFT"
    """Other metrics of two windows: {{current_df}}.name and {{base_df}}.name."""


class OutputType(StrEnum):
    """Symbols of OutputType in the schemas: every number is computed as float64."""

    DOUBLE = "DOUBLE"
    LONG = "LONG"
    """Cut towards zero, as CAST(... AS BIGINT)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorMetric:
    """One metric."""

    name: str
    """Letters, digits and _."""
    type: MetricType = MetricType.AGGREGATE
    """What the definition may refer to."""
    input_columns: tuple[str, ...] = (":table",)
    """":table" for one value; names of columns for one value of each, {{input_column}} standing for the name."""
    definition: str
    """One SQL expression, without joins or subqueries. Nothing is checked before it is compiled."""
    output_type: OutputType = OutputType.DOUBLE
    """What the value is."""
    description: str = ""
    """For people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorDetector:
    """A detector, and what it watches."""

    family: str
    """feature: means of numeric columns. prediction: the mean score and the share of the positive class. performance: the error."""
    kind: str
    """adwin, page_hinkley, ddm, hddm_a, hddm_w or kswin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorReference:
    """One kind of window of the past."""

    reference: Reference
    """CONSECUTIVE: the window before. SEASON: the same time a week before."""
    granularities: tuple[str, ...]
    """Of the windows that are compared with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One version of a model's monitor."""

    model_id: str
    """Model."""
    monitor_version: int
    """Contiguous from 1."""
    effective_from: int
    """Event time from which it holds, microseconds; the smallest long = since ever."""
    task: Task
    """What the model does."""
    positive_class: str | None = None
    """Class that score is the probability of (BINARY)."""
    columns: tuple[MonitorColumn, ...]
    """Watched columns."""
    baseline_id: str
    """Content hash of the baseline that it compares with."""
    labels: bool
    """Whether outcomes arrive; then partitioning by prediction_id is enforced."""
    granularities: tuple[str, ...]
    """Such as "1 hour", "1 day", "1 week"."""
    time_zone: str = "UTC"
    """Zone in which days, weeks and months begin."""
    references: tuple[MonitorReference, ...] = ()
    """Windows of the past that a window is compared with, beside the baseline."""
    alert_on: str
    """The granularity whose episodes alert."""
    lateness_us: int
    """Disorder within a source partition that is waited for."""
    idle_timeout_us: int
    """Append time after which a caught-up partition without events is left out."""
    max_wait_us: int
    """Append time after which a window closes incomplete."""
    label_delay_us: int
    """Labels within this of their prediction are in time."""
    label_ttl_us: int
    """Labels later than this are refused."""
    future_skew_us: int
    """Event time may exceed append time by this much."""
    minimum_n: int
    """Windows with fewer rows decide nothing."""
    thresholds: tuple[Threshold, ...]
    """Checks."""
    weights: Mapping[str, float]
    """Share of each family in the risk score."""
    policy: Policy = Policy.LIMITS
    """How alarms are decided."""
    tolerated_false_pages: float = 1.0
    """Under TOLERANCE: false pages in 30 days that are put up with."""
    tolerated_psi: float = 0.1
    """Under TOLERANCE: shifts up to this PSI are nobody's business."""
    slices: tuple[MonitorSlice, ...] = ()
    """Parts of the rows that have windows of their own."""
    metrics: tuple[MonitorMetric, ...] = ()
    """Business metrics in SQL."""
    protected: tuple[str, ...] = ()
    """Columns whose groups are compared for fairness."""
    favourable: str | None = None
    """Predicted class that is good for the person; null = the positive class."""
    detectors: tuple[MonitorDetector, ...] = ()
    """Sequential detectors over decided windows."""
    check_schedule: str = ""
    """When it is checked besides its windows: hourly, daily, weekly or five fields of cron; "" = never."""
    check_enabled: bool = True
    """Otherwise its scheduled checks are skipped."""
    check_timeout_us: int = 300_000_000
    """Append time after which a check whose range is not complete has failed."""
    deduplicate: Deduplicate = Deduplicate.NONE
    """What of a prediction may come once only."""
    multivariate: str | None = None
    """Test of a sample of the features against the baseline's: domain_classifier or mmd; or moments, against the windows before; null = none."""
    retired_versions: tuple[str, ...]
    """Model versions whose episodes are closed."""
    paused: bool = False
    """Counts go on, decisions stop."""
    description: str = ""
    """For people."""
    actor: str
    """Who applied it."""


class MonitorState(StrEnum):
    """Symbols of MonitorState in the schemas."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    REJECTED = "REJECTED"
    PAUSED = "PAUSED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorStatus:
    """What the evaluator made of a monitor."""

    model_id: str
    """Model."""
    monitor_version: int
    """Version it speaks of."""
    status: MonitorState
    """State."""
    reason: str = ""
    """Why, in words."""
    watermark: int | None = None
    """W(m), event time up to which the inputs are complete."""
    evaluator: str
    """Instance that said so."""
    at: int
    """Append time of the progress record that it was decided on, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineColumn:
    """Reference distribution of one column."""

    name: str
    """Feature name, or :prediction, :score."""
    kind: ColumnKind
    """As in the monitor."""
    edges: tuple[float, ...]
    """Inner edges of the fine cells, ascending (NUMERIC); below and above are told by minimum and maximum in sums."""
    psi_edges: tuple[int, ...]
    """Indices into edges of the inner PSI edges."""
    categories: tuple[str, ...]
    """Known values in cell order (CATEGORICAL)."""
    counts: tuple[int, ...]
    """Count of every cell, in the order of the layout."""
    sums: tuple[float, ...]
    """n, sum and sum of squares about origin, minimum, maximum of the finite values."""
    origin: float = 0.0
    """Origin of the moments."""
    zeros: int | None = None
    """Rows that are 0 (NUMERIC)."""
    distinct: int | None = None
    """Different values, NaN and null not among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineJoint:
    """One column of the rows that the model predicted one class for."""

    column: str
    """Feature name, or :score."""
    predicted: str
    """Predicted class."""
    actual: str | None = None
    """Only rows with this outcome; null = whatever became of them."""
    counts: tuple[int, ...]
    """Count of every cell, in the order of the layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineErrors:
    """How large the errors of a regression are."""

    column: str
    """Column by whose cells their size is told: a feature, or :prediction."""
    model: str
    """JSON of the model; the evaluator alone reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Reference that windows are compared with; immutable, named by its content."""

    baseline_id: str
    """SHA-256 of the content, hex."""
    model_id: str
    """Model it was fitted for."""
    rows: int
    """Rows it was fitted on."""
    event_from: int | None = None
    """Smallest event time, microseconds."""
    event_to: int | None = None
    """Largest event time, microseconds."""
    columns: tuple[BaselineColumn, ...]
    """Columns."""
    joints: tuple[BaselineJoint, ...] = ()
    """Columns by predicted class, of classifiers: with them groups are compared and performance is estimated."""
    errors: tuple[BaselineErrors, ...] = ()
    """Of a regression, at most one: with it the size of errors is estimated."""
    provenance: Mapping[str, str]
    """File, digest, tool version and what else a reader may ask for."""
    sample: bytes | None = None
    """Some of its rows, for multivariate tests: float32 values row by row, a column each, as in a profile's SAMPLE; null = none."""
    metrics: bytes | None = None
    """Partials of business metrics of its rows, and of those with an outcome; null where it was fitted without."""
