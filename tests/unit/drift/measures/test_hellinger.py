"""Hellinger distance on counts."""

import math

import pytest

from driftline.drift.measures.hellinger import hellinger
from tests.unit.drift.measures.cells import counts


def test_hellinger_is_one_less_the_overlap():
    overlap = math.sqrt(0.5 * 0.2) + math.sqrt(0.5 * 0.8)
    assert hellinger(counts(50, 50), counts(20, 80)) == pytest.approx(math.sqrt(1 - overlap), abs=1e-14)


def test_what_has_nothing_in_common_is_1_apart():
    assert hellinger(counts(7, 0), counts(0, 9)) == pytest.approx(1)
