"""From the score of a model to the chance that it is right, learned from counts of the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "isotonic"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The chance of the positive class (of many classes: that the prediction is right) by cell of score, and how well it is known."""

    chance: Floats
    doubt: Floats
    """(cells, k): the covariance of `chance` is doubt doubt^T."""
    rows: Integers
    """Rows of the reference by cell."""


def isotonic(negatives: Integers, positives: Integers) -> Calibration:
    """Isotonic regression (pool adjacent violators): chances that never fall as the score rises.

    Takes counts of the reference by ascending cells. The same as isotonic regression on rows whose
    scores are those of the cells. Cells without rows lie on the line between their neighbours. Raises ValueError without rows.
    """
    from scipy.optimize import isotonic_regression  # 50 MB, and only estimates want it

    n, seen = _seen(negatives, positives)
    found = isotonic_regression(positives[seen] / n[seen], weights=n[seen])
    chance = np.interp(np.arange(len(n)), seen, found.x)
    # A pooled block is one proportion: its cells err together.
    block = np.repeat(np.arange(len(found.weights)), np.diff(found.blocks))
    size = found.weights
    level = found.x[found.blocks[:-1]]
    # Laplace's estimate: a block of equal outcomes is not known without doubt.
    careful = (level * size + 1) / (size + 2)
    deviation = np.sqrt(careful * (1 - careful) / size)
    doubt = np.zeros((len(n), len(size)))
    nearest = seen[np.clip(np.searchsorted(seen, np.arange(len(n))), 0, len(seen) - 1)]
    of_cell = block[np.searchsorted(seen, nearest)]
    doubt[np.arange(len(n)), of_cell] = deviation[of_cell]
    return Calibration(chance, doubt, n)


def _seen(negatives: Integers, positives: Integers) -> tuple[Integers, Integers]:
    n = negatives + positives
    seen = np.flatnonzero(n > 0)
    if not len(seen):
        raise ValueError("the reference has no scores with outcomes; fit the baseline with its labels")
    return n, seen
