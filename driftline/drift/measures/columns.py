"""Every measure of a window's inputs, column by column, against its baseline."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from driftline.drift.measures.chi2 import chi2
from driftline.drift.measures.js import js
from driftline.drift.measures.ks import ks
from driftline.drift.measures.nulls import rate
from driftline.drift.measures.psi import psi
from driftline.drift.measures.tv import tv
from driftline.drift.profile.layout import Block, BlockKind, Layout
from driftline.drift.profile.profile import Profile
from driftline.drift.thresholds import check
from driftline.events import Baseline, Measure, Monitor

__all__ = ["compare", "inputs"]

Counts = NDArray[np.int64]


def inputs(layout: Layout, baseline: Baseline, monitor: Monitor, profile: Profile) -> tuple[Measure, ...]:
    """Return the measures of every watched column, checked against the monitor's thresholds.

    Distances (psi, js, tv, chi2 on deciles or categories; ks of numeric columns on the fine cells) are of the rows that
    have a value. Rows without one show in the rates, which belong to the family quality: null_rate, its difference
    from the baseline's (null_rate_delta), nan_rate or unseen_rate. What cannot be computed has the value None.
    Whether there are rows enough to decide is the caller's business.
    """
    counts = {column.name: column.counts for column in baseline.columns}
    reference = np.array([count for block in layout.blocks for count in counts[block.column]], np.int64)
    rows = (baseline.rows, profile.rows)
    found = [measure for block in layout.blocks for measure in _column(block, (reference, profile.cells), rows)]
    return check(found, monitor.thresholds)


def compare(family: str, column: str, baseline: Counts, current: Counts) -> tuple[Measure, ...]:
    """Return psi, js, tv and chi2 of two counts of the same cells; None where a side has no rows."""
    statistic, p_value = chi2(baseline, current) or (None, None)
    return (
        Measure(family=family, name="psi", column=column, value=psi(baseline, current)),
        Measure(family=family, name="js", column=column, value=js(baseline, current)),
        Measure(family=family, name="tv", column=column, value=tv(baseline, current)),
        Measure(family=family, name="chi2", column=column, value=statistic, p_value=p_value),
    )


def _column(block: Block, cells: tuple[Counts, Counts], rows: tuple[int, int]) -> Iterator[Measure]:
    reference, current = cells
    family = "prediction" if block.column.startswith(":") else "feature"
    if block.kind is BlockKind.NUMERIC:
        yield from compare(family, block.column, block.psi_counts(reference), block.psi_counts(current))
        distance, p_value = ks(reference[block.ordered], current[block.ordered]) or (None, None)
        yield Measure(family=family, name="ks", column=block.column, value=distance, p_value=p_value)
        odd, odd_cell = "nan_rate", block.nan
    else:
        values = slice(block.unseen, block.cells.stop)
        yield from compare(family, block.column, reference[values], current[values])
        odd, odd_cell = "unseen_rate", block.unseen
    null_rate = rate(int(current[block.null]), rows[1])
    usual = rate(int(reference[block.null]), rows[0])
    delta = None if null_rate is None or usual is None else null_rate - usual
    yield Measure(family="quality", name="null_rate", column=block.column, value=null_rate)
    yield Measure(family="quality", name="null_rate_delta", column=block.column, value=delta)
    yield Measure(family="quality", name=odd, column=block.column, value=rate(int(current[odd_cell]), rows[1]))
