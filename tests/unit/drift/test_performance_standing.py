"""Limits against intervals: a window is not blamed for its luck."""

import numpy as np
import pytest

from driftline.drift.performance import Estimate, Standing, standing
from driftline.drift.performance.intervals import proportion
from driftline.events import Direction


@pytest.mark.parametrize(
    ("estimate", "limit", "direction", "expected"),
    [
        (Estimate(0.8, 0.7, 0.9), 0.7, Direction.BELOW, Standing.MEETS),
        (Estimate(0.7, 0.6, 0.8), 0.7, Direction.BELOW, Standing.MEETS),
        (Estimate(0.65, 0.55, 0.75), 0.7, Direction.BELOW, Standing.DOUBTFUL),
        (Estimate(0.5, 0.4, 0.6), 0.7, Direction.BELOW, Standing.BREAKS),
        (Estimate(3.0, 2.5, 3.5), 2.0, Direction.ABOVE, Standing.BREAKS),
        (Estimate(3.0, 1.5, 4.5), 2.0, Direction.ABOVE, Standing.DOUBTFUL),
        (Estimate(1.0, 0.5, 1.5), 2.0, Direction.ABOVE, Standing.MEETS),
        (Estimate(0.1), 0.7, Direction.BELOW, Standing.DOUBTFUL),
        (Estimate(None), 0.7, Direction.BELOW, Standing.UNKNOWN),
    ],
)
def test_a_limit_is_broken_only_by_the_whole_interval(estimate, limit, direction, expected):
    assert standing(estimate, limit, direction) is expected


def test_a_model_at_its_limit_seldom_breaks_it_and_one_far_below_nearly_always():
    random = np.random.default_rng(1)

    def broken(truth):
        windows = random.binomial(300, truth, 2000)
        return np.mean([standing(proportion(hits, 300), 0.7, Direction.BELOW) is Standing.BREAKS for hits in windows])

    assert broken(0.7) <= 0.035
    assert broken(0.55) >= 0.98
