"""The additive summary of a set of rows. Profiles of one shape add, in any order, exactly for the counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.drift.profile.layout import Layout, Shape
from driftline.drift.profile.partial import Partial
from driftline.drift.profile.wire import MalformedProfile, add_cells, add_sums, encode_cells
from driftline.events import PaneProfile, Part


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Counts of rows by cell, and the sums beside them. The arrays are read, never written, once it exists.

    `rows` and `cells` are signed where labels can take something back.
    """

    shape: Shape
    rows: int
    cells: NDArray[np.int64]
    sums: NDArray[np.float64]
    metrics: Partial | None = None
    """Of the SQL metrics; None where there are none, or no rows of them were counted."""

    @staticmethod
    def zero(shape: Shape) -> Profile:
        """The profile of no rows: adding it changes nothing."""
        return Profile(shape, 0, np.zeros(shape.cells, np.int64), empty_sums(shape))

    def __add__(self, other: Profile) -> Profile:
        """The profile of both sets of rows. Raises ValueError where the shapes differ."""
        both = Accumulator(self.shape)
        both.add(self)
        both.add(other)
        return both.profile()

    @staticmethod
    def total(shape: Shape, profiles: Iterable[Profile]) -> Profile:
        """The sum of many; the same to the last bit in whatever order they come."""
        found = list(profiles)
        if not found:
            return Profile.zero(shape)
        if any(profile.shape != shape for profile in found):
            message = f"profiles of different layouts are never added; all must have {shape}"
            raise ValueError(message)
        cells: NDArray[np.int64] = np.sum([profile.cells for profile in found], axis=0, dtype=np.int64)
        sums = _combine(shape, np.stack([profile.sums for profile in found]))
        partials = [profile.metrics for profile in found if profile.metrics is not None]
        metrics = Partial.total(shape.room, partials) if shape.room is not None and partials else None
        return Profile(shape, sum(profile.rows for profile in found), cells, sums, metrics)

    def same_counts(self, other: Profile) -> bool:
        """Whether rows and every cell are equal; the real sums are not looked at."""
        return self.shape == other.shape and self.rows == other.rows and bool((self.cells == other.cells).all())

    def encode(self) -> tuple[bytes, bytes]:
        """Cells as sparse zigzag varints, sums as float64 little-endian (empty when nothing was summed)."""
        sums = b"" if (self.sums == empty_sums(self.shape)).all() else self.sums.astype("<f8").tobytes()
        return encode_cells(self.cells), sums

    def encode_metrics(self) -> bytes | None:
        """The partial of the SQL metrics, None where there is none."""
        return None if self.metrics is None else self.metrics.encode()

    @staticmethod
    def decode(layout: Layout, part: Part, rows: int, cells: bytes, sums: bytes, *, metrics: bytes | None = None) -> Profile:
        """The profile that `encode` wrote. Raises MalformedProfile for bytes that `encode` cannot have written."""
        found = Accumulator(layout.shape(part))
        found.count(rows, cells, sums, metrics)
        return found.profile()

    def to_event(self, slice_name: str, pane: int) -> PaneProfile:
        """As it travels."""
        cells, sums = self.encode()
        return PaneProfile(
            part=self.shape.part,
            slice=slice_name,
            pane=pane,
            rows=self.rows,
            cells=cells,
            sums=sums,
            metrics=self.encode_metrics(),
        )

    @staticmethod
    def from_event(layout: Layout, event: PaneProfile) -> Profile:
        """As it came. Raises MalformedProfile."""
        return Profile.decode(layout, event.part, event.rows, event.cells, event.sums, metrics=event.metrics)


class Accumulator:
    """A profile that grows in place, which costs a fraction of adding profiles."""

    __slots__ = ("_cells", "_metrics", "_summed", "_sums", "rows", "shape")

    def __init__(self, shape: Shape) -> None:
        """The profile of no rows."""
        self.shape = shape
        self.rows = 0
        self._cells = np.zeros(shape.cells, np.int64)
        self._sums = empty_sums(shape)
        self._summed = False
        self._metrics: Partial | None = None

    def count(self, rows: int, cells: bytes, sums: bytes, metrics: bytes | None = None) -> None:
        """Add a profile as it was encoded. Raises MalformedProfile, having added nothing."""
        shape = self.shape
        if sums and len(sums) != 8 * shape.sums:
            message = f"a {shape.part.value} profile of layout {shape.layout} has {shape.sums} sums, not {len(sums)} bytes"
            raise MalformedProfile(message)
        partial = None if metrics is None else _partial(shape, metrics)
        if not add_cells(cells, self._cells):
            message = f"the cells of a {shape.part.value} profile of layout {shape.layout} are malformed"
            raise MalformedProfile(message)
        if sums:
            self._add_sums(np.frombuffer(sums, "<f8"))
        self._add_metrics(partial)
        self.rows += rows

    def add(self, profile: Profile) -> None:
        """Add a profile. Raises ValueError where the shapes differ."""
        if self.shape != profile.shape:
            message = f"profiles of different layouts are never added: {self.shape} and {profile.shape}"
            raise ValueError(message)
        self._cells += profile.cells
        self._add_sums(profile.sums)
        self._add_metrics(profile.metrics)
        self.rows += profile.rows

    def _add_metrics(self, more: Partial | None) -> None:
        if more is not None:
            self._metrics = more if self._metrics is None else self._metrics + more

    def _add_sums(self, more: NDArray[np.float64]) -> None:
        if self._summed:
            add_sums(more, self._sums, self.shape.additive, self.shape.extremes)
        else:  # the first ones stay as they are to the last bit, -0.0 too
            self._sums[:] = more
            self._summed = True

    def profile(self) -> Profile:
        """Return what was added so far. A view: good until more is added."""
        return Profile(self.shape, self.rows, self._cells, self._sums, self._metrics)


def _partial(shape: Shape, metrics: bytes) -> Partial:
    if shape.room is None:
        message = f"a {shape.part.value} profile of layout {shape.layout} has no metrics, and these bytes are some"
        raise MalformedProfile(message)
    return Partial.decode(shape.room, metrics)


def empty_sums(shape: Shape) -> NDArray[np.float64]:
    """The sums of no rows."""
    sums = np.zeros(shape.sums)
    sums[shape.additive : shape.additive + shape.extremes] = np.inf
    sums[shape.additive + shape.extremes :] = -np.inf
    return sums


def _combine(shape: Shape, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add a stack of sums. Sorted first, so that the floating-point result does not depend on the order of arrival."""
    low, high = shape.additive, shape.additive + shape.extremes
    added = np.sort(rows[:, :low], axis=0).sum(axis=0)
    return np.concatenate((added, rows[:, low:high].min(axis=0), rows[:, high:].max(axis=0)))
