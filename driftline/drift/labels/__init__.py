"""Delayed outcomes meet their predictions."""

from driftline.drift.labels.cells import class_codes, count_pairs
from driftline.drift.labels.ids import hash_ids
from driftline.drift.labels.join import LabelJoin
from driftline.drift.labels.rows import Features, LabelRows, News, Pairs, PredictionRows, Refused, Terms

__all__ = [
    "Features",
    "LabelJoin",
    "LabelRows",
    "News",
    "Pairs",
    "PredictionRows",
    "Refused",
    "Terms",
    "class_codes",
    "count_pairs",
    "hash_ids",
]
