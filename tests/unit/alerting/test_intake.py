from dataclasses import replace

import pytest

from driftline.alerting.alert import AlertType, Priority, Status
from driftline.alerting.intake import Fired, Ignored, Resolved, identity, receive
from driftline.events import ClearedReason, ColumnDrift, Reference
from tests.unit.alerting.builders import DAY, cleared, detected, health_cleared, health_opened


def fired(event, known=None, event_id="e1", now=100 * DAY):
    change = receive(event, known, event_id=event_id, now=now)
    assert isinstance(change, Fired)
    return change.alert


def test_labels_of_a_drift_alert_are_the_identity_of_its_episode() -> None:
    assert identity(detected(slice="carrier=UA", severity="HIGH")) == {
        "model_id": "flights.delay",
        "model_version": "1",
        "slice": "carrier=UA",
        "granularity": "1 day",
        "kind": "feature",
        "reference": "baseline",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_id", "other"),
        ("model_version", "2"),
        ("slice", "carrier=UA"),
        ("granularity", "1 week"),
        ("kind", "performance"),
        ("reference", Reference.CONSECUTIVE),
    ],
)
def test_another_episode_identity_is_another_alert(field, value) -> None:
    assert fired(detected(**{field: value})).alert_id != fired(detected()).alert_id


def test_a_worse_drift_is_the_same_alert() -> None:
    first = fired(detected())
    second = fired(detected(sequence=2, severity="CRITICAL", risk_score=91.0), first, "e2", now=101 * DAY)
    assert second.alert_id == first.alert_id
    assert second.priority is Priority.CRITICAL
    assert second.fired_at == first.fired_at
    assert second.source_event_id == "e2"


@pytest.mark.parametrize(
    ("severity", "priority"),
    [("MINIMAL", "low"), ("LOW", "low"), ("MEDIUM", "medium"), ("HIGH", "high"), ("CRITICAL", "critical"), ("?", "low")],
)
def test_priority_follows_the_severity(severity, priority) -> None:
    assert fired(detected(severity=severity)).priority == priority


@pytest.mark.parametrize(
    ("kind", "alert_type"),
    [
        ("feature", AlertType.DRIFT_DETECTION),
        ("prediction", AlertType.DRIFT_DETECTION),
        ("label", AlertType.DRIFT_DETECTION),
        ("performance", AlertType.PERFORMANCE_DEGRADATION),
        ("quality", AlertType.DATA_QUALITY),
    ],
)
def test_the_family_decides_the_type(kind, alert_type) -> None:
    assert fired(detected(kind=kind)).alert_type is alert_type


def test_an_episode_that_does_not_alert_is_ignored() -> None:
    assert receive(detected(alert=False), None, event_id="e", now=0) is Ignored.NOT_ALERTING


@pytest.mark.parametrize("sequence", [1, 2])
def test_an_event_that_the_alert_already_reflects_is_stale(sequence) -> None:
    known = fired(detected(sequence=2))
    assert receive(detected(sequence=sequence), known, event_id="again", now=0) is Ignored.STALE


def test_an_earlier_episode_does_not_replace_a_later_one() -> None:
    known = fired(detected(episode_id="later", since=30 * DAY))
    assert receive(detected(), known, event_id="old", now=0) is Ignored.STALE


def test_cleared_resolves_with_its_reason() -> None:
    known = fired(detected())
    change = receive(cleared(reason=ClearedReason.SUPERSEDED), known, event_id="e2", now=0)
    assert isinstance(change, Resolved)
    assert change.reason == "superseded"
    assert change.alert.status is Status.RESOLVED
    assert change.alert.ends_at == 14 * DAY


def test_cleared_of_another_episode_or_twice_is_stale() -> None:
    known = fired(detected())
    assert receive(cleared(episode_id="other"), known, event_id="x", now=0) is Ignored.STALE
    ended = replace(known, ends_at=14 * DAY, sequence=2)
    assert receive(cleared(), ended, event_id="x", now=0) is Ignored.STALE
    assert receive(detected(sequence=1), ended, event_id="x", now=0) is Ignored.STALE


def test_cleared_without_an_alert_is_unknown() -> None:
    assert receive(cleared(), None, event_id="x", now=0) is Ignored.UNKNOWN_ALERT
    assert receive(health_cleared(), None, event_id="x", now=0) is Ignored.UNKNOWN_ALERT


def test_a_new_episode_fires_the_resolved_alert_again() -> None:
    ended = replace(fired(detected()), ends_at=14 * DAY, sequence=2)
    again = fired(detected(episode_id="episode-2", since=20 * DAY), ended, "e9", now=200 * DAY)
    assert again.status is Status.FIRING
    assert again.starts_at == 20 * DAY
    assert again.fired_at == 200 * DAY


def test_health_becomes_an_alert_and_ends() -> None:
    known = fired(health_opened())
    assert known.alert_type is AlertType.DATA_QUALITY
    assert known.priority is Priority.HIGH
    assert known.model_id == "flights.delay"
    assert receive(health_opened(), known, event_id="x", now=0) is Ignored.UNCHANGED
    change = receive(health_cleared(), known, event_id="x", now=0)
    assert isinstance(change, Resolved)
    assert change.alert.ends_at == 21 * DAY
    assert receive(health_opened(), change.alert, event_id="x", now=0) is Ignored.STALE


def test_critical_health_is_a_critical_failure_and_the_rest_is_general() -> None:
    assert fired(health_opened(kind="ledger_corrupt", severity="CRITICAL")).alert_type is AlertType.CRITICAL_FAILURE
    assert fired(health_opened(kind="channel_failing", severity="LOW")).alert_type is AlertType.GENERAL


def test_details_name_the_worst_checks_and_count_the_rest() -> None:
    columns = tuple(ColumnDrift(column=f"c{i}", measure="psi", value=1.0, limit=0.2) for i in range(7))
    details = fired(detected(columns=columns)).details
    assert details.splitlines()[0] == "temp moved"
    assert "c0 psi = 1 (limit 0.2)" in details
    assert details.endswith("and 2 more checks")
