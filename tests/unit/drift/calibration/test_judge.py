"""Verdicts: what alarms and why, in which order, and that a restart changes nothing."""

import dataclasses

import numpy as np
import pytest

from driftline.drift.calibration.alarms import Reason
from driftline.drift.calibration.evidence import ColumnCounts, Evidence
from driftline.drift.calibration.judge import Classic, Decided, judge, restated
from driftline.drift.calibration.names import RateName
from driftline.drift.calibration.state import MalformedJudgement, Past, Sequence, Sequences, State, Terms
from driftline.drift.risk import Severity
from driftline.drift.thresholds import classic
from driftline.events import Direction, Measure, Threshold
from tests.unit.drift.calibration.weeks import DECILES, HOUR, calibrated, decided, shifted

BASELINE = np.full((3, 10), 1000)
USUAL = np.full((3, 10), 100)
NULLS = RateName("quality", "null_rate", "x00")


def one_shifted(sigmas=0.7):
    current = USUAL.copy()
    current[1] = (shifted(sigmas) * 1000).round()
    return current


def limits(verdict):
    """Limits of the checked measures."""
    return [measure.limit for measure in verdict.measures if measure.limit is not None]


def history(policy, windows, state=None):
    verdicts = []
    for window in windows:
        verdicts.append(judge(policy, verdicts[-1].state if verdicts else state or State(), window))
    return verdicts


def test_a_shift_beyond_the_tolerance_alarms_with_its_limit_and_reason():
    verdict = judge(calibrated(), State(), decided(0, BASELINE, one_shifted()))
    (alarm,) = verdict.alarms
    assert (alarm.family, alarm.column, alarm.measure, alarm.reason) == ("feature", "x01", "psi", Reason.SHIFT)
    assert "x01" in alarm.words
    assert "surely more than the 0.1 that is tolerated" in alarm.words
    quiet, loud, _ = verdict.measures
    assert loud.violated
    assert loud.p_value == pytest.approx(0, abs=1e-6)
    assert not quiet.violated
    assert limits(verdict)[0] == pytest.approx(0.2, abs=0.1)
    assert verdict.risk.shares == {"feature": pytest.approx(1 / 3)}


def test_a_shift_within_the_tolerance_is_nobodys_business():
    policy = calibrated(psi=0.1)
    assert judge(policy, State(), decided(0, BASELINE, one_shifted(0.3))).alarms == ()
    assert judge(calibrated(psi=0.0), State(), decided(0, BASELINE, one_shifted(0.3))).alarms


def test_a_window_is_one_step_of_its_familys_sequence():
    first, second = history(calibrated(), [decided(hour, BASELINE, one_shifted()) for hour in (0, 1)])
    assert first.state.sequences.families["feature"].wealth.rejections == (1,)
    assert second.state.sequences.families["feature"].wealth.tests == 2
    assert second.terms.levels["feature"] > first.terms.levels["feature"]  # keener while drift lasts


def test_columns_come_in_the_order_of_their_names_whatever_order_they_are_given_in():
    window = decided(0, BASELINE, np.stack([one_shifted()[1]] * 3))
    turned = dataclasses.replace(
        window,
        measures=window.measures[::-1],
        evidence=Evidence(window.evidence.columns[::-1], window.evidence.rates[::-1]),
    )
    ahead, back = judge(calibrated(), State(), window), judge(calibrated(), State(), turned)
    assert [alarm.column for alarm in ahead.alarms] == ["x00", "x01", "x02"]
    assert ahead.alarms == back.alarms
    assert ahead.state == back.state


def test_a_new_month_begins_with_a_fresh_budget_and_an_older_window_does_not_bring_the_old_one_back():
    month = 30 * 24
    verdicts = history(calibrated(), [decided(hour, BASELINE, USUAL) for hour in (0, 1, month, month - 2)])
    steps = [
        (v.state.sequences.families["feature"].period, v.state.sequences.families["feature"].wealth.tests) for v in verdicts
    ]
    assert steps == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_families_have_sequences_of_their_own():
    window = decided(0, BASELINE, one_shifted())
    prediction = ColumnCounts("prediction", ":score", BASELINE[0], USUAL[0], ordered=True)
    both = dataclasses.replace(window, evidence=Evidence((*window.evidence.columns, prediction)))
    verdict = judge(calibrated(families=("feature", "prediction")), State(), both)
    assert verdict.state.sequences.families["feature"].wealth.rejections == (1,)
    assert verdict.state.sequences.families["prediction"].wealth.rejections == ()


def test_a_family_without_a_share_of_the_budget_is_not_tested():
    window = decided(0, BASELINE, one_shifted(), [(NULLS, 200, 1000)])
    verdict = judge(calibrated(families=("quality",)), State(), window)
    assert [alarm.family for alarm in verdict.alarms] == ["quality"]
    assert verdict.state.sequences == Sequences()


