"""The classic assessment: seven days, fixed thresholds, one score."""

import pytest

from driftline.drift.comprehensive import comprehensive
from driftline.events import Reference, WindowReport
from tests.unit.drift.windows.building import HOUR, START, feed
from tests.unit.drift.windows.test_references import hourly, watched

DAY = 24 * HOUR


def reports(*hours, start=START):
    return hourly(feed(watched(thresholds=())), *hours, start=start).told(WindowReport)


def test_a_jump_violates_three_thresholds_of_its_column_in_the_window_of_the_jump():
    found = comprehensive(reports((500, 500), (500, 500), (950, 50), (950, 50)))
    features = found["feature_drift"]
    assert features["violations"] == 3  # js, tv and chi-squared, against the hour before
    assert {one["measure"] for one in features["details"] if one["violated"]} == {"js", "tv", "chi2"}
    assert {one["window.start"][:13] for one in features["details"] if one["violated"]} == {"2013-03-01T02"}
    assert features["total_features_checked"] == 1
    assert found["prediction_drift"]["violations"] == 0
    assert found["overall_risk_score"] == pytest.approx(3 / 20 * 25)
    assert found["severity_level"] == "MINIMAL"


def test_against_the_baseline_every_window_after_the_jump_violates():
    found = comprehensive(reports((500, 500), (950, 50), (950, 50)), reference=Reference.BASELINE)
    assert found["feature_drift"]["violations"] == 6


def test_one_limit_can_be_changed_and_the_others_keep_their_defaults():
    found = comprehensive(reports((500, 500), (950, 50)), limits={"feature_drift": {"js_distance": 0.99}})
    assert {one["measure"] for one in found["feature_drift"]["details"] if one["violated"]} == {"tv", "chi2"}
    with pytest.raises(ValueError, match="no group of thresholds"):
        comprehensive([], limits={"features": {}})


def test_windows_before_the_days_that_are_asked_about_do_not_count():
    older = reports((500, 500), (950, 50), start=START - 20 * DAY)
    found = comprehensive([*older, *reports((500, 500), (500, 500))])
    assert found["feature_drift"]["violations"] == 0


def test_without_windows_nothing_was_assessed():
    found = comprehensive([])
    assert (found["overall_risk_score"], found["severity_level"]) == (None, None)


def test_limits_of_performance_alone_leave_every_other_group_its_own():
    found = comprehensive(reports((500, 500), (950, 50)), limits={"performance": {"f1_score": 0.70, "expected_loss": 35}})
    assert found["feature_drift"]["violations"] == 3
    assert found["overall_risk_score"] == pytest.approx(3 / 20 * 25)
