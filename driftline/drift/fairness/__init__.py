"""Fairness from counts: groups, their six counts, and what differs between them; consistency from cells of similar rows.

    attribute = Attribute.of_texts("gender", "female", "male")           # or .of_numbers("age", 25, 40, 65), .crossed(a, b)
    counts = GroupCounts.of_rows(attribute.codes(columns), len(attribute.groups), selected)     # stage profile
    counts += GroupCounts.of_pairs(codes, len(attribute.groups), selected, actual)              # stage join
    assess(attribute, counts, Terms(ratio=0.8, difference=0.1, minimum_n=30))                   # stage evaluate

`columns` are vectors as business metrics have them (`driftline.drift.sqlmetrics.vector_of` a decoded column). Counts add and
subtract cell by cell, and travel by `encode` and `decode`. Demographic parity needs no labels and is known
at data close; the others at label close. `selected` is where the prediction is the favourable class (by default the monitor's
positive class), `actual` where the outcome is.
"""

from driftline.drift.fairness.assess import MEASURES, Assessment, FairnessMeasure, Group, Terms, Verdict, assess
from driftline.drift.fairness.consistency import (
    Consistency,
    SimilarityCounts,
    consistency,
    consistency_verdict,
    similarity_cells,
)
from driftline.drift.fairness.counts import Cell, GroupCounts
from driftline.drift.fairness.groups import PROTECTED, Attribute, Facet, protected_attributes
from driftline.drift.fairness.intervals import Interval, Rate, difference, ratio, wilson

__all__ = [
    "MEASURES",
    "PROTECTED",
    "Assessment",
    "Attribute",
    "Cell",
    "Consistency",
    "Facet",
    "FairnessMeasure",
    "Group",
    "GroupCounts",
    "Interval",
    "Rate",
    "SimilarityCounts",
    "Terms",
    "Verdict",
    "assess",
    "consistency",
    "consistency_verdict",
    "difference",
    "protected_attributes",
    "ratio",
    "similarity_cells",
    "wilson",
]
