"""Fairness from counts: groups are the slices of a protected column; what differs between them, and how sure that is.

`predictions` at data close and `outcomes` at label close turn the profiles of the slices of a window into measures.
"""

from driftline.drift.fairness.assess import MEASURES, Assessment, FairnessMeasure, Group, Terms, Verdict, assess, verdict
from driftline.drift.fairness.baseline import BiasDrift, bias_drift
from driftline.drift.fairness.consistency import Consistency, SimilarityCounts, consistency
from driftline.drift.fairness.counts import Cell, GroupCounts, Slices
from driftline.drift.fairness.intervals import Interval, Rate, difference, ratio, wilson
from driftline.drift.fairness.measures import OF_OUTCOMES, OF_PREDICTIONS, outcomes, predictions

__all__ = [
    "MEASURES",
    "OF_OUTCOMES",
    "OF_PREDICTIONS",
    "Assessment",
    "BiasDrift",
    "Cell",
    "Consistency",
    "FairnessMeasure",
    "Group",
    "GroupCounts",
    "Interval",
    "Rate",
    "SimilarityCounts",
    "Slices",
    "Terms",
    "Verdict",
    "assess",
    "bias_drift",
    "consistency",
    "difference",
    "outcomes",
    "predictions",
    "ratio",
    "verdict",
    "wilson",
]