def test_a_flood_of_nulls_alarms_once_and_lasts_until_it_is_over():
    hits = (1, 200, 200, 1, 200)
    windows = [decided(hour, BASELINE, USUAL, [(NULLS, k, 1000)]) for hour, k in enumerate(hits)]
    verdicts = history(calibrated(families=("feature", "quality")), windows)
    reasons = [[alarm.reason for alarm in verdict.alarms] for verdict in verdicts]
    assert reasons == [[], [Reason.RATE], [Reason.LASTING], [], [Reason.RATE]]
    assert verdicts[2].alarms[0].words.startswith("x00: null_rate is still beyond")
    null_rate = next(m for m in verdicts[1].measures if m.name == "null_rate")
    assert 0.002 < null_rate.limit < 0.05
    assert null_rate.violated


def test_a_small_lasting_rise_is_found_although_no_single_window_shows_it():
    policy = calibrated(psi=0.0, families=("quality",))
    windows = [decided(hour, BASELINE[:0], USUAL[:0], [(NULLS, 5, 1000)]) for hour in range(60)]  # .005 against m0 = .0020
    verdicts = history(policy, windows)
    first = next(index for index, verdict in enumerate(verdicts) if verdict.alarms)
    assert 1 <= first <= 40


def test_stated_limits_hold_where_no_test_speaks_and_distances_are_left_to_the_test():
    policy = dataclasses.replace(
        calibrated(),
        thresholds=(
            Threshold(family="performance", measure="accuracy", limit=0.8, direction=Direction.BELOW),
            Threshold(family="feature", measure="js", limit=0.0, direction=Direction.ABOVE),
            Threshold(family="feature", measure="chi2_pvalue", limit=1.0, direction=Direction.BELOW),
        ),
    )
    window = decided(0, BASELINE, USUAL)
    more = (
        Measure(family="performance", name="accuracy", value=0.7),
        Measure(family="feature", name="js", column="x00", value=0.01),
        Measure(family="feature", name="chi2", column="x00", value=9.0, p_value=0.01),
    )
    verdict = judge(policy, State(), dataclasses.replace(window, measures=(*window.measures, *more)))
    (alarm,) = verdict.alarms
    assert (alarm.measure, alarm.reason) == ("accuracy", Reason.LIMIT)
    assert alarm.words == "accuracy 0.7 breaks its limit of 0.8."


def test_what_cannot_be_tested_is_not_checked():
    verdict = judge(calibrated(), State(), decided(0, BASELINE, np.zeros_like(USUAL)))
    assert all(measure.limit is None for measure in verdict.measures)
    assert verdict.risk.score is None
    assert verdict.state.sequences == Sequences()


def test_a_verdict_is_restated_from_its_terms_alone():
    policy, window = calibrated(), decided(1, BASELINE, one_shifted(), [(NULLS, 200, 1000)])
    verdict = history(policy, [decided(0, BASELINE, one_shifted()), window])[-1]
    assert restated(policy, Terms.from_bytes(verdict.terms.to_bytes()), window) == verdict.measures


def test_terms_of_both_decisions_are_kept_together_and_earlier_measures_only_weigh():
    policy = dataclasses.replace(calibrated(families=("feature", "label")), weights={"feature": 0.5, "label": 0.5})
    inputs = judge(policy, State(), decided(0, BASELINE, one_shifted()))
    outcome = ColumnCounts("label", ":label", np.array([5000, 5000]), np.array([100, 900]), ordered=False)
    window = dataclasses.replace(
        decided(0, BASELINE[:0], USUAL[:0]),
        measures=(Measure(family="label", name="psi", column=":label", value=0.9),),
        evidence=Evidence((outcome,)),
        earlier=inputs.measures,
    )
    labels = judge(policy, inputs.state, window)
    assert labels.risk.score == pytest.approx(100 * (0.5 / 3 + 0.5))
    assert [alarm.column for alarm in labels.alarms] == [":label"]
    assert labels.state.sequences.families["feature"] == inputs.state.sequences.families["feature"]
    both = inputs.terms.joined(labels.terms)
    assert sorted(both.levels) == ["feature", "label"]
    assert both.levels["feature"] == inputs.terms.levels["feature"]


def test_over_dispersed_windows_raise_the_limit():
    random, policy, state = np.random.default_rng(8), calibrated(psi=0.02), State()
    seen = []
    for hour in range(30):
        current = random.multinomial(1000 // 5, DECILES, 3) * 5
        verdict = judge(policy, state, decided(hour, BASELINE, current))
        state = verdict.state
        seen.append(limits(verdict)[0])
    assert seen[-1] > 1.5 * seen[0]
    assert verdict.terms.dispersions["x00"] == pytest.approx(5, rel=0.4)


def test_over_dispersion_known_from_the_reference_holds_from_the_first_window():
    policy = dataclasses.replace(calibrated(psi=0.0), dispersions={"x00": 4.0})
    verdict = judge(policy, State(), decided(0, BASELINE, USUAL))
    known, plain, _ = limits(verdict)
    assert known == pytest.approx(4 * plain, rel=1e-6)


def test_state_survives_its_bytes_at_every_step():
    random, policy = np.random.default_rng(9), calibrated(psi=0.0, families=("feature", "quality"))
    state, again = State(), State()
    for hour in range(30):
        current = random.multinomial(1000, DECILES, 3)
        window = decided(hour, BASELINE, current, [(NULLS, int(random.integers(0, 8)), 1000)])
        kept, restarted = judge(policy, state, window), judge(policy, again, window)
        assert restarted == kept
        state = kept.state
        data = (kept.state.sequences.to_bytes(), kept.state.past.to_bytes())
        again = State(Sequences.from_bytes(data[0]), Past.from_bytes(data[1]))
        assert again == state
        assert (again.sequences.to_bytes(), again.past.to_bytes()) == data
    assert sum(map(len, data)) < 2000


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"format":2}', b'{"format":1}', b'{"format":1,"families":{"x":1},"streams":[1]}']
)
def test_strange_bytes_are_refused(data):
    for kind in (Sequences, Past, Terms):
        with pytest.raises(MalformedJudgement):
            kind.from_bytes(data)


