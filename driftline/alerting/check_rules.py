"""What executions of checks mean for people: a failed one is noted, many that raise alerts wake whoever is on call."""

from driftline.events import CheckExecution, CheckStatus, HealthCleared, HealthOpened

MOST_ALERTS = 5
"""Checks of a model that may raise alerts within the period before it escalates."""

PERIOD = 86_400_000_000
"""Microseconds."""

_SOURCE = "checks"


def conditions(execution: CheckExecution, raised: int) -> tuple[HealthOpened | HealthCleared, ...]:
    """What an execution opens or clears. `raised` is how many checks of its model raised alerts in the period up to it.

    One that is under way, or was skipped, says nothing.
    """
    if execution.status not in (CheckStatus.COMPLETED, CheckStatus.FAILED):
        return ()
    why = execution.error_message or "no reason was given"
    failed = (
        _opened(execution, "checks_failing", "LOW", f"the check {execution.check_id} failed: {why}")
        if execution.status is CheckStatus.FAILED
        else _cleared(execution, "checks_failing")
    )
    many = (
        _opened(execution, "checks_alerting", "CRITICAL", f"more than {MOST_ALERTS} checks raised alerts within 24 hours")
        if raised > MOST_ALERTS
        else _cleared(execution, "checks_alerting")
    )
    return failed, many


def _opened(execution: CheckExecution, kind: str, severity: str, detail: str) -> HealthOpened:
    return HealthOpened(
        source=_SOURCE,
        subject=execution.model_id,
        kind=kind,
        severity=severity,
        detail=detail,
        labels={"model_id": execution.model_id},
        at=execution.at,
    )


def _cleared(execution: CheckExecution, kind: str) -> HealthCleared:
    labels = {"model_id": execution.model_id}
    return HealthCleared(source=_SOURCE, subject=execution.model_id, kind=kind, labels=labels, at=execution.at)
