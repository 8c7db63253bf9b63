"""Predictions meet their labels: the memory of one model in one partition, and the rules of meeting.

Every answer depends on the records alone (their order within each topic, their times), never on how the two topics
interleave or where batches end:

- The first prediction of an id counts. A repeat within the memory (TTL + 7 days of append time) is left out.
- A prediction and a label of one id meet when neither was appended later than the memory of the other lasts. A label
  joins the first prediction that it can meet.
- A label whose time is more than the TTL past its prediction's is `label_too_late`, and changes nothing.
- Of the others the last one wins. The pair is counted under the last label that was in time; what a label after the label
  delay says otherwise is counted as later: that outcome more, and the one in time less. So what is in time depends on
  labels in time alone, and both together are what is known at last. Equal labels change nothing.
- A label that no prediction can meet any more, because the predictions' append time has passed its memory, is
  `label_without_prediction`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.drift.labels.index import NONE, KeyIndex
from driftline.drift.labels.outcomes import UNKNOWN, Outcomes
from driftline.drift.labels.rows import Features, LabelRows, News, Pairs, PredictionRows, Refused, Terms
from driftline.drift.labels.table import Table
from driftline.errors import Reason

__all__ = ["LabelJoin"]

_FOREVER = 2**62
_FEW_TEXTS = 1024
_ID_BYTES = 16
_Id = bytes
"""A hashed id."""
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A label whose prediction has not come."""

    append_time: int
    expiry: int
    label_time: int
    outcome: int
    source: Any


_PREDICTION_COLUMNS = {
    "expiry": np.int64,
    "event_time": np.int64,
    "stream": np.int32,
    "predicted": np.int32,
    "value": np.float64,
    "in_time": np.int64,
    "last": np.int64,
}


