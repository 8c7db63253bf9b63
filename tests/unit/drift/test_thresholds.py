"""Measures against limits: which threshold speaks, and when it is broken."""

import pytest

from driftline.drift.thresholds import AlertLevel, alert_level, check, classic, drift_level
from driftline.events import Direction, Measure, Threshold


def judged(value, limit, direction, p_value=None, measure="psi"):
    threshold = Threshold(family="feature", measure=measure, limit=limit, direction=direction)
    (found,) = check([Measure(family="feature", name="psi", column="x", value=value, p_value=p_value)], [threshold])
    return found


@pytest.mark.parametrize(
    ("value", "direction", "violated"),
    [
        (0.11, Direction.ABOVE, True),
        (0.10, Direction.ABOVE, False),
        (0.09, Direction.ABOVE, False),
        (0.09, Direction.BELOW, True),
        (0.10, Direction.BELOW, False),
        (None, Direction.ABOVE, False),
    ],
)
def test_a_value_on_its_limit_passes(value, direction, violated):
    found = judged(value, 0.10, direction)
    assert found.violated is violated
    assert found.limit == 0.10


def test_p_value_below_its_threshold_is_a_violation():
    assert judged(30.0, 0.05, Direction.BELOW, p_value=0.04, measure="psi_pvalue").violated
    assert not judged(30.0, 0.05, Direction.BELOW, p_value=0.05, measure="psi_pvalue").violated


def test_the_threshold_of_a_column_wins_over_the_familys():
    general = Threshold(family="feature", measure="psi", limit=0.1, direction=Direction.ABOVE)
    own = Threshold(family="feature", measure="psi", column="x", limit=0.5, direction=Direction.ABOVE)
    x, y = check([Measure(family="feature", name="psi", column=c, value=0.3) for c in "xy"], [general, own])
    assert (x.violated, x.limit) == (False, 0.5)
    assert (y.violated, y.limit) == (True, 0.1)


def test_a_measure_without_threshold_is_not_checked():
    measure = Measure(family="quality", name="psi", column="x", value=9.0)
    others = [
        Threshold(family="feature", measure="psi", limit=0.1, direction=Direction.ABOVE),
        Threshold(family="quality", measure="js", limit=0.1, direction=Direction.ABOVE),
        Threshold(family="quality", measure="psi", column="y", limit=0.1, direction=Direction.ABOVE),
    ]
    assert check([measure], others) == (measure,)


DEFAULTS = {
    ("feature", "js"): (0.15, Direction.ABOVE),
    ("feature", "chi2_pvalue"): (0.05, Direction.BELOW),
    ("feature", "tv"): (0.20, Direction.ABOVE),
    ("prediction", "js"): (0.10, Direction.ABOVE),
    ("prediction", "tv"): (0.15, Direction.ABOVE),
    ("label", "js"): (0.20, Direction.ABOVE),
    ("label", "chi2_pvalue"): (0.01, Direction.BELOW),
    ("performance", "f1"): (0.65, Direction.BELOW),
    ("performance", "precision"): (0.60, Direction.BELOW),
    ("performance", "recall"): (0.60, Direction.BELOW),
    ("business", "expected_loss"): (40.0, Direction.MAGNITUDE),
    ("business", "revenue_at_risk"): (100_000.0, Direction.MAGNITUDE),
}


def table(found):
    return {(one.family, one.measure): (one.limit, one.direction) for one in found}


def test_the_classic_thresholds_are_the_twelve_customary_ones():
    assert table(classic()) == DEFAULTS


def test_a_part_of_the_classic_thresholds_may_be_changed_and_the_rest_stays():
    found = table(classic({"performance": {"f1_score": 0.70, "expected_loss": 35}}))
    assert found == {
        **DEFAULTS,
        ("performance", "f1"): (0.70, Direction.BELOW),
        ("business", "expected_loss"): (35, Direction.MAGNITUDE),
    }


def test_an_unknown_group_is_named():
    with pytest.raises(ValueError, match=r"'features'; there are feature_drift, prediction_drift, label_drift, performance"):
        classic({"features": {}})


@pytest.mark.parametrize(
    ("family", "name", "value", "p_value", "violated"),
    [
        ("feature", "js", 0.15, None, False),
        ("feature", "js", 0.151, None, True),
        ("feature", "tv", 0.21, None, True),
        ("feature", "chi2", 99.0, 0.049, True),
        ("feature", "chi2", 99.0, 0.05, False),
        ("prediction", "js", 0.11, None, True),
        ("prediction", "tv", 0.16, None, True),
        ("label", "chi2", 99.0, 0.02, False),
        ("label", "chi2", 99.0, 0.009, True),
        ("label", "js", 0.19, None, False),
        ("performance", "f1", 0.649, None, True),
        ("performance", "f1", 0.65, None, False),
        ("performance", "recall", 0.59, None, True),
    ],
)
def test_the_classic_rules_of_violation(family, name, value, p_value, violated):
    (found,) = check([Measure(family=family, name=name, value=value, p_value=p_value)], classic())
    assert found.violated is violated


@pytest.mark.parametrize(
    ("psi", "level", "asks"),
    [
        (0.0, "stable", "NORMAL"),
        (0.0999, "stable", "NORMAL"),
        (0.1, "moderate", "WARNING"),
        (0.25, "moderate", "WARNING"),
        (0.2501, "significant", "CRITICAL"),
    ],
)
def test_psi_has_its_customary_bands(psi, level, asks):
    assert drift_level(psi) == level
    assert alert_level(psi) == asks


def test_the_borders_of_alert_levels_may_be_moved():
    assert alert_level(0.2, warning=0.05, critical=0.15) is AlertLevel.CRITICAL
