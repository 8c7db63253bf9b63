"""The risk score: shares, weights, bands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift import risk as scoring
from driftline.drift.risk import CLASSIC_WEIGHTS, Severity, classic_score, classic_since, priority, severity, violations
from driftline.events import Measure

WEIGHTS = {"feature": 0.25, "prediction": 0.30, "label": 0.20, "performance": 0.25}


def score(measures, weights=WEIGHTS):
    return scoring.score(measures, weights)


def checks(family, failing, passing):
    return [
        Measure(family=family, name="psi", column=str(i), value=1.0, limit=0.5, violated=i < failing)
        for i in range(failing + passing)
    ]


def test_score_is_the_weighted_share_of_failing_checks():
    risk = score([*checks("feature", 1, 3), *checks("prediction", 1, 1), *checks("label", 0, 2), *checks("performance", 2, 0)])
    assert risk.score == pytest.approx(100 * (0.25 * 0.25 + 0.30 * 0.5 + 0.25))
    assert risk.severity is Severity.MEDIUM
    assert risk.shares == {"feature": 0.25, "prediction": 0.5, "label": 0.0, "performance": 1.0}


def test_weight_of_an_absent_family_goes_to_the_others():
    assert score([*checks("feature", 1, 1), *checks("prediction", 0, 1)]).score == pytest.approx(100 * 0.125 / 0.55)


def test_without_checks_there_is_no_score():
    without_limit = Measure(family="feature", name="psi", value=3.0)
    without_value = Measure(family="feature", name="psi", value=None, limit=0.1)
    quality = Measure(family="quality", name="null_rate", value=1.0, limit=0.1, violated=True)
    assert score([without_limit, without_value, quality]) == score([])
    assert score([]).score is None
    assert score([]).severity is None


def test_all_failing_is_one_hundred_whatever_the_weights():
    assert score(checks("feature", 3, 0), {"feature": 7.0}).score == 100


def test_a_weight_of_zero_leaves_no_score():
    assert score(checks("feature", 3, 0), {"feature": 0.0}).score is None


@pytest.mark.parametrize(
    ("value", "band", "urgency"),
    [
        (100, "CRITICAL", "critical"),
        (80, "CRITICAL", "critical"),
        (79.999, "HIGH", "high"),
        (60, "HIGH", "high"),
        (59.999, "MEDIUM", "medium"),
        (40, "MEDIUM", "medium"),
        (39.999, "LOW", "low"),
        (20, "LOW", "low"),
        (19.999, "MINIMAL", "low"),
        (0, "MINIMAL", "low"),
    ],
)
def test_bands_are_inclusive_from_below(value, band, urgency):
    assert severity(value) == band
    assert priority(band) == urgency


def test_a_score_on_a_border_is_not_lost_to_rounding():
    # 0.3 / (0.3 + 0.2) and the like are not exact in binary
    assert score([*checks("prediction", 4, 1), *checks("label", 4, 1), *checks("feature", 4, 1)]).severity is Severity.CRITICAL


@given(st.lists(st.tuples(st.sampled_from(list(WEIGHTS)), st.booleans()), min_size=1, max_size=40))
def test_score_lies_between_0_and_100_and_ignores_order(rows):
    measures = [Measure(family=f, name="psi", value=1.0, limit=0.5, violated=v) for f, v in rows]
    risk = score(measures)
    assert risk.score is not None
    assert 0 <= risk.score <= 100
    assert risk == score(reversed(measures))


DAY = 86_400_000_000


def test_the_classic_score_normalises_violations_by_what_was_most_expected():
    windows = [{"feature": 5, "prediction": 1}, {"feature": 5, "label": 1, "performance": 2}]
    risk = classic_score(windows)
    assert risk.score == pytest.approx(10 / 20 * 25 + 1 / 5 * 30 + 1 / 5 * 20 + 2 / 10 * 25)
    assert risk.shares == {"feature": 0.5, "prediction": 0.2, "label": 0.2, "performance": 0.2}
    assert risk.severity is Severity.LOW


@pytest.mark.parametrize(
    ("group", "most", "points"), [("feature", 20, 25), ("prediction", 5, 30), ("label", 5, 20), ("performance", 10, 25)]
)
def test_a_group_gives_its_points_from_the_most_expected_violations_on(group, most, points):
    assert classic_score([{group: most - 1}]).score < points
    assert classic_score([{group: most}]).score == pytest.approx(points)
    assert classic_score([{group: 100 * most}]).score == pytest.approx(points)


def test_the_classic_score_ends_at_one_hundred():
    everything = {"feature": 999, "prediction": 999, "label": 999, "performance": 999}
    assert classic_score([everything]).score == 100.0
    assert classic_score([everything]).severity is Severity.CRITICAL
    assert classic_score([everything], {"feature": 1.0, "prediction": 1.0}).score == 100.0


def test_one_column_above_three_thresholds_for_seven_hours_fills_the_classic_score():
    # the trap of the classic score, kept: 21 violations of one column are as many as anything can be
    assert classic_score([{"feature": 3}] * 7).score == pytest.approx(25)
    assert score([*checks("feature", 1, 19)], {"feature": 0.25, "prediction": 0.3}).score == pytest.approx(5)


def test_without_windows_the_classic_score_is_unknown():
    assert classic_score([]).score is None
    assert classic_score([{}]).score == 0.0


def test_violations_count_costs_with_performance_and_leave_quality_out():
    measures = [
        *checks("feature", 2, 3),
        *checks("performance", 1, 0),
        Measure(family="business", name="expected_loss", value=99.0, limit=40.0, violated=True),
        Measure(family="quality", name="null_rate", value=1.0, limit=0.1, violated=True),
    ]
    assert violations(measures) == {"feature": 2, "performance": 2}


def test_seven_days_are_counted_from_midnight():
    noon = 20 * DAY + DAY // 2
    assert classic_since(noon) == 13 * DAY
    assert classic_since(20 * DAY) == 13 * DAY
    assert classic_since(noon, days=1) == 19 * DAY


def test_the_classic_weights_are_those_of_a_monitor():
    assert CLASSIC_WEIGHTS == WEIGHTS