class LabelJoin:
    """What one model's predictions and labels of one partition know of each other. Not for several threads."""

    def __init__(self) -> None:
        self._predictions = Table(_PREDICTION_COLUMNS, wide={"slices": np.uint8, "features": np.uint64})
        self._words: dict[int, str] = {}
        self._index = KeyIndex()
        self._older: dict[int, int] = {}
        self._outcomes = Outcomes()
        self._waiting: dict[_Id, list[_Waiting]] = {}
        self._due: list[tuple[int, _Id]] = []
        self._terms: dict[int, Terms] = {}
        self._news = News()
        self._next_expiry = _FOREVER

    @property
    def bytes(self) -> int:
        """Memory of the columns and the index (waiting labels apart)."""
        return self._predictions.bytes + self._index.bytes

    @property
    def remembered(self) -> int:
        """Predictions in memory."""
        return len(self._predictions)

    @property
    def waiting(self) -> int:
        """Labels whose prediction has not come."""
        return sum(map(len, self._waiting.values()))

    def add_predictions(self, rows: PredictionRows) -> Integers:
        """Remember predictions, and pair those whose label is there; returns which rows are remembered."""
        self._terms.update(rows.terms)
        expiry = rows.append_time + self._limits(rows.stream)[2]
        table = self._predictions
        base = table.reserve(len(rows.keys))
        self._next_expiry = min(self._next_expiry, int(expiry.min(initial=_FOREVER)))
        numbers, replaced = self._index.admit(
            rows.keys, (rows.append_time, expiry), table.slots("expiry"), first=table.first, end=table.end, base=base
        )
        for i in np.flatnonzero(replaced != NONE).tolist():
            self._older[int(numbers[i])] = int(replaced[i])
        new = np.flatnonzero(numbers != NONE)
        self._words |= rows.features.words
        unknown = np.full(len(new), UNKNOWN, np.int64)
        table.extend(
            len(new),
            slices=_widened(table, "slices", rows.slices[new], len(new)),
            features=_widened(table, "features", rows.features.take(new).cells, len(new)),
            event_time=rows.event_time[new],
            stream=rows.stream[new],
            predicted=rows.predicted[new],
            value=rows.value[new],
            in_time=unknown,
            last=unknown,
        )
        if self._waiting:
            self._meet_waiting(rows, new, numbers[new])
        return new

    def add_labels(self, rows: LabelRows) -> None:
        """Pair labels with their predictions; the others wait."""
        outcomes = self._outcomes.codes(rows.values)
        partners = self._partners(rows)
        expiry = rows.append_time + rows.memory
        for i in np.flatnonzero(partners == NONE).tolist():
            key, due = rows.keys[i].tobytes(), int(expiry[i])
            label = _Waiting(int(rows.append_time[i]), due, int(rows.label_time[i]), int(outcomes[i]), rows.sources[i])
            self._waiting.setdefault(key, []).append(label)
            heapq.heappush(self._due, (due, key))
            self._next_expiry = min(self._next_expiry, due)
        met = np.flatnonzero(partners != NONE)
        self._meet(partners[met], rows.label_time[met], outcomes[met], lambda i: rows.sources[int(met[i])])

    def settle(self, predictions_at: int, labels_at: int) -> None:
        """Forget what cannot be met any more; the append times that each topic's partition has reached.

        Call it before every commit, so that what was said is a function of the committed offsets.
        """
        if max(predictions_at, labels_at) <= self._next_expiry:
            return
        while self._due and self._due[0][0] < predictions_at:
            self._give_up(heapq.heappop(self._due)[1], predictions_at)
        self._forget(min(predictions_at, labels_at))
        expiry = self._predictions.column("expiry")
        self._next_expiry = min([*expiry[:1].tolist(), *(due for due, _ in self._due[:1])], default=_FOREVER)

    @property
    def has_news(self) -> bool:
        """Whether `take` would return anything."""
        news = self._news
        return bool(news.pairs or news.refused or news.changed or news.repeated)

    def take(self) -> News:
        """Return what happened since the last call, and forget it."""
        taken, self._news = self._news, News()
        return taken

    def _give_up(self, key: _Id, reached: int) -> None:
        """Refuse the waiting labels of an id whose memory has passed."""
        for label in self._waiting.pop(key, ()):
            if label.expiry < reached:
                self._news.refused.append(Refused(label.source, Reason.LABEL_WITHOUT_PREDICTION))
            else:
                self._waiting.setdefault(key, []).append(label)

    def _forget(self, reached: int) -> None:
        table, expiry = self._predictions, self._predictions.column("expiry")
        if not len(expiry) or expiry[0] >= reached:
            return
        kept = np.flatnonzero(expiry >= reached)
        table.forget(table.first + (int(kept[0]) if len(kept) else len(expiry)))
        for number in [number for number, before in self._older.items() if before < table.first]:
            del self._older[number]
        self._forget_texts()
        self._forget_words()

    def _forget_texts(self) -> None:
        """Let go of texts that no label says any more, once they are many."""
        if len(self._outcomes.texts) <= max(_FEW_TEXTS, 2 * (len(self._predictions) + self.waiting)):
            return
        fresh = Outcomes()

        def moved(codes: Integers) -> Integers:
            known = codes != UNKNOWN
            codes[known] = fresh.codes(self._outcomes.values(codes[known]))
            return codes

        for name in ("in_time", "last"):
            moved(self._predictions.column(name))
        for labels in self._waiting.values():
            codes = moved(np.array([label.outcome for label in labels], np.int64)).tolist()
            labels[:] = [replace(label, outcome=code) for label, code in zip(labels, codes, strict=True)]
        self._outcomes = fresh

    def _forget_words(self) -> None:
        """Let go of texts that no prediction has any more, once they are many."""
        if len(self._words) > max(_FEW_TEXTS, 2 * len(self._predictions)):
            kept = set(np.unique(self._predictions.column("features")).tolist())
            self._words = {found: text for found, text in self._words.items() if found in kept}

    def _meet_waiting(self, rows: PredictionRows, new: Integers, numbers: Integers) -> None:
        """Pair new predictions with the waiting labels that they can meet."""
        met: list[tuple[int, _Waiting]] = []
        keys = rows.keys.tobytes()
        for i, number in zip(new.tolist(), numbers.tolist(), strict=True):
            key = keys[_ID_BYTES * i : _ID_BYTES * (i + 1)]
            if key not in self._waiting:
                continue
            append_time, expiry = int(rows.append_time[i]), self._predictions.one("expiry", number)
            labels = self._waiting.pop(key)
            found = [append_time <= label.expiry and label.append_time <= expiry for label in labels]
            met += [(number, label) for label, reachable in zip(labels, found, strict=True) if reachable]
            if not all(found):
                self._waiting[key] = [label for label, reachable in zip(labels, found, strict=True) if not reachable]
        if met:
            partners = np.array([number for number, _ in met], np.int64)
            times = np.array([label.label_time for _, label in met], np.int64)
            outcomes = np.array([label.outcome for _, label in met], np.int64)
            self._meet(partners, times, outcomes, lambda i: met[i][1].source)

    def _partners(self, rows: LabelRows) -> Integers:
        """The prediction that each label joins, NONE where there is none."""
        table = self._predictions
        heads = self._index.find(rows.keys, table.first)
        if self._older:
            return np.array([self._first_reachable(rows, i, head) for i, head in enumerate(heads.tolist())], np.int64)
        at = np.flatnonzero(heads != NONE)
        chosen = heads[at]
        append_time, expiry = rows.append_time[at], table.get("expiry", chosen)
        reachable = (append_time <= expiry) & self._remembers(append_time + rows.memory[at], chosen, expiry)
        heads[at[~reachable]] = NONE
        return heads

    def _first_reachable(self, rows: LabelRows, i: int, head: int) -> int:
        append_time = rows.append_time[i : i + 1]
        for number in _chain(head, self._older, self._predictions.first):
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

    def _meet(self, partners: Integers, label_time: Integers, outcomes: Integers, source: Callable[[int], Any]) -> None:
        """Take in labels, in their order, each with the prediction that it joins; `source` gives what comes back with a refusal."""
        if not len(partners):
            return
        table = self._predictions
        delay, ttl, _ = self._limits(table.get("stream", partners))
        lag = label_time - table.get("event_time", partners)
        for i in np.flatnonzero(lag > ttl).tolist():
            self._news.refused.append(Refused(source(i), Reason.LABEL_TOO_LATE))
        good, in_time = np.flatnonzero(lag <= ttl), np.flatnonzero(lag <= np.minimum(delay, ttl))
        touched = np.unique(partners[good])
        self._count_repeats(partners[good], outcomes[good])
        before = _Told.of(table, touched)
        table.put("last", partners[good], outcomes[good])  # of several labels of one prediction the last stays
        table.put("in_time", partners[in_time], outcomes[in_time])
        self._tell(touched, before, _Told.of(table, touched))

    def _count_repeats(self, partners: Integers, outcomes: Integers) -> None:
        order = np.argsort(partners, kind="stable")
        partners, outcomes = partners[order], outcomes[order]
        before = np.concatenate((np.zeros(1, np.int64), outcomes))[:-1]
        first = np.diff(partners, prepend=NONE) != 0
        before[first] = self._predictions.get("last", partners[first])
        self._news.repeated += int(np.count_nonzero(before == outcomes))
        self._news.changed += int(np.count_nonzero((before != outcomes) & (before != UNKNOWN)))

    def _tell(self, numbers: Integers, before: _Told, after: _Told) -> None:
        """The pairs that turn what was counted of predictions into what is to be counted."""
        in_time = before.in_time != after.in_time
        moved = in_time | (before.last != after.last)
        lots = [lot for told, sign in ((before, -1), (after, 1)) for lot in told.counted(in_time, moved, sign)]
        chosen, outcomes, sides, signs = (np.concatenate(column) for column in zip(*lots, strict=True))
        if not len(chosen):
            return
        table, rows = self._predictions, numbers[chosen]
        pairs = Pairs(
            stream=table.get("stream", rows),
            event_time=table.get("event_time", rows),
            predicted=table.get("predicted", rows),
            value=table.get("value", rows),
            in_time=sides.astype(np.bool_),
            actual=self._outcomes.values(outcomes),
            sign=signs,
            slices=table.get("slices", rows),
            features=Features(table.get("features", rows), self._words),
        )
        self._news.pairs.append(pairs)

    def _limits(self, streams: NDArray[np.int32]) -> tuple[Integers, Integers, Integers]:
        """Label delay, TTL and memory by row."""
        known, inverse = np.unique(streams, return_inverse=True)
        terms = [self._terms[stream] for stream in known.tolist()]
        limits = np.array([(each.label_delay, each.label_ttl, each.memory) for each in terms], np.int64).reshape(-1, 3)
        delay, ttl, memory = limits[inverse.reshape(-1)].T
        return delay, ttl, memory


