"""Predictions meet their labels: the memory of one model in one partition, and the rules of meeting.

Every answer depends on the records alone (their order within each topic, their times), never on how the two topics
interleave or where batches end:

- The first prediction of an id counts, and so does the first label. A repeat within the memory (TTL + 7 days of append
  time) is left out; a repeated label is `label_changed`.
- A prediction and a label of one id meet when neither was appended later than the memory of the other lasts. A label
  joins the first prediction that it can meet, a prediction the first label.
- A pair whose label time is more than the TTL past its prediction time is `label_too_late`.
- A label that no prediction can meet any more, because the predictions' append time has passed its memory, is
  `label_without_prediction`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.drift.labels.index import NONE, KeyIndex, Keys
from driftline.drift.labels.table import Table
from driftline.drift.profile import SliceCodes
from driftline.errors import Reason

__all__ = ["MARGIN_US", "LabelJoin", "LabelRows", "Pairs", "PredictionRows", "Refused", "Terms", "Value"]

MARGIN_US = 7 * 24 * 3_600_000_000
"""How much longer than the TTL the join remembers, for labels that are under way."""

_FOREVER = 2**62
Integers = NDArray[np.int64]
Value = float | str


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


@dataclass(frozen=True, slots=True)
class Pairs:
    """Predictions that met their labels, as columns."""

    stream: NDArray[np.int32]
    event_time: Integers
    predicted: NDArray[np.int32]
    value: NDArray[np.float64]
    in_time: NDArray[np.bool_]
    """Label time <= event time + label delay."""
    actual: Sequence[Value]
    slices: SliceCodes
    """As of the predictions, (n, at least so many cuts); beyond the cuts of the stream's layout they mean nothing."""

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
            self.slices[chosen],
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
            np.concatenate([part.slices[:, :width] for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A label that does not count, and why."""

    source: Any
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A label whose prediction has not come."""

    append_time: int
    label_time: int
    value: Value
    source: Any


_PREDICTION_COLUMNS = {
    "expiry": np.int64,
    "event_time": np.int64,
    "stream": np.int32,
    "predicted": np.int32,
    "value": np.float64,
    "met": np.bool_,
}


class LabelJoin:
    """What one model's predictions and labels of one partition know of each other. Not for several threads."""

    def __init__(self) -> None:
        self._predictions = Table(_PREDICTION_COLUMNS, wide={"slices": np.uint8})
        self._prediction_index = KeyIndex()
        self._older_predictions: dict[int, int] = {}
        self._labels = Table({"expiry": np.int64})
        self._label_index = KeyIndex()
        self._older_labels: dict[int, int] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._due: list[tuple[int, int]] = []
        self._terms: dict[int, Terms] = {}
        self._pairs: list[Pairs] = []
        self._refused: list[Refused] = []
        self._next_expiry = _FOREVER

    @property
    def bytes(self) -> int:
        """Memory of the columns and indices (waiting labels apart)."""
        parts = (self._predictions, self._prediction_index, self._labels, self._label_index)
        return sum(part.bytes for part in parts)

    @property
    def remembered(self) -> int:
        """Predictions in memory."""
        return len(self._predictions)

    @property
    def waiting(self) -> int:
        """Labels whose prediction has not come."""
        return len(self._waiting)

    def add_predictions(self, rows: PredictionRows) -> None:
        """Remember predictions, and pair those whose label is there."""
        self._terms.update(rows.terms)
        _, _, memory = self._limits(rows.stream)
        numbers = self._admit(
            self._predictions,
            self._prediction_index,
            self._older_predictions,
            rows.keys,
            (rows.append_time, rows.append_time + memory),
        )
        new = np.flatnonzero(numbers != NONE)
        cuts = rows.slices.shape[1]
        slices = np.zeros((len(new), self._predictions.widen("slices", cuts)), np.uint8)
        slices[:, :cuts] = rows.slices[new]
        self._predictions.extend(
            len(new),
            slices=slices,
            event_time=rows.event_time[new],
            stream=rows.stream[new],
            predicted=rows.predicted[new],
            value=rows.value[new],
            met=np.zeros(len(new), np.bool_),
        )
        if self._waiting:
            self._meet_waiting(rows, new, numbers[new])

    def add_labels(self, rows: LabelRows) -> None:
        """Pair labels with their predictions; the others wait."""
        numbers = self._admit(
            self._labels,
            self._label_index,
            self._older_labels,
            rows.keys,
            (rows.append_time, rows.append_time + rows.memory),
        )
        self._labels.extend(int(np.count_nonzero(numbers != NONE)))
        for i in np.flatnonzero(numbers == NONE).tolist():
            self._refused.append(Refused(rows.sources[i], Reason.LABEL_CHANGED))
        new = np.flatnonzero(numbers != NONE)
        partners = self._partners(rows, new)
        for i, number in zip(new[partners == NONE].tolist(), numbers[new[partners == NONE]].tolist(), strict=True):
            append_time = int(rows.append_time[i])
            self._waiting[number] = _Waiting(append_time, int(rows.label_time[i]), rows.values[i], rows.sources[i])
            heapq.heappush(self._due, (append_time + int(rows.memory[i]), number))
        found = new[partners != NONE]
        values, sources = [rows.values[i] for i in found.tolist()], [rows.sources[i] for i in found.tolist()]
        self._meet(partners[partners != NONE], rows.label_time[found], values, sources)

    def settle(self, predictions_at: int, labels_at: int) -> None:
        """Forget what cannot be met any more; the append times that each topic's partition has reached.

        Call it before every commit, so that what was said is a function of the committed offsets.
        """
        if max(predictions_at, labels_at) <= self._next_expiry:
            return
        while self._due and self._due[0][0] < predictions_at:
            orphan = self._waiting.pop(heapq.heappop(self._due)[1], None)
            if orphan is not None:
                self._refused.append(Refused(orphan.source, Reason.LABEL_WITHOUT_PREDICTION))
        reached = min(predictions_at, labels_at)
        _forget(self._predictions, self._older_predictions, reached)
        _forget(self._labels, self._older_labels, reached)
        kept = [int(table.column("expiry")[0]) for table in (self._predictions, self._labels) if len(table)]
        self._next_expiry = min([*kept, *(due for due, _ in self._due[:1])], default=_FOREVER)

    @property
    def has_news(self) -> bool:
        """Whether `take` would return anything."""
        return bool(self._pairs or self._refused)

    def take(self) -> tuple[list[Pairs], list[Refused]]:
        """Return what happened since the last call, and forget it."""
        taken = self._pairs, self._refused
        self._pairs, self._refused = [], []
        return taken

    def _admit(
        self,
        table: Table,
        index: KeyIndex,
        older: dict[int, int],
        keys: Keys,
        times: tuple[Integers, Integers],
    ) -> Integers:
        base = table.reserve(len(keys))
        self._next_expiry = min(self._next_expiry, int(times[1].min(initial=_FOREVER)))
        numbers, replaced = index.admit(keys, times, table.slots("expiry"), first=table.first, end=table.end, base=base)
        for i in np.flatnonzero(replaced != NONE).tolist():
            older[int(numbers[i])] = int(replaced[i])
        return numbers

    def _meet_waiting(self, rows: PredictionRows, new: Integers, numbers: Integers) -> None:
        """Pair new predictions with the first waiting label that they can meet; other such labels are refused."""
        heads = self._label_index.find(rows.keys[new], self._labels.first)
        at = np.flatnonzero(heads != NONE)
        met: list[tuple[int, _Waiting]] = []
        for i, head in zip(at.tolist(), heads[at].tolist(), strict=True):
            append_time, number = int(rows.append_time[new[i]]), int(numbers[i])
            reachable = [
                label
                for label in _chain(head, self._older_labels, self._labels.first)
                if label in self._waiting
                and append_time <= self._labels.one("expiry", label)
                and self._waiting[label].append_time <= self._predictions.one("expiry", number)
            ]
            if not reachable:
                continue
            met.append((number, self._waiting.pop(reachable[0])))
            for label in reachable[1:]:
                self._refused.append(Refused(self._waiting.pop(label).source, Reason.LABEL_CHANGED))
        if met:
            partners = np.array([number for number, _ in met], np.int64)
            times = np.array([label.label_time for _, label in met], np.int64)
            self._meet(partners, times, [label.value for _, label in met], [label.source for _, label in met])

    def _partners(self, rows: LabelRows, new: Integers) -> Integers:
        """The prediction that each new label joins, NONE where there is none."""
        table = self._predictions
        heads = self._prediction_index.find(rows.keys[new], table.first)
        if self._older_predictions:
            return np.array([self._first_reachable(rows, i, head) for i, head in zip(new, heads, strict=True)], np.int64)
        at = np.flatnonzero(heads != NONE)
        chosen = heads[at]
        append_time, expiry = rows.append_time[new[at]], table.get("expiry", chosen)
        reachable = (append_time <= expiry) & self._remembers(append_time + rows.memory[new[at]], chosen, expiry)
        heads[at[~reachable]] = NONE
        return heads

    def _first_reachable(self, rows: LabelRows, i: int, head: int) -> int:
        append_time = rows.append_time[i : i + 1]
        for number in _chain(head, self._older_predictions, self._predictions.first):
            one = np.array([number], np.int64)
            expiry = self._predictions.get("expiry", one)
            if append_time[0] <= expiry[0] and self._remembers(append_time + rows.memory[i], one, expiry)[0]:
                return number
        return NONE

    def _remembers(self, until: Integers, numbers: Integers, expiry: Integers) -> NDArray[np.bool_]:
        """Whether labels remembered until then were, when these predictions were appended."""
        _, _, memory = self._limits(self._predictions.get("stream", numbers))
        kept: NDArray[np.bool_] = expiry - memory <= until
        return kept

    def _meet(self, partners: Integers, label_time: Integers, values: list[Value], sources: list[Any]) -> None:
        """Turn (prediction, label) into pairs, in the order of labels; a prediction has one label only."""
        if not len(partners):
            return
        table = self._predictions
        repeated = table.get("met", partners).astype(np.bool_)
        _, firsts = np.unique(partners, return_index=True)
        again = np.ones(len(partners), np.bool_)
        again[firsts] = False
        repeated |= again
        table.put("met", partners, value=True)
        streams = table.get("stream", partners)
        delay, ttl, _ = self._limits(streams)
        lag = label_time - table.get("event_time", partners)
        late = lag > ttl
        for i in np.flatnonzero(repeated | late).tolist():
            reason = Reason.LABEL_CHANGED if repeated[i] else Reason.LABEL_TOO_LATE
            self._refused.append(Refused(sources[i], reason))
        good = np.flatnonzero(~(repeated | late))
        chosen = partners[good]
        pairs = Pairs(
            stream=streams[good],
            event_time=table.get("event_time", chosen),
            predicted=table.get("predicted", chosen),
            value=table.get("value", chosen),
            in_time=lag[good] <= delay[good],
            actual=[values[i] for i in good.tolist()],
            slices=table.get("slices", chosen),
        )
        self._pairs.append(pairs)

    def _limits(self, streams: NDArray[np.int32]) -> tuple[Integers, Integers, Integers]:
        """Label delay, TTL and memory by row."""
        known, inverse = np.unique(streams, return_inverse=True)
        terms = [self._terms[stream] for stream in known.tolist()]
        limits = np.array([(each.label_delay, each.label_ttl, each.memory) for each in terms], np.int64).reshape(-1, 3)
        delay, ttl, memory = limits[inverse.reshape(-1)].T
        return delay, ttl, memory


def _chain(head: int, older: dict[int, int], first: int) -> list[int]:
    """The rows of one key that are still remembered, oldest first."""
    rows = []
    number: int | None = head
    while number is not None and number >= first:
        rows.append(number)
        number = older.get(number)
    return rows[::-1]


def _forget(table: Table, older: dict[int, int], reached: int) -> None:
    expiry = table.column("expiry")
    if not len(expiry) or expiry[0] >= reached:
        return
    kept = np.flatnonzero(expiry >= reached)
    first = table.first + (int(kept[0]) if len(kept) else len(expiry))
    table.forget(first)
    for number in [number for number, before in older.items() if before < first]:
        del older[number]
