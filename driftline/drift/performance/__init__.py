"""How good predictions were, from counts that add and subtract."""

from driftline.drift.performance.binary import auc
from driftline.drift.performance.intervals import Estimate
from driftline.drift.performance.measures import labels
from driftline.drift.performance.standing import Standing, standing
from driftline.drift.performance.state import PairLayout, count_regression, count_scored, figures

__all__ = [
    "Estimate",
    "PairLayout",
    "Standing",
    "auc",
    "count_regression",
    "count_scored",
    "figures",
    "labels",
    "standing",
]
