"""Total variation on counts and raw values."""

import pytest

from driftline.drift.measures import measure
from driftline.drift.measures.tv import tv
from tests.unit.drift.measures.cells import counts
from tests.unit.drift.measures.samples_of_golden import golden_samples


def test_tv_is_half_the_absolute_difference():
    assert tv(counts(50, 50), counts(20, 80)) == pytest.approx(0.3)


def test_tv_by_value_is_the_share_that_would_have_to_move():
    reference, current = golden_samples()["cat"]
    by_hand = sum(abs((reference == v).mean() - (current == v).mean()) for v in "abcde") / 2
    assert measure("tv:evidently", reference, current).value == pytest.approx(by_hand, abs=1e-15)
