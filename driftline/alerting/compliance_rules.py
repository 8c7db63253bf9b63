"""What compliance reports mean for people: a score below 0.8 is an alert until one is not (ALR-27)."""

from collections.abc import Mapping

from driftline.alerting.alert import short_name
from driftline.events import ComplianceLevel, ComplianceReported, ControlStatus
from driftline.events.compliance import MINIMUM_SCORE
from driftline.wording import amount

_SHOWN = 6
"""Recommendations in the details; the rest are counted."""

_SEVERITY: Mapping[ComplianceLevel, str] = {
    ComplianceLevel.MOSTLY_COMPLIANT: "LOW",
    ComplianceLevel.PARTIALLY_COMPLIANT: "MEDIUM",
    ComplianceLevel.NON_COMPLIANT: "HIGH",
}
"""It is mended in working hours: nobody is woken."""

_MET = frozenset({ControlStatus.COMPLIANT, ControlStatus.ATTESTED, ControlStatus.NOT_APPLICABLE})


def is_met(event: ComplianceReported) -> bool:
    """Whether there is nothing to tell: the score is good enough, or nothing is required any more."""
    return event.total_checks == 0 or event.score >= MINIMUM_SCORE


def severity(event: ComplianceReported) -> str:
    """How bad it is, by the level that the score lies in."""
    return _SEVERITY.get(event.level, "LOW")


def title(event: ComplianceReported) -> str:
    """One line."""
    return f"Model {short_name(event.model_id)} compliance issue"


def details(event: ComplianceReported) -> str:
    """Score and level, the controls that are not met, and what to do."""
    level = event.level.value.replace("_", " ").lower()
    hold = f"{event.compliant_checks} of {event.total_checks} controls hold"
    lines = [f"Compliance score {event.score:.2f} ({level}), below {MINIMUM_SCORE}: {hold}"]
    lines += [f"{one.control}: {one.status.value.replace('_', ' ').lower()}" for one in event.results if one.status not in _MET]
    lines += [f"- {text}" for text in event.recommendations[:_SHOWN]]
    if len(event.recommendations) > _SHOWN:
        lines.append(f"and {amount(len(event.recommendations) - _SHOWN, 'more recommendation')}")
    return "\n".join(lines)
