from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerting.response.actions import Band, Category
from driftline.alerting.response.evidence import Standing, assess, band_after, bears, chosen, degradation, observe
from driftline.alerting.response.policy import ModelPolicy, Thresholds
from driftline.events import Decision, Measure
from tests.unit.alerting.response.builders import report, window, windows

POLICY = ModelPolicy()


@pytest.mark.parametrize(
    ("risk", "band"),
    [
        (0.0, Band.RECORD),
        (29.99, Band.RECORD),
        (30.0, Band.REMEDIATE),
        (59.99, Band.REMEDIATE),
        (60.0, Band.ESCALATE),
        (79.99, Band.ESCALATE),
        (80.0, Band.EMERGENCY),
        (89.99, Band.EMERGENCY),
        (90.0, Band.PAUSE),
        (100.0, Band.PAUSE),
    ],
)
def test_borders_of_bands_belong_to_the_upper_one(risk, band):
    assert Thresholds().band(risk) is band
    assert band_after(windows(risk, risk), Band.RECORD, POLICY) is band


@pytest.mark.parametrize(
    ("risks", "band"),
    [
        ((85.0,), Band.RECORD),
        ((85.0, 10.0), Band.RECORD),
        ((85.0, 10.0, 85.0), Band.EMERGENCY),
        ((85.0, 10.0, 10.0, 85.0), Band.RECORD),
        ((35.0, 85.0), Band.REMEDIATE),
        ((95.0,), Band.RECORD),
    ],
)
def test_a_band_is_entered_with_two_of_three_windows(risks, band):
    assert band_after(windows(*risks), Band.RECORD, POLICY) is band


def test_pausing_needs_one_window_where_two_independent_detectors_agree():
    agreeing = ("feature:temp", "performance:")
    assert band_after(windows(90.0, detectors=agreeing), Band.RECORD, POLICY) is Band.PAUSE
    assert band_after(windows(89.99, detectors=agreeing), Band.RECORD, POLICY) is Band.RECORD


def test_two_measures_of_one_column_are_one_detector():
    twice = tuple(
        Measure(family="feature", name=name, column="temp", value=1.0, limit=0.1, violated=True) for name in ("psi", "js")
    )
    assert observe(report(measures=twice), 1).detectors == ("feature:temp",)


@pytest.mark.parametrize(
    ("held", "risk", "band"),
    [
        (Band.EMERGENCY, 75.0, Band.EMERGENCY),
        (Band.EMERGENCY, 74.99, Band.ESCALATE),
        (Band.ESCALATE, 55.0, Band.ESCALATE),
        (Band.ESCALATE, 54.99, Band.REMEDIATE),
        (Band.REMEDIATE, 25.0, Band.REMEDIATE),
        (Band.REMEDIATE, 24.99, Band.RECORD),
        (Band.PAUSE, 0.0, Band.RECORD),
    ],
)
def test_a_band_is_left_five_points_below_its_floor(held, risk, band):
    assert band_after(windows(risk), held, POLICY) is band


def test_business_impact_calls_people_whatever_the_risk():
    assert band_after(windows(10.0, 10.0, business={"revenue_at_risk": 49_999.0}), Band.RECORD, POLICY) is Band.RECORD
    assert band_after(windows(10.0, 10.0, business={"revenue_at_risk": 50_000.0}), Band.RECORD, POLICY) is Band.ESCALATE


def test_drift_of_a_critical_feature_is_an_emergency_whatever_the_risk():
    assert band_after(windows(10.0, 10.0, feature_psi={"temp": 0.499}), Band.RECORD, POLICY) is Band.RECORD
    assert band_after(windows(10.0, 10.0, feature_psi={"temp": 0.5}), Band.RECORD, POLICY) is Band.EMERGENCY
    named = ModelPolicy(critical_features=frozenset({"wind"}))
    assert band_after(windows(10.0, 10.0, feature_psi={"temp": 0.9}), Band.RECORD, named) is Band.RECORD
    assert assess(windows(10.0, feature_psi={"temp": 0.9, "wind": 0.2}), Standing(), named).worst_feature == ("wind", 0.2)


def test_only_decided_windows_of_all_rows_with_a_risk_are_evidence():
    assert observe(report(decision=Decision.NONE), 1) is None
    assert observe(report(slice="carrier=UA"), 1) is None
    assert observe(report(risk_score=None, severity=None), 1) is None
    assert observe(report(), 1).risk == 45.0


def test_confidence_is_the_share_that_was_seen():
    performance = (Measure(family="performance", name="accuracy", value=0.5, limit=0.6, violated=True),)
    labelled = {"decision": Decision.PERFORMANCE, "measures": performance, "label_coverage": 0.5}
    assert observe(report(completeness=0.75), 1).confidence == 0.75
    assert observe(report(exact=False), 1).confidence == 0.0
    assert observe(report(**labelled), 1).confidence == 0.5
    assert observe(report(**{**labelled, "label_coverage": None}), 1).confidence == 0.0


@pytest.mark.parametrize(
    ("families", "category"),
    [
        (("feature",), Category.FEATURE_DRIFT),
        (("feature", "performance"), Category.PERFORMANCE_DEGRADATION),
        (("feature", "performance", "quality"), Category.DATA_QUALITY),
    ],
)
def test_the_category_is_that_of_the_cause(families, category):
    failing = tuple(Measure(family=family, name="m", value=1.0, limit=0.1, violated=True) for family in families)
    assert observe(report(measures=failing), 1).category is category


def test_windows_of_six_hours_are_assessed_together():
    hours = [
        window(start=h * 3_600_000_000, end=(h + 1) * 3_600_000_000, risk=risk)
        for h, risk in enumerate((99, 40, 70, 31, 32, 33, 34, 35))
    ]
    assert assess(hours, Standing(), POLICY).risk == 70


def test_windows_of_a_day_count_where_there_are_such():
    assert chosen({"1 hour", "1 day", "1 week"}, POLICY) == "1 day"
    assert chosen({"1 week", "15 minutes", "1 hour"}, POLICY) == "15 minutes"
    assert chosen({"1 hour", "1 week"}, ModelPolicy(granularity="1 week")) == "1 week"
    assert chosen({"1 hour"}, ModelPolicy(granularity="1 week")) is None
    assert chosen((), POLICY) is None


def test_degradation_is_measured_against_the_version_to_go_back_to_else_against_the_limit():
    now = window(performance={"accuracy": 0.80, "f1": 0.70, "mae": 12.0}, performance_limits={"accuracy": 0.81})
    stable = window(performance={"accuracy": 0.82, "f1": 0.75, "mae": 10.0})
    spike, drop = degradation(now, stable)
    assert spike == pytest.approx(0.02)
    assert drop == pytest.approx(0.2)
    assert degradation(now, None) == pytest.approx((0.01, 0.01 / 0.81))
    assert degradation(window(), None) == (0.0, 0.0)


@given(
    st.lists(
        st.builds(
            Measure,
            family=st.sampled_from(
                ["feature", "performance", "business", "outcome_business", "fairness", "quality", "estimate"]
            ),
            name=st.sampled_from(["psi", "ks", "accuracy"]),
            column=st.sampled_from([None, "temp", "wind"]),
            value=st.none() | st.floats(0, 1),
            limit=st.none() | st.floats(0, 1),
            violated=st.booleans(),
        )
    )
)
def test_what_bears_on_nothing_changes_nothing(measures):
    needed = [one for one in measures if bears(asdict(one))]
    assert observe(report(measures=tuple(needed)), 1) == observe(report(measures=tuple(measures)), 1)
