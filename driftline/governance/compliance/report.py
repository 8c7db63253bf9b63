"""From verdicts to a report, and when one is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftline.events import (
    ComplianceLevel,
    ComplianceReported,
    ComplianceTrigger,
    ControlEvaluated,
    ControlOutcome,
    ControlStatus,
    Requirement,
)
from driftline.governance.compliance.controls import evaluate
from driftline.governance.compliance.evidence import Evidence
from driftline.governance.compliance.requirements import FREQUENCIES
from driftline.governance.periods import DAY_US

__all__ = ["Assessment", "assess", "level_of", "reason_to_report", "report", "told"]

REVIEW_AFTER_US = 30 * DAY_US

_LEVELS = (
    (0.9, ComplianceLevel.FULLY_COMPLIANT),
    (0.7, ComplianceLevel.MOSTLY_COMPLIANT),
    (0.5, ComplianceLevel.PARTIALLY_COMPLIANT),
)
_HOLDS = frozenset({ControlStatus.COMPLIANT, ControlStatus.ATTESTED})


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is required of a model, and the verdicts on it at one time."""

    model_id: str
    requirements: tuple[Requirement, ...]
    controls: tuple[ControlEvaluated, ...]
    at: int

    @property
    def outcomes(self) -> tuple[ControlOutcome, ...]:
        """How each control came out."""
        return tuple(ControlOutcome(control=one.control, status=one.status, score=one.score) for one in self.controls)


def assess(model_id: str, requirements: Sequence[Requirement], evidence: Evidence) -> Assessment:
    """Evaluate what is required; the rest is left alone."""
    required = tuple(one for one in requirements if one.required)
    return Assessment(model_id, required, tuple(evaluate(model_id, one, evidence) for one in required), evidence.at)


def level_of(score: float) -> ComplianceLevel:
    """The range that a score lies in."""
    return next((level for least, level in _LEVELS if score >= least), ComplianceLevel.NON_COMPLIANT)


def report(assessment: Assessment, trigger: ComplianceTrigger, actor: str = "") -> ComplianceReported:
    """What to tell of an assessment. Where nothing is required nothing is met: the score is 0."""
    counted = [one for one in assessment.controls if one.status is not ControlStatus.NOT_APPLICABLE]
    holding = [one for one in counted if one.status in _HOLDS]
    score = len(holding) / len(counted) if counted else 0.0
    return ComplianceReported(
        model_id=assessment.model_id,
        score=score,
        level=level_of(score),
        total_checks=len(counted),
        compliant_checks=len(holding),
        attested_checks=sum(one.status is ControlStatus.ATTESTED for one in counted),
        results=assessment.outcomes,
        recommendations=tuple(dict.fromkeys(text for one in assessment.controls for text in one.recommendations)),
        trigger=trigger,
        actor=actor,
        at=assessment.at,
        next_review=assessment.at + REVIEW_AFTER_US,
    )


def told(
    assessment: Assessment, trigger: ComplianceTrigger, actor: str = ""
) -> tuple[ControlEvaluated | ComplianceReported, ...]:
    """The events of a report: its verdicts, then itself."""
    return (*assessment.controls, report(assessment, trigger, actor))


def reason_to_report(assessment: Assessment, last: ComplianceReported | None) -> ComplianceTrigger | None:
    """Why a report is due, None if it is not: a verdict differs from the last one, or a requirement wants to be checked again."""
    if last is None:
        return ComplianceTrigger.CHANGED if assessment.controls else None
    if {one.control: one.status for one in last.results} != {one.control: one.status for one in assessment.controls}:
        return ComplianceTrigger.CHANGED
    soonest = min((FREQUENCIES[one.check_frequency] for one in assessment.requirements), default=None)
    return ComplianceTrigger.SCHEDULED if soonest is not None and assessment.at >= last.at + soonest else None
