"""Bets against a tolerable rate: fairness, guarantee, power, and what a pane is worth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.calibration.e_process import (
    BETS,
    Bettor,
    Stream,
    ever,
    observe,
    settle,
    tolerated,
    value,
)


def watch(bettor, panes, threshold, stream=Stream()):  # noqa: B008
    """Yield the indices of the panes that alarm anew."""
    for index, (total, n) in enumerate(panes):
        stream = observe(stream, bettor, total, n)
        alarm = value(stream) >= threshold
        if alarm:
            yield index
        stream = settle(stream, bettor, total, n, alarm=alarm)


@pytest.mark.parametrize("m0", [0.0, 0.1, 0.5, 0.99])
def test_every_bet_is_fair_at_the_tolerable_mean_and_never_loses_everything(m0):
    bettor = Bettor.against(m0)
    assert bettor.bets
    lose, win = bettor.gains(0, 1), bettor.gains(1, 1)
    for low, high in zip(lose, win, strict=True):
        assert math.isfinite(low)
        assert (1 - m0) * math.exp(low) + m0 * math.exp(high) == pytest.approx(1)


def test_a_pane_of_bernoulli_events_is_worth_the_product_of_its_events():
    bettor = Bettor.against(0.2)
    events = [1, 0, 0, 1, 0, 1]
    singly = np.sum([bettor.gains(x, 1) for x in events], axis=0)
    assert bettor.gains(sum(events), len(events)) == pytest.approx(singly.tolist())


@settings(max_examples=100)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0.0, 0.95))
def test_a_pane_of_fractions_is_worth_no_more_than_its_events(values, m0):
    bettor = Bettor.against(m0)
    exact = [sum(math.log1p(bet * (x - m0)) for x in values) for bet in bettor.bets]
    assert all(a <= b + 1e-9 for a, b in zip(bettor.gains(sum(values), len(values)), exact, strict=True))


def test_the_wealth_is_the_recursion_of_shiryaev_and_roberts():
    bettor, stream, wealth = Bettor.against(0.1), Stream(), np.zeros(len(BETS))
    for x in [0, 1, 0, 0, 1, 1, 0, 1]:
        stream = observe(stream, bettor, x, 1)
        wealth = (wealth + 1) * (1 + np.array(BETS) * (x - 0.1))
        assert value(stream) == pytest.approx(wealth.mean(), rel=1e-4)


def test_false_alarms_are_rarer_than_one_in_a_panes():
    # Bernoulli(.1) at m0 = .1, one event a pane: the reference has 72 alarms per 1M at A = 1e4, where 100 are allowed
    events = np.random.default_rng(7).random(40_000) < 0.1
    alarms = sum(1 for _ in watch(Bettor.against(0.1), [(int(hit), 1) for hit in events], 1000))
    assert 0 < alarms <= 40


def test_a_doubled_rate_is_found_in_the_time_that_the_reference_names():
    # river_detectors against e-SR, A = 1e4, .10 -> .15: median 295 events; -> .20: 102 (60 repetitions)
    random = np.random.default_rng(3)
    for rate, expected in ((0.15, 295), (0.20, 102)):
        delays = []
        for _ in range(15):
            events = [(int(hit), 1) for hit in random.random(3000) < rate]
            delays.append(next(watch(Bettor.against(0.1), events, 1e4), 3000))
        assert expected / 2 < np.median(delays) < expected * 2


def test_one_flooded_pane_is_enough_and_lasts_until_it_ends():
    bettor = Bettor.against(tolerated(10, 10_000, 0.1))
    stream = observe(Stream(), bettor, 200, 1000)
    assert value(stream) > 1e6
    stream = settle(stream, bettor, 200, 1000, alarm=True)
    assert stream == Stream((), alarmed=True)
    assert settle(stream, bettor, 200, 1000, alarm=False).alarmed
    assert settle(stream, bettor, 0, 0, alarm=False).alarmed  # silence is no all-clear
    assert not settle(stream, bettor, 1, 1000, alarm=False).alarmed


def test_the_tolerable_rate_is_the_upper_bound_of_the_baseline_and_the_tolerance():
    assert tolerated(100, 10_000, 0.0) == pytest.approx(0.0126, abs=2e-4)  # Clopper-Pearson, 99 %, one-sided
    assert tolerated(100, 10_000, 0.1) > 0.05
    assert tolerated(0, 0, 0.1) == 1.0


def test_nothing_is_beyond_certainty():
    bettor = Bettor.against(1.0)
    assert observe(Stream(), bettor, 5, 5) == Stream()


def test_an_empty_pane_changes_nothing_and_wealth_never_overflows():
    bettor = Bettor.against(0.01)
    rich = observe(Stream(), bettor, 1_000_000, 1_000_000)
    assert value(rich) == math.inf
    assert observe(rich, bettor, 0, 0) == rich


def test_the_wealth_of_a_lifetime_reaches_one_in_delta_with_that_probability_at_most():
    random, bettor, reached = np.random.default_rng(5), Bettor.against(0.1), 0
    for _ in range(200):
        wealth: tuple[float, ...] = ()
        for hits in random.binomial(50, 0.1, 60).tolist():
            wealth = ever(wealth, bettor, hits, 50)
            if np.mean(np.exp(wealth)) >= 20:
                reached += 1
                break
    assert reached <= 18  # P(Binomial(200, 1/20) > 18) < 1 %
