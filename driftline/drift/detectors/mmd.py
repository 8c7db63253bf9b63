"""Maximum mean discrepancy of two samples, with a permutation test.

Gretton et al., "A Kernel Two-Sample Test", JMLR 2012: the unbiased estimate with a Gaussian kernel whose width is the median
distance. It sees any difference, also those that no classifier of a given form can express.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "MINIMUM", "MmdFinding", "mmd"]

Floats = NDArray[np.float64]

MINIMUM, LARGEST = 20, 500
"""Rows of each sample that the test needs, and that it takes: the kernel matrix has the square of them."""
PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class MmdFinding:
    """What the test found."""

    value: float
    """MMD^2, unbiased: about 0, and below it half of the time, where nothing differs."""
    p_value: float
    """(1 + permutations that reach the value) / (1 + permutations): valid for any samples, at least 0.001."""
    largest: float
    """Of the permutations: a value beyond it has the least p-value that there is."""
    n: int
    m: int


def mmd(reference: Floats, current: Floats, *, seed: int, permutations: int = PERMUTATIONS) -> MmdFinding | None:
    """Test two samples (rows, columns) as `design.design` makes them; None below MINIMUM rows a side.

    Of more than LARGEST rows the first count. The seed belongs to the window (`seeds.seed_of`): the same window has the same
    p-value whenever and wherever it is computed.
    """
    reference, current = reference[:LARGEST], current[:LARGEST]
    n, m = len(reference), len(current)
    if min(n, m) < MINIMUM:
        return None
    kernel = _kernel(np.concatenate((reference, current)))
    random = np.random.default_rng(seed)
    sides = np.empty((n + m, permutations + 1))
    sides[:, 0] = np.arange(n + m) < n
    for column in range(1, permutations + 1):
        sides[:, column] = sides[random.permutation(n + m), 0]
    values = _statistics(kernel, sides, n, m)
    reached = int(np.count_nonzero(values[1:] >= values[0] - 1e-12))
    return MmdFinding(float(values[0]), (1 + reached) / (1 + permutations), float(values[1:].max()), n, m)


def _kernel(rows: Floats) -> Floats:
    squares = (rows**2).sum(axis=1)
    distance = np.maximum(squares[:, None] + squares[None, :] - 2 * rows @ rows.T, 0.0)
    upper = distance[np.triu_indices(len(rows), 1)]
    median = float(np.median(upper))
    kernel: Floats = np.exp(-distance / (median if median > 0 else 1.0))
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _statistics(kernel: Floats, sides: Floats, n: int, m: int) -> Floats:
    """MMD^2 of each split: mean within one side, within the other, less twice the mean across."""
    product = kernel @ sides
    within = (sides * product).sum(axis=0)
    across = product.sum(axis=0) - within
    other = kernel.sum() - within - 2 * across
    found: Floats = within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)
    return found
