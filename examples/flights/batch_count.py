"""The same windows counted in one go over the whole frame, with numpy alone: what the stream must have found."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.drift.profile.layout import Block, BlockKind, Layout
from driftline.drift.profile.profile import Profile
from driftline.events import Part, WindowReport
from examples.flights.data import Flights
from examples.flights.model import POSITIVE

Counts = NDArray[np.int64]


def unequal_windows(flights: Flights, layout: Layout, reports: list[WindowReport]) -> Iterator[tuple[WindowReport, str]]:
    """Every report that differs from the batch count, with what differs: n, a cell of the inputs, or one of the labels."""
    blocks = {block.column: _cells_of(block, flights.frame) for block in layout.blocks}
    adds = _label_adds(layout, flights.frame)
    for report in reports:
        first, last = np.searchsorted(flights.predicted_us, (report.start, report.end))
        rows = slice(int(first), int(last))
        expected = np.concatenate([np.bincount(blocks[b.column][rows], minlength=b.size) for b in layout.blocks])
        found = Profile.decode(layout, Part.INPUTS, report.n, report.cells, report.sums).cells
        if report.n != last - first:
            yield report, f"n is {report.n}, the batch counts {last - first}"
        elif (expected != found).any():
            yield report, f"{int((expected != found).sum())} cells of the inputs differ"
        else:
            in_time = np.zeros(layout.shape(Part.IN_TIME).cells, np.int64)
            known, delay = flights.known_us[rows] >= 0, flights.known_us[rows] - flights.predicted_us[rows]
            pairs = known & (delay <= LABEL_DELAY_US)
            for cells, amounts in adds:
                np.add.at(in_time, cells[rows][pairs], amounts[rows][pairs])
            counted = Profile.decode(layout, Part.IN_TIME, report.labels_in_time, report.label_cells, b"").cells
            if report.labels_in_time != pairs.sum() or (counted != in_time).any():
                yield report, f"{report.labels_in_time} pairs in time, the batch counts {pairs.sum()}, or a cell differs"


LABEL_DELAY_US = 86_400_000_000


def _cells_of(block: Block, frame: pd.DataFrame) -> Counts:
    """Cell of every row within the block of its column."""
    values = frame[block.column.removeprefix(":")]
    if block.kind is BlockKind.CATEGORICAL:
        codes = {category: i + 2 for i, category in enumerate(block.categories)}
        return np.asarray(values.map(codes).fillna(1), dtype=np.int64)
    numbers = values.to_numpy(dtype=np.float64)
    cells: Counts = 3 + np.searchsorted(np.array(block.edges), numbers, side="right").astype(np.int64)
    cells[numbers < block.minimum] = 2
    cells[numbers > block.maximum] = 3 + len(block.edges) + 1
    cells[np.isnan(numbers)] = 0  # missing weather is sent as null
    return cells


def _label_adds(layout: Layout, frame: pd.DataFrame) -> list[tuple[Counts, Counts]]:
    """For every row, cell and amount of each thing that it adds to the counts of pairs if its label comes."""
    pairs = layout.pairs
    classes = {name: i for i, name in enumerate(layout.classes)}
    negative = next(name for name in layout.classes if name != POSITIVE)
    predicted = np.asarray(frame["prediction"].map(classes), dtype=np.int64)
    late = frame["late"].fillna(value=False).to_numpy(dtype=bool)
    actual = np.where(late, classes[POSITIVE], classes[negative]).astype(np.int64)
    score = frame["score"].to_numpy(dtype=np.float64)
    cell = np.minimum((score * 64).astype(np.int64), 63)
    one = np.ones(len(frame), np.int64)
    side = np.where(late, pairs.start("positives"), pairs.start("negatives")).astype(np.int64)
    adds = [(predicted * (len(classes) + 1) + actual, one), (side + cell, one)]
    adds.append((pairs.start("scores") + cell, np.round(score * 2**31).astype(np.int64)))
    brier = (score - late) ** 2
    loss = -np.log(np.clip(np.where(late, score, 1 - score), 2**-52, 1 - 2**-52))
    for name, value in (("brier", brier), ("brier2", brier**2), ("log_loss", loss), ("log_loss2", loss**2)):
        whole = np.round(value * 2**40).astype(np.int64)
        adds += [((pairs.start(name) + limb) * one, part) for limb, part in enumerate((whole & 0xFFFFFFFF, whole >> 32))]
    return adds
