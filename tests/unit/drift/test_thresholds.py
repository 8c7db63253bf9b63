"""Thresholds: defaults, the merge of what a monitor says, and the check."""

import pytest

from driftline.drift.thresholds import BadThreshold, check, defaults, merge
from driftline.events import Direction, Measure, Threshold


def limits(thresholds):
    return {(t.family, t.measure, t.column): t.limit for t in thresholds}


def judged(value, limit, direction, p_value=None, measure="psi"):
    threshold = Threshold(family="feature", measure=measure, limit=limit, direction=direction)
    (found,) = check([Measure(family="feature", name="psi", column="x", value=value, p_value=p_value)], [threshold])
    return found


def test_defaults_are_the_documented_limits():
    assert limits(defaults()) == {
        ("feature", "psi", None): 0.25,
        ("feature", "js", None): 0.15,
        ("feature", "chi2_pvalue", None): 0.05,
        ("feature", "tv", None): 0.20,
        ("prediction", "psi", None): 0.25,
        ("prediction", "js", None): 0.10,
        ("prediction", "tv", None): 0.15,
        ("label", "js", None): 0.20,
        ("label", "chi2_pvalue", None): 0.01,
        ("performance", "f1", None): 0.65,
        ("performance", "precision", None): 0.60,
        ("performance", "recall", None): 0.60,
    }


def test_a_partial_override_keeps_every_other_default():
    changed = limits(merge({"performance": {"f1_score": 0.70}}))
    assert changed == {**limits(defaults()), ("performance", "f1", None): 0.70}


def test_none_drops_a_check():
    assert ("feature", "chi2_pvalue", None) not in limits(merge({"feature": {"chi_squared_pvalue": None}}))


def test_a_limit_can_be_for_one_column():
    changed = limits(merge({"feature": {"psi": {"temp": 0.5}}}))
    assert changed["feature", "psi", "temp"] == 0.5
    assert changed["feature", "psi", None] == 0.25


@pytest.mark.parametrize("overrides", [{"features": {}}, {"feature": {"psl": 0.1}}])
def test_an_unknown_name_is_refused_with_the_field(overrides):
    with pytest.raises(BadThreshold, match=r"thresholds\.feature"):
        merge(overrides)


def test_distances_are_violated_above_and_quality_below():
    directions = {t.measure: t.direction for t in defaults()}
    assert {m for m, d in directions.items() if d is Direction.ABOVE} == {"psi", "js", "tv"}
    assert {m for m, d in directions.items() if d is Direction.BELOW} == {"chi2_pvalue", "f1", "precision", "recall"}


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
    assert check([measure], defaults()) == (measure,)
