"""From pairs to counts: the profiles of IN_TIME and LATER."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.labels.rows import Pairs
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
    """Return the profile of each (part, slice, pane start) of pairs whose predictions were counted under this layout.

    What is taken back counts -1, down to the rows of a profile; its sums leave what floating-point addition leaves.
    """
    place = pairs.event_time // layout.pane_us * 2 + pairs.in_time
    adds = _errors(pairs) if layout.task is Task.REGRESSION else _classes(layout, pairs)
    found = _count_cut(layout, place, np.zeros(len(pairs), np.int64), (ALL_ROWS,), adds)
    for cut, codes in zip(layout.cuts, pairs.slices.T, strict=False):  # the codes may be of more cuts, of another version
        found |= _count_cut(layout, place, codes.astype(np.int64), cut.names, adds)
    return found


@dataclass(frozen=True, slots=True)
class _Adds:
    """What pairs add to a profile, whatever slice they are in."""

    sign: Integers
    """1 or -1 by pair."""
    cells: tuple[tuple[Integers, Integers], ...]
    """Pairs (indices), and the cell that each adds its sign to."""
    summed: Integers
    """Pairs that have sums,"""
    sums: Floats
    """and the sums of each."""


def _count_cut(
    layout: Layout, place: Integers, slices: Integers, names: tuple[str, ...], adds: _Adds
) -> dict[tuple[Part, str, int], Profile]:
    """The profiles of the slices of one cut, of which each pair has one. `place` is twice the number of the pane, and in time."""
    groups, group = np.unique(place * len(names) + slices, return_inverse=True)
    group = group.reshape(-1)
    cells = np.zeros((len(groups), layout.label_cells), np.int64)
    sums = np.zeros((len(groups), layout.label_sums))
    for which, cell in adds.cells:
        np.add.at(cells.reshape(-1), group[which] * layout.label_cells + cell, adds.sign[which])
    for at in range(adds.sums.shape[1]):
        sums[:, at] = np.bincount(group[adds.summed], adds.sums[:, at] * adds.sign[adds.summed], len(groups))
    rows = np.zeros(len(groups), np.int64)
    np.add.at(rows, group, adds.sign)
    found = {}
    for i, number in enumerate(groups.tolist()):
        pane, in_time = divmod(number // len(names), 2)
        part = Part.IN_TIME if in_time else Part.LATER
        profile = Profile(layout.shape(part), int(rows[i]), cells[i], sums[i])
        found[part, names[number % len(names)], pane * layout.pane_us] = profile
    return found


def _classes(layout: Layout, pairs: Pairs) -> _Adds:
    size = len(layout.classes) + 1
    actual = np.array(class_codes(layout, tuple(pairs.actual)), np.int64)
    confused = (np.arange(len(pairs)), layout.confusion.offset + pairs.predicted * size + actual)
    if layout.task is not Task.BINARY or layout.positive_class is None:
        return _Adds(pairs.sign, (confused,), np.zeros(0, np.int64), np.zeros((0, 0)))
    scored = np.flatnonzero(~np.isnan(pairs.value))
    score = pairs.value[scored]
    positive = actual[scored] == layout.classes.index(layout.positive_class)
    side = np.where(positive, layout.scores.size // 2, 0)
    added = np.stack((np.ones(len(score)), score, (score - positive) ** 2), axis=1)
    return _Adds(pairs.sign, (confused, (scored, layout.scores.offset + side + score_cells(score))), scored, added)


def _errors(pairs: Pairs) -> _Adds:
    known = np.flatnonzero(~np.isnan(pairs.value))
    actual = np.array(pairs.actual, np.float64)[known]
    error = pairs.value[known] - actual
    return _Adds(
        pairs.sign, (), known, np.stack((np.ones(len(known)), error, np.abs(error), error**2, actual, actual**2), axis=1)
    )
