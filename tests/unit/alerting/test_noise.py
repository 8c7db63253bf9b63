"""What is held back because it would be noise."""

from dataclasses import replace

import pytest

from driftline.alerting.alert import AlertType, Posted, Priority
from driftline.alerting.noise import ChangeKind, FlappingRule, Flaps, deployment, flaps_after, may_flap, refit
from driftline.events import Stage
from tests.unit.alerting.builders import DAY, alert, deployed, monitor

HOUR = 3_600_000_000
RULE = FlappingRule(times=3, within=24 * HOUR, steady=HOUR)
NOW = 100 * DAY


def occurrence(starts_at, ends_at=None):
    return replace(alert("a"), starts_at=starts_at, ends_at=ends_at)


def beginnings(*spans):
    """What is counted after each of some occurrences."""
    counted, former, known = [], None, occurrence(*spans[0])
    for number, span in enumerate(spans[1:]):
        present = occurrence(*span)
        former = flaps_after(present, known, former, rule=RULE, now=NOW + number)
        counted.append((former.times, former.until))
        known = present
    return counted


def test_the_first_new_beginnings_are_told_and_further_ones_held_until_they_are_steady() -> None:
    spans = [(number * HOUR, number * HOUR + HOUR // 2) for number in range(6)]
    assert beginnings(*spans) == [(1, 0), (2, 0), (3, 0), (4, NOW + 3 + HOUR), (5, NOW + 4 + HOUR)]


def test_a_day_of_calm_begins_the_count_anew() -> None:
    spans = [(0, HOUR), (2 * HOUR, 3 * HOUR), (3 * HOUR + 24 * HOUR, 28 * HOUR), (28 * HOUR + 24 * HOUR + 1, None)]
    assert [times for times, _ in beginnings(*spans)] == [1, 2, 0]


def test_no_number_of_beginnings_tells_every_one() -> None:
    former = Flaps(alert_id="a", times=99)
    assert flaps_after(occurrence(2), occurrence(0, 1), former, rule=replace(RULE, times=0), now=NOW).until == 0


def test_critical_and_posted_alerts_are_never_held_for_flapping() -> None:
    assert may_flap(alert("a"))
    assert not may_flap(replace(alert("a"), priority=Priority.CRITICAL))
    assert not may_flap(replace(alert("a"), posted=Posted(annotations={}, generator_url="", expires_at=0)))


def moved(to_stage=Stage.PRODUCTION, at=NOW):
    return deployed(model_id="m", to_stage=to_stage, at=at)


def drift(**changes):
    return replace(alert("a"), **{"model_id": "m", "alert_type": AlertType.DRIFT_DETECTION, "starts_at": NOW, **changes})


def test_a_deployment_explains_drift_of_its_model_that_begins_around_it_for_a_while() -> None:
    change = deployment(moved(), quiet=HOUR, now=NOW + 5)
    assert change is not None
    assert (change.kind, change.until) == (ChangeKind.DEPLOYMENT, NOW + 5 + HOUR)
    assert change.explains(drift(), NOW + 6)
    assert change.explains(drift(starts_at=NOW - HOUR), NOW + 6)
    assert not change.explains(drift(), NOW + 5 + HOUR)


@pytest.mark.parametrize(
    "other",
    [
        {"model_id": "n"},
        {"alert_type": AlertType.DATA_QUALITY},
        {"alert_type": AlertType.PERFORMANCE_DEGRADATION},
        {"starts_at": NOW - HOUR - 1},
        {"starts_at": NOW - 300 * DAY},
        {"starts_at": NOW + HOUR + 1},
    ],
    ids=str,
)
def test_other_models_other_troubles_and_replayed_times_are_not_explained(other) -> None:
    change = deployment(moved(), quiet=HOUR, now=NOW)
    assert change is not None
    assert not change.explains(drift(**other), NOW)


def test_what_is_no_deployment_or_long_ago_explains_nothing() -> None:
    assert deployment(moved(Stage.STAGING), quiet=HOUR, now=NOW) is None
    assert deployment(moved(at=NOW - HOUR), quiet=HOUR, now=NOW) is None
    assert deployment(moved(), quiet=0, now=NOW) is None


def test_a_monitor_with_another_baseline_is_a_change_the_first_one_is_none() -> None:
    event = monitor(monitor_version=2, baseline_id="new", effective_from=NOW)
    change = refit(event, "old", quiet=HOUR, now=NOW)
    assert change is not None
    assert (change.kind, change.at, "another baseline" in change.detail) == (ChangeKind.BASELINE, NOW, True)
    assert refit(event, "new", quiet=HOUR, now=NOW) is None
    assert refit(event, None, quiet=HOUR, now=NOW) is None
    assert refit(replace(event, effective_from=-(2**63)), "old", quiet=HOUR, now=NOW) is None
