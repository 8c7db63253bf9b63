"""Over-dispersion: 1 for independent rows, more for rows that resemble each other, blind to a lasting difference."""

import numpy as np
import pytest

from driftline.drift.calibration.dispersion import LEAST, MOST, Calm, factors, held_back, observe

SHARES = np.full(10, 0.1)


def clustered(random, windows, n, sizes):
    """Rows come in clusters of equal values."""
    return [random.multinomial(n // sizes, SHARES) * sizes for _ in range(windows)]


def learned(windows, calm=Calm()):  # noqa: B008
    for window in windows:
        calm = observe(calm, window, ordered=True)
    return calm


def factor(windows):
    return factors({"x": learned(windows)}).get("x", 1.0)


def test_independent_rows_need_no_correction():
    random = np.random.default_rng(1)
    windows = [random.multinomial(2000, SHARES) for _ in range(65)]
    assert factor(windows) == pytest.approx(1.0, abs=0.15)
    assert held_back(windows, ordered=True) == pytest.approx(1.0, abs=0.12)


def test_rows_in_clusters_of_four_count_as_a_quarter():
    windows = clustered(np.random.default_rng(2), 65, 4000, 4)
    assert factor(windows) == pytest.approx(4.0, rel=0.2)
    assert held_back(windows, ordered=True) == pytest.approx(4.0, rel=0.2)


def test_a_lasting_difference_from_the_baseline_is_not_noise():
    random = np.random.default_rng(3)
    other = np.array([2, 2, 1, 1, 1, 1, 1, 1, 1, 1]) / 12
    assert factor([random.multinomial(5000, other) for _ in range(40)]) < 1.3


def test_a_sudden_change_while_learning_is_not_noise_either():
    random = np.random.default_rng(6)
    other = np.array([5, 5, 1, 1, 1, 1, 1, 1, 1, 1]) / 18
    windows = [random.multinomial(5000, SHARES if i < 20 else other) for i in range(40)]
    assert factor(windows) < 1.3


def test_two_windows_are_enough_where_many_columns_agree():
    random = np.random.default_rng(7)
    calm = {f"x{i}": learned(clustered(random, 3, 4000, 4)) for i in range(20)}
    assert np.mean(list(factors(calm).values())) == pytest.approx(4.0, rel=0.25)


def test_few_windows_say_nothing():
    windows = clustered(np.random.default_rng(4), LEAST, 4000, 4)
    assert factor(windows) == 1.0
    assert held_back([], ordered=True) == 1.0
    assert held_back(windows[:1], ordered=True) == 1.0
    assert factors({}) == {}


def test_it_stops_to_learn_so_that_later_drift_cannot_excuse_itself():
    random = np.random.default_rng(5)
    calm = learned([random.multinomial(2000, SHARES) for _ in range(MOST + 1)])
    assert (calm.compared, calm.counts) == (MOST, ())
    assert observe(calm, np.array([2000, *[0] * 9]), ordered=True) == calm


def test_columns_with_many_categories_are_remembered_in_bounded_space():
    assert len(observe(Calm(), np.arange(1000), ordered=False).counts) == 64
    assert sum(observe(Calm(), np.arange(1000), ordered=False).counts) == sum(range(1000))
