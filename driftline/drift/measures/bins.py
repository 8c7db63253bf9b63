"""How two samples are cut into the same cells: by ourselves and by the systems whose numbers we reproduce.

Each function returns (counts of the reference, counts of the current sample), or None where there is nothing to cut: a side
without values, or numbers so far apart that no cell of finite width holds them.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from driftline.drift.baseline import fit_baseline
from driftline.drift.measures.samples import Sample
from driftline.drift.measures.shares import Counts, Floats
from driftline.events import ColumnKind

__all__ = ["Pair", "common_values", "cut", "deciles", "distinct", "doane", "edges_by", "equal_width", "known_values", "sturges"]

Pair = tuple[Counts, Counts]

FEW_VALUES = 20
"""Numbers with at most so many distinct values in the reference are counted by value (evidently 0.7)."""
RARE = 0.01
"""Values with a smaller share of the reference are merged (default of deepchecks' drift checks)."""
MOST_CELLS = 1_000_000
"""No rule may ask for more: a few values far out make the rules that go by the width of the middle explode."""


def deciles(reference: Sample, current: Sample) -> Pair | None:
    """Cut at the deciles of the reference, as a baseline does: bins of 20 rows or more, values beyond it in the outer ones.

    A reference of one bin (a constant) has a bin below and one above of their own.
    Categories are the reference's 200 most frequent, and one cell for all others. The same cells, and so the same
    numbers, as on the stream.
    """
    if not len(reference.known):
        return None
    kind = ColumnKind.NUMERIC if reference.numeric else ColumnKind.CATEGORICAL
    column = fit_baseline("", {"": reference.known}, {"": kind}).columns[0]
    if kind is ColumnKind.CATEGORICAL:
        return known_values(np.array(column.categories, np.str_), reference, current)
    low, high = column.sums[3:]
    edges = np.array(column.edges)[list(column.psi_edges)] if column.psi_edges else np.array([low, np.nextafter(high, np.inf)])
    return cut(edges, reference), cut(edges, current)


def cut(edges: Floats, side: Sample) -> Counts:
    """Count the values between inner edges: a value on an edge belongs to the cell above."""
    return np.bincount(np.searchsorted(edges, side.known, side="right"), minlength=len(edges) + 1)


def distinct(reference: Sample, current: Sample) -> Pair | None:
    """Count each distinct value of either side."""
    if not len(reference.known) or not len(current.known):
        return None
    values, codes = np.unique(np.concatenate((reference.known, current.known)), return_inverse=True)
    border = len(reference.known)
    return (
        np.bincount(codes[:border], minlength=len(values)),
        np.bincount(codes[border:], minlength=len(values)),
    )


def known_values(known: NDArray[Any], reference: Sample, current: Sample) -> Pair:
    """Count each value of `known`, and all others in one last cell."""
    order = np.argsort(known)
    sides = []
    for side in (reference, current):
        at = np.searchsorted(known, side.known, sorter=order)
        codes = order[np.minimum(at, len(known) - 1)] if len(known) else np.zeros(len(side.known), np.int64)
        right = known[codes] == side.known if len(known) else np.zeros(len(side.known), np.bool_)
        sides.append(np.bincount(np.where(right, codes, len(known)), minlength=len(known) + 1))
    return sides[0], sides[1]


def common_values(reference: Sample, current: Sample) -> tuple[Floats, Floats] | None:
    """Count values, those with less than 1 % of the reference merged into one cell; that cell is left out where it is as rare."""
    pair = distinct(reference, current)
    if pair is None:
        return None
    common = pair[0] >= RARE * pair[0].sum()
    rest = [side[~common].sum() for side in pair]
    kept = [side[common].astype(np.float64) for side in pair]
    if any(more > RARE * side.sum() for more, side in zip(rest, pair, strict=True)):
        kept = [np.append(side, more) for side, more in zip(kept, rest, strict=True)]
    return (kept[0], kept[1]) if kept[0].sum() and kept[1].sum() else None


def sturges(reference: Sample, current: Sample) -> Pair | None:
    """Cut as evidently 0.7 does: numbers into Sturges' equal widths over both samples together, all else by value.

    Its setting n_bins is without effect on numbers, so there is none here.
    """
    if reference.numeric and len(np.unique(reference.known)) > FEW_VALUES and len(current.known):
        edges = edges_by("sturges", np.concatenate((reference.known, current.known)))
        return None if edges is None else (_histogram(edges, reference), _histogram(edges, current))
    return distinct(reference, current)


def doane(reference: Sample, current: Sample) -> Pair | None:
    """Cut as nannyml 0.13 does: numbers into Doane's equal widths over the reference, categories by the reference's values.

    What lies outside of these, or is a new value, falls into one more cell.
    """
    if not len(reference.known) or not len(current.known):
        return None
    if not reference.numeric:
        return known_values(np.unique(reference.known), reference, current)
    edges = edges_by("doane", reference.known)
    if edges is None:
        return None
    sides = (_histogram(edges, side) for side in (reference, current))
    one, other = (
        np.append(counts, len(side.known) - counts.sum()) for counts, side in zip(sides, (reference, current), strict=True)
    )
    return one, other


def equal_width(reference: Sample, current: Sample, cells: int = 10) -> Pair | None:
    """Cut as frouros 0.9 does for its PSI and Hellinger distance: equal widths over the range of both samples."""
    if not reference.numeric or not len(reference.known) or not len(current.known):
        return None
    edges = edges_by(cells, np.concatenate((reference.known, current.known)))
    return None if edges is None else (_histogram(edges, reference), _histogram(edges, current))


def edges_by(rule: Literal["sturges", "doane", "auto"] | int, values: Floats) -> Floats | None:
    """Return numpy's histogram edges of a rule or number of cells; None where numbers of this size have none."""
    with np.errstate(all="ignore"):
        if not len(values) or not np.isfinite(np.ptp(values)) or (rule == "auto" and _too_many(values)):
            return None
        try:
            return np.histogram_bin_edges(values, bins=rule)
        except ValueError:  # the range is a few units in the last place of its ends
            return None


def _too_many(values: Floats) -> bool:
    low, high = np.quantile(values, (0.25, 0.75))
    width = 2 * (high - low) / len(values) ** (1 / 3)
    return bool(width > 0 and np.ptp(values) / width > MOST_CELLS)


def _histogram(edges: Floats, side: Sample) -> Counts:
    return np.histogram(side.known, edges)[0]