CLASSIC = Classic(classic({"feature_drift": {"js_distance": 0.15}}))


def classic_window(hour, *, failing, passing=0, p_value=None):
    measures = [
        Measure(family="feature", name="js", column=str(i), value=0.2 if i < failing else 0.1) for i in range(failing + passing)
    ]
    if p_value is not None:
        measures = [Measure(family="feature", name="chi2", column="p", value=20.0, p_value=p_value)]
    return Decided(start=hour * HOUR, end=(hour + 1) * HOUR, granularity="1 hour", measures=tuple(measures))


def test_classic_counts_violations_of_seven_days():
    verdicts = history(CLASSIC, [classic_window(hour, failing=1, passing=3) for hour in range(10)])
    assert [verdict.risk.score for verdict in verdicts[:3]] == pytest.approx([1.25, 2.5, 3.75])  # 25 points x violations / 20
    assert verdicts[9].risk.score == pytest.approx(12.5)
    assert [alarm.reason for alarm in verdicts[0].alarms] == [Reason.LIMIT]
    # on day 8 the windows of day 0 are seven days back and still count; on day 9 they do not
    later = judge(CLASSIC, verdicts[9].state, classic_window(7 * 24 + 5, failing=1))
    assert later.risk.score == pytest.approx(13.75)
    gone = judge(CLASSIC, verdicts[9].state, classic_window(8 * 24 + 5, failing=1))
    assert gone.risk.score == pytest.approx(1.25)
    assert list(gone.state.past.windows) == [(8 * 24 + 5) * HOUR]


def test_classic_adds_the_second_decision_of_a_window_to_its_first():
    inputs = classic_window(0, failing=2)
    outcomes = dataclasses.replace(
        inputs,
        measures=(Measure(family="performance", name="f1", value=0.1), Measure(family="performance", name="recall", value=0.9)),
    )
    first = judge(CLASSIC, State(), inputs)
    for state in (first.state, State()):  # with one past for both decisions, and with a past for each
        second = judge(CLASSIC, state, dataclasses.replace(outcomes, earlier=first.measures))
        assert second.risk.score == pytest.approx(2.5 + 2.5)
    assert first.risk.score == pytest.approx(2.5)


def test_classic_saturates_on_stable_columns_and_the_calibrated_policy_does_not():
    # twenty stable columns tested at p < .05 for 168 hours: 168 violations are expected, 20 are enough for all 25 points
    random, state, new = np.random.default_rng(10), State(), State()
    baseline = random.multinomial(10_000, DECILES, 20)
    scores, told = [], 0
    for hour in range(48):
        current = random.multinomial(1000, DECILES, 20)
        p_values = random.random(20)  # of twenty columns that did not change
        measures = tuple(
            Measure(family="feature", name="chi2", column=str(i), value=9.0, p_value=float(p)) for i, p in enumerate(p_values)
        )
        window = decided(hour, baseline, current)
        old = judge(CLASSIC, state, dataclasses.replace(window, measures=measures, evidence=Evidence()))
        calm = judge(calibrated(), new, window)
        state, new, told = old.state, calm.state, told + len(calm.alarms)
        scores.append((old.risk.score, calm.risk.score))
    assert scores[-1] == (25.0, 0.0)
    assert old.risk.severity is Severity.LOW
    assert told == 0


def test_a_limit_of_infinity_never_reaches_people():
    window = decided(0, BASELINE[:1], USUAL[:1])
    news = ColumnCounts("feature", "x00", np.array([0, 10_000]), np.array([0, 1000]), ordered=False)
    verdict = judge(calibrated(), State(), dataclasses.replace(window, evidence=Evidence((news,))))
    assert limits(verdict) == []
    assert not verdict.measures[0].violated
    shown = dataclasses.replace(news, current=np.array([400, 600]))
    verdict = judge(calibrated(), State(), dataclasses.replace(window, evidence=Evidence((shown,))))
    assert limits(verdict) == [0.1]
    assert verdict.measures[0].violated


def test_sequences_of_bytes_name_what_they_are():
    assert Sequences({"feature": Sequence(3)}).to_bytes() == b'{"families":{"feature":[3,0,[],0]},"format":1}'
