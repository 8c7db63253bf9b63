"""Shifts that no single window shows: rows of a day are alike, days are not."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from driftline.drift.calibration import lasting
from driftline.drift.calibration.alarms import LASTING_SHIFT, Reason
from driftline.drift.calibration.evidence import ColumnCounts, Evidence
from driftline.drift.calibration.judge import Decided, judge, restated
from driftline.drift.calibration.lasting import Bet, Course
from driftline.drift.calibration.state import Past, State, Terms
from driftline.events import Measure
from tests.unit.drift.calibration.weeks import calibrated

DAY = 86_400_000_000
EDGES = stats.norm.ppf(np.arange(1, 10) / 10)
ALIKE = 0.9
"""Part of the variance that all rows of a day share."""


def day_of(random, shift=0.0, rows=500, alike=ALIKE):
    """Deciles of N(0, 1) of rows that share the day's mean, N(shift, `alike`)."""
    mean = random.normal(shift, np.sqrt(alike))
    shares = np.diff([0, *stats.norm.cdf((EDGES - mean) / np.sqrt(1 - alike)), 1])
    return random.multinomial(rows, shares / shares.sum())


def days(random, count, shift=0.0):
    return [day_of(random, shift) for _ in range(count)]


def column(baseline, current):
    return ColumnCounts("feature", "temp", baseline, current, ordered=True)


def window(number, baseline, current):
    measures = (Measure(family="feature", name="psi", column="temp", value=1.0),)
    evidence = Evidence((column(baseline, current),))
    return Decided(start=number * DAY, end=(number + 1) * DAY, granularity="1 day", measures=measures, evidence=evidence)


def history(policy, baseline, current, state=None):
    state, found = state or State(), []
    for number, counts in enumerate(current):
        found.append(judge(policy, state, window(number, baseline, counts)))
        state = found[-1].state
    return found


def told(verdict):
    return next((m for m in verdict.measures if m.name == LASTING_SHIFT), None)


@pytest.mark.parametrize(("tau", "dispersion"), [(0.0, 450.0), (0.1, 450.0)])
def test_days_that_differ_by_chance_alarm_no_more_often_than_once_in_a(tau, dispersion):
    """A = 50: at most one in 50, though the baseline is an estimate from 60 days."""
    random, a, alarms, panes = np.random.default_rng(5), 50.0, 0, 0
    for _ in range(12):
        baseline, course = np.sum(days(random, 60), axis=0), Course()
        for counts in days(random, 120):
            bet = lasting.bet_of(course, column(baseline, counts), tau, dispersion)
            course = lasting.moved(course, bet, counts)
            alarm = lasting.value(course) >= a
            course, _ = lasting.settled(course, bet, counts, alarm=alarm)
            alarms, panes = alarms + alarm, panes + 1
    assert stats.poisson.sf(alarms - 1, panes / a) > 0.01


def test_a_rate_at_its_bound_grows_in_no_bet_on_average():
    """E[L_k] <= 1 for every observation with mean m0, so that E[M_t] grows by at most 1 a window: A is not reached too soon."""
    random = np.random.default_rng(6)
    bet, evidence = Bet(1, 0.4, 0.0), []
    for _ in range(400):
        course = Course(shares=np.zeros(2, "<u2").tobytes())
        for share in random.beta(0.2, 0.3, 30):  # mean 0.4, nearly all or nothing
            course = lasting.moved(course, bet, np.array([round(1000 * share), 1000 - round(1000 * share)]))
        evidence.append(lasting.value(course))
    assert np.mean(evidence) < 30 + 3 * np.std(evidence) / np.sqrt(len(evidence))


def test_what_no_single_day_shows_is_found_over_days_and_said():
    random = np.random.default_rng(7)
    baseline = np.sum(days(random, 60), axis=0)
    verdicts = history(calibrated(), baseline, days(random, 10) + days(random, 40, shift=2.0))
    quiet, warm = verdicts[:10], verdicts[25:]
    assert not any(told(verdict) and told(verdict).violated for verdict in quiet)
    lately = [told(verdict) for verdict in warm]
    assert sum(m is not None and m.violated for m in lately) >= 20
    alarm = next(alarm for verdict in warm for alarm in verdict.alarms if alarm.measure == LASTING_SHIFT)
    assert alarm.reason in (Reason.SHIFT, Reason.LASTING)
    assert "of the rows of late" in alarm.words
    assert all(m.value > m.limit for m in lately if m.violated)
    singly = [m for verdict in warm for m in verdict.measures if m.name == "psi" and m.violated]
    assert len(singly) < len(warm) / 2


def test_an_alarm_outlasts_one_mild_day_and_ends_with_the_spell():
    random = np.random.default_rng(8)
    baseline = np.sum(days(random, 60), axis=0)
    usual = np.full(10, 50)
    warm = np.array([0] * 8 + [100, 400])
    verdicts = history(calibrated(), baseline, [*[usual] * 5, *[warm] * 25, usual, warm, *[usual] * 30])
    alarmed = [bool(told(verdict) and told(verdict).violated) for verdict in verdicts]
    assert alarmed[28:32] == [True] * 4
    assert not any(alarmed[45:])


def test_a_restart_and_a_revision_change_nothing():
    random = np.random.default_rng(9)
    baseline = np.sum(days(random, 60), axis=0)
    current = days(random, 30, shift=2.0)
    policy, state = calibrated(), State()
    for number, (counts, whole) in enumerate(zip(current, history(policy, baseline, current), strict=True)):
        asked = window(number, baseline, counts)
        verdict = judge(policy, state, asked)
        assert verdict == whole
        state = State(verdict.state.sequences, Past.from_bytes(verdict.state.past.to_bytes()))
        terms = Terms.from_bytes(verdict.terms.to_bytes())
        assert terms == verdict.terms
        assert restated(policy, terms, asked) == verdict.measures


def test_windows_that_overlap_bet_nothing_and_keep_what_alarms():
    random = np.random.default_rng(7)
    baseline = np.sum(days(random, 60), axis=0)
    verdict = history(calibrated(), baseline, days(random, 30, shift=2.0))[-1]
    assert told(verdict).violated
    again = judge(calibrated(), verdict.state, dataclasses.replace(window(30, baseline, day_of(random, 2.0)), apart=False))
    assert told(again).violated
    assert again.state.past == verdict.state.past


def test_a_window_without_values_is_no_observation():
    baseline = np.full(10, 100)
    course = lasting.moved(Course(), lasting.NO_BET, np.array([100, *[0] * 9]))
    bet = lasting.bet_of(course, column(baseline, baseline), 0.1, 1.0)
    assert bet.cells == 1
    nothing = np.zeros(10, np.int64)
    assert lasting.moved(course, bet, nothing) == course
    assert lasting.settled(course, bet, nothing, alarm=False) == (course, bet)


def test_columns_of_many_values_bet_on_sixteen_cells():
    counts = np.arange(1, 101)
    course = lasting.moved(Course(), lasting.NO_BET, counts[::-1])
    assert len(course.shares) == 2 * lasting.CELLS
    bet = lasting.bet_of(course, ColumnCounts("feature", "x", counts, counts, ordered=False), 0.1, 1.0)
    assert 0 < bet.cells < 1 << lasting.CELLS
    assert lasting.unpack(lasting.pack([bet, lasting.NO_BET])) == [bet, lasting.NO_BET]
