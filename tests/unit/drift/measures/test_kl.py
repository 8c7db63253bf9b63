"""KL on counts."""

import math

import pytest
from scipy.stats import entropy

from driftline.drift.measures.kl import kl
from tests.unit.drift.measures.cells import counts


def test_kl_is_the_hand_sum_of_the_current_side_from_the_baseline():
    assert kl(counts(50, 50), counts(20, 80)) == pytest.approx(0.2 * math.log(0.4) + 0.8 * math.log(1.6), abs=1e-15)


def test_kl_is_scipys_entropy_where_no_cell_is_empty():
    assert kl(counts(10, 20, 70), counts(30, 30, 5)) == pytest.approx(entropy([30, 30, 5], [10, 20, 70]), abs=1e-14)
