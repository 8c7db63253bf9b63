"""Direct loss estimation: how large the errors of a regression probably are, from the kind of rows that come.

After NannyML's DLE, which trains a second model on the size of errors. Here that model is a small tree: its leaves are kinds of
rows, the reference says how large errors are in each, and a window needs only the counts of its rows by leaf, which add and
subtract. It follows drift of the inputs and of the predictions; it does not see concept drift, nor how errors change within
a leaf. `CAVEAT` says so wherever an estimate is shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.estimation.error_tree import LEAST, LEAVES, Tree, grown
from driftline.drift.performance.intervals import LEVEL, UNKNOWN, Estimate, quantile_of

__all__ = ["CAVEAT", "ErrorEstimation", "ErrorModel"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

CAVEAT = "estimated from inputs; valid only while errors depend on the inputs as in the reference (no concept drift)"


FORMAT = 1
"""Of the text that a model is kept as."""
_TREE = ("ranks", "column", "cut", "left", "right", "leaf")
_SUMS = ("rows", "absolute", "squared", "fourth")


@dataclass(frozen=True, slots=True)
class ErrorEstimation:
    """mae, mse and rmse of a window, each with the interval in which the realised value lies."""

    values: dict[str, Estimate]
    n: int
    caveat: str = CAVEAT


@dataclass(frozen=True, slots=True, eq=False)
class ErrorModel:
    """Kinds of rows, and what is known of errors in each: sums over the rows of the reference."""

    tree: Tree
    rows: Floats
    absolute: Floats
    squared: Floats
    fourth: Floats
    """Sums of 1, |e|, e^2 and e^4 by leaf."""

    @staticmethod
    def fit(
        codes: Integers,
        sizes: Sequence[int],
        errors: Floats,
        *,
        categorical: Collection[int] = (),
        leaves: int = LEAVES,
        least: int = LEAST,
    ) -> ErrorModel:
        """Fit on rows of the reference: (n, columns) of cell numbers and predicted - actual; not finite = left out.

        The tree is grown on the even rows and measured on the odd ones: leaves chosen because their rows erred much by
        chance would promise too much. Raises ValueError below 2 rows.
        """
        known = np.isfinite(errors)
        codes, size = codes[known], np.abs(errors[known])
        if len(size) < 2:
            raise ValueError("the reference has no errors; fit the baseline with its labels and predictions")
        tree = grown(codes[::2], sizes, size[::2], categorical=categorical, leaves=leaves, least=least)
        found = tree.leaf_of(codes[1::2])
        rows, *sums = (
            np.bincount(found, weights=size[1::2] ** power, minlength=tree.leaves).astype(np.float64) for power in (0, 1, 2, 4)
        )
        return ErrorModel(tree, rows, *sums)

    def count(self, codes: Integers, *, sign: int = 1) -> Integers:
        """Counts by leaf of the rows of a window; they add and subtract."""
        found = np.bincount(self.tree.leaf_of(codes), minlength=self.tree.leaves).astype(np.int64)
        return sign * found

    def estimate(self, counts: Integers, level: float = LEVEL) -> ErrorEstimation:
        """Estimate a window from its counts by leaf. The interval considers the noise of errors on both sides."""
        n = int(counts.sum())
        if n <= 0:
            return ErrorEstimation(dict.fromkeys(("mae", "mse", "rmse"), UNKNOWN), 0)
        mae = self._mean(counts / n, n, self.absolute, self.squared, level)
        mse = self._mean(counts / n, n, self.squared, self.fourth, level)
        low, high = mse.low, mse.high
        rmse = Estimate(
            None if mse.value is None else math.sqrt(mse.value),
            None if low is None else math.sqrt(low),
            None if high is None else math.sqrt(high),
        )
        return ErrorEstimation({"mae": mae, "mse": mse, "rmse": rmse}, n)

    def to_json(self) -> str:
        """The model as text, to be kept beside the baseline that it was fitted with."""
        tree = {name: getattr(self.tree, name) for name in _TREE}
        sums = {name: getattr(self, name).tolist() for name in _SUMS}
        return json.dumps({"format": FORMAT, "tree": tree, **sums}, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> ErrorModel:
        """The model that `to_json` wrote. Raises ValueError for any other text."""
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                message = f"the model has format {found['format']}, this version reads {FORMAT}; fit the baseline again"
                raise ValueError(message)
            parts = found["tree"]
            ranks = tuple(tuple(int(rank) for rank in column) for column in parts["ranks"])
            nodes = [tuple(int(number) for number in parts[name]) for name in _TREE[1:]]
            return ErrorModel(Tree(ranks, *nodes), *(np.array(found[name], np.float64) for name in _SUMS))
        except (KeyError, TypeError) as error:
            message = f"no model of errors: {error!r}"
            raise ValueError(message) from error

    def _mean(self, shares: Floats, n: int, sums: Floats, squares: Floats, level: float) -> Estimate:
        """Mean of a size of errors: leaves measured on no row take the mean of all."""
        rows = np.where(self.rows > 0, self.rows, self.rows.sum())
        means = np.where(self.rows > 0, sums, sums.sum()) / rows
        spread = np.maximum(np.where(self.rows > 0, squares, squares.sum()) / rows - means**2, 0.0)
        value = float(shares @ means)
        variance = float(shares @ spread) / n + float(shares**2 @ (spread / rows))
        half = quantile_of(level) * math.sqrt(variance)
        return Estimate(value, max(value - half, 0.0), value + half)
