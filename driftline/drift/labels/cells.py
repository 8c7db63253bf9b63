"""From pairs to counts: the profiles of IN_TIME and LATER."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftline.drift.labels.join import Pairs
from driftline.drift.profile.cuts import ALL_ROWS
from driftline.drift.profile.layout import Layout, score_cells
from driftline.drift.profile.profile import Profile
from driftline.events import Part, Task

__all__ = ["class_codes", "count_pairs"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def class_codes(layout: Layout, values: tuple[float | str | None, ...]) -> list[int]:
    """Return the code of each class in the confusion matrix; what is not known is `other`, the last."""
    known = {name: code for code, name in enumerate(layout.classes)}
    return [known.get(value, len(known)) if isinstance(value, str) else len(known) for value in values]


def count_pairs(layout: Layout, pairs: Pairs) -> dict[tuple[Part, str, int], Profile]:
    """Return the profile of each (part, slice, pane start) of pairs whose predictions were counted under this layout."""
    found = _count_slices(layout, pairs, np.zeros(len(pairs), np.int64), (ALL_ROWS,))
    for cut, codes in zip(layout.cuts, pairs.slices.T, strict=False):  # the codes may be of more cuts, of another version
        found |= _count_slices(layout, pairs, codes.astype(np.int64), cut.names)
    return found


def _count_slices(
    layout: Layout, pairs: Pairs, slices: Integers, names: tuple[str, ...]
) -> dict[tuple[Part, str, int], Profile]:
    """As `count_pairs`, for the slices of one cut, of which each pair has one."""
    panes = pairs.event_time // layout.pane_us * layout.pane_us
    places = np.stack((pairs.in_time.astype(np.int64), slices, panes), axis=1)
    groups, group = np.unique(places, axis=0, return_inverse=True)
    group = group.reshape(-1)
    cells = np.zeros((len(groups), layout.label_cells), np.int64)
    sums = np.zeros((len(groups), layout.label_sums))
    if layout.task is Task.REGRESSION:
        _sum_errors(pairs, group, sums)
    else:
        _count_classes(layout, pairs, group, cells, sums)
    rows = np.bincount(group, minlength=len(groups))
    found = {}
    for i, (in_time, code, pane) in enumerate(groups.tolist()):
        part = Part.IN_TIME if in_time else Part.LATER
        found[part, names[code], pane] = Profile(layout.shape(part), int(rows[i]), cells[i], sums[i])
    return found


def _count_classes(layout: Layout, pairs: Pairs, group: Integers, cells: Integers, sums: Floats) -> None:
    size = len(layout.classes) + 1
    actual = np.array(class_codes(layout, tuple(pairs.actual)), np.int64)
    np.add.at(cells, (group, layout.confusion.offset + pairs.predicted * size + actual), 1)
    if layout.task is not Task.BINARY or layout.positive_class is None:
        return
    scored = np.flatnonzero(~np.isnan(pairs.value))
    score = pairs.value[scored]
    positive = actual[scored] == layout.classes.index(layout.positive_class)
    side = np.where(positive, layout.scores.size // 2, 0)
    np.add.at(cells, (group[scored], layout.scores.offset + side + score_cells(score)), 1)
    added = np.stack((np.ones(len(score)), score, (score - positive) ** 2), axis=1)
    np.add.at(sums, group[scored], added)


def _sum_errors(pairs: Pairs, group: Integers, sums: Floats) -> None:
    known = np.flatnonzero(~np.isnan(pairs.value))
    actual = np.array(pairs.actual, np.float64)[known]
    error = pairs.value[known] - actual
    added = np.stack((np.ones(len(known)), error, np.abs(error), error**2, actual, actual**2), axis=1)
    np.add.at(sums, group[known], added)
