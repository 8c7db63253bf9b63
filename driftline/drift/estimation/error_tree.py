"""A small regression tree over the cells of columns: which rows err alike.

Breiman et al., "Classification and Regression Trees" (1984), grown best split first to a bounded number of leaves, on cells in
place of values: a row is known by the number of its cell in each column, as the profile of a window knows it.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST", "LEAVES", "Tree", "grown"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

LEAVES, LEAST = 64, 100
"""Leaves at most, and rows of the reference that each has at least."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes by number, 0 the root. Node i sends a row to `left[i]` where its rank in `column[i]` is at most `cut[i]`."""

    ranks: tuple[tuple[int, ...], ...]
    """For each column, the rank of each cell: numbers in their order, categories by the size of their errors."""
    column: tuple[int, ...]
    """-1 for a leaf."""
    cut: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    leaf: tuple[int, ...]
    """Number of the leaf, -1 for other nodes."""

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return max(self.leaf) + 1

    def leaf_of(self, codes: Integers) -> Integers:
        """Leaf of each row of (n, columns) of cell numbers. Raises IndexError for a cell that the column does not have."""
        ranked = _ranked(codes, self.ranks)
        column, cut, left, right = (np.array(part) for part in (self.column, self.cut, self.left, self.right))
        node = np.zeros(len(codes), np.int64)
        inner = np.flatnonzero(column[node] >= 0)
        while len(inner):
            at = node[inner]
            below = ranked[inner, column[at]] <= cut[at]
            node[inner] = np.where(below, left[at], right[at])
            inner = inner[column[node[inner]] >= 0]
        found: Integers = np.array(self.leaf, np.int64)[node]
        return found


@dataclass(order=True, slots=True)
class _Split:
    """The best way to part the rows of one node; the largest gain first, then the earliest node."""

    loss: float
    node: int
    column: int = field(compare=False)
    cut: int = field(compare=False)
    rows: Integers = field(compare=False)


def grown(
    codes: Integers,
    sizes: Sequence[int],
    target: Floats,
    *,
    categorical: Collection[int] = (),
    leaves: int = LEAVES,
    least: int = LEAST,
) -> Tree:
    """Grow a tree that makes the target's variance within leaves small; a single leaf where nothing can be parted.

    `codes` is (n, columns) of cell numbers, below `sizes`; `categorical` columns have cells in no order.
    """
    ranks = tuple(
        _by_target(codes[:, at], size, target) if at in categorical else tuple(range(size)) for at, size in enumerate(sizes)
    )
    ranked = _ranked(codes, ranks)
    column, cut, left, right = [-1], [-1], [-1], [-1]
    open_splits: list[_Split] = []

    def consider(node: int, rows: Integers) -> None:
        found = _best(ranked, sizes, target, rows, least)
        if found is not None:
            heapq.heappush(open_splits, _Split(-found[0], node, found[1], found[2], rows))

    consider(0, np.arange(len(codes)))
    while open_splits and (len(column) + 1) // 2 < leaves:
        split = heapq.heappop(open_splits)
        below = ranked[split.rows, split.column] <= split.cut
        column[split.node], cut[split.node] = split.column, split.cut
        for side, rows in ((left, split.rows[below]), (right, split.rows[~below])):
            side[split.node] = len(column)
            for part in (column, cut, left, right):
                part.append(-1)
            consider(len(column) - 1, rows)
    numbers = iter(range(len(column)))
    leaf = tuple(next(numbers) if at < 0 else -1 for at in column)
    return Tree(ranks, tuple(column), tuple(cut), tuple(left), tuple(right), leaf)


def _best(ranked: Integers, sizes: Sequence[int], target: Floats, rows: Integers, least: int) -> tuple[float, int, int] | None:
    """Gain, column and cut of the split that takes most of the squares away."""
    best: tuple[float, int, int] | None = None
    values, n = target[rows], len(rows)
    total = float(values.sum())
    for column, size in enumerate(sizes):
        ranks = ranked[rows, column]
        counts = np.cumsum(np.bincount(ranks, minlength=size))[:-1]
        sums = np.cumsum(np.bincount(ranks, weights=values, minlength=size))[:-1]
        allowed = np.flatnonzero((counts >= least) & (n - counts >= least))
        if not len(allowed):
            continue
        c, s = counts[allowed], sums[allowed]
        gains = s**2 / c + (total - s) ** 2 / (n - c) - total**2 / n
        at = int(np.argmax(gains))
        if gains[at] > 1e-12 * abs(total) and (best is None or gains[at] > best[0]):
            best = float(gains[at]), column, int(allowed[at])
    return best


def _by_target(codes: Integers, size: int, target: Floats) -> tuple[int, ...]:
    """Ranks of categories by their mean target: the best split of a category is a cut of that order (Fisher 1958)."""
    counts = np.bincount(codes, minlength=size)
    means = np.bincount(codes, weights=target, minlength=size) / np.maximum(counts, 1)
    means = np.where(counts > 0, means, float(target.mean()) if len(target) else 0.0)
    order = np.argsort(means, kind="stable")
    ranks = np.empty(size, np.int64)
    ranks[order] = np.arange(size)
    return tuple(ranks.tolist())


def _ranked(codes: Integers, ranks: tuple[tuple[int, ...], ...]) -> Integers:
    columns = [np.array(rank, np.int64)[codes[:, at]] for at, rank in enumerate(ranks)]
    return np.column_stack(columns) if columns else np.zeros((len(codes), 0), np.int64)
