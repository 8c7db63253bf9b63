"""A compliance report below 0.8 is an alert until one is not."""

from dataclasses import replace

import pytest

from driftline.alerting.alert import AlertType, Priority
from driftline.alerting.enrichment import Links, enrich
from driftline.alerting.intake import Fired, Ignored, Resolved, receive
from driftline.events import ComplianceLevel
from tests.unit.alerting.builders import DAY, compliance_of


def take(event, known=None):
    return receive(event, known, event_id=f"e{event.at}", now=500 * DAY)


def fired(event, known=None):
    change = take(event, known)
    assert isinstance(change, Fired)
    return change.alert


def test_the_alert_says_what_is_missing_and_what_to_do():
    alert = fired(compliance_of(0.6))
    assert alert.title == "Model delay compliance issue"
    assert (alert.alert_type, alert.priority, alert.severity) == (AlertType.COMPLIANCE, Priority.MEDIUM, "MEDIUM")
    assert alert.labels == {"model_id": "flights.delay", "kind": "compliance"}
    assert alert.details.splitlines() == [
        "Compliance score 0.60 (partially compliant), below 0.8: 3 of 5 controls hold",
        "explainability: insufficient evidence",
        "bias_monitoring: non compliant",
        *(f"- do {number}" for number in range(6)),
        "and 1 more recommendation",
    ]
    assert enrich(alert, Links(runbooks="https://wiki")).runbook_url == "https://wiki/mlops/compliance-runbook"
    assert alert.action is None


@pytest.mark.parametrize(
    ("score", "level", "severity"),
    [
        (0.79, "MOSTLY_COMPLIANT", "LOW"),
        (0.5, "PARTIALLY_COMPLIANT", "MEDIUM"),
        (0.49, "NON_COMPLIANT", "HIGH"),
    ],
)
def test_the_level_decides_the_severity(score, level, severity):
    assert fired(compliance_of(score, level=ComplianceLevel(level))).severity == severity


@pytest.mark.parametrize("score", [0.8, 1.0])
def test_a_score_of_four_fifths_is_enough(score):
    assert take(compliance_of(score)) is Ignored.UNKNOWN_ALERT


def test_it_ends_with_a_report_that_is_good_enough_or_when_nothing_is_required():
    known = fired(compliance_of(0.6))
    over = take(compliance_of(0.8, at=401 * DAY), known)
    assert isinstance(over, Resolved)
    assert (over.reason, over.alert.ends_at) == ("clean", 401 * DAY)
    assert take(compliance_of(1.0, at=402 * DAY), over.alert) is Ignored.UNCHANGED
    withdrawn = take(replace(compliance_of(0.0, at=401 * DAY), total_checks=0), known)
    assert isinstance(withdrawn, Resolved)
    assert withdrawn.reason == "superseded"


def test_the_same_again_changes_nothing_and_a_worse_one_is_the_same_alert():
    known = fired(compliance_of(0.6))
    assert take(compliance_of(0.6, at=401 * DAY), known) is Ignored.UNCHANGED
    worse = fired(compliance_of(0.4, at=401 * DAY, level=ComplianceLevel.NON_COMPLIANT), known)
    assert (worse.alert_id, worse.starts_at, worse.priority) == (known.alert_id, known.starts_at, Priority.HIGH)


def test_a_report_from_before_is_stale():
    known = fired(compliance_of(0.6))
    over = take(compliance_of(0.9, at=401 * DAY), known)
    assert isinstance(over, Resolved)
    assert take(compliance_of(0.6), over.alert) is Ignored.STALE
    again = fired(compliance_of(0.6, at=402 * DAY), over.alert)
    assert again.starts_at == 402 * DAY
