"""Samples of rows as numbers that a distance can be taken of, or a classifier be trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["design"]

Floats = NDArray[np.float64]


def design(reference: Floats, current: Floats, categorical: tuple[int, ...] = ()) -> tuple[Floats, Floats]:
    """Two samples as numbers that a distance can be taken of: scaled columns, one-hot categories, flags of null.

    Numeric columns are centred at the median and divided by the interquartile range of both samples together (the deviation
    where that is 0), and clipped at 10: scaling by the reference alone would favour one side. A null is 0 and has a flag.
    `categorical` columns hold codes; categories in less than 1 % of both samples together share one column.
    """
    n = len(reference)
    both = np.concatenate((reference, current))
    parts: list[Floats] = []
    for column in range(both.shape[1]):
        parts += _categories(both[:, column]) if column in categorical else _numbers(both[:, column])
    made = np.column_stack(parts) if parts else np.zeros((len(both), 0))
    return made[:n], made[n:]


def _numbers(values: Floats) -> list[Floats]:
    null = ~np.isfinite(values)
    parts = [null.astype(np.float64)] if null.any() and not null.all() else []
    known = values[~null]
    if not len(known):
        return parts
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    scale = (high - low) / 1.349 or known.std()
    if scale > 0:
        parts.append(np.where(null, 0.0, np.clip((values - middle) / scale, -10.0, 10.0)))
    return parts


def _categories(values: Floats) -> list[Floats]:
    codes = np.where(np.isfinite(values), values, -1.0)
    found, counts = np.unique(codes, return_counts=True)
    often = found[counts >= max(0.01 * len(codes), 1)]
    parts = [(codes == code).astype(np.float64) for code in often]
    rare = ~np.isin(codes, often)
    if rare.any():
        parts.append(rare.astype(np.float64))
    return parts if len(parts) > 1 else []
