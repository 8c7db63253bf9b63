"""Events and alerts for the tests of alerting."""

from typing import Any

from driftline.alerting.alert import Alert, AlertType, Priority, fingerprint
from driftline.events import (
    ClearedReason,
    ColumnDrift,
    ComplianceLevel,
    ComplianceReported,
    ComplianceTrigger,
    ControlOutcome,
    ControlStatus,
    DriftCleared,
    DriftDetected,
    HealthCleared,
    HealthOpened,
    Monitor,
    Reference,
    Stage,
    StageChanged,
)
from tests.builders import monitor_of

DAY = 86_400_000_000
SECOND = 1_000_000


def detected(**changes: Any) -> DriftDetected:
    values: dict[str, Any] = {
        "episode_id": "episode-1",
        "sequence": 1,
        "model_id": "flights.delay",
        "model_version": "1",
        "slice": "",
        "granularity": "1 day",
        "kind": "feature",
        "reference": Reference.BASELINE,
        "alert": True,
        "since": 10 * DAY,
        "window_start": 10 * DAY,
        "window_end": 11 * DAY,
        "risk_score": 45.0,
        "severity": "MEDIUM",
        "priority": "medium",
        "columns": (ColumnDrift(column="temp", measure="psi", value=1.25, limit=0.2),),
        "n": 900,
        "completeness": 1.0,
        "exact": True,
        "monitor_version": 1,
        "baseline_id": "b",
        "summary": "temp moved",
    }
    return DriftDetected(**{**values, **changes})


def cleared(**changes: Any) -> DriftCleared:
    values: dict[str, Any] = {
        "episode_id": "episode-1",
        "sequence": 2,
        "model_id": "flights.delay",
        "model_version": "1",
        "slice": "",
        "granularity": "1 day",
        "kind": "feature",
        "reference": Reference.BASELINE,
        "alert": True,
        "since": 10 * DAY,
        "window_start": 13 * DAY,
        "window_end": 14 * DAY,
        "reason": ClearedReason.CLEAN,
    }
    return DriftCleared(**{**values, **changes})


def health_opened(**changes: Any) -> HealthOpened:
    values: dict[str, Any] = {
        "source": "drift",
        "subject": "predictions/3",
        "kind": "stalled_partition",
        "severity": "HIGH",
        "detail": "no progress for 3 s",
        "labels": {"model_id": "flights.delay"},
        "at": 20 * DAY,
    }
    return HealthOpened(**{**values, **changes})


def health_cleared(**changes: Any) -> HealthCleared:
    values: dict[str, Any] = {
        "source": "drift",
        "subject": "predictions/3",
        "kind": "stalled_partition",
        "labels": {"model_id": "flights.delay"},
        "at": 21 * DAY,
    }
    return HealthCleared(**{**values, **changes})


def alert(name: str = "a", **changes: Any) -> Alert:
    labels = {"model_id": "flights.delay", "kind": name}
    values: dict[str, Any] = {
        "alert_id": fingerprint(labels),
        "labels": labels,
        "alert_type": AlertType.DRIFT_DETECTION,
        "title": f"Drift {name}",
        "model_id": "flights.delay",
        "model_version": "1",
        "priority": Priority.MEDIUM,
        "severity": "MEDIUM",
        "risk_score": 45.0,
        "details": "words",
        "affected_segments": (),
        "starts_at": 10 * DAY,
        "ends_at": None,
        "fired_at": 100 * DAY,
        "episode_id": f"episode-{name}",
        "sequence": 1,
        "source_event_id": f"event-{name}",
    }
    return Alert(**{**values, **changes})


def deployed(**changes: Any) -> StageChanged:
    values: dict[str, Any] = {
        "model_id": "flights.delay",
        "model_version": "2",
        "from_stage": Stage.STAGING,
        "to_stage": Stage.PRODUCTION,
        "reason": "better",
        "actor": "ada",
        "at": 10 * DAY,
    }
    return StageChanged(**{**values, **changes})


def monitor(**changes: Any) -> Monitor:
    return monitor_of(**{"model_id": "flights.delay", "effective_from": 10 * DAY, "actor": "ada", **changes})


def compliance_of(score: float, **changes: Any) -> ComplianceReported:
    """A report of five controls of which two are not met."""
    statuses = {
        "model_documentation": ControlStatus.COMPLIANT,
        "explainability": ControlStatus.INSUFFICIENT_EVIDENCE,
        "bias_monitoring": ControlStatus.NON_COMPLIANT,
        "data_lineage": ControlStatus.ATTESTED,
    }
    values: dict[str, Any] = {
        "model_id": "flights.delay",
        "score": score,
        "level": ComplianceLevel.PARTIALLY_COMPLIANT,
        "total_checks": 5,
        "compliant_checks": 3,
        "attested_checks": 1,
        "results": tuple(ControlOutcome(control=name, status=status, score=0.0) for name, status in statuses.items()),
        "recommendations": tuple(f"do {number}" for number in range(7)),
        "trigger": ComplianceTrigger.CHANGED,
        "at": 400 * DAY,
        "next_review": 430 * DAY,
    }
    return ComplianceReported(**{**values, **changes})
