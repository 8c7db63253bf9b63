"""How good predictions were, from counts that add and subtract."""

from driftline.drift.performance.binary import auc
from driftline.drift.performance.figures import figures
from driftline.drift.performance.intervals import Estimate
from driftline.drift.performance.measures import labels
from driftline.drift.performance.standing import Standing, standing

__all__ = ["Estimate", "Standing", "auc", "figures", "labels", "standing"]
