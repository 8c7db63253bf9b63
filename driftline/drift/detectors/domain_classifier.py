"""Can a classifier tell the rows of a window from those of the reference?

Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017, with the area under the curve in place of accuracy.
The classifier is a logistic regression with a ridge penalty on the columns, their squares and (few columns) their products:
it sees shifts of means, spreads and correlations, and costs milliseconds on bounded samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from driftline.drift.performance import auc

__all__ = ["MINIMUM", "DomainFinding", "domain_classifier"]

Floats = NDArray[np.float64]

MINIMUM = 40
"""Rows that each sample needs: half of them train."""
_ITERATIONS, _RIDGE = 12, 1.0
_ROWS_PER_FEATURE = 5


@dataclass(frozen=True, slots=True)
class DomainFinding:
    """What the classifier found."""

    auc: float
    """Mean area under the curve on rows that the classifier has not seen: 0.5 = cannot tell, 1 = always can."""
    deviation: float
    """Of the area where nothing differs."""
    n: int
    m: int
    """Rows of reference and window."""

    @property
    def p_value(self) -> float:
        """Chance of such an area, or a larger one, where nothing differs."""
        return float(ndtr((0.5 - self.auc) / self.deviation))

    def limit(self, alpha: float) -> float:
        """The area whose p-value is alpha."""
        return 0.5 - self.deviation * float(ndtri(alpha))


def domain_classifier(reference: Floats, current: Floats) -> DomainFinding | None:
    """Train on one half of both samples, judge the other, and the other way round; None below MINIMUM rows a side.

    Takes (rows, columns) of finite numbers as `design.design` makes them, each in an order that has nothing to do with
    the rows. On each half the area is Mann and Whitney's statistic, whose null law is N(1/2, (n + m + 1) / 12nm). The two
    halves are not independent (what one learned by chance, the other may confirm), so p is that of their mean area as if it
    were that of a single half: right where they agree, otherwise too large, never too small.
    """
    n, m = len(reference), len(current)
    if min(n, m) < MINIMUM:
        return None
    features = _features(np.concatenate((reference, current)), min(n, m))
    label = np.concatenate((np.zeros(n), np.ones(m)))
    half = np.concatenate((np.arange(n) % 2, np.arange(m) % 2))
    areas, deviations = [], []
    for held in (0, 1):
        train, test = half != held, half == held
        weights = _fitted(features[train], label[train])
        area, deviation = _area(features[test] @ weights, label[test])
        areas.append(area)
        deviations.append(deviation)
    return DomainFinding(math.fsum(areas) / 2, math.fsum(deviations) / 2, n, m)


def _features(rows: Floats, smaller: int) -> Floats:
    """A one, the columns, then squares and products while there are rows enough for them."""
    columns = rows.shape[1]
    room = max(smaller // _ROWS_PER_FEATURE, columns)
    parts = [rows]
    if 2 * columns <= room:
        parts.append(rows**2)
    if columns * (columns + 3) // 2 <= room:
        left, right = np.triu_indices(columns, 1)
        parts.append(rows[:, left] * rows[:, right])
    made = np.concatenate(parts, axis=1)
    spread = made.std(axis=0)
    made = (made - made.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.column_stack((np.ones(len(rows)), made))


def _fitted(features: Floats, label: Floats) -> Floats:
    """Newton's method for the penalised likelihood; the intercept is not penalised."""
    penalty = np.full(features.shape[1], _RIDGE)
    penalty[0] = 1e-6
    weights = np.zeros(features.shape[1])
    for _ in range(_ITERATIONS):
        chance = expit(features @ weights)
        curvature = (features * (chance * (1 - chance))[:, None]).T @ features + np.diag(penalty)
        step = np.linalg.solve(curvature, features.T @ (label - chance) - penalty * weights)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights


def _area(scores: Floats, label: Floats) -> tuple[float, float]:
    m = int(label.sum())
    n = len(label) - m
    cells, cell = np.unique(scores, return_inverse=True)
    area = auc(np.bincount(cell[label == 0], minlength=len(cells)), np.bincount(cell[label == 1], minlength=len(cells)))
    return area or 0.0, math.sqrt((n + m + 1) / (12 * n * m))
