import random

import pytest

from driftline.drift.detectors.error_rate import LONGEST, ErrorRate, error_of, observe
from driftline.events import Measure


def feed(values):
    state, found = ErrorRate(), []
    for value in values:
        state, measure = observe(state, value)
        found.append(measure)
    return state, found


def noisy(rng, mean, count):
    return [min(max(rng.gauss(mean, 0.02), 0.0), 1.0) for _ in range(count)]


def test_a_lasting_rise_of_the_error_is_found():
    rng = random.Random(5)
    _, found = feed(noisy(rng, 0.2, 60) + noisy(rng, 0.6, 60))
    violated = [at for at, measure in enumerate(found) if measure.violated]
    assert violated
    assert 60 <= violated[0] < 120  # the bound of ADWIN wants some fifty windows for such a step
    measure = found[violated[0]]
    assert measure.value > measure.limit


def test_a_fall_of_the_error_is_no_violation():
    rng = random.Random(5)
    _, found = feed(noisy(rng, 0.6, 60) + noisy(rng, 0.2, 60))
    assert not any(measure.violated for measure in found)


def test_a_steady_error_is_quiet():
    rng = random.Random(5)
    _, found = feed(noisy(rng, 0.2, 400))
    assert not any(measure.violated for measure in found)


def test_what_is_stored_gives_the_same_detector_at_any_point():
    rng = random.Random(5)
    values = noisy(rng, 0.2, 60) + noisy(rng, 0.6, 30)
    state, _ = feed(values[:70])
    restored = ErrorRate(state.values)
    for value in values[70:]:
        state, measure = observe(state, value)
        restored, again = observe(restored, value)
        assert again == measure
    assert restored == state


def test_the_sequence_is_bounded_by_a_rule_of_its_own():
    state, _ = feed([0.25] * LONGEST)
    assert len(state.values) == LONGEST
    state, _ = observe(state, 0.25)
    assert len(state.values) == LONGEST // 2


@pytest.mark.parametrize(
    ("measures", "error"),
    [
        ({"accuracy": 0.9, "f1": 0.5}, 0.1),
        ({"mae": 3.5}, 3.5),
        ({"accuracy": None}, None),
        ({}, None),
    ],
)
def test_the_error_is_one_minus_accuracy_or_the_mean_absolute_error(measures, error):
    found = [Measure(family="performance", name=name, value=value) for name, value in measures.items()]
    assert error_of(found) == (error if error is None else pytest.approx(error))
