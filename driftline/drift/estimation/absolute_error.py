"""Direct loss estimation: how large the errors of a regression probably are, from the kind of rows that come.

After NannyML's DLE, which trains a second model on the size of errors. Here that model are kinds of
rows, told apart by the cells of one column: the reference says how large errors are in each, and the counts that a window has of
that column anyway are all it needs. It follows drift of the inputs and of the predictions; it does not see concept drift, nor how errors change within
a kind. `CAVEAT` says so wherever an estimate is shown.
"""

from __future__ import annotations

import heapq
import json
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.performance.intervals import LEVEL, UNKNOWN, Estimate, quantile_of

__all__ = ["CAVEAT", "ErrorEstimation", "ErrorModel"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

CAVEAT = "estimated from inputs; valid only while errors depend on the inputs as in the reference (no concept drift)"


FORMAT = 2
"""Of the text that a model is kept as."""
MOST, LEAST = 64, 100
"""Kinds of rows at most, and rows of the reference that each has at least."""
_SUMS = ("rows", "absolute", "squared", "fourth")


@dataclass(frozen=True, slots=True)
class ErrorEstimation:
    """mae, mse and rmse of a window, each with the interval in which the realised value lies."""

    values: dict[str, Estimate]
    n: int
    caveat: str = CAVEAT


@dataclass(frozen=True, slots=True, eq=False)
class ErrorModel:
    """Kinds of rows by the cells of one column, and what is known of errors in each: sums over the rows of the reference."""

    kinds: Integers
    """Of each cell of the column, in the order of the layout."""
    rows: Floats
    absolute: Floats
    squared: Floats
    fourth: Floats
    """Sums of 1, |e|, e^2 and e^4 by kind."""

    @staticmethod
    def fit(
        cells: Integers, size: int, errors: Floats, *, categorical: bool = False, most: int = MOST, least: int = LEAST
    ) -> ErrorModel:
        """Fit on rows of the reference: the cell of each, below `size`, and predicted - actual; not finite = left out.

        Rows are parted by the even ones and measured on the odd ones: kinds chosen because their rows erred much by
        chance would promise too much. Raises ValueError below 2 rows.
        """
        known = np.isfinite(errors)
        cells, errors = cells[known], np.abs(errors[known])
        if len(errors) < 2:
            raise ValueError("the reference has no errors; fit the baseline with its labels and predictions")
        kinds = parted(cells[::2], size, errors[::2], categorical=categorical, most=most, least=least)
        found, number = kinds[cells[1::2]], int(kinds.max()) + 1
        rows, *sums = (
            np.bincount(found, weights=errors[1::2] ** power, minlength=number).astype(np.float64) for power in (0, 1, 2, 4)
        )
        return ErrorModel(kinds, rows, *sums)

    def estimate(self, counts: Integers, level: float = LEVEL) -> ErrorEstimation:
        """Estimate a window from its counts by cell. The interval considers the noise of errors on both sides."""
        n = int(counts.sum())
        if n <= 0:
            return ErrorEstimation(dict.fromkeys(("mae", "mse", "rmse"), UNKNOWN), 0)
        shares = np.bincount(self.kinds, weights=counts, minlength=len(self.rows)) / n
        mae = self._mean(shares, n, self.absolute, self.squared, level)
        mse = self._mean(shares, n, self.squared, self.fourth, level)
        low, high = mse.low, mse.high
        rmse = Estimate(
            None if mse.value is None else math.sqrt(mse.value),
            None if low is None else math.sqrt(low),
            None if high is None else math.sqrt(high),
        )
        return ErrorEstimation({"mae": mae, "mse": mse, "rmse": rmse}, n)

    def to_json(self) -> str:
        """The model as text, to be kept beside the baseline that it was fitted with."""
        parts = {name: getattr(self, name).tolist() for name in ("kinds", *_SUMS)}
        return json.dumps({"format": FORMAT, **parts}, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> ErrorModel:
        """The model that `to_json` wrote. Raises ValueError for any other text."""
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                message = f"the model has format {found['format']}, this version reads {FORMAT}; fit the baseline again"
                raise ValueError(message)
            sums = (np.array(found[name], np.float64) for name in _SUMS)
            return ErrorModel(np.array(found["kinds"], np.int64), *sums)
        except (KeyError, TypeError) as error:
            message = f"no model of errors: {error!r}"
            raise ValueError(message) from error

    def _mean(self, shares: Floats, n: int, sums: Floats, squares: Floats, level: float) -> Estimate:
        """Mean of a size of errors: kinds measured on no row take the mean of all."""
        rows = np.where(self.rows > 0, self.rows, self.rows.sum())
        means = np.where(self.rows > 0, sums, sums.sum()) / rows
        spread = np.maximum(np.where(self.rows > 0, squares, squares.sum()) / rows - means**2, 0.0)
        value = float(shares @ means)
        variance = float(shares @ spread) / n + float(shares**2 @ (spread / rows))
        half = quantile_of(level) * math.sqrt(variance)
        return Estimate(value, max(value - half, 0.0), value + half)


def parted(cells: Integers, size: int, target: Floats, *, categorical: bool, most: int = MOST, least: int = LEAST) -> Integers:
    """The kind of each cell, so that the target varies little among rows of a kind; one kind where nothing can be parted.

    A regression tree of one column (Breiman et al., "Classification and Regression Trees", 1984), grown best split first: kinds
    are neighbouring cells of numbers, or of categories in the order of their mean target (Fisher 1958), with `least` rows each.
    """
    order = _by_target(cells, size, target) if categorical else np.arange(size)
    counts = np.bincount(cells, minlength=size)[order]
    sums = np.bincount(cells, weights=target, minlength=size)[order].astype(np.float64)
    borders = [0, size]
    splits = [_split(counts, sums, 0, size, least)]
    while splits and len(borders) <= most:
        gain, at, begin, end = heapq.heappop(splits)
        if gain >= 0:
            continue
        borders.append(at)
        for part in ((begin, at), (at, end)):
            heapq.heappush(splits, _split(counts, sums, *part, least))
    kinds = np.empty(size, np.int64)
    kinds[order] = np.searchsorted(np.sort(borders)[1:], np.arange(size), side="right")
    return kinds


def _split(counts: Integers, sums: Floats, begin: int, end: int, least: int) -> tuple[float, int, int, int]:
    """Minus the squares that the best border between two cells takes away (0 where there is none), the border, and both ends."""
    n, s = np.cumsum(counts[begin:end])[:-1], np.cumsum(sums[begin:end])[:-1]
    rows, total = int(counts[begin:end].sum()), float(sums[begin:end].sum())
    allowed = np.flatnonzero((n >= least) & (rows - n >= least))
    if not len(allowed):
        return 0.0, begin, begin, end
    n, s = n[allowed], s[allowed]
    gains = s**2 / n + (total - s) ** 2 / (rows - n) - total**2 / rows
    best = int(np.argmax(gains))
    gain = float(gains[best])
    return (-gain if gain > 1e-12 * abs(total) else 0.0), begin + int(allowed[best]) + 1, begin, end


def _by_target(cells: Integers, size: int, target: Floats) -> Integers:
    """Cells by their mean target, those without rows at the mean of all."""
    counts = np.bincount(cells, minlength=size)
    means = np.bincount(cells, weights=target, minlength=size) / np.maximum(counts, 1)
    order: Integers = np.argsort(np.where(counts > 0, means, float(target.mean()) if len(target) else 0.0), kind="stable")
    return order
