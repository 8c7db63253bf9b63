"""What goes into the label join and what comes out of it: columns of predictions, labels and pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.drift.labels.index import Keys
from driftline.drift.labels.outcomes import Value
from driftline.drift.profile import SliceCodes
from driftline.errors import Reason

__all__ = ["MARGIN_US", "Features", "LabelRows", "News", "Pairs", "PredictionRows", "Refused", "Terms"]

MARGIN_US = 7 * 24 * 3_600_000_000
"""How much longer than the TTL the join remembers, for labels that are under way."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a monitor version says of labels, microseconds."""

    label_delay: int
    label_ttl: int

    @property
    def memory(self) -> int:
        """Append time for which an entry can be met."""
        return self.label_ttl + MARGIN_US


@dataclass(frozen=True, slots=True)
class Features:
    """What business metrics want of predictions, as `driftline.drift.sqlmetrics` packs it; nothing where there are none."""

    cells: NDArray[np.uint64] = field(default_factory=lambda: np.zeros((0, 0), np.uint64))
    """(n, at least so many columns as the stream's metrics want); beyond them they mean nothing."""
    words: Mapping[int, str] = field(default_factory=dict)
    """Texts by hash, of columns whose texts are read."""

    def take(self, chosen: Integers) -> Features:
        """Those of some rows."""
        return Features(self.cells[chosen], self.words) if self.cells.shape[1] else Features()

    @staticmethod
    def total(parts: Sequence[Features]) -> Features:
        """Those of all parts; columns that one of them has not are left out."""
        width = min(part.cells.shape[1] for part in parts)
        if not width:
            return Features()
        words = {found: text for part in parts for found, text in part.words.items()}
        return Features(np.concatenate([part.cells[:, :width] for part in parts]), words)


@dataclass(frozen=True, slots=True)
class PredictionRows:
    """Accepted predictions of one model and partition, in offset order.

    `stream` is the caller's code of (model version, monitor version), and `terms` knows each that occurs. `append_time`
    never decreases within a partition (the caller takes the running maximum). `predicted` is the class code of the
    layout, `value` the score (NaN = none), or the predicted number of a regression. `slices` has the code of each row's slice for
    each cut of the layout: (n, cuts).
    """

    terms: Mapping[int, Terms]
    stream: NDArray[np.int32]
    keys: Keys
    event_time: Integers
    append_time: Integers
    predicted: NDArray[np.int32]
    value: NDArray[np.float64]
    slices: SliceCodes
    features: Features = field(default_factory=Features)

    def take(self, chosen: Integers) -> PredictionRows:
        """Some of the rows."""
        if len(chosen) == len(self.stream):
            return self
        return PredictionRows(
            terms=self.terms,
            stream=self.stream[chosen],
            keys=self.keys[chosen],
            event_time=self.event_time[chosen],
            append_time=self.append_time[chosen],
            predicted=self.predicted[chosen],
            value=self.value[chosen],
            slices=self.slices[chosen],
            features=self.features.take(chosen),
        )

    @staticmethod
    def total(parts: Sequence[PredictionRows]) -> PredictionRows:
        """All of some lots, at least one, in their order."""
        return PredictionRows(
            terms={code: terms for part in parts for code, terms in part.terms.items()},
            stream=np.concatenate([part.stream for part in parts]),
            keys=np.concatenate([part.keys for part in parts]),
            event_time=np.concatenate([part.event_time for part in parts]),
            append_time=np.concatenate([part.append_time for part in parts]),
            predicted=np.concatenate([part.predicted for part in parts]),
            value=np.concatenate([part.value for part in parts]),
            slices=_side_by_side([part.slices for part in parts]),
            features=Features(
                _side_by_side(
                    [np.resize(part.features.cells, (len(part.stream), part.features.cells.shape[1])) for part in parts]
                ),
                {found: text for part in parts for found, text in part.features.words.items()},
            ),
        )


@dataclass(frozen=True, slots=True)
class LabelRows:
    """Accepted labels of one model and partition, in offset order; `sources` is what comes back with a refusal."""

    keys: Keys
    label_time: Integers
    append_time: Integers
    memory: Integers
    """`Terms.memory` of the monitor version that each falls under."""
    values: Sequence[Value]
    sources: Sequence[Any]

    @staticmethod
    def total(parts: Sequence[LabelRows]) -> LabelRows:
        """All of some lots, at least one, in their order."""
        return LabelRows(
            keys=np.concatenate([part.keys for part in parts]),
            label_time=np.concatenate([part.label_time for part in parts]),
            append_time=np.concatenate([part.append_time for part in parts]),
            memory=np.concatenate([part.memory for part in parts]),
            values=[value for part in parts for value in part.values],
            sources=[source for part in parts for source in part.sources],
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """Predictions that met their labels, as columns; one that met them before under another outcome is taken back."""

    stream: NDArray[np.int32]
    event_time: Integers
    predicted: NDArray[np.int32]
    value: NDArray[np.float64]
    in_time: NDArray[np.bool_]
    """Label time <= event time + label delay."""
    actual: Sequence[Value]
    sign: NDArray[np.int64]
    """1, or -1 for what is taken back."""
    slices: SliceCodes
    """As of the predictions, (n, at least so many cuts); beyond the cuts of the stream's layout they mean nothing."""
    features: Features = field(default_factory=Features)
    """As of the predictions."""

    def __len__(self) -> int:
        return len(self.stream)

    def of(self, stream: int) -> Pairs:
        """The pairs of one stream."""
        chosen = np.flatnonzero(self.stream == stream)
        if len(chosen) == len(self):
            return self
        return Pairs(
            self.stream[chosen],
            self.event_time[chosen],
            self.predicted[chosen],
            self.value[chosen],
            self.in_time[chosen],
            [self.actual[i] for i in chosen.tolist()],
            self.sign[chosen],
            self.slices[chosen],
            self.features.take(chosen),
        )

    @staticmethod
    def total(parts: Sequence[Pairs]) -> Pairs:
        """All of some pairs, at least one lot."""
        width = min(part.slices.shape[1] for part in parts)
        return Pairs(
            np.concatenate([part.stream for part in parts]),
            np.concatenate([part.event_time for part in parts]),
            np.concatenate([part.predicted for part in parts]),
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.in_time for part in parts]),
            [value for part in parts for value in part.actual],
            np.concatenate([part.sign for part in parts]),
            np.concatenate([part.slices[:, :width] for part in parts]),
            Features.total([part.features for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A label that does not count, and why."""

    source: Any
    reason: Reason


@dataclass(slots=True)
class News:
    """What happened since it was last taken."""

    pairs: list[Pairs] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    changed: int = 0
    """Labels that said something else than the one before,"""
    repeated: int = 0
    """and that said the same."""


def _side_by_side(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Wide columns below each other, as wide as the widest; 0 where one has less."""
    width = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts])
