"""The cells of a profile as matrices: a row for each column, so that a measure is taken of all columns in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.measures.quantiles import LEVELS, quantile_rows
from driftline.drift.measures.shares import Counts, Floats
from driftline.drift.profile.layout import MOMENTS, Block, BlockKind
from driftline.events import BaselineColumn

__all__ = ["Cut", "Side", "baseline_vectors"]

Index = NDArray[np.intp]

_QUANTILES = np.array(tuple(LEVELS.values()))


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What the measures take of one sample: a row for each column, or (fine, borders and below) for each numeric one.

    NaN is what is not known.
    """

    bins: Counts
    """Deciles, or unseen and the categories; padded with empty cells."""
    rates: Floats
    """Shares of rows: null, NaN or unseen, below, above, zero; the last three NaN in categories."""
    rows: int
    distinct: Floats
    """Cells that hold values, where each cell is one value: the values that there are, those that the baseline does not know
    counted as one (below and above as one each). NaN in columns of more values."""
    shares_distinct: Floats
    """Of the rows with a value."""
    fine: Counts
    """Below, the fine cells, above; padded with empty cells."""
    borders: Floats
    """Ends of the cells of `fine`; below and above end where the values did."""
    means: Floats
    """About the origin of the column."""
    deviations: Floats
    """Divided by n."""
    quantiles: Floats
    """By level."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Where the columns of a layout are in its vectors. Indices one past the end stand for no cell."""

    numeric: Index
    """Which of the columns are numeric."""
    origins: Floats
    segments: Index
    """Starts of the bins in the vector, and of what lies between them."""
    bins: Index
    """Columns x bins: indices of segments."""
    specials: Index
    """Columns x (null, NaN or unseen, below, above): indices of cells."""
    discrete: NDArray[np.bool_]
    """Which of the columns have one value in each cell."""
    fine: Index
    """Numeric columns x cells: indices of cells."""
    borders: Floats
    """Numeric columns x (cells + 1): inner edges, infinities around them."""
    minima: Floats
    maxima: Floats
    """Numeric columns: extremes of the baseline; of one without values +inf and -inf."""

    @staticmethod
    def of(blocks: Sequence[Block]) -> Cut:
        """The places of these columns."""
        numbers = [block for block in blocks if block.kind is BlockKind.NUMERIC]
        starts = [_segments(block) for block in blocks]
        ends = np.cumsum([len(each) for each in starts]).tolist()
        size = blocks[-1].cells.stop
        bins = [range(end - len(each) + _bins_from(block), end) for end, each, block in zip(ends, starts, blocks, strict=True)]
        return Cut(
            numeric=np.array([at for at, block in enumerate(blocks) if block.kind is BlockKind.NUMERIC], np.intp),
            origins=np.array([block.origin for block in numbers], np.float64),
            segments=np.array([start for each in starts for start in each], np.intp),
            bins=_padded(bins, ends[-1]).astype(np.intp),
            specials=np.array([_specials(block, size) for block in blocks], np.intp),
            discrete=np.array([block.discrete for block in blocks], np.bool_),
            fine=_padded([range(block.ordered.start, block.ordered.stop) for block in numbers], size).astype(np.intp),
            borders=_padded([(-np.inf, block.minimum, *block.edges, block.maximum, np.inf) for block in numbers], np.inf),
            minima=np.array([block.minimum if np.isfinite(block.minimum) else np.inf for block in numbers], np.float64),
            maxima=np.array([block.maximum if np.isfinite(block.maximum) else -np.inf for block in numbers], np.float64),
        )

    def side(self, cells: Counts, sums: Floats, rows: int) -> Side:
        """The matrices of a vector of cells and its sums (of INPUTS)."""
        numerics = len(self.numeric)
        ended = np.append(cells, 0)
        n, total, squares, zeros = sums[: MOMENTS * numerics].reshape(-1, MOMENTS).T
        lows, highs = sums[MOMENTS * numerics :].reshape(2, numerics)
        fine = ended[self.fine]
        low, high = np.minimum(self.minima, lows), np.maximum(self.maxima, highs)
        borders = np.clip(self.borders, low[:, None], high[:, None])
        with np.errstate(all="ignore"):  # no rows: NaN; moments of numbers near the largest double: infinite
            rates = ended[self.specials] / rows if rows > 0 else np.full(self.specials.shape, np.nan)
            rates[self.specials == len(cells)] = np.nan
            zero = np.full(len(rates), np.nan)
            zero[self.numeric] = zeros / rows if rows > 0 else np.nan
            means = np.where(n > 0, total / n, np.nan)
            deviations = np.sqrt(np.maximum(squares / n - means * means, 0.0))
        distinct, shares = self._distinct(ended, fine)
        return Side(
            bins=np.append(np.add.reduceat(cells, self.segments), 0)[self.bins],
            rates=np.column_stack((rates, zero)),
            rows=rows,
            distinct=distinct,
            shares_distinct=shares,
            fine=fine,
            borders=borders,
            means=means,
            deviations=deviations,
            quantiles=quantile_rows(fine, borders, _QUANTILES),
        )

    def _distinct(self, ended: Counts, fine: Counts) -> tuple[Floats, Floats]:
        """Values by column, and as a share of the rows that have one."""
        cells = np.append(np.add.reduceat(ended[:-1], self.segments), 0)[self.bins]
        found, valued = np.count_nonzero(cells, axis=1).astype(np.float64), cells.sum(axis=1)
        found[self.numeric] = np.count_nonzero(fine, axis=1)
        found[~self.discrete | (ended.sum() == 0)] = np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            return found, np.where(valued > 0, found / valued, np.nan)


def baseline_vectors(columns: Iterable[BaselineColumn], cut: Cut) -> tuple[Counts, Floats]:
    """Return cells and sums of a baseline's columns as a profile of the same rows has them."""
    known = tuple(columns)
    cells = np.array([count for column in known for count in column.counts], np.int64)
    moments = [
        (*(known[at].sums or (0.0,) * 3)[:3], np.nan if known[at].zeros is None else known[at].zeros) for at in cut.numeric
    ]
    return cells, np.concatenate((np.array(moments, np.float64).ravel(), cut.minima, cut.maxima))


def _segments(block: Block) -> list[int]:
    if block.kind is BlockKind.CATEGORICAL:
        return list(range(block.cells.start, block.cells.stop))
    return [block.null, block.nan, *block.psi_starts]


def _bins_from(block: Block) -> int:
    """How many segments of a block come before its bins."""
    return 1 if block.kind is BlockKind.CATEGORICAL else 2


def _specials(block: Block, none: int) -> tuple[int, int, int, int]:
    if block.kind is BlockKind.CATEGORICAL:
        return block.null, block.unseen, none, none
    return block.null, block.nan, block.ordered.start, block.ordered.stop - 1


def _padded(rows: Sequence[Sequence[float]], filler: float) -> Floats:
    """Return rows of unequal length as a matrix, two columns wide if there are none."""
    matrix = np.full((len(rows), max(map(len, rows), default=2)), filler, np.float64)
    for at, row in enumerate(rows):
        matrix[at, : len(row)] = row
    return matrix
