"""river's detectors over panes: what they find, what they leave alone, and that a restart changes nothing."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.detectors.kswin import KsWin
from driftline.drift.detectors.moments import Moments, MomentShift
from driftline.drift.detectors.protocol import Detector, MalformedState
from driftline.drift.detectors.sequential import LONGEST, Kind, Sequential, Span, Watch
from driftline.drift.detectors.stored import restore


def rates(seed, mean, panes, rows=500):
    return (np.random.default_rng(seed).binomial(rows, mean, panes) / rows).tolist()


def alarms(detector, series):
    return [at for at, value in enumerate(series) if detector.observe(value).detected]


SPAN = Span.around(0.1, 0.1)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_steady_rate_is_quiet(kind):
    assert alarms(Sequential(kind, SPAN), rates(1, 0.1, 300)) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_lasting_rise_is_found_after_it_began(kind):
    found = alarms(Sequential(kind, SPAN), rates(1, 0.08, 60) + rates(2, 0.2, 120))
    assert found
    assert found[0] >= 60


@pytest.mark.parametrize("kind", list(Kind))
def test_a_fall_of_an_error_is_no_alarm(kind):
    assert alarms(Sequential(kind, SPAN), rates(1, 0.2, 60) + rates(2, 0.02, 60)) == []


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.DDM])
def test_a_fall_is_found_by_one_that_watches_both_sides(kind):
    found = alarms(Sequential(kind, SPAN, Watch.BOTH), rates(1, 0.2, 60) + rates(2, 0.02, 60))
    assert found
    assert found[0] >= 60


def test_a_verdict_says_from_where_to_where():
    detector = Sequential(Kind.PAGE_HINKLEY, SPAN)
    verdicts = [detector.observe(value) for value in rates(1, 0.08, 60) + rates(2, 0.2, 20)]
    alarm = next(verdict for verdict in verdicts if verdict.detected)
    assert alarm.before == pytest.approx(0.1, abs=0.04)
    assert alarm.value == pytest.approx(0.2, abs=0.04)


def test_ddm_cannot_watch_both_sides():
    with pytest.raises(ValueError, match="rise only"):
        Sequential(Kind.DDM, watch=Watch.BOTH)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_pane_without_a_number_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        Sequential(Kind.ADWIN).observe(value)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_memory_is_bounded(kind):
    detector = Sequential(kind, Span())
    for value in rates(3, 0.3, LONGEST + 100):
        detector.observe(value)
    assert len(detector.to_bytes()) <= 200 + 8 * LONGEST


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(list(Kind)),
    values=st.lists(st.floats(0, 1), max_size=60),
    jump=st.floats(0, 1),
    cuts=st.lists(st.integers(0, 140), max_size=5),
)
def test_a_restart_changes_no_verdict_wherever_it_comes(kind, values, jump, cuts):
    series = values + [jump] * 40 + values[::-1]
    steady = Sequential(kind, Span(), Watch.RISE)
    restarted: Detector[Any] = Sequential(kind, Span(), Watch.RISE)
    for at, value in enumerate(series):
        if at in cuts:
            restarted = restore(restarted.to_bytes())
        assert restarted.observe(value) == steady.observe(value)
    assert restarted.to_bytes() == steady.to_bytes()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_restart_beyond_the_longest_series_changes_nothing_either(kind):
    series = rates(5, 0.3, LONGEST + 40, rows=50)
    steady: Detector[Any] = Sequential(kind)
    restarted: Detector[Any] = Sequential(kind)
    for at, value in enumerate(series):
        if at > LONGEST - 5:
            restarted = restore(restarted.to_bytes())
        assert restarted.observe(value) == steady.observe(value)


def samples(seed, mean, panes, size=50):
    return np.random.default_rng(seed).normal(mean, 1, (panes, size))


def test_kswin_finds_another_distribution_and_leaves_equal_ones_alone():
    detector = KsWin("m/v1/amount", size=50)
    assert alarms(detector, samples(1, 0, 60)) == []
    assert alarms(detector, samples(2, 2, 10))[0] == 0


def test_kswin_tests_no_short_sample():
    detector = KsWin("m", size=50)
    for pane in samples(1, 0, 10):
        detector.observe(pane)
    assert detector.observe([9.0] * 10).p_value is None


def test_a_restart_of_kswin_draws_the_same_from_the_past():
    steady: Detector[Any] = KsWin("m", size=20, alpha=0.05)
    restarted: Detector[Any] = KsWin("m", size=20, alpha=0.05)
    for pane in np.concatenate((samples(1, 0, 40, 20), samples(2, 1, 20, 20))):
        restarted = restore(restarted.to_bytes())
        assert restarted.observe(pane) == steady.observe(pane)


def moved(seed, panes, rows=50, mean=0.0, turn=0.0):
    random = np.random.default_rng(seed)
    values = random.normal(mean, 1, (panes, rows, 3))
    values[:, :, 1] += turn * values[:, :, 0]
    return [Moments.of(pane) for pane in values]


@pytest.mark.parametrize("change", [{"mean": 1.5}, {"turn": 3.0}])
def test_moments_find_a_shift_of_means_and_of_correlations(change):
    detector = MomentShift(3)
    assert alarms(detector, moved(1, 200)) == []
    assert alarms(detector, moved(2, 3, **change))[0] == 0


def test_moments_learn_anew_after_an_alarm():
    detector = MomentShift(3)
    alarms(detector, moved(1, 30) + moved(2, 1, mean=2.0))
    assert alarms(detector, moved(3, 100, mean=2.0)) == []
    assert alarms(detector, moved(4, 1))[0] == 0


def test_moments_see_a_change_of_relations_through_a_season_and_not_the_season():
    random = np.random.default_rng(8)
    phase = 2 * np.pi * np.arange(20_000) / 500
    rows = np.column_stack((np.sin(phase), np.cos(phase), np.sin(phase), np.cos(phase)))
    rows[10_000:, 0] *= -1  # each column alone is distributed as before
    rows += random.normal(0, 0.25, rows.shape)
    panes = [Moments.of(rows[start : start + 50]) for start in range(0, len(rows), 50)]
    (alarm,) = alarms(MomentShift(4), panes)
    assert 200 <= alarm <= 202


def test_moments_add():
    rows = np.random.default_rng(1).normal(size=(30, 2))
    rows[3, 1] = np.nan
    whole, parts = Moments.of(rows), Moments.of(rows[:11]) + Moments.of(rows[11:])
    assert parts.flat() == pytest.approx(whole.flat())
    assert whole.n == 29


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((30, 50, 2)),
        np.full((30, 50, 2), 1e9),
        np.full((30, 50, 2), np.nan),
        np.repeat(np.random.default_rng(1).normal(size=(40, 50, 1)), 3, axis=2),
        np.random.default_rng(2).normal(size=(60, 1, 5)),
        np.concatenate((np.random.default_rng(3).normal(size=(40, 50, 1)), np.full((40, 50, 1), 7.0)), axis=2),
    ],
    ids=["zero", "large", "null", "copies", "single rows", "one constant"],
)
def test_moments_live_with_rows_that_have_no_inverse(rows):
    assert alarms(MomentShift(rows.shape[2]), [Moments.of(pane) for pane in rows]) == []


def test_heavy_tails_that_are_cut_raise_no_alarm_on_nothing():
    random = np.random.default_rng(9)
    values = random.standard_t(3, size=(10, 200, 50, 3)) / np.sqrt(3)
    cut, uncut = (
        sum(len(alarms(MomentShift(3), [Moments.of(pane, reach) for pane in series])) for series in values)
        for reach in (4.0, np.inf)
    )
    assert cut == 0
    assert uncut > 0  # what the cut is for


def test_moments_see_a_constant_that_changes():
    rows = np.random.default_rng(1).normal(size=(40, 50, 2))
    rows[:, :, 1] = np.where(np.arange(40) < 30, 7.0, 7.1)[:, None]
    assert alarms(MomentShift(2), [Moments.of(pane) for pane in rows])[0] == 30


def test_a_restart_of_the_moments_changes_nothing():
    steady: Detector[Any] = MomentShift(3, panes=5)
    restarted: Detector[Any] = MomentShift(3, panes=5)
    for pane in moved(1, 20) + moved(2, 12, mean=1.0):
        restarted = restore(restarted.to_bytes())
        assert restarted.observe(pane) == steady.observe(pane)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"[]\n",
        b'{"format":2,"kind":"adwin"}\n',
        b'{"format":1,"kind":"oracle"}\n',
        b'{"format":1,"kind":"adwin"}\n',
        b'{"format":1,"kind":"adwin","low":0,"high":1,"watch":"rise"}\n123',
        b'{"format":1,"kind":"moments","columns":2,"panes":5,"alpha":0.1}\n' + bytes(8),
    ],
)
def test_bytes_that_no_detector_wrote_are_refused(data):
    with pytest.raises(MalformedState):
        restore(data)
