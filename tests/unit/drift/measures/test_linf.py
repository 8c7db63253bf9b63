"""L-infinity on counts."""

import pytest

from driftline.drift.measures.linf import linf
from tests.unit.drift.measures.cells import counts


def test_linf_is_the_largest_gain_or_loss_of_one_cell():
    assert linf(counts(50, 30, 20), counts(20, 50, 30)) == pytest.approx(0.3)