_Lot = tuple[Integers, Integers, Integers, Integers]


@dataclass(frozen=True, slots=True)
class _Told:
    """What labels say of some predictions: the last one in time, and the last one of all."""

    in_time: Integers
    last: Integers

    @staticmethod
    def of(table: Table, numbers: Integers) -> _Told:
        return _Told(table.get("in_time", numbers), table.get("last", numbers))

    def counted(self, in_time: NDArray[np.bool_], moved: NDArray[np.bool_], sign: int) -> Iterator[_Lot]:
        """Place, outcome, whether in time, and sign of each pair that it stands for, where what is in time (or all) moved."""
        known = self.in_time != UNKNOWN
        otherwise = moved & (self.last != self.in_time)
        yield _lot(in_time & known, self.in_time, 1, sign)
        yield _lot(otherwise, self.last, 0, sign)
        yield _lot(otherwise & known, self.in_time, 0, -sign)


def _lot(chosen: NDArray[np.bool_], outcomes: Integers, in_time: int, sign: int) -> _Lot:
    at = np.flatnonzero(chosen)
    return at, outcomes[at], np.full(len(at), in_time, np.int64), np.full(len(at), sign, np.int64)


def _widened(table: Table, name: str, cells: NDArray[Any], rows: int) -> NDArray[Any]:
    """Cells of a wide column, as wide as the table has them."""
    width = cells.shape[1]
    found = np.zeros((rows, table.widen(name, width)), cells.dtype)
    if width:
        found[:, :width] = cells
    return found


def _chain(head: int, older: dict[int, int], first: int) -> list[int]:
    """The rows of one key that are still remembered, oldest first."""
    rows = []
    number: int | None = head
    while number is not None and number >= first:
        rows.append(number)
        number = older.get(number)
    return rows[::-1]
