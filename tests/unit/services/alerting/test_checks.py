"""Checks that fail are noted; many that raise alerts wake whoever is on call."""

import pytest

from driftline.events import CheckExecution, CheckStatus, CheckTrigger
from services.alerting.store import alerts
from tests.unit.alerting.builders import DAY, SECOND


def check(number, status=CheckStatus.COMPLETED, *, raised=False, at=None, model_id="m", why=None):
    return CheckExecution(
        check_id=f"{model_id}-{number}",
        model_id=model_id,
        model_version="1",
        trigger=CheckTrigger.SCHEDULED,
        due=0,
        start=0,
        end=1,
        status=status,
        monitor_version=1,
        alert_generated=raised,
        metrics={},
        error_message=why,
        at=DAY + number * SECOND if at is None else at,
    )


def firing(parts):
    with parts.database.read() as tx:
        return {(alert.labels["kind"], alert.priority.value, alert.alert_type.value) for alert in alerts.firing(tx)}


FAILING = ("checks_failing", "low", "general")
ALERTING = ("checks_alerting", "critical", "critical_failure")


def test_a_failed_check_is_an_alert_of_low_priority_until_one_completes(parts) -> None:
    parts.take(check(1, CheckStatus.FAILED, why="timed out"), check(2, CheckStatus.RUNNING), check(3, CheckStatus.SKIPPED))
    assert firing(parts) == {FAILING}
    with parts.database.read() as tx:
        (alert,) = alerts.firing(tx)
    assert (alert.details, alert.model_id) == ("the check m-1 failed: timed out", "m")
    parts.take(check(4))
    assert firing(parts) == set()


@pytest.mark.parametrize(("count", "expected"), [(5, set()), (6, {ALERTING})])
def test_more_than_five_checks_of_a_model_that_raise_alerts_in_a_day_are_critical(parts, count, expected) -> None:
    parts.take(*(check(number, raised=True) for number in range(count)), check(99, raised=True, model_id="other"))
    assert firing(parts) == expected


def test_the_same_check_counts_once_and_after_a_day_no_more(parts) -> None:
    parts.take(
        *(check(number, status, raised=True) for number in range(4) for status in (CheckStatus.RUNNING, CheckStatus.COMPLETED))
    )
    assert firing(parts) == set()
    parts.take(*(check(number, raised=True) for number in range(10, 13)))
    assert firing(parts) == {ALERTING}
    parts.take(check(50, at=3 * DAY))
    assert firing(parts) == set()
