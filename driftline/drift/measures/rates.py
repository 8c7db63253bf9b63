"""Shares of rows: missing, zero, distinct, out of range, new. Each lies between 0 and 1, and a delta is current - reference."""

from __future__ import annotations

import numpy as np

from driftline.drift.measures.samples import Sample

__all__ = [
    "above",
    "below",
    "distinct",
    "mean",
    "nans",
    "new_categories",
    "nulls",
    "out_of_range",
    "rate",
    "rows",
    "values",
    "zeros",
]


def rate(cell: int, rows: int) -> float | None:
    """Return the share of `rows` that fall into one cell (null, NaN, unseen); None without rows."""
    return cell / rows if rows > 0 else None


def nulls(side: Sample) -> float | None:
    """Return the share of rows without a value."""
    return rate(side.nulls, side.rows)


def nans(side: Sample) -> float | None:
    """Return the share of rows that are NaN or infinite."""
    return rate(side.nans, side.rows)


def zeros(side: Sample) -> float | None:
    """Return the share of rows that are 0; None for texts."""
    return rate(int(np.count_nonzero(side.known == 0)), side.rows) if side.numeric else None


def distinct(side: Sample) -> float | None:
    """Return distinct values over values: 1 = no value twice. None without values."""
    return rate(len(np.unique(side.known)), len(side.known))


def values(side: Sample) -> float:
    """Return how many different values there are."""
    return float(len(np.unique(side.known)))


def rows(side: Sample) -> float:
    """Return how many rows there are."""
    return float(side.rows)


def mean(side: Sample) -> float | None:
    """Return the mean of the finite numbers; None for texts, no values, or numbers that no double can add."""
    if not side.numeric or not len(side.known):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        found = float(np.mean(side.known))
    return found if np.isfinite(found) else None


def below(reference: Sample, current: Sample) -> float | None:
    """Return the share of rows below the least value of the reference; None where that is not known."""
    if not reference.numeric or not len(reference.known):
        return None
    return rate(int(np.count_nonzero(current.known < reference.known.min())), current.rows)


def above(reference: Sample, current: Sample) -> float | None:
    """Return the share of rows above the largest value of the reference; None where that is not known."""
    if not reference.numeric or not len(reference.known):
        return None
    return rate(int(np.count_nonzero(current.known > reference.known.max())), current.rows)


def out_of_range(reference: Sample, current: Sample) -> float | None:
    """Return `below` + `above`."""
    low, high = below(reference, current), above(reference, current)
    return None if low is None or high is None else low + high


def new_categories(reference: Sample, current: Sample) -> float | None:
    """Return the share of rows whose value the reference never had; None for numbers.

    On the stream it is unseen_rate, where all but the reference's 200 most frequent values count as unseen.
    """
    if reference.numeric:
        return None
    return rate(int(np.count_nonzero(~np.isin(current.known, np.unique(reference.known)))), current.rows)
