"""From pairs to counts: the profiles of IN_TIME and LATER."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftline.drift.labels.rows import Pairs
from driftline.drift.profile.cuts import ALL_ROWS
from driftline.drift.profile.layout import Layout
from driftline.drift.profile.pairs import Adds, counted, numbers_add, scored_add
from driftline.drift.profile.partial import Partial
from driftline.drift.profile.profile import Profile
from driftline.events import Part, Task

if TYPE_CHECKING:
    from driftline.drift.sqlmetrics.vectors import Vector

__all__ = ["class_codes", "count_pairs"]

Integers = NDArray[np.int64]


def class_codes(layout: Layout, values: tuple[float | str | None, ...]) -> list[int]:
    """Return the code of each class in the confusion matrix; what is not known is `other`, the last."""
    known = {name: code for code, name in enumerate(layout.classes)}
    return [known.get(value, len(known)) if isinstance(value, str) else len(known) for value in values]


def count_pairs(layout: Layout, pairs: Pairs) -> dict[tuple[Part, str, int], Profile]:
    """Return the profile of each (part, slice, pane start) of pairs whose predictions were counted under this layout.

    What is taken back counts -1, down to the rows of a profile: nothing is left of it.
    """
    place = pairs.event_time // layout.pane_us * 2 + pairs.in_time
    counting = _Counting(layout, tuple(_adds(layout, pairs)), pairs.sign, pairs.in_time, _metric_columns(layout, pairs))
    found = _count_cut(counting, place, np.zeros(len(pairs), np.int64), (ALL_ROWS,))
    for cut, codes in zip(layout.cuts, pairs.slices.T, strict=False):  # the codes may be of more cuts, of another version
        found |= _count_cut(counting, place, codes.astype(np.int64), cut.names)
    return found


def _adds(layout: Layout, pairs: Pairs) -> Iterator[Adds]:
    if layout.task is Task.REGRESSION:
        adds = numbers_add(layout.pairs, pairs.value, np.array(pairs.actual, np.float64))
    else:
        actual = np.array(class_codes(layout, tuple(pairs.actual)), np.int64)
        adds = scored_add(layout.pairs, pairs.predicted.astype(np.int64), actual, pairs.value)
    for each in adds:
        yield each._replace(amounts=each.amounts * pairs.sign[each.pairs])


@dataclass(frozen=True, slots=True)
class _Counting:
    """Pairs on their way into profiles, whatever slice they are in."""

    layout: Layout
    adds: tuple[Adds, ...]
    sign: Integers
    in_time: NDArray[np.bool_]
    columns: Mapping[str, Vector] | None
    """What business metrics look at; None where there are none."""

    def metrics(self, group: Integers, groups: int) -> Sequence[Partial | None]:
        """The partial of each group of pairs in time, without what is taken back; later ones have none."""
        program = self.layout.program
        if program is None or self.columns is None:
            return [None] * groups
        codes = np.where(self.in_time, 2 * group + (self.sign < 0), -1).astype(np.int32)
        sides = program.pairs.partials(self.columns, codes, len(group), 2 * groups)
        return [given - taken if taken.rows else given for given, taken in zip(sides[::2], sides[1::2], strict=True)]


def _metric_columns(layout: Layout, pairs: Pairs) -> Mapping[str, Vector] | None:
    if layout.program is None:
        return None
    from driftline.drift.sqlmetrics.packing import unpack

    return unpack(layout.program.pairs, pairs.features.cells, pairs.features.words, pairs.actual)


def _count_cut(
    counting: _Counting, place: Integers, slices: Integers, names: tuple[str, ...]
) -> dict[tuple[Part, str, int], Profile]:
    """The profiles of the slices of one cut, of which each pair has one. `place` is twice the number of the pane, and in time."""
    groups, group = np.unique(place * len(names) + slices, return_inverse=True)
    group = group.reshape(-1)
    layout = counting.layout
    cells = counted(layout.pairs, counting.adds, group, len(groups))
    metrics = counting.metrics(group, len(groups))
    total = np.zeros(len(groups), np.int64)
    np.add.at(total, group, counting.sign)
    found = {}
    for i, number in enumerate(groups.tolist()):
        pane, in_time = divmod(number // len(names), 2)
        part = Part.IN_TIME if in_time else Part.LATER
        profile = Profile(layout.shape(part), int(total[i]), cells[i], np.zeros(0), metrics[i] if in_time else None)
        found[part, names[number % len(names)], pane * layout.pane_us] = profile
    return found
