"""What is required of models, what the evidence says of it, and what people vouch for."""

from dataclasses import dataclass
from enum import StrEnum

MINIMUM_SCORE = 0.8
"""A report with a smaller score is an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What is required of a model; a control reads the fields that bear its name's meaning and leaves the others alone."""

    name: str
    """model_documentation, bias_monitoring, explainability, data_lineage, audit_logging, or one that no control evaluates yet."""
    required: bool = True
    """Otherwise it is not evaluated."""
    check_frequency: str = "daily"
    """hourly, daily, weekly or monthly: evaluated at least so often."""
    protected_attributes: tuple[str, ...] = ()
    """bias_monitoring: columns whose groups are compared; none = those that the monitor protects."""
    fairness_threshold: float = 0.8
    """bias_monitoring: least ratio of the smallest to the largest selection rate of a group."""
    methods: tuple[str, ...] = ()
    """explainability: methods that count, such as shap."""
    coverage_threshold: float = 0.95
    """explainability: least share of predictions with an explanation."""
    documentation_current: bool = True
    """data_lineage: every version in use must be documented."""
    retention_days: int = 365
    """audit_logging: least time for which records are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementsDeclared:
    """Somebody declared what is required of a model; the last one counts, an empty one withdraws it."""

    model_id: str
    """Model."""
    requirements: tuple[Requirement, ...]
    """All of them, by name."""
    actor: str
    """Who."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAttested:
    """Somebody vouches for a requirement of which Driftline has no evidence of its own; the last one of it counts."""

    model_id: str
    """Model."""
    requirement: str
    """Name of the requirement."""
    statement: str
    """What is vouched for, in words."""
    document: str
    """Where it is shown: a URL, or the SHA-256 of a document."""
    value: float | None = None
    """Figure that it states, such as the share of predictions that are explained."""
    until: int
    """When it counts no longer, microseconds; a statement that is over at once takes the last one back."""
    actor: str
    """Who."""
    at: int
    """When, microseconds."""


class ControlStatus(StrEnum):
    """Symbols of ControlStatus, OutcomeStatus in the schemas."""

    COMPLIANT = "COMPLIANT"
    """The evidence shows all that is asked."""
    NON_COMPLIANT = "NON_COMPLIANT"
    """The evidence shows that something does not hold."""
    PARTIAL = "PARTIAL"
    """Nothing fails, but for some of it there is no evidence."""
    INSUFFICIENT_EVIDENCE = "INSUFFICIENT_EVIDENCE"
    """There is no evidence; never a pass."""
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    """No control evaluates it."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """It does not concern this model; it is left out of the score."""
    ATTESTED = "ATTESTED"
    """Somebody vouches for it where Driftline has no evidence of its own."""
    ERROR = "ERROR"
    """Its evidence could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a control looked at."""

    subject: str
    """What: has_description, a protected column, signed_ledger, ..."""
    holds: bool | None = None
    """Whether it is as required; null = no evidence."""
    value: float | None = None
    """Figure that it rests on, where it has one."""
    limit: float | None = None
    """What the figure is held against."""
    detail: str
    """In words; where it does not hold or evidence is missing, what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlEvaluated:
    """What the evidence said about one requirement."""

    model_id: str
    """Model."""
    control: str
    """Name of the requirement."""
    status: ControlStatus
    """Verdict."""
    score: float
    """Findings that hold over all findings, 0 to 1."""
    findings: tuple[Finding, ...]
    """What was looked at."""
    requirement: Requirement
    """What was asked."""
    evidence: tuple[str, ...]
    """Records that it rests on: events as the ledger has them."""
    recommendations: tuple[str, ...]
    """What to do."""
    at: int
    """When, microseconds; the same in every control of a report."""


class ComplianceLevel(StrEnum):
    """Symbols of ComplianceLevel in the schemas."""

    FULLY_COMPLIANT = "FULLY_COMPLIANT"
    """Score 0.9 and more."""
    MOSTLY_COMPLIANT = "MOSTLY_COMPLIANT"
    """0.7 and more."""
    PARTIALLY_COMPLIANT = "PARTIALLY_COMPLIANT"
    """0.5 and more."""
    NON_COMPLIANT = "NON_COMPLIANT"


class ComplianceTrigger(StrEnum):
    """Symbols of ComplianceTrigger in the schemas."""

    SCHEDULED = "SCHEDULED"
    """A requirement wanted to be checked again."""
    CHANGED = "CHANGED"
    """What is required changed, or a verdict did with its evidence."""
    ON_DEMAND = "ON_DEMAND"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlOutcome:
    """How a control came out."""

    control: str
    """Name of the requirement."""
    status: ControlStatus
    """Verdict."""
    score: float
    """0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceReported:
    """How far a model meets what is required of it; the last one of a model counts."""

    model_id: str
    """Model."""
    score: float
    """compliant_checks over total_checks, 0 to 1; 0 where nothing is required."""
    level: ComplianceLevel
    """Name of the range that the score lies in."""
    total_checks: int
    """Controls that were evaluated and concern the model; 0 = nothing is required any more."""
    compliant_checks: int
    """Those of them that are COMPLIANT or ATTESTED."""
    attested_checks: int = 0
    """Those of them that people vouch for."""
    results: tuple[ControlOutcome, ...]
    """Every control; the ControlEvaluated of the same time says more."""
    recommendations: tuple[str, ...]
    """What to do, by control."""
    trigger: ComplianceTrigger
    """What made it be evaluated."""
    actor: str = ""
    """Who asked; "" = nobody."""
    at: int
    """When, microseconds."""
    next_review: int
    """When people should look again, microseconds."""
