"""What each number of a profile means: a function of the monitor and its baseline.

A vector of cells is a row of blocks. INPUTS has one block for each watched column, in the monitor's order:

    NUMERIC      null | nan | below | fine 0 .. fine k | above     k = len(edges)
    CATEGORICAL  null | unseen | category 0 .. category k-1

Columns of times and texts are counted as NUMERIC ones (`readings.py`); a text that is no time is NaN.

`fine i` holds edges[i-1] <= x < edges[i]; below is x < minimum of the baseline, above is x > its maximum, so that
`below` to `above` are in the order of values. The parts that labels can change (IN_TIME, LATER) are vectors of `PairLayout`,
without real sums.

Sums of INPUTS are n, sum, sum of squares (about the column's origin) of the finite values of each NUMERIC column and how many
of them are 0, then the minimum of each, then the maximum of each.

Slices (`cuts`) have profiles of the same shape, one each. Where the monitor has metrics in SQL, the profiles of INPUTS and of
IN_TIME have a partial of a plan of the compiled `program` each.
SAMPLE is no profile but a `reservoir.Reservoir`, of all rows.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftline.drift.profile.cuts import Cut, Values, cuts_of, quoted, slice_names
from driftline.drift.profile.pairs import PairLayout
from driftline.drift.profile.panes import pane_us
from driftline.drift.profile.partial import Room
from driftline.drift.sampling import sample_rows
from driftline.events import Baseline, BaselineColumn, ColumnKind, Monitor, MonitorColumn, MonitorSlice, Part, Task
from driftline.events.columns import LABEL, PREDICTION

if TYPE_CHECKING:
    from driftline.drift.sqlmetrics import Program

FORMAT = 3
"""Changes when the same monitor and baseline give other cells."""
MAXIMUM_CLASSES = 64
"""Classes beyond these are counted as other in the confusion matrix."""
KSWIN = "kswin"
"""The detector that wants samples."""

NULL, NAN, UNSEEN, BELOW = 0, 1, 1, 2
"""Cells within a block: NULL of both kinds, NAN and BELOW of NUMERIC, UNSEEN of CATEGORICAL."""
NUMERIC_SPECIALS, CATEGORICAL_SPECIALS = 4, 2
MOMENTS = 4
"""n, sum, sum of squares, zeros."""


class BlockKind(StrEnum):
    """What the cells of a block count."""

    NUMERIC = "NUMERIC"
    CATEGORICAL = "CATEGORICAL"


@dataclass(frozen=True, slots=True)
class Shape:
    """Lengths of a profile's vectors: what two profiles must share to be added.

    `sums` has `additive` numbers that add, then `extremes` minima and as many maxima.
    """

    layout: str
    part: Part
    cells: int
    additive: int
    extremes: int
    room: Room | None = None
    """Of the partials of SQL metrics; None = there are none."""

    @property
    def sums(self) -> int:
        """Length of the vector of sums."""
        return self.additive + 2 * self.extremes


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive cells that belong to a column."""

    column: str
    kind: BlockKind
    offset: int
    size: int
    edges: tuple[float, ...] = ()
    """NUMERIC: inner edges of the fine cells, ascending."""
    psi_edges: tuple[int, ...] = ()
    """NUMERIC: indices into edges of the inner edges of the PSI bins."""
    minimum: float = -np.inf
    maximum: float = np.inf
    origin: float = 0.0
    """NUMERIC: origin of the moments."""
    numeric: int = -1
    """NUMERIC: which of the numeric columns this is (its place in the sums)."""
    discrete: bool = True
    """NUMERIC: whether each fine cell has one value of the baseline, so that cells tell values apart."""
    categories: tuple[str, ...] = ()
    """CATEGORICAL: known values."""

    @property
    def cells(self) -> slice:
        """Its cells within the vector."""
        return slice(self.offset, self.offset + self.size)

    @property
    def ordered(self) -> slice:
        """NUMERIC: below, the fine cells, above, within the vector, in the order of values."""
        return slice(self.offset + BELOW, self.offset + self.size)

    @property
    def null(self) -> int:
        """Index of the null cell within the vector."""
        return self.offset + NULL

    @property
    def nan(self) -> int:
        """NUMERIC: index of the NaN cell within the vector."""
        return self.offset + NAN

    @property
    def unseen(self) -> int:
        """CATEGORICAL: index of the cell of values that the baseline does not know."""
        return self.offset + UNSEEN

    def psi_counts(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """NUMERIC: counts of the PSI bins (len(psi_edges) + 1), below in the first, above in the last.

        Of a column whose baseline has one bin (a constant): below, inside, above. `cells` is a vector of the layout, or many as rows.
        """
        starts = [start - self.ordered.start for start in self.psi_starts]
        return np.add.reduceat(cells[..., self.ordered], starts, axis=-1)

    @property
    def psi_starts(self) -> list[int]:
        """NUMERIC: indices of the first cells of the PSI bins."""
        first = self.ordered.start
        if not self.psi_edges:
            return [first, first + 1, self.ordered.stop - 1]
        return [first, *(first + edge + 2 for edge in self.psi_edges)]

    def labels(self) -> tuple[str, ...]:
        """What each cell means, for a person."""
        if self.kind is BlockKind.CATEGORICAL:
            return ("null", "unseen", *self.categories)
        borders = (self.minimum, *self.edges, self.maximum)
        fine = (f"[{low:g}, {high:g})" for low, high in itertools.pairwise(borders))
        return ("null", "nan", f"< {self.minimum:g}", *fine, f"> {self.maximum:g}")


@dataclass(frozen=True)
class Layout:
    """What shapes the counts of one monitor: columns, baseline, task, pane, slices. Thresholds are no part of it."""

    hash: str
    baseline_id: str
    task: Task
    positive_class: str | None
    pane_us: int
    blocks: tuple[Block, ...]
    """Of INPUTS: one for each watched column, in the monitor's order."""
    pairs: PairLayout
    """Of IN_TIME and LATER."""
    cuts: tuple[Cut, ...] = ()
    """How rows are cut into slices."""
    program: Program | None = field(default=None, compare=False)
    """The SQL metrics, compiled; None = there are none."""
    sample_rows: int = 0
    """Rows in the SAMPLE of a pane, one column of it for each block; 0 = nobody asks for samples."""
    protected_columns: tuple[str, ...] = ()
    """Whose values are groups to be compared; the rows are cut by each of them."""

    @staticmethod
    def of(monitor: Monitor, baseline: Baseline) -> Layout:
        """The layout of a monitor. Raises ValueError where the baseline does not fit it, naming the column.

        Raises MetricRefused where a metric cannot be compiled: governance refuses such a monitor, and the book rejects it.
        """
        if baseline.baseline_id != monitor.baseline_id:
            message = f"the monitor wants baseline {monitor.baseline_id}, not {baseline.baseline_id}"
            raise ValueError(message)
        known = {column.name: column for column in baseline.columns}
        blocks: list[Block] = []
        for column in monitor.columns:
            offset = blocks[-1].cells.stop if blocks else 0
            numeric = sum(block.kind is BlockKind.NUMERIC for block in blocks)
            blocks.append(_input_block(column, known, offset, numeric))
        program = program_of(monitor, baseline)
        return Layout(
            hash=_layout_hash(monitor, program),
            baseline_id=baseline.baseline_id,
            task=monitor.task,
            positive_class=monitor.positive_class,
            pane_us=pane_us(monitor),
            blocks=tuple(blocks),
            pairs=_pairs(monitor, known),
            cuts=cuts_of(_ways(monitor), {block.column: _values(block, known[block.column]) for block in blocks}),
            program=program,
            sample_rows=sample_rows(len(blocks)) if _samples(monitor) else 0,
            protected_columns=monitor.protected,
        )

    @cached_property
    def by_column(self) -> dict[str, Block]:
        """The blocks of INPUTS by column name."""
        return {block.column: block for block in self.blocks}

    @cached_property
    def slices(self) -> tuple[str, ...]:
        """The names of all slices, cut by cut, each cut's by code; that of all rows is not among them."""
        return slice_names(self.cuts)

    @cached_property
    def protected(self) -> tuple[Cut, ...]:
        """The cuts whose slices are groups."""
        return tuple(cut for cut in self.cuts if len(cut.columns) == 1 and cut.columns[0] in self.protected_columns)

    @cached_property
    def similar(self) -> tuple[Cut, ...]:
        """Where columns are protected, the cuts by two others: rows of one slice are alike."""
        pairs = (cut for cut in self.cuts if len(cut.columns) == 2 and self.protected_columns)
        return tuple(cut for cut in pairs if not set(cut.columns) & set(self.protected_columns))

    @cached_property
    def _shapes(self) -> dict[Part, Shape]:
        rooms = (None, None) if self.program is None else (self.program.inputs.room, self.program.pairs.room)
        inputs = Shape(self.hash, Part.INPUTS, _size(self.blocks), MOMENTS * self.numerics, self.numerics, rooms[0])
        in_time = Shape(self.hash, Part.IN_TIME, self.pairs.size, 0, 0, rooms[1])
        label = {Part.IN_TIME: in_time, Part.LATER: Shape(self.hash, Part.LATER, self.pairs.size, 0, 0)}
        return {Part.INPUTS: inputs, **label}

    def shape(self, part: Part) -> Shape:
        """Lengths of the vectors of a part."""
        return self._shapes[part]

    @cached_property
    def numerics(self) -> int:
        """Number of NUMERIC columns."""
        return sum(block.kind is BlockKind.NUMERIC for block in self.blocks)

    @property
    def cells(self) -> int:
        """Length of the cells of INPUTS."""
        return self.shape(Part.INPUTS).cells

    @property
    def sums(self) -> int:
        """Length of the sums of INPUTS."""
        return self.shape(Part.INPUTS).sums

    @property
    def classes(self) -> tuple[str, ...]:
        """Known classes, in the order of the confusion matrix; `other` follows them. Empty for REGRESSION."""
        return self.pairs.classes

    def moments(self, column: str) -> slice:
        """n, sum, sum of squares, zeros of a NUMERIC column within the sums of INPUTS."""
        numeric = self.by_column[column].numeric
        return slice(MOMENTS * numeric, MOMENTS * (numeric + 1))

    def minimum(self, column: str) -> int:
        """Index of a NUMERIC column's minimum within the sums of INPUTS (+inf where there was no finite value)."""
        return MOMENTS * self.numerics + self.by_column[column].numeric

    def maximum(self, column: str) -> int:
        """Index of a NUMERIC column's maximum within the sums of INPUTS (-inf where there was no finite value)."""
        return self.minimum(column) + self.numerics


def _size(blocks: tuple[Block, ...]) -> int:
    return sum(block.size for block in blocks)


def _input_block(column: MonitorColumn, known: dict[str, BaselineColumn], offset: int, numeric: int) -> Block:
    found = known.get(column.name)
    if found is None:
        message = f"the baseline has no column {column.name!r}; fit one that has it, or take it out of the monitor"
        raise ValueError(message)
    if found.kind is not column.kind:
        message = f"column {column.name!r} is {column.kind.value} in the monitor and {found.kind.value} in the baseline"
        raise ValueError(message)
    if column.kind is ColumnKind.CATEGORICAL:
        size = CATEGORICAL_SPECIALS + len(found.categories)
        return Block(column.name, BlockKind.CATEGORICAL, offset, size, categories=found.categories)
    n, _, _, low, high = found.sums or (0.0, 0.0, 0.0, 0.0, 0.0)
    return Block(
        column.name,
        BlockKind.NUMERIC,
        offset,
        NUMERIC_SPECIALS + len(found.edges) + 1,
        edges=found.edges,
        psi_edges=found.psi_edges,
        minimum=low if n else -np.inf,
        maximum=high if n else np.inf,
        origin=found.origin,
        numeric=numeric,
        discrete=found.distinct is not None and found.distinct <= len(found.edges) + 1,
    )


def _values(block: Block, column: BaselineColumn) -> Values:
    """What a column is cut by: its known values, or its PSI bins."""
    name = quoted(block.column)
    counts = np.array(column.counts, np.int64)
    if block.kind is BlockKind.CATEGORICAL:
        labels = tuple(f"{name}={quoted(value)}" for value in block.categories)
        return Values(labels, tuple(counts[CATEGORICAL_SPECIALS:].tolist()))
    borders = [_border(block.edges[edge]) for edge in block.psi_edges]
    if not borders:
        return Values((f"{name}=(any)",), (int(counts[BELOW:].sum()),))
    inner = [f"{low}<={name}<{high}" for low, high in itertools.pairwise(borders)]
    at_home = dataclasses.replace(block, offset=0)
    return Values((f"{name}<{borders[0]}", *inner, f"{name}>={borders[-1]}"), tuple(at_home.psi_counts(counts).tolist()))


def _border(edge: float) -> str:
    return repr(int(edge)) if edge.is_integer() and abs(edge) < 2**53 else repr(edge)


def _pairs(monitor: Monitor, known: dict[str, BaselineColumn]) -> PairLayout:
    prediction = known.get(PREDICTION)
    if monitor.task is Task.REGRESSION:
        scale, origin = _usual(known.get(LABEL) or prediction)
        return PairLayout(monitor.task, scale=scale, origin=origin)
    seen = prediction.categories if prediction is not None else ()
    first = () if monitor.positive_class is None else (monitor.positive_class,)
    classes = tuple(sorted(dict.fromkeys((*first, *seen[:MAXIMUM_CLASSES]))))
    positive = None if monitor.task is not Task.BINARY or not first else classes.index(first[0])
    return PairLayout(monitor.task, classes, positive)


def _usual(column: BaselineColumn | None) -> tuple[float, float]:
    """Scale and origin of errors: a tenth of the outcomes' deviation, as a power of two (dividing by it loses nothing)."""
    if column is None or not column.sums or not column.sums[0]:
        return 1.0, 0.0
    n, total, squares, *_ = column.sums
    deviation = math.sqrt(max(squares / n - (total / n) ** 2, 0.0))
    return (2.0 ** round(math.log2(deviation / 10)) if 0.0 < deviation < math.inf else 1.0), column.origin


def program_of(monitor: Monitor, baseline: Baseline) -> Program | None:
    """Compile what a monitor has of SQL. Imported where there is some: the compiler weighs 170 MB."""
    if not monitor.metrics:
        return None
    from driftline.drift.sqlmetrics import columns_of, compile_metrics

    known = [column for column in baseline.columns if column.sums and column.sums[0]]
    typical = {column.name: column.origin + column.sums[1] / column.sums[0] for column in known}
    return compile_metrics(monitor.metrics, columns_of(monitor), typical=typical)


def _samples(monitor: Monitor) -> bool:
    """Whether something of a monitor looks at rows, not at counts."""
    return monitor.multivariate is not None or any(detector.kind == KSWIN for detector in monitor.detectors)


def _ways(monitor: Monitor) -> tuple[MonitorSlice, ...]:
    """How the rows are cut: as the monitor asks, and by each protected column."""
    return tuple(dict.fromkeys((*monitor.slices, *(MonitorSlice(columns=(name,)) for name in monitor.protected))))


def _layout_hash(monitor: Monitor, program: Program | None) -> str:
    content: dict[str, object] = {
        "format": FORMAT,
        "baseline": monitor.baseline_id,
        "columns": [[column.name, column.kind.value] for column in monitor.columns],
        "pane_us": pane_us(monitor),
        "task": monitor.task.value,
        "positive_class": monitor.positive_class,
    }
    if ways := _ways(monitor):
        content["slices"] = [[list(each.columns), each.where] for each in ways]
    if program is not None:
        content["metrics"] = program.digest
    if _samples(monitor):
        content["sample"] = sample_rows(len(monitor.columns))
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
